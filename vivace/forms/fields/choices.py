"""Fields whose values come from a list."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors.models import ValidationError
from vivace.forms.steps import Steps, resumed
from vivace.forms.widgets import MultipleHiddenInput, Select, SelectMultiple, Widget
from vivace.models.fields.choices import flattened, normalized
from vivace.models.shapes import is_listed

from .base import Field, FieldOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack


class ChoiceOptions(FieldOptions, total=False):
    """The choices: pairs, groups of pairs, a mapping, an enumeration, or a function that returns one of these."""

    choices: Any


class ChoiceField(Field):
    """One of ``choices``, as text."""

    widget: Any = Select
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_choice": "Select a valid choice. %(value)s is not one of the available choices.",
    }

    def __init__(self, **options: Unpack[ChoiceOptions]) -> None:
        given: dict[str, Any] = {**options}
        choices = given.pop("choices", ())
        super().__init__(**given)
        self.choices = choices

    def __deepcopy__(self, memo: dict[int, Any]) -> Field:
        twin: Any = super().__deepcopy__(memo)
        twin._choices = copy.copy(self._choices)
        return twin  # type: ignore[no-any-return]

    @property
    def choices(self) -> Any:
        """The choices, normalised; setting them sets those of the widget too."""
        return self._choices

    @choices.setter
    def choices(self, value: Any) -> None:
        self._choices = self.widget.choices = normalized(() if value is None else value)

    def to_python(self, value: Any) -> Any:
        return "" if value in self.empty_values else str(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not self.valid_value(value):
            raise self.refused("invalid_choice", value=value)

    def valid_value(self, value: Any) -> bool:
        """Say whether a value is one of the choices, itself or as text."""
        text = str(value)
        return any(value == key or text == str(key) for key, _ in flattened(self.choices))


class TypedOptions(ChoiceOptions, total=False):
    """How the text of a choice becomes a value, and what stands for no choice."""

    coerce: Callable[[Any], Any]
    empty_value: Any


def _as_it_is(value: Any) -> Any:
    return value


class Typed(ChoiceField):
    """What fields share that make values of the texts of choices."""

    nothing: ClassVar[Any] = ""
    """What stands for no choice unless ``empty_value`` says otherwise."""

    def __init__(self, **options: Unpack[TypedOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.coerce: Callable[[Any], Any] = given.pop("coerce", _as_it_is)
        self.empty_value: Any = given.pop("empty_value", copy.copy(self.nothing))
        super().__init__(**given)

    def coerced(self, value: Any) -> Any:
        """Return the value of what was chosen. Raises ``ValidationError``."""
        if value == self.empty_value or value in self.empty_values:
            return self.empty_value
        return self.made(value)

    def made(self, value: Any) -> Any:
        """Return the value of one text. Raises ``ValidationError``."""
        try:
            return self.coerce(value)
        except (ValueError, TypeError, ValidationError):
            raise self.refused("invalid_choice", value=value) from None

    def clean(self, value: Any) -> Any:
        return resumed(self._cleaning(value))

    def _cleaning(self, value: Any) -> Steps:
        cleaned = yield super().clean(value)
        return self.coerced(cleaned)


class TypedChoiceField(Typed):
    """One of ``choices``, as ``coerce`` makes it of its text; no choice is ``empty_value``."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        try:
            return bool(self.coerced(self.to_python(data)) != self.coerced(initial))
        except ValidationError:
            return True


class MultipleChoiceField(ChoiceField):
    """Some of ``choices``, as a list of texts."""

    hidden_widget: ClassVar[type[Widget]] = MultipleHiddenInput
    widget: Any = SelectMultiple
    default_error_messages: ClassVar[Mapping[str, str]] = {"invalid_list": "Enter a list of values."}

    def to_python(self, value: Any) -> Any:
        if not value:
            return []
        if not is_listed(value):
            raise self.refused("invalid_list")
        return [str(each) for each in value]

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise self.refused("required")
        own = type(self).valid_value is not ChoiceField.valid_value
        known: set[str] = (
            set() if own else {str(key) for key, _ in flattened(self.choices)}
        )  # one pass for all of them
        for each in value:
            if str(each) not in known and not self.valid_value(each):
                raise self.refused("invalid_choice", value=each)

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled:
            return False
        before, after = _all(initial), _all(data)
        return len(before) != len(after) or set(before) != set(after)


def _all(value: Any) -> list[str]:
    """Return the texts of some choices; a single value is one choice."""
    if value is None or value == "":
        return []
    several = hasattr(value, "__iter__") and not isinstance(value, str)
    return [str(each) for each in (value if several else [value])]


class TypedMultipleChoiceField(Typed, MultipleChoiceField):
    """Some of ``choices``, each as ``coerce`` makes it of its text; no choice is ``empty_value``."""

    nothing: ClassVar[Any] = []

    def made(self, value: Any) -> Any:
        return [super(TypedMultipleChoiceField, self).made(each) for each in value]

    def validate(self, value: Any) -> None:
        if value != self.empty_value:
            super().validate(value)
        elif self.required:
            raise self.refused("required")


class PathOptions(FieldOptions, total=False):
    """Which files of a folder may be chosen."""

    match: str | None
    recursive: bool
    allow_files: bool
    allow_folders: bool


class FilePathField(ChoiceField):
    """The path of a file in a folder of the server; the folder is read when the field is made, and by ``set_choices``."""

    def __init__(self, path: str | os.PathLike[str], **options: Unpack[PathOptions]) -> None:
        given: dict[str, Any] = {**options}
        self.path = os.fspath(path)
        self.match: str | None = given.pop("match", None)
        self.recursive: bool = given.pop("recursive", False)
        self.allow_files: bool = given.pop("allow_files", True)
        self.allow_folders: bool = given.pop("allow_folders", False)
        super().__init__(**given)
        self.set_choices()

    def set_choices(self) -> None:
        """Read the folder again."""
        blank = [] if self.required else [("", "---------")]
        pattern = re.compile(self.match) if self.match is not None else None
        found = [
            entry
            for entry in self._entries()
            if pattern is None or pattern.search(os.path.basename(entry[0]))
        ]
        self.choices = blank + found

    def _entries(self) -> Iterator[tuple[str, str]]:
        """Yield (path, label) of what is allowed, files of a folder before the folders in it."""
        if not self.recursive:
            entries = sorted(Path(self.path).iterdir(), key=lambda entry: entry.name)
            yield from ((str(entry), entry.name) for entry in entries if self._is_allowed(entry))
            return
        for root, folders, files in sorted(os.walk(self.path)):
            names = (sorted(files) if self.allow_files else []) + (
                sorted(folders) if self.allow_folders else []
            )
            for name in names:
                if name != "__pycache__" or name in files:
                    path = os.path.join(root, name)
                    yield path, path.replace(self.path, "", 1)

    def _is_allowed(self, entry: Path) -> bool:
        if entry.name == "__pycache__":
            return False
        return (self.allow_files and entry.is_file()) or (self.allow_folders and entry.is_dir())
