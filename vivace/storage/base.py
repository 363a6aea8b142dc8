"""Storage: where files are kept under names. One small port for what a backend must do, and Django's names on top.

A backend writes seven methods: ``write``, ``open``, ``delete``, ``exists``, ``size``, ``listdir``, ``url``. All else follows.
``path`` is for those whose files are local, the three times for those who know them.

``save`` finds a free name by trying: it asks ``write`` for a name, and for another one where that is taken. Asking
first and writing then would give two concurrent saves the same name. So ``write`` has one duty above all: *a name
either has no file or a whole one, and is given to one writer only*.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from vivace.errors.files import StorageUnsupported, SuspiciousFileName

from .files import CHUNK, File, as_file
from .names import alternative_name, checked_name, fitted_name, valid_name

ATTEMPTS: Final = 100  # names tried by one save; of 36**7 endings not one would be free


class Storage:
    """The base of storages."""

    own_root: str = ""
    """The folder of this machine that keeps the files; empty for a storage that has none."""
    moved_to: str = ""
    """A folder that stands in for ``own_root`` for a while: that of a test."""

    # -- what a backend does -------------------------------------------------------------------------------------

    async def write(self, name: str, content: File) -> None:
        """Store ``content`` under exactly this name, whole or not at all. Raises ``FileExistsError`` where it is taken."""
        raise self.unsupported("written to")

    async def open(self, name: str) -> File:
        """Return the file for reading; it must be closed. Raises ``StoredFileMissing``."""
        raise self.unsupported("read")

    async def delete(self, name: str) -> None:
        """Delete the file; one that is not there is no error."""
        raise self.unsupported("deleted from")

    async def exists(self, name: str) -> bool:
        """Say whether there is a file of this name, or a folder."""
        raise self.unsupported("asked what exists")

    async def size(self, name: str) -> int:
        """Return the number of bytes. Raises ``StoredFileMissing``."""
        raise self.unsupported("asked for sizes")

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        """Return the names of folders and of files in a folder, sorted. Raises ``StoredFileMissing``."""
        raise self.unsupported("listed")

    def url(self, name: str) -> str:
        """Return the address under which browsers get the file."""
        raise self.unsupported("asked for addresses")

    def path(self, name: str) -> str:
        """Return the path of the file on this machine. Raises ``StorageUnsupported`` where files are elsewhere."""
        raise self.unsupported("asked for paths: its files are not local")

    async def get_accessed_time(self, name: str) -> datetime:
        """Return when the file was last read, in UTC."""
        raise self.unsupported("asked when files were read")

    async def get_created_time(self, name: str) -> datetime:
        """Return when the file was made, in UTC."""
        raise self.unsupported("asked when files were made")

    async def get_modified_time(self, name: str) -> datetime:
        """Return when the file was last changed, in UTC."""
        raise self.unsupported("asked when files were changed")

    async def close(self) -> None:
        """Release threads and connections, at the stop of the app."""

    # -- what follows --------------------------------------------------------------------------------------------

    async def save(self, name: str | None, content: Any, *, max_length: int | None = None) -> str:
        """Store content and return the name that it got: ``name``, or one beside it where that is taken.

        ``content``: a ``File``, an ``Upload``, bytes, a text or a binary file object; without ``name`` it must have one.
        """
        file = as_file(content, name)
        wanted = checked_name(name or file.name or "")
        candidate = self.fitted(wanted, max_length)
        for _ in range(ATTEMPTS):
            try:
                await self.write(candidate, file)
            except FileExistsError:
                candidate = self.get_alternative_name(wanted, max_length)
                continue
            return candidate
        raise SuspiciousFileName(
            "No free name was found for a file.",
            expected=f"one of {ATTEMPTS} names to be free",
            got=ascii(wanted),
            fix="Look at what write() of the storage says is taken.",
        )

    def fitted(self, name: str, max_length: int | None) -> str:
        """Return ``name`` cut to ``max_length`` characters, its extension kept."""
        return fitted_name(name, max_length)

    async def read(self, name: str) -> bytes:
        """Return the whole content. Raises ``StoredFileMissing``."""
        async with await self.open(name) as file:
            return await file.read()

    async def stream(self, name: str, chunk_size: int = CHUNK) -> AsyncIterator[bytes]:
        """Yield the content in pieces. Raises ``StoredFileMissing``."""
        async with await self.open(name) as file:
            async for chunk in file.chunks(chunk_size):
                yield chunk

    async def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return a name that is free now; only ``save`` can promise that it still is a moment later."""
        wanted = checked_name(name)
        candidate = self.fitted(wanted, max_length)
        while await self.exists(candidate):
            candidate = self.get_alternative_name(wanted, max_length)
        return candidate

    def get_alternative_name(self, name: str, max_length: int | None = None) -> str:
        """Return another name to try where one is taken: seven random characters behind the stem."""
        return alternative_name(name, max_length)

    def get_valid_name(self, name: str) -> str:
        """Return one safe path component made of what a client called its file."""
        return valid_name(name)

    def generate_filename(self, filename: str) -> str:
        """Return the name to save under: the last part made safe, the folders before it checked and normalised.

        Raises ``SuspiciousFileName`` when a folder leads out of the storage.
        """
        folder, _, base = filename.replace("\\", "/").rpartition("/")
        if ".." in folder.split("/"):
            raise SuspiciousFileName(
                "A file name leads to another folder.",
                expected="a folder inside the storage",
                got=ascii(filename[:120]),
            )
        inside = posixpath.normpath(folder) if folder else ""
        safe = self.get_valid_name(base)
        return checked_name(safe if inside in ("", ".") else f"{inside}/{safe}")

    def unsupported(self, what: str) -> StorageUnsupported:
        """Return the error of a storage that cannot do something."""
        return StorageUnsupported(f"{type(self).__name__} cannot be {what}.")


__all__ = ["Storage"]
