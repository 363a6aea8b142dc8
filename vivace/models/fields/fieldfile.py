"""FieldFile: what an attribute of a ``FileField`` holds, a file by its name in the field's storage.

Theory. The column has a name and nothing else; the file is in the storage. Both must agree however things end:

1. A file is written *before* the row that names it, and with ``fsync``. A save that fails or is rolled back leaves a file
   that nobody names, never a row that names no file.
2. A file is deleted *after* the row that named it was written and committed: ``delete`` waits for the commit.
3. What is assigned is not stored yet (``committed`` is false): ``save`` of the object does it, and so does ``bulk_create``.

A file that a row names no more stays where it is, as in Django: other rows may name it, and a deletion cannot be rolled back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import NoFile, NotLoaded
from vivace.models.query.rendering import current_wait
from vivace.storage.files import File, as_file

if TYPE_CHECKING:
    from vivace.models.base import Model
    from vivace.storage import Storage

    from .files import FileField


class FieldFile:
    """A file of an object. False when there is none; equal to a file or a text with the same name."""

    __vivace_changes__: ClassVar[frozenset[str]] = frozenset(
        {"save", "delete"}
    )  # templates may not call them

    def __init__(
        self, instance: Model, field: FileField, name: str | None, content: File | None = None
    ) -> None:
        self.instance = instance
        self.field = field
        self.name = name
        self.content = content
        self.committed = content is None
        self._size: int | None = None

    def __vivace_key__(self, keying: Any) -> Any:
        return type(self), self.name, keying.of(self.content)  # what is not stored yet has no key

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def storage(self) -> Storage:
        """The storage that has the file."""
        return self.field.storage

    @property
    def url(self) -> str:
        """The address under which browsers get the file. Raises ``NoFile``."""
        return self.storage.url(self._named())

    @property
    def path(self) -> str:
        """The path of the file, where the storage is a folder of this machine."""
        return self.storage.path(self._named())

    @property
    def size(self) -> int:
        """The number of bytes: of what was assigned, after ``get_size()``, and in templates."""
        if self.content is not None and not self.committed:
            return self.content.size
        if self._size is None:
            wait = current_wait()
            if wait is None:
                raise NotLoaded(
                    f"The size of {self.field} is not loaded.",
                    expected="a size that was asked for: reading an attribute never waits for a disk",
                    fix=f"`await {self.instance._meta.model_name}.{self.field.name}.get_size()`",
                )
            wait(self.get_size())
        return self._size or 0

    async def get_size(self) -> int:
        """Return the number of bytes, and remember it for ``size``. Raises ``NoFile``, ``StoredFileMissing``."""
        if self.content is not None and not self.committed:
            return self.content.size
        self._size = await self.storage.size(self._named())
        return self._size

    # -- reading -------------------------------------------------------------------------------------------------

    async def open(self) -> File:
        """Return the file for reading; it must be closed. Raises ``NoFile``, ``StoredFileMissing``."""
        name = self._named()
        if self.content is not None and not self.committed:
            return self.content.borrowed()
        return await self.storage.open(name)

    async def read(self) -> bytes:
        """Return the whole content. Raises ``NoFile``, ``StoredFileMissing``."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the content in pieces."""
        name = self._named()
        waiting = self.content is not None and not self.committed
        pieces = self.content.chunks() if waiting and self.content else self.storage.stream(name)
        async for chunk in pieces:
            yield chunk

    # -- writing -------------------------------------------------------------------------------------------------

    async def save(self, name: str, content: Any, save: bool = True) -> None:
        """Store content under ``name``, made safe and free, and with ``save`` write the row that names it."""
        file = as_file(content, name)
        wanted = await self.field.generate_filename(self.instance, name)
        self.name = await self.storage.save(wanted, file, max_length=self.field.max_length)
        self.content, self.committed, self._size = None, True, None
        vars(self.instance)[self.field.attname] = self
        if save:
            await self.instance.save()

    async def delete(self, save: bool = True) -> None:
        """Name no file any more, write the row if ``save``, and delete the file once that is committed."""
        if not self:
            return
        storage, name, stored = self.storage, self._named(), self.committed
        self.name, self.content, self.committed, self._size = None, None, True, None
        vars(self.instance)[self.field.attname] = self
        if save:
            await self.instance.save()
        if stored:
            await _after_commit(storage, name, self.instance._state.db)

    async def commit(self) -> None:
        """Store what was assigned, if anything was."""
        if self.committed or self.content is None:
            return
        if not self.name:
            raise NoFile(
                f"The file assigned to {self.field} has no name.",
                expected="content with a name",
                fix='ContentFile(data, "name.txt"), or await instance.file.save("name.txt", data).',
            )
        await self.save(self.name, self.content, save=False)

    def _named(self) -> str:
        if not self.name:
            raise NoFile(
                f"{self.field} of this {type(self.instance).__name__} has no file.",
                fix=f"Ask first: `if {self.instance._meta.model_name}.{self.field.name}:`.",
            )
        return self.name

    # -- as a value ----------------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self.name)

    def __str__(self) -> str:
        return self.name or ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name or None}>"

    def __eq__(self, other: object) -> bool:
        return bool(self.name == getattr(other, "name", other))

    def __hash__(self) -> int:
        return hash(self.name)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle takes over: the name. Content that was not stored cannot come along."""
        return {"instance": self.instance, "field": self.field, "name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __vivace_json__(self) -> str | None:
        return self.name or None


async def _after_commit(storage: Storage, name: str, alias: str | None) -> None:
    """Delete a file when the running transaction is committed, at once where there is none."""
    from vivace.db import in_transaction, on_commit
    from vivace.db.databases import current_databases

    if alias is not None and current_databases.get() is not None and in_transaction(alias):
        on_commit(lambda: storage.delete(name), alias, robust=True)
    else:
        await storage.delete(name)


__all__ = ["FieldFile"]
