"""Bytes that may turn out to be many: in memory at first, in an unnamed temporary file from then on.

Rules:

1. The event loop never waits for the disk: every call on the file runs in a thread.
2. Memory is bounded by a budget that all spools of a form share. A spool that cannot have what it needs moves to a
   file and gives back what it had.
3. The file has no name (O_TMPFILE, or unlinked at once; deleted on close on Windows). Nothing is left behind by a
   crash, a ``kill -9`` or a forgotten ``close()``.
4. Cancellation waits for the thread that is using the file; a file is never closed under a write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from os import PathLike
from pathlib import Path
from typing import IO, Final

from .sniffing import SNIFF_BYTES
from .threads import in_thread

CHUNK: Final = 262_144  # bytes per trip to a thread; a trip costs about 80 µs


class Budget:
    """How many bytes the spools of one form may still hold in memory."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Spool:
    """Write, then read, bytes that start in memory and move to a temporary file when the budget is used up."""

    __slots__ = ("_budget", "_file", "_memory", "head", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0
        self.head = b""

    @property
    def in_memory(self) -> bool:
        """True while no file is used."""
        return self._file is None

    async def write(self, chunk: bytes) -> None:
        """Append ``chunk``."""
        if len(self.head) < SNIFF_BYTES:
            self.head += chunk[: SNIFF_BYTES - len(self.head)]
        self.size += len(chunk)
        self._memory += chunk
        if self._file is None:
            self._budget.left -= len(chunk)
            if self._budget.left >= 0:
                return
            self._budget.left += len(self._memory)
            self._file = await in_thread(_open, undo=_close)
        if len(self._memory) >= CHUNK:
            await self.flush()

    async def flush(self) -> None:
        """Bring everything written so far into the file, when there is one."""
        if self._file is not None and self._memory:
            waiting, self._memory = bytes(self._memory), bytearray()
            await in_thread(self._file.write, waiting)

    async def read_at(self, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset``."""
        if self._file is None:
            return bytes(self._memory[offset : offset + size])
        return await in_thread(_read_at, self._file, offset, size)

    async def chunks(self, size: int = CHUNK) -> AsyncIterator[bytes]:
        """Yield the content from its start, ``size`` bytes at a time."""
        offset = 0
        while chunk := await self.read_at(offset, size):
            offset += len(chunk)
            yield chunk

    async def save_to(self, path: str | PathLike[str], overwrite: bool) -> None:
        """Copy the content to ``path``; a copy that fails or is cancelled leaves no file behind."""
        source = self._file or bytes(self._memory)
        await in_thread(_save, source, Path(path), overwrite, undo=Path.unlink)

    def close(self) -> None:
        """Free memory and file."""
        if self._file is None:
            self._budget.left += len(self._memory)
        else:
            self._file.close()
        self._memory = bytearray()


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _open() -> IO[bytes]:
    import tempfile  # 5 ms at start that only large uploads need

    return tempfile.TemporaryFile()


def _close(file: IO[bytes]) -> None:
    file.close()


def _save(source: IO[bytes] | bytes, path: Path, overwrite: bool) -> Path:
    from shutil import copyfileobj

    with path.open("wb" if overwrite else "xb") as target:
        try:
            if isinstance(source, bytes):
                target.write(source)
            else:
                source.seek(0)
                copyfileobj(source, target, CHUNK)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path
