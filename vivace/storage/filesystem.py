"""FileSystemStorage: files in a folder of this machine.

A file comes into being in four steps, each in a thread of a small pool of the storage's own (a slow disk holds up
neither the loop nor other work in threads):

1. a temporary file in the *target* folder, ``.vivace-<random>.part``, mode 0600: a rename must not cross file systems;
2. its content, chunk by chunk, as it is read from the upload;
3. permissions and ``fsync``: after a power cut a row must not name a file whose bytes never reached the disk;
4. ``link`` to the final name, which fails where that is taken (a rename would overwrite), and ``unlink`` of the first.

So a name has no file or a whole one, two concurrent saves of one name get two names, and a crash or ``kill -9`` leaves
nothing but ``.vivace-*.part``: no stored name can begin with a dot, media does not serve such, ``remove_leftovers`` deletes
them. File systems without hard links (FAT, some network mounts) get a lock file beside the name and a rename.

Every path is checked twice: as text (``checked_name``), and as what it really is: a link inside the folder that leads out
of it is refused (``SuspiciousFileName``).
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any, Final, TypeVar
from urllib.parse import quote

from vivace.engine.offload import Pool
from vivace.errors.files import StorageUnsupported, StoredFileMissing, SuspiciousFileName
from vivace.http.threads import to_its_end

from .base import Storage
from .files import File
from .names import checked_folder, checked_name
from .storages import storage_for

T = TypeVar("T")

THREADS: Final = 8  # a disk does not get faster with more
QUEUE: Final = 1_000  # calls that wait for a thread; more are answered 503
LEFT: Final = ".vivace-"  # what temporary and lock files begin with
DAY: Final = 86_400.0  # seconds
# No text mode (Windows), not inherited by children, and where the last part is a link, an error.
_FLAGS: Final = sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"))
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
)
_MISSING: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@dataclass(frozen=True, slots=True)
class FileSystemOptions:
    """How files are kept: the modes of files and folders, and whether a save waits for the disk (``fsync``)."""

    file_mode: int = 0o644
    folder_mode: int | None = None  # None: what the umask leaves of 0777
    sync: bool = True


class FileSystemStorage(Storage):
    """Files below ``root``, which is made when first written to; ``url`` is the address of the folder, ``None``: none.

    Without ``root`` folder and address are those of the app's default storage, by the app that is running.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = "",
        url: str | None = None,
        *,
        options: FileSystemOptions | None = None,
        links: bool = True,
    ) -> None:
        self.given_root = os.fspath(root)
        self.own_root = os.path.abspath(self.given_root) if self.given_root else ""
        self._base_url = url if url is None or url.endswith("/") else f"{url}/"
        self.options = options or FileSystemOptions()
        self._links = links  # whether the file system is tried for hard links
        self._pool = Pool(THREADS, QUEUE)

    @property
    def root(self) -> str:
        """The folder; raises ``NoCurrentApp`` where none was given and no app is running."""
        return self.moved_to or self.own_root or self._home().root

    @property
    def base_url(self) -> str | None:
        """The address of the folder, with a slash behind it; ``None``: it has none."""
        return self._base_url if self.own_root or self._base_url is not None else self._home().base_url

    def _home(self) -> FileSystemStorage:
        home = storage_for()
        if isinstance(home, FileSystemStorage) and home.own_root:
            return home
        raise StorageUnsupported(
            "A FileSystemStorage without a folder has none here: the app's default storage is no folder.",
            expected="a default storage that is a FileSystemStorage with a folder",
            got=type(home).__name__,
            fix='Give it one: FileSystemStorage("files", "/files/").',
        )

    # -- names ---------------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        return os.path.join(self.root, *checked_name(name).split("/"))

    def url(self, name: str) -> str:
        if self.base_url is None:
            raise StorageUnsupported(
                "The storage has no address for its files.",
                expected="a storage made with url=",
                got=repr(self),
                fix='FileSystemStorage(root, "/media/"), or answer with the file itself: File(storage.path(name)).',
            )
        return self.base_url + quote(checked_name(name))

    # -- the port ------------------------------------------------------------------------------------------------

    async def write(self, name: str, content: File) -> None:
        target = self.path(name)
        part = await self._run(self._begin, target, undo=_discard)
        try:
            async for chunk in content.chunks():
                await self._run(part.file.write, chunk)
            await self._run(self._publish, part, target, undo=lambda _: _remove(target))
        finally:
            await self._run(_discard, part)

    async def open(self, name: str) -> File:
        file = await self._run(self._open, name, undo=lambda opened: opened.close())
        return _Opened(file, name, self._run)

    async def delete(self, name: str) -> None:
        await self._run(self._delete, name)

    async def exists(self, name: str) -> bool:
        return await self._run(self._exists, name)

    async def size(self, name: str) -> int:
        return (await self._state(name)).st_size

    async def listdir(self, path: str = "") -> tuple[list[str], list[str]]:
        return await self._run(self._list, checked_folder(path))

    async def get_accessed_time(self, name: str) -> datetime:
        return datetime.fromtimestamp((await self._state(name)).st_atime, UTC)

    async def get_created_time(self, name: str) -> datetime:
        return datetime.fromtimestamp((await self._state(name)).st_ctime, UTC)

    async def get_modified_time(self, name: str) -> datetime:
        return datetime.fromtimestamp((await self._state(name)).st_mtime, UTC)

    async def close(self) -> None:
        self._pool.close()

    async def remove_leftovers(
        self, older_than: float = DAY, *, clock: Callable[[], float] = time.time
    ) -> list[str]:
        """Delete what saves that never ended have left for more than ``older_than`` seconds; return the names."""
        return await self._run(self._remove_leftovers, clock() - older_than)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], Mapping[str, Any]]:
        """Return how to make an equal storage, for migrations."""
        kwargs: dict[str, Any] = {} if self.options == FileSystemOptions() else {"options": self.options}
        given = () if not self.given_root and self._base_url is None else (self.given_root,)
        args = given if self._base_url is None else (self.given_root, self._base_url)
        return f"vivace.storage.{type(self).__name__}", args, kwargs

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileSystemStorage) or type(other) is not type(self):
            return NotImplemented
        return (self.own_root, self._base_url, self.options) == (
            other.own_root,
            other._base_url,
            other.options,
        )

    def __hash__(self) -> int:
        return hash((self.own_root, self._base_url))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.moved_to or self.own_root or 'of the app'}>"

    async def _run(
        self, function: Callable[..., T], *args: Any, undo: Callable[[T], object] | None = None
    ) -> T:
        """Run in a thread to the end, whoever is cancelled: descriptors are never closed under a write."""
        return await to_its_end(asyncio.ensure_future(self._pool.run(function, *args)), undo)

    async def _state(self, name: str) -> os.stat_result:
        return await self._run(self._stat, name)

    # -- in a thread ---------------------------------------------------------------------------------------------

    def _begin(self, target: str) -> _Part:
        """Make the folder and the temporary file in it."""
        folder = os.path.dirname(target)
        self._refuse_outside(folder)
        self._make_folder(folder)
        path = os.path.join(folder, f"{LEFT}{secrets.token_hex(8)}.part")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        return _Part(path, os.fdopen(descriptor, "wb", buffering=0))

    def _make_folder(self, folder: str) -> None:
        missing: list[str] = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for each in reversed(missing):
            with suppress(FileExistsError):  # another save made it
                os.mkdir(each)
                if self.options.folder_mode is not None:
                    os.chmod(each, self.options.folder_mode)

    def _publish(self, part: _Part, target: str) -> None:
        """Give the finished file its name. Raises ``FileExistsError``."""
        os.chmod(part.path, self.options.file_mode)
        if self.options.sync:
            os.fsync(part.file.fileno())
        part.file.close()
        try:
            self._name(part.path, target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _name_without_links(part.path, target)
        if self.options.sync:
            _sync_folder(os.path.dirname(target))

    def _name(self, path: str, target: str) -> None:
        if os.name == "nt":
            os.rename(path, target)  # fails there when the target exists
        elif self._links:
            os.link(path, target)
        else:
            raise OSError(errno.EOPNOTSUPP, "no hard links")

    def _refuse_outside(self, path: str) -> None:
        real, root = os.path.realpath(path), os.path.realpath(self.root)
        if os.path.commonpath([root, real]) != root:
            raise SuspiciousFileName(
                "A link in the storage leads out of it.",
                expected=f"a place below {self.root}",
                got=os.path.relpath(path, self.root),
                fix="Remove the link, or make the folder that it leads to a storage of its own.",
            )

    def _real(self, name: str) -> str:
        path = self.path(name)
        self._refuse_outside(path)
        return path

    def _open(self, name: str) -> IO[bytes]:
        try:
            descriptor = os.open(self._real(name), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _FLAGS)
        except OSError as error:
            if isinstance(error, _MISSING) or error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
                raise self._missing(name) from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._missing(name)
        return os.fdopen(descriptor, "rb")

    def _stat(self, name: str) -> os.stat_result:
        try:
            return os.stat(self._real(name))
        except _MISSING:
            raise self._missing(name) from None

    def _delete(self, name: str) -> None:
        path = self._real(name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):  # unlink of a folder: EISDIR on Linux, EPERM elsewhere
            if not os.path.isdir(path):
                raise
            os.rmdir(path)

    def _exists(self, name: str) -> bool:
        return os.path.lexists(self._real(name))

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        path = self._real(folder) if folder else self.root
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if not entry.name.startswith(LEFT):
                        (folders if entry.is_dir() else files).append(entry.name)
        except _MISSING:
            if not folder:  # nothing was stored yet
                return [], []
            raise self._missing(folder) from None
        return sorted(folders), sorted(files)

    def _remove_leftovers(self, before: float) -> list[str]:
        removed: list[str] = []
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                if name.startswith(LEFT) and os.lstat(path).st_mtime < before:
                    os.unlink(path)
                    removed.append(os.path.relpath(path, self.root).replace(os.sep, "/"))
        return sorted(removed)

    def _missing(self, name: str) -> StoredFileMissing:
        return StoredFileMissing(f"There is no file {name!r} in the storage.", got=repr(self))


class _Part:
    """A file that is being written: no one knows its name yet."""

    __slots__ = ("file", "path")

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self.path = path
        self.file = file


class _Opened(File):
    """A file of the storage, read in the storage's own threads."""

    def __init__(self, file: IO[bytes], name: str, run: Callable[..., Any]) -> None:
        super().__init__(file, name)
        self._run = run
        self._size = os.fstat(file.fileno()).st_size

    @property
    def size(self) -> int:
        return self._size

    async def _read_at(self, offset: int, size: int) -> bytes:
        chunk: bytes = await self._run(partial(_read_at, self._file()), offset, size)
        return chunk


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _name_without_links(path: str, target: str) -> None:
    """Rename, where the lock file that every save of this name needs could be made. Raises ``FileExistsError``."""
    lock = os.path.join(os.path.dirname(target), f"{LEFT}{os.path.basename(target)[:200]}.lock")
    os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600))
    try:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        os.rename(path, target)
    finally:
        os.unlink(lock)


def _discard(part: _Part) -> None:
    part.file.close()
    _remove(part.path)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _sync_folder(folder: str) -> None:
    """Have a new name survive a power cut; Windows has no such call for folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["FileSystemOptions", "FileSystemStorage"]
