"""The field of files."""

from __future__ import annotations

import inspect
import posixpath
from collections.abc import Callable
from datetime import datetime
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from vivace.models.expressions.base import is_expression
from vivace.storage.files import Content, as_file
from vivace.storage.storages import storage_for

from .base import Field, FieldDeconstruction
from .fieldfile import FieldFile
from .options import FieldOptions

if TYPE_CHECKING:
    from typing import Self, Unpack, overload

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.expressions.base import Expression
    from vivace.models.expressions.names import FieldRef
    from vivace.storage import Storage

UploadTo: TypeAlias = "str | PathLike[str] | Callable[[Any, str], Any]"
"""A folder, in which ``strftime`` codes stand for the day, or a function of object and file name that returns a name."""

StorageChoice: TypeAlias = "Storage | str | Callable[[], Any] | None"
"""A storage, an alias, a function that returns one of these, or ``None`` for the app's default."""

_UNSET: Any = object()


class FileField(Field[FieldFile]):
    """A file: the column has its name in a storage, the attribute is a ``FieldFile``.

    ``upload_to`` is a folder (``"avatars/%Y/%m"``) or ``(instance, filename) -> name``. ``storage`` is the app's default
    unless given. To store one, assign it (``doc.file = upload``) and save the object.
    """

    internal_type = "FileField"
    own_options = ("upload_to", "storage")
    python_type = "a file"
    attr_class: ClassVar[type[FieldFile]] = FieldFile
    saves_first = True

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        upload_to: UploadTo = "",
        storage: StorageChoice = None,
        null: bool = False,
        **options: Unpack[FieldOptions],
    ) -> None:
        self.upload_to = upload_to
        self.given_storage: Any = storage
        given: FieldOptions = {"max_length": 100, **options}
        super().__init__(verbose_name, null=null, **given)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> FieldRef[FieldFile]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Any]) -> FieldFile: ...
        @overload
        def __get__(self, instance: Any, owner: Any = None) -> Self: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

        def __set__(self, instance: Model, value: FieldFile | Content | Expression | None) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self.class_attribute(owner)
            value = instance.__dict__.get(self.attname, _UNSET)
            if isinstance(value, FieldFile) and value.instance is instance:
                return value
            if value is _UNSET:
                value = self.unloaded_value(instance)
            return self.held(instance, value)

        def __set__(self, instance: Any, value: Any) -> None:
            instance.__dict__[self.attname] = value

    def held(self, instance: Model, value: Any) -> Any:
        """Return what an object's attribute is for a value that was assigned or came from the database."""
        if is_expression(value):
            return value
        if value is None or isinstance(value, str):
            file = self.attr_class(instance, self, value)
        elif isinstance(value, FieldFile):  # of a copy, or of another object
            file = self.attr_class(instance, self, value.name, None if value.committed else value.content)
        else:
            content = as_file(value)
            file = self.attr_class(instance, self, content.name, content)
        vars(instance)[self.attname] = file
        return file

    @property
    def storage(self) -> Storage:
        """The storage of the files. Raises ``NoCurrentApp`` where it is an app's and none runs."""
        return storage_for(self.given_storage)

    async def generate_filename(self, instance: Model, filename: str) -> str:
        """Return the name to ask the storage for: folder and safe file name. ``upload_to`` may be ``async``."""
        if callable(self.upload_to):
            made = self.upload_to(instance, filename)
            wanted = str(await made if inspect.isawaitable(made) else made)
        else:
            folder = datetime.now().strftime(fspath(self.upload_to)).strip("/")
            wanted = posixpath.join(folder, filename)
        return self.storage.generate_filename(wanted)

    async def save_first(self, instance: Model) -> None:
        """Store the file that was assigned: it must be there before the row that names it."""
        file: Any = getattr(instance, self.attname)
        if isinstance(file, FieldFile):
            await file.commit()

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else str(value)

    def save_form_data(self, instance: Model, data: Any) -> None:
        """Take a cleaned form value: ``None`` changes nothing, ``False`` names no file any more."""
        if data is not None:
            setattr(instance, self.name, data or "")

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("max_length") == 100:
            del kwargs["max_length"]
        if callable(self.upload_to) or fspath(self.upload_to):
            kwargs["upload_to"] = self.upload_to if callable(self.upload_to) else fspath(self.upload_to)
        if self.given_storage is not None:
            kwargs["storage"] = self.given_storage
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.fields import check_file

        return [*super().check(), *check_file(self)]


__all__ = ["FileField", "StorageChoice", "UploadTo"]
