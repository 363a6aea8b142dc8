"""The way in of a connection: bytes through the parser to requests in a queue, and the tap that is closed when it fills.

The parser's callbacks build a request from its head and its body. What is wrong is left in ``_refusal`` and stops the
parser: bytes behind a request that was refused must never be taken for another one (RFC 9112 section 11.2). What to do
with all this, and when to serve, is the business of ``protocol``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import httptools

from vivace.errors import BadRequest, HeadersTooLarge, HTTPError
from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request

from .outlet import Outlet
from .reader import BodyReader
from .refusals import (
    LINES,
    LOOSE,
    Refused,
    announces_body,
    find_refusal,
    first_values,
    handshake_with_body,
    is_loose,
    origin_form,
)

if TYPE_CHECKING:
    from vivace.engine.server import Server

SLICE: Final = 65_536  # bytes fed to the parser at once: bounds how far a packet can overshoot the queue
_METHODS: Final = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}

FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

Waiting: TypeAlias = "tuple[Request, bool, BodyReader | None]"
"""A request in the queue, whether the connection may stay open after it, and its body if more is to come."""


class Intake(Outlet):
    """What a connection needs to receive."""

    __slots__ = (
        "_head_bytes",
        "_headers",
        "_held",
        "_keep_alive",
        "_limits",
        "_parser",
        "_parts",
        "_queue",
        "_reader",
        "_reading_paused",
        "_refusal",
        "_request",
        "_slice",
        "_switching",
        "_target",
        "_trusted",
    )

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._limits = server.limits
        self._slice = min(
            SLICE, self._limits.header_bytes
        )  # a head beyond the limit never fits into one feed
        self._parser = httptools.HttpRequestParser(self)
        self._queue: list[Waiting] = []
        self._headers: RawHeaders = []
        self._target = b""
        self._request: Request | None = None  # being parsed: its head is complete, its body is not
        self._parts: list[bytes] | None = None
        self._reader: BodyReader | None = None  # of the request whose body is arriving
        self._held: memoryview | None = None  # bytes that wait until there is room for what they bring
        self._refusal: HTTPError | None = None
        self._head_bytes = 0
        self._keep_alive = self._reading_paused = self._trusted = self._switching = False

    # -- bytes in -------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        if self._reader is None and b"  " in data and LOOSE.search(data):
            self._feed_lines(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refusal = self._refusal or BadRequest(f"The request is malformed: {error}")

    def _feed_lines(self, data: bytes) -> None:
        """Feed line by line what may have a request line that the parser would take and we do not."""
        for line in LINES.findall(data):
            if self._switching:
                self._held = memoryview(bytes(self._held or b"") + line)
                continue
            begun = bool(self._target)
            try:
                self._parser.feed_data(line)
            except httptools.HttpParserUpgrade as upgrade:
                self._upgraded(line[upgrade.args[0] :])
            except httptools.HttpParserError as error:
                self._refusal = self._refusal or BadRequest(f"The request is malformed: {error}")
            if self._target and not begun and is_loose(line, self._target):
                self._refusal = BadRequest("The request line has more than one space between its parts.")
            if self._refusal is not None:
                return

    def _upgraded(self, rest: bytes) -> None:
        """The parser stopped after an Upgrade head: a WebSocket takes the rest, anything else is HTTP as before."""
        while not (request := self._queue[-1][0]).wants_websocket:
            self._parser = httptools.HttpRequestParser(self)
            try:
                if announces_body(request):
                    self._resume_body(request)
                if rest:
                    self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:  # a loop: a packet may hold hundreds of them
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._refusal = self._refusal or BadRequest(f"The request is malformed: {error}")
                return
            else:
                return
        if announces_body(request):
            self._queue.pop()
            self._refusal = handshake_with_body()
            return
        self._queue[-1] = (request, False, None)
        self._switching = True
        self._held = memoryview(rest + bytes(self._held or b""))
        self._pause_reading()

    def _resume_body(self, request: Request) -> None:
        """Have a new parser read a body that the first one left out because of the Upgrade.

        What it left out it would take for the next request: a body may say ``GET /admin``. So the new one is told of the
        framing by a head of ours, and the request is put in its place.
        """
        _, keep_alive, _ = self._queue.pop()
        framing = [b"%b: %b\r\n" % pair for pair in request.raw_headers if pair[0] in FRAMING]
        closing = b"" if keep_alive else b"connection: close\r\n"
        self._parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\n%b%b\r\n" % (b"".join(framing), closing))
        self._request = request

    # -- parser callbacks -----------------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        """The request target, or a part of it when it is split over packets; not empty until the head is complete."""
        self._target = self._target + url if self._target else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or of the trailer section."""
        self._headers.append(
            (name.lower(), value.rstrip(b" \t"))
        )  # the parser leaves what RFC 9112 section 5.1 takes off

    def on_headers_complete(self) -> None:
        """The head is complete: make the request."""
        headers, self._headers = self._headers, []
        target, self._target = self._target, b""
        index = dict(headers)
        parser = self._parser
        self._keep_alive = keep_alive = parser.should_keep_alive()
        # Only HTTP/1.1 stays open without being asked to: no need to ask the parser (which formats a string, 0.18 µs).
        version = "1.1" if keep_alive and b"connection" not in index else parser.get_http_version()
        method = parser.get_method()
        name = _METHODS.get(method)
        if (
            not index.get(b"host")
            or name is None
            or b"transfer-encoding" in index
            or len(index) != len(headers)
            or target[:1] != b"/"
            or len(headers) > self._limits.header_count
            or len(target) > self._limits.target_bytes
            or self._head_bytes
            or version != "1.1"
        ):
            self._refusal = find_refusal(method, target, headers, version, self._limits)
            if self._refusal is not None:
                raise Refused  # stops the parser: what follows must not be taken for a request
            target = origin_form(target, headers)
            index = first_values(headers)
        connection: Connection = self._connection
        if version != "1.1" or self._trusted:
            connection = self.server.adapt(self, connection, version, headers)
            index = first_values(headers)
        self._request = Request(
            name or method.decode("latin-1"),
            target.decode("latin-1"),  # ASCII: the parser refuses other bytes
            headers,
            connection,
            b"",
            index,
        )

    def on_body(self, body: bytes) -> None:
        """Part of the body; framing is removed."""
        if self._reader is not None:
            self._reader.feed(body, self.server.now)
        elif self._parts is None:
            self._parts = [body]
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        request, self._request = self._request, None
        self._head_bytes = 0
        trailers = self._take_trailers() if self._headers else None
        if self._reader is not None:
            self._reader.finish(trailers)
            self._reader = None
        elif request is not None:
            if trailers is not None:
                request.trailers = trailers
            if self._parts is not None:
                request.set_body(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
                self._parts = None
            self._queue.append((request, self._keep_alive, None))

    def _take_trailers(self) -> RawHeaders:
        """Return the fields that came after a body; they never join the headers (RFC 9110 section 6.5.1)."""
        fields, self._headers = self._headers, []
        if len(fields) > self._limits.header_count:
            self._refusal = HeadersTooLarge("The request has too many trailer fields.")
            raise Refused
        return fields

    # -- flow control ---------------------------------------------------------------------------------------------

    @property
    def _full(self) -> bool:
        return len(self._queue) >= self._limits.pipeline_depth or (
            self._reader is not None and self._reader.full
        )

    def _update_reading(self) -> None:
        if self._full or self._held is not None:
            self._pause_reading()
        elif self._reading_paused and not self.gone:
            self._reading_paused = False
            self._run_outside(self.transport.resume_reading)

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.gone:
            self._reading_paused = True
            self.transport.pause_reading()

    def _run_outside(self, function: Callable[[], None]) -> None:
        """Call what may start a request, or let the loop call us later, outside the context of the request we are in.

        Tasks copy the context they are made in, and asyncio's transports that in which they are resumed (uvloop: not).
        """
        self.server.context.copy().run(function)


__all__ = ["SLICE", "Intake", "Waiting"]
