"""Fields of uploaded files.

What a client says of its file is not believed: the name is made safe when it is stored, the type is read from the first
bytes, and a name whose extension says another type than the content shows is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.forms.steps import Steps, resumed
from vivace.forms.widgets.files import CONTRADICTION, ClearableFileInput, MultipleFileInput
from vivace.http.contents import agrees
from vivace.http.forms import Upload
from vivace.http.media_types import guess_type
from vivace.models.shapes import is_listed
from vivace.storage.files import File, UploadedFile

from .base import Field, FieldOptions

if TYPE_CHECKING:
    from typing import Unpack

    from vivace.forms.boundfield import BoundField
    from vivace.forms.widgets import Widget

_UNITS: Final = (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10))


class FileOptions(FieldOptions, total=False):
    """What a file may be: ``max_size`` in bytes, ``max_length`` of its name, ``content_types`` such as ``image/*``."""

    max_length: int | None
    max_size: int | None
    allow_empty_file: bool
    content_types: Iterable[str] | None
    match_content: bool


class FileField(Field):
    """An uploaded file. The cleaned value is an ``UploadedFile``, the initial one where nothing was sent, ``False``: removed.

    ``content_types`` are compared with what the content shows. ``match_content=False`` takes a file whose content is
    something else than its extension says.
    """

    widget: Any = ClearableFileInput
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "No file was submitted. Check the encoding type on the form.",
        "missing": "No file was submitted.",
        "empty": "The submitted file is empty.",
        "max_length": "Ensure this filename has at most %(max)d characters (it has %(length)d).",
        "max_size": "Ensure this file has at most %(max)s (it has %(size)s).",
        "content_type": "Files of the type “%(type)s” are not allowed. Allowed are: %(allowed)s.",
        "wrong_content": "The file “%(name)s” is not what its name says: its content is “%(type)s”.",
        "contradiction": "Please either submit a file or check the clear checkbox, not both.",
    }

    def __init__(self, **options: Unpack[FileOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.max_length: int | None = given.pop("max_length", None)
        self.max_size: int | None = given.pop("max_size", None)
        self.allow_empty_file: bool = given.pop("allow_empty_file", False)
        types = given.pop("content_types", None)
        self.content_types: tuple[str, ...] = tuple(types or ())
        self.match_content: bool = given.pop("match_content", True)
        super().__init__(**given)

    def widget_attrs(self, widget: Widget) -> dict[str, Any]:
        accepted = ",".join(self.content_types)
        return {"accept": accepted} if accepted and "accept" not in widget.attrs else {}

    # -- cleaning ------------------------------------------------------------------------------------------------

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        file = UploadedFile(value) if isinstance(value, Upload) else value
        if not isinstance(file, File) or file.name is None:
            raise self.refused("invalid")
        self._check(file, file.name)
        return file

    def _check(self, file: File, name: str) -> None:
        if self.max_length is not None and len(name) > self.max_length:
            raise self.refused("max_length", max=self.max_length, length=len(name))
        if not file.size and not self.allow_empty_file:
            raise self.refused("empty")
        if self.max_size is not None and file.size > self.max_size:
            raise self.refused("max_size", max=readable(self.max_size), size=readable(file.size))
        if not name:
            raise self.refused("invalid")

    def clean(self, value: Any, initial: Any = None) -> Any:
        """Return the file, the initial one where none was sent, or ``False`` to remove it. Raises ``ValidationError``."""
        if value is CONTRADICTION:
            raise self.refused("contradiction")
        if value is False:
            if not self.required:
                return False
            value = None
        if not value and initial:
            return initial
        return resumed(self._cleaning(value))

    def _cleaning(self, value: Any) -> Steps:
        file = self.to_python(value)
        self.validate(file)
        if file is not None:
            yield self._look_inside(file)
        yield self.run_validators(file)
        return file

    async def _look_inside(self, file: File) -> None:
        """Compare the first bytes with the types that are allowed and with the extension."""
        shown = await file.sniffed()
        kind = shown or guess_type(file.name or "").partition(";")[0]
        if self.content_types and not any(_matches(kind, allowed) for allowed in self.content_types):
            raise self.refused("content_type", type=kind, allowed=", ".join(self.content_types))
        if self.match_content and not agrees(file.name or "", shown):
            raise self.refused("wrong_content", name=file.name, type=shown or "unknown")

    def clean_bound(self, bound: BoundField) -> Any:
        return bound.initial if self.disabled else self.clean(bound.data, bound.initial)

    # -- showing -------------------------------------------------------------------------------------------------

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the initial file: what was sent cannot be shown, and must be chosen again."""
        return initial

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and data is not None and data != []


class MultipleFileField(FileField):
    """Several uploaded files; the cleaned value is a list of ``UploadedFile``. ``max_files``: at most so many."""

    widget: Any = MultipleFileInput
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "max_files": "Choose at most %(max)d files (there are %(count)d).",
    }

    def __init__(self, *, max_files: int | None = None, **options: Unpack[FileOptions]) -> None:
        self.max_files = max_files
        super().__init__(**options)

    def clean(self, value: Any, initial: Any = None) -> Any:
        return resumed(self._cleaning_all(value, initial))

    def _cleaning_all(self, value: Any, initial: Any) -> Steps:
        sent: list[Any] = list(value) if is_listed(value) else [value] if value else []
        if not sent:
            if initial:
                return initial
            self.validate(None)
            return []
        if self.max_files is not None and len(sent) > self.max_files:
            raise self.refused("max_files", max=self.max_files, count=len(sent))
        files: list[Any] = []
        for each in sent:
            files.append((yield super().clean(each)))  # noqa: PERF401 - a comprehension cannot yield
        return files


def _matches(kind: str, allowed: str) -> bool:
    return kind == allowed or (allowed.endswith("/*") and kind.startswith(allowed[:-1])) or allowed == "*/*"


def readable(size: int) -> str:
    """Return a number of bytes as people read it: ``2.5 MB``."""
    for unit, factor in _UNITS:
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


__all__ = ["FileField", "MultipleFileField", "readable"]
