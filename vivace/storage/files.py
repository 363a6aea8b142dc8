"""File: content with a name, read without blocking the loop. What storages take and give.

===================  ==============================================  ==========================================
class                content                                         where it is read
===================  ==============================================  ==========================================
``File``             a binary file object: ``File(open(p, "rb"))``   in a thread
``ContentFile``      bytes or a text in memory                       at once
``UploadedFile``     an ``Upload`` of a form                         as the upload is: memory or a spool file
===================  ==============================================  ==========================================
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import IO, Any, Final, Self, TypeAlias

from vivace.http.filenames import safe_filename
from vivace.http.forms import Upload
from vivace.http.media_types import guess_type
from vivace.http.sniffing import sniff
from vivace.http.threads import in_thread

CHUNK: Final = 262_144  # bytes per trip to a thread; as uploads are spooled


class File:
    """A binary file object with a name; a base for other content. ``async with`` closes it."""

    def __init__(self, file: IO[bytes] | None, name: str | None = None) -> None:
        self.file = file
        given = getattr(file, "name", None)
        self.name: str | None = (
            name if name is not None else (os.path.basename(given) if isinstance(given, str) else None)
        )
        self._position = 0

    @property
    def size(self) -> int:
        """The number of bytes."""
        file = self._file()
        return file.seek(0, os.SEEK_END)

    async def read(self, size: int = -1) -> bytes:
        """Return the next ``size`` bytes, or all that is left; ``b""`` at the end."""
        wanted = max(0, self.size - self._position) if size < 0 else size
        chunk = await self._read_at(self._position, wanted)
        self._position += len(chunk)
        return chunk

    def seek(self, position: int) -> None:
        """Set where the next ``read`` starts."""
        self._position = max(0, position)

    async def chunks(self, size: int = CHUNK) -> AsyncIterator[bytes]:
        """Yield the whole content in pieces of ``size`` bytes."""
        offset = 0
        while chunk := await self._read_at(offset, size):
            offset += len(chunk)
            yield chunk

    async def close(self) -> None:
        """Free what the content holds; reading is over."""
        if self.file is not None:
            self.file.close()

    def borrowed(self) -> File:
        """Return the same content, read from its start, for somebody whose ``close`` must not close it."""
        return _Borrowed(self)

    async def sniffed(self) -> str | None:
        """Return the media type that the first bytes show, ``None`` when they show none that is known."""
        return sniff(await self._read_at(0, 512))

    def _file(self) -> IO[bytes]:
        if self.file is None:
            raise ValueError("This file has no content.")
        return self.file

    async def _read_at(self, offset: int, size: int) -> bytes:
        return await in_thread(_read_at, self._file(), offset, size)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __str__(self) -> str:
        return self.name or ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"


class _Borrowed(File):
    """Content that belongs to another file."""

    def __init__(self, owner: File) -> None:
        super().__init__(None, owner.name)
        self._owner = owner

    @property
    def size(self) -> int:
        return self._owner.size

    async def _read_at(self, offset: int, size: int) -> bytes:
        return await self._owner._read_at(offset, size)

    async def close(self) -> None:
        """Do nothing: the owner closes it."""


class ContentFile(File):
    """Bytes, or a text in UTF-8, as a file."""

    def __init__(self, content: bytes | str, name: str | None = None) -> None:
        super().__init__(None, name)
        self.content = content.encode() if isinstance(content, str) else content

    @property
    def size(self) -> int:
        return len(self.content)

    async def _read_at(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]

    async def close(self) -> None:
        """Do nothing: bytes need no closing."""


class UploadedFile(File):
    """A file of a submitted form: ``name`` is safe, ``content_type`` is what the content shows, not what was claimed."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(None, safe_filename(upload.raw_filename))
        self.upload = upload
        self.field_name = upload.name

    @property
    def size(self) -> int:
        return self.upload.size

    @property
    def content_type(self) -> str:
        """The media type that the first bytes show; that of the extension where they show none."""
        return self.upload.sniffed or guess_type(self.name or "")

    @property
    def claimed_type(self) -> str:
        """The media type that the client sent with the file: its word, and no more."""
        return self.upload.content_type

    async def _read_at(self, offset: int, size: int) -> bytes:
        self.upload.seek(offset)
        return await self.upload.read(size)

    async def close(self) -> None:
        self.upload.close()


Content: TypeAlias = "File | Upload | bytes | str | IO[bytes]"
"""What can be stored."""


def as_file(content: Any, name: str | None = None) -> File:
    """Return content of any of the kinds that can be stored as a ``File``. Raises ``TypeError`` for anything else."""
    if isinstance(content, File):
        return content
    if isinstance(content, Upload):
        return UploadedFile(content)
    if isinstance(content, bytes | str):
        return ContentFile(content, name)
    if isinstance(content, bytearray):
        return ContentFile(bytes(content), name)
    if callable(getattr(content, "read", None)) and callable(getattr(content, "seek", None)):
        return File(content, name)
    raise TypeError(
        f"{type(content).__name__} cannot be stored: give a File, an Upload, bytes, a str or a binary file object."
    )


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


__all__ = ["Content", "ContentFile", "File", "UploadedFile", "as_file"]
