"""multipart/form-data (RFC 7578), part by part, as it arrives.

The syntax is the work of the ``multipart`` package, whose parser is pushed: it is fed a chunk of the body and gives
events. This module pulls: whoever reads a part makes the next chunk be read from the connection, and nothing else
does. So back-pressure reaches the sender, and memory holds one chunk and what the parser keeps back (a delimiter's
length), whatever the size of the upload.

``MultipartReader``: events from the parser, parts from events, limits. ``Part``: one part, readable while it is the
current one. ``read_form``: all parts as ``FormData``, files spooled.

All that can be wrong with the input is 400 (malformed, cut off) or 413 (a limit). The parser's own status codes are
not used: it says 415 for malformed input.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias

from vivace.config.settings import Limits
from vivace.errors import BadRequest, ContentTooLarge, HTTPError

from .charsets import decode_text, media_type
from .filenames import safe_filename
from .forms import FormData, FormValue, Upload, close_all, too_many
from .lists import split_elements, split_pair
from .spool import CHUNK, Budget, Spool
from .threads import in_thread

if TYPE_CHECKING:
    from multipart import MultipartSegment, PushMultipartParser

Progress: TypeAlias = Callable[[int], object]
"""Called with the number of body bytes that have arrived, each time some have."""

_BOUNDARY: Final = re.compile(
    r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]"
)  # RFC 2046 section 5.1.1
MAX_PART_HEADERS: Final = 8  # RFC 7578 knows three


class Part:
    """One part of a multipart body, to be read while it is the current one; what is not read is skipped.

    ``filename`` is safe to store and ``None`` for a text field; ``raw_filename`` is what the client sent.
    ``content_type`` is what the client claims, ``headers`` has lower-case names, ``received`` counts bytes.
    """

    __slots__ = ("_reader", "content_type", "filename", "headers", "name", "raw_filename", "received")

    def __init__(self, segment: MultipartSegment, reader: MultipartReader) -> None:
        self.name: str = segment.name or ""
        self.raw_filename: str | None = segment.filename
        self.filename = None if segment.filename is None else safe_filename(segment.filename)
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in segment.headerlist}
        self.content_type = media_type(self.headers.get("content-type", ""))
        self.received = 0
        self._reader = reader

    @property
    def is_file(self) -> bool:
        """True for a file, false for a text field."""
        return self.raw_filename is not None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the content as it arrives."""
        while chunk := await self._reader.next_chunk(self):
            yield chunk

    async def read(self, limit: int | None = None) -> bytes:
        """Return the whole content; raises ``ContentTooLarge`` beyond ``limit``, ``limits.form_field_bytes`` if None."""
        most = self._reader.limits.form_field_bytes if limit is None else limit
        content = bytearray()
        async for chunk in self:
            content += chunk
            if len(content) > most:
                raise ContentTooLarge(
                    f"The form field {self.name[:80]!r} is too large.", expected=f"at most {most} bytes"
                )
        return bytes(content)

    async def text(self, limit: int | None = None) -> str:
        """Return the whole content as text, in the part's charset or UTF-8; raises as ``read``, or ``BadRequest``."""
        return decode_text(await self.read(limit), self.headers.get("content-type", ""), "form")

    async def save_to(self, path: str | PathLike[str], *, overwrite: bool = False) -> int:
        """Write the content to ``path`` as it arrives, off the loop; return its size.

        Raises ``FileExistsError`` unless ``overwrite``. When it fails or is cancelled no file is left behind.
        """
        target = Path(path)
        file = await in_thread(
            partial(target.open, "wb" if overwrite else "xb"), undo=partial(_remove, target)
        )
        try:
            waiting = bytearray()
            async for chunk in self:
                waiting += chunk
                if len(waiting) >= CHUNK:
                    full, waiting = bytes(waiting), bytearray()
                    await in_thread(file.write, full)
            await in_thread(file.write, bytes(waiting))
            await in_thread(file.close)
        except BaseException:
            _remove(target, file)
            raise
        return self.received

    def __repr__(self) -> str:
        return f"<Part {self.name!r} {self.filename or 'text'}>"


