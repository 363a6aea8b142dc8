"""Files as responses: opened off the loop, described by validators, sent by ranges without passing through Python.

A ``File`` is prepared before it is sent: the app awaits ``prepare(request)`` as soon as the handler returned it, so
middleware sees the real status and headers, and a missing file is a ``NotFound`` that the error mapping turns into a
page. ``prepare`` opens the file once, in a thread (a disk or a network mount may take its time), and everything after
goes by that descriptor: the bytes sent are those of the file that was measured, whatever happens to the name.

===========================  =================================================================
what came                    answer to GET or HEAD
===========================  =================================================================
no such file, not a file     ``NotFound``; not readable: ``Forbidden``
If-Match, If-None-Match …    304, or ``PreconditionFailed``; see ``conditional``
Range (GET alone)            206 with one part, or ``multipart/byteranges``; 200 where the
                             range is ignored; ``RangeNotSatisfiable``; see ``ranges``
===========================  =================================================================

The etag is strong: size and modification time in nanoseconds. Behind nginx or Apache the server in front can send the
file itself: ``File(path, hand_over=x_accel("/protected/report.pdf"))`` is a response with a header and no body.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final, Literal, TypeAlias
from urllib.parse import quote

from vivace.errors import Forbidden, NotFound

from .conditional import READING, BodilessAnswer, Outcome, evaluate, failed, validated
from .filenames import safe_filename
from .media_types import guess_type
from .ranges import Multipart, Span, frame, parse_ranges, range_applies
from .request import Request
from .response import Empty, Response, Sink

Disposition: TypeAlias = Literal["inline", "attachment"]

# O_NONBLOCK: opening a FIFO must not hang a thread for ever. The others: not inherited by children; no text mode (Windows).
_FLAGS: Final = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_NOT_THERE: Final = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.ENXIO,
    }  # ENXIO: a socket
)
_NEEDS_ENCODING: Final = re.compile(r'[^\x20-\x7e]|["\\%]')
_PATH_CHARACTERS: Final = "/!$&'()*+,:;=@~"  # RFC 3986 section 3.3
_ATTR_CHARACTERS: Final = "!#$&+-.^_`|~"  # RFC 8187 section 3.2.1


@dataclass(frozen=True, slots=True)
class HandOver:
    """The header by which the server in front is asked to send the file itself."""

    header: str
    value: str


def x_accel(uri: str) -> HandOver:
    """Let nginx send the file: ``uri`` is a path, not yet percent-encoded, of a location that is marked ``internal``."""
    return HandOver("x-accel-redirect", quote(uri, safe=_PATH_CHARACTERS))


def x_sendfile(path: str | os.PathLike[str]) -> HandOver:
    """Let Apache (mod_xsendfile) or lighttpd send the file at ``path``; both undo the percent-encoding."""
    return HandOver("x-sendfile", quote(os.fspath(path), safe=_PATH_CHARACTERS))


@dataclass(frozen=True, slots=True)
class _Opened:
    descriptor: int
    size: int
    modified_ns: int

    @property
    def etag(self) -> str:
        return file_etag(self.size, self.modified_ns)

    @property
    def last_modified(self) -> datetime:
        return datetime.fromtimestamp(self.modified_ns // 1_000_000_000, UTC)


class File(Response):
    """Sends a file: ``File("report.pdf", filename="Report 2026.pdf", disposition="attachment")``.

    ``filename`` is the name that the browser saves under; an attachment has the file's own name by default. The type
    is that of the name unless given. Never build ``path`` from user input by hand: static files check theirs.
    """

    buffered: ClassVar[bool] = False
    needs_prepare: bool = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        filename: str | None = None,
        disposition: Disposition = "inline",
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        hand_over: HandOver | None = None,
    ) -> None:
        self.path = os.fspath(path)
        name = os.path.basename(self.path)
        super().__init__(b"", 200, headers, content_type or guess_type(filename or name))
        if filename is not None or disposition == "attachment":
            self.headers.setdefault("content-disposition", content_disposition(disposition, filename or name))
        self._hand_over = hand_over
        self._opened: _Opened | None = None
        self._spans: tuple[Span, ...] = ()
        self._framing: Multipart | None = None

    async def prepare(self, request: Request) -> Response:
        """Open the file and return what answers the request: this response, a 304, or the header of ``hand_over``."""
        if self._hand_over is not None:
            return self._handed_over(self._hand_over)
        opened = await self._open()
        try:
            return self._answer(request, opened)
        except BaseException:
            await self.close()
            raise

    async def write_to(self, sink: Sink) -> None:
        """Send the bytes that ``prepare`` chose; the whole file when it was not called."""
        opened = self._opened
        if opened is None:
            opened = await self._open()
            self._describe(opened, (Span(0, opened.size),))
        framing = self._framing
        for index, span in enumerate(self._spans):
            if framing is not None:
                await sink.write(framing.heads[index])
            if span.count:
                await sink.send_file(opened.descriptor, span.start, span.count)
        await sink.write(framing.tail if framing is not None else b"")  # sends the head of an empty file too

    async def close(self) -> None:
        """Close the file."""
        opened, self._opened = self._opened, None
        if opened is not None:
            os.close(opened.descriptor)

    async def _open(self) -> _Opened:
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, _open, self.path)
        try:
            opened = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(
                _close_unwanted
            )  # the thread cannot be stopped: it may open the file yet
            raise
        self._opened = opened
        return opened

    def _answer(self, request: Request, opened: _Opened) -> Response:
        whole = (Span(0, opened.size),)
        if request.method not in READING:
            return self._describe(opened, whole)
        validated(self, opened.etag, opened.last_modified)
        tag = self.headers["etag"]
        outcome = evaluate(request, etag=tag, last_modified=opened.last_modified)
        if outcome is Outcome.FAILED:
            raise failed(tag)
        if outcome is Outcome.NOT_MODIFIED:
            return BodilessAnswer(self, 304)
        self.headers.setdefault("accept-ranges", "bytes")
        return self._describe(opened, self._asked_for(request, opened, tag) or whole)

    def _asked_for(self, request: Request, opened: _Opened, tag: str) -> tuple[Span, ...] | None:
        asked = request.headers.get("range")
        if asked is None or request.method != "GET":
            return None
        if not range_applies(request.headers.get("if-range"), tag, opened.last_modified):
            return None
        spans = parse_ranges(asked, opened.size)
        if spans is not None:
            self.status = 206
        return spans

    def _describe(self, opened: _Opened, spans: tuple[Span, ...]) -> Response:
        self._spans = spans
        headers, length = self.headers, sum(span.count for span in spans)
        if self.status == 206 and len(spans) == 1:
            headers.set("content-range", spans[0].content_range(opened.size))
        elif self.status == 206:
            framing = frame(spans, opened.size, headers["content-type"], secrets.token_hex(16))
            headers.set("content-type", framing.content_type)
            self._framing, length = framing, framing.length
        headers.set("content-length", str(length))
        return self

    def _handed_over(self, hand_over: HandOver) -> Response:
        response = Empty(200)
        response.defaults, response.on_sent = self.defaults, self.on_sent
        response.headers.raw.extend(self.headers.raw)
        response.headers.set(hand_over.header, hand_over.value)
        return response


def file_etag(size: int, modified_ns: int) -> str:
    """Return the strong entity tag of a file in this state."""
    return f'"{modified_ns:x}-{size:x}"'


def content_disposition(disposition: Disposition, filename: str) -> str:
    """Return the header value that names a download (RFC 6266), with ``filename*`` where ASCII does not do (RFC 8187).

    The name is made safe first: no folders, control characters or names that file systems reserve.
    """
    name = safe_filename(filename)
    if not _NEEDS_ENCODING.search(name):
        return f'{disposition}; filename="{name}"'
    fallback = _NEEDS_ENCODING.sub("_", name)
    encoded = quote(name, safe=_ATTR_CHARACTERS)
    return f"{disposition}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}"


def _open(path: str) -> _Opened:
    try:
        descriptor = os.open(path, _FLAGS)
    except PermissionError:
        raise Forbidden("This file cannot be read.") from None
    except ValueError:  # a NUL in the path
        raise _missing() from None
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise _missing() from None
        raise  # too many open files, a broken disk: ours to mend, not a 404
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise _missing()
    return _Opened(descriptor, state.st_size, state.st_mtime_ns)


def _missing() -> NotFound:
    return NotFound("There is no such file.")


def _close_unwanted(opening: asyncio.Future[_Opened]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result().descriptor)
