"""MemoryStorage: files in a dictionary, for tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from vivace.errors.files import StoredFileMissing

from .base import Storage
from .files import ContentFile, File
from .names import checked_folder, checked_name


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryStorage(Storage):
    """Files in memory, gone with the storage. ``files`` maps names to contents."""

    def __init__(self, url: str = "/media/", *, clock: Callable[[], datetime] = _now) -> None:
        self.base_url = url if url.endswith("/") else f"{url}/"
        self.files: dict[str, bytes] = {}
        self._times: dict[str, datetime] = {}
        self._clock = clock

    async def write(self, name: str, content: File) -> None:
        self._check_free(checked_name(name))
        pieces = [chunk async for chunk in content.chunks()]
        self._check_free(name)  # another save may have been quicker
        self.files[name] = b"".join(pieces)
        self._times[name] = self._clock()

    async def open(self, name: str) -> File:
        return ContentFile(self._content(name), name)

    async def delete(self, name: str) -> None:
        self.files.pop(checked_name(name), None)
        self._times.pop(name, None)

    async def exists(self, name: str) -> bool:
        return checked_name(name) in self.files or any(each.startswith(f"{name}/") for each in self.files)

    async def size(self, name: str) -> int:
        return len(self._content(name))

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        folder = checked_folder(path)
        start = f"{folder}/" if folder else ""
        inside = [name[len(start) :] for name in self.files if name.startswith(start)]
        if not inside and folder:
            raise _missing(folder)
        folders = {name.partition("/")[0] for name in inside if "/" in name}
        return sorted(folders), sorted(name for name in inside if "/" not in name)

    def url(self, name: str) -> str:
        return self.base_url + quote(checked_name(name))

    async def get_accessed_time(self, name: str) -> datetime:
        return await self.get_modified_time(name)

    async def get_created_time(self, name: str) -> datetime:
        return await self.get_modified_time(name)

    async def get_modified_time(self, name: str) -> datetime:
        self._content(name)
        return self._times[name]

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return how to make an equal storage, for migrations."""
        return "vivace.storage.MemoryStorage", () if self.base_url == "/media/" else (self.base_url,), {}

    def _content(self, name: str) -> bytes:
        content = self.files.get(checked_name(name))
        if content is None:
            raise _missing(name)
        return content

    def _check_free(self, name: str) -> None:
        if name in self.files or any(each.startswith(f"{name}/") for each in self.files):
            raise FileExistsError(name)


def _missing(name: str) -> StoredFileMissing:
    return StoredFileMissing(f"There is no file {name!r} in the storage.", got="a MemoryStorage")


__all__ = ["MemoryStorage"]