class MultipartReader:
    """The parts of a multipart body, in order, once: ``async for part in reader``.

    ``received`` counts the bytes of the body so far; ``progress`` is called with it. Raises ``BadRequest`` and
    ``ContentTooLarge``.
    """

    __slots__ = (
        "_chunks",
        "_events",
        "_fields",
        "_files",
        "_parser",
        "_part",
        "_progress",
        "limits",
        "received",
    )

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        content_type: str,
        limits: Limits,
        progress: Progress | None = None,
    ) -> None:
        self.limits = limits
        self.received = 0
        self._chunks = chunks
        self._events: Iterator[MultipartSegment | bytes | None] = iter(())
        self._parser = _new_parser(_boundary(content_type), limits)
        self._part: Part | None = None
        self._fields = self._files = 0
        self._progress = progress

    async def __aiter__(self) -> AsyncIterator[Part]:
        """Yield the parts; the one before is skipped to its end first."""
        while (part := await self._next_part()) is not None:
            yield part

    async def next_chunk(self, part: Part) -> bytes:
        """Return the next bytes of ``part``, ``b""`` at its end, and once it is not the current part any more."""
        if part is not self._part:
            return b""
        event = await self._next_event()
        if isinstance(event, bytes):
            part.received += len(event)
            return event
        self._part = None
        return b""

    async def _next_part(self) -> Part | None:
        while self._part is not None:
            await self.next_chunk(self._part)
        event = await self._next_event()
        if event is None or isinstance(event, bytes):
            return None
        self._part = part = Part(event, self)
        self._count(part)
        return part

    def _count(self, part: Part) -> None:
        if part.is_file:
            self._files += 1
            if self._files > self.limits.form_files:
                raise too_many("files", self.limits.form_files)
        else:
            self._fields += 1
            if self._fields > self.limits.form_fields:
                raise too_many("fields", self.limits.form_fields)

    async def _next_event(self) -> MultipartSegment | bytes | None:
        """Return the parser's next event; ``None`` ends a part, and after the last part the body."""
        from multipart import MultipartError

        try:
            while True:
                for event in self._events:
                    return event
                chunk = await anext(self._chunks, b"")
                if not chunk:
                    if not self._parser.closed:
                        self._parser.close()
                    return None
                self._arrived(len(chunk))
                self._events = iter(self._parser.parse(chunk))
        except MultipartError as error:
            raise _as_http(error) from error

    def _arrived(self, size: int) -> None:
        self.received += size
        if self._progress is not None:
            self._progress(self.received)


async def read_form(reader: MultipartReader, field_bytes: int | None) -> FormData:
    """Read all parts: text as ``str``, files as ``Upload``. Together, text may have ``field_bytes`` bytes.

    A file input that nobody filled in (no name and no bytes) is left out. On any error, cancellation included, the
    temporary files are gone.
    """
    pairs: list[tuple[str, FormValue]] = []
    budget = Budget(reader.limits.spool_bytes)
    left = field_bytes
    try:
        async for part in reader:
            if part.is_file:
                pairs.append((part.name, await _receive(part, budget)))
                if not part.raw_filename and not part.received:
                    pairs.pop()
            else:
                pairs.append((part.name, await part.text()))
                left = None if left is None else left - part.received
                if left is not None and left < 0:
                    raise ContentTooLarge(
                        "The text fields of the form are too large.", expected=f"at most {field_bytes} bytes"
                    )
    except BaseException:
        close_all(value for _, value in pairs)
        raise
    return FormData(pairs)


async def _receive(part: Part, budget: Budget) -> Upload:
    spool = Spool(budget)
    try:
        async for chunk in part:
            await spool.write(chunk)
        await spool.flush()
    except BaseException:
        spool.close()
        raise
    return Upload(part.name, part.raw_filename or "", part.headers, spool)


def _remove(path: Path, file: IO[bytes]) -> None:
    with suppress(OSError):  # a full disk fails the last flush once more
        file.close()
    path.unlink(missing_ok=True)


def _new_parser(boundary: str, limits: Limits) -> PushMultipartParser:
    from multipart import PushMultipartParser  # 8 ms that only uploads need

    # Not strict: in strict mode a CRLF after the last delimiter is an error when it comes in a packet of its own.
    return PushMultipartParser(
        boundary,
        max_header_size=limits.form_header_bytes,
        max_header_count=MAX_PART_HEADERS,
        max_segment_count=limits.form_fields + limits.form_files,
    )


def _boundary(content_type: str) -> str:
    """Return the boundary parameter; raises ``BadRequest`` unless there is exactly one that RFC 2046 allows."""
    found = [
        value for name, value in map(split_pair, split_elements(content_type, ";")) if name == "boundary"
    ]
    if len(found) != 1 or not _BOUNDARY.fullmatch(found[0] or ""):
        raise BadRequest(
            "The multipart body has no usable boundary.",
            expected="Content-Type: multipart/form-data; boundary=… (1 to 70 characters, RFC 2046 section 5.1.1)",
            got=ascii(content_type[:120]),
            fix="Let the HTTP client set Content-Type itself: it knows the boundary.",
        )
    return found[0] or ""


def _as_http(error: Exception) -> HTTPError:
    """Return the answer to what the parser found."""
    from multipart import ParserLimitReached

    reason = str(error.args[0]) if error.args else ""
    if isinstance(error, ParserLimitReached):
        return ContentTooLarge("The multipart body exceeds a limit.", got=reason)
    return BadRequest(
        "The multipart body is malformed.",
        expected="multipart/form-data as in RFC 7578, complete",
        got=reason,
    )
