"""One HTTP/1.1 connection: bytes become requests, responses become bytes, in order.

Theory
------
``data_received`` feeds the parser, whose callbacks build requests. A request is put into the queue when it is complete,
or at the end of the feed when more of its body is to come (its body is then a ``BodyReader``). The queue is served one
at a time, in order, each request in a task of its own (so that timeouts, task groups and context variables of handlers
work and never mix): that is all there is to pipelining.

Rules:

1. Limits are ours: the parser has none (measured: it takes 5 MB headers, 50,000 fields, a missing Host). Bytes are
   counted per feed; the exact size of a head is only summed up when it did not fit into one small feed.
2. Reading pauses while the queue or the body buffer is full, and large packets are fed in slices, so a client can
   never make us hold more than the queue and one slice.
3. There is no timer per connection. ``deadline`` says when patience ends; the server's sweep asks ``expire``.
4. A request that cannot be understood is answered once and the connection is closed: what follows it might be
   smuggled (RFC 9112 section 11.2).
5. Nothing here knows what a route, a session or an app is.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

import httptools

from vivace.errors import BadRequest, ClientDisconnected, ExpectationFailed, HTTPError, RequestTimeout
from vivace.http.headers import RawHeaders, encode_fields
from vivace.http.request import Connection, Request
from vivace.http.response import Response, Upgrade

from .connection import EngineConnection
from .reader import BodyReader
from .refusals import find_refusal, first_values, origin_form, oversized_head, refusal_response
from .wire import CLOSE, CONTINUE, KEEP_ALIVE, LENGTHS, WITHOUT_BODY, encode_head
from .writer import ResponseWriter

if TYPE_CHECKING:
    from .server import Server

logger = logging.getLogger("vivace.engine")

SLICE: Final = 65_536  # bytes fed to the parser at once: bounds how far a packet can overshoot the queue
LINGER: Final = (
    2.0  # seconds to read what a refused client still sends, so that it sees the answer and not a reset
)
EOF_GRACE: Final = (
    0.5  # seconds to answer a client that closed its sending side before its request is cancelled
)
SMALL_REST: Final = 65_536  # bytes of an unread body that are cheaper to skip than to reconnect
_METHODS: Final = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
}
EVENT_STREAM: Final = (
    "text/event-stream"  # has no end of its own: a drain ends it, and clients come back by themselves
)
_EAGER: Final = sys.version_info >= (3, 12)


Waiting: TypeAlias = "tuple[Request, bool, BodyReader | None]"
"""A request in the queue, whether the connection may stay open after it, and its body if more is to come."""


class HTTPProtocol(asyncio.Protocol):
    """The server side of one connection."""

    __slots__ = (
        "_close_after",
        "_connection",
        "_current",
        "_drain_waiters",
        "_feeding",
        "_head_bytes",
        "_head_sent",
        "_headers",
        "_held",
        "_keep_alive",
        "_limits",
        "_lingering",
        "_loop",
        "_parser",
        "_parts",
        "_queue",
        "_reader",
        "_reading_paused",
        "_refusal",
        "_request",
        "_served",
        "_target",
        "_task",
        "_trusted",
        "_unsent",
        "deadline",
        "gone",
        "server",
        "transport",
        "write_paused",
    )

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self._loop = server.loop
        self._limits = server.limits
        self._parser = httptools.HttpRequestParser(self)
        self._queue: list[Waiting] = []
        self._headers: RawHeaders = []
        self._target = b""
        self._request: Request | None = None  # being parsed: its head is complete, its body is not
        self._parts: list[bytes] | None = None
        self._reader: BodyReader | None = None  # of the request whose body is arriving
        self._task: asyncio.Task[None] | None = None
        self._current: Request | None = None  # what the task serves
        self._held: memoryview | None = None
        self._refusal: HTTPError | None = None
        self._drain_waiters: list[asyncio.Future[None]] | None = None
        self._head_bytes = 0
        self._served = self._unsent = 0
        self._feeding = self._lingering = False
        self._keep_alive = self._close_after = self._head_sent = self._reading_paused = self._trusted = False
        self.write_paused = self.gone = False
        self.deadline = inf

    # -- the connection -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and the server's word on how long to wait for a first request."""
        self.transport = transport  # type: ignore[assignment]
        base, self._trusted = self.server.describe(self.transport)
        self._connection = EngineConnection(self, base)
        self.deadline = self.server.now + self.server.timeouts.headers
        self.server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who still reads or writes that the client is gone."""
        self.gone = True
        self.server.closed(self)
        if self._reader is not None:
            self._reader.fail(ClientDisconnected("The client went away while its request was read."))
        self._wake_writers()
        self._queue.clear()
        self._held = None
        self._cancel_abandoned()

    def eof_received(self) -> bool:
        """The client will send no more; it may still want its answer, so the socket stays open while one is due."""
        if self._task is None:
            return False
        self._close_after = True
        self.deadline = self.server.now + EOF_GRACE
        return True

    def pause_writing(self) -> None:
        """The client reads slowly: writers wait from here on."""
        self.write_paused = True
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = self.server.now + (self.server.timeouts.write or inf)

    def resume_writing(self) -> None:
        """The client took what was sent."""
        self.write_paused = False
        self.deadline = inf
        self._wake_writers()
        if self._task is None:
            self._serve_queue()

    def expire(self, now: float) -> None:
        """Patience ended; what for is seen from the state."""
        self.deadline = inf
        if self._lingering and self._task is None:
            self.transport.abort()
        elif self._reader is not None and self._reader.waiting:
            self._reader.fail(RequestTimeout("The body of the request did not arrive in time."))
        elif self.write_paused:
            self._expire_write()
        elif self._task is not None:  # half-closed by the client, and still no answer
            self._cancel_abandoned()
        elif self._target or not self._served:
            self._refuse(RequestTimeout("The head of the request did not arrive in time."))
        else:
            self.transport.close()

    def _expire_write(self) -> None:
        """Give a client that takes bytes, however slowly, another term; cut one that takes none."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self.pause_writing()
        else:
            self.transport.abort()

    def wind_down(self, grace_over: bool) -> None:
        """Drain: say ``Connection: close`` with the last response due; after the grace close idle ones, end streams."""
        if self._queue:
            return  # the server asks again, so that requests which wait behind others are answered, too
        self._close_after = True
        if grace_over and self in self.server.streams and self._task is not None:
            self._task.cancel()
        elif grace_over and self._task is None and not self._target and self._request is None:
            self.transport.close()

    def cut(self) -> asyncio.Task[None] | None:
        """End the connection and what it is served at once; returns the task that is ending."""
        self.transport.abort()
        if self._task is not None:
            self._task.cancel()
        return self._task

    def refuse(self, error: HTTPError) -> None:
        """Answer with ``error`` before anything was asked, and close."""
        self._refuse(error)

    @property
    def busy(self) -> bool:
        """True while a request is served."""
        return self._task is not None

    @property
    def served(self) -> int:
        """How many requests were served."""
        return self._served

    # -- bytes in -------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Feed the parser; then serve what is complete."""
        if self._lingering:
            return
        if len(data) > SLICE or self._held is not None:
            self._hold(data)
            return
        self._feed(data)
        if self._refusal is not None or self._target or self._request is not None or self._reader is not None:
            self._after_feed(len(data))
        elif self._task is None:
            self._serve_queue()
        elif self._queue:
            self._update_reading()

    def _hold(self, data: bytes) -> None:
        rest = data if self._held is None else bytes(self._held) + data
        self._held = memoryview(rest)
        self._feed_held()

    def _feed_held(self) -> None:
        while self._held is not None and not self._full and not self._lingering:
            piece, rest = self._held[:SLICE], self._held[SLICE:]
            self._held = rest if rest else None
            self._feed(piece)
            self._after_feed(len(piece))
        self._update_reading()

    def _feed(self, data: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            self._refusal = self._refusal or BadRequest(f"The request is malformed: {error}")

    def _after_feed(self, size: int) -> None:
        """Look at all that a packet may have left: a refusal, half a head, half a body, requests."""
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        if self._target:
            self._grow_head(size)
        elif self._request is not None:
            self._queue_incomplete()
        if self._queue and self._task is None:
            self._serve_queue()
        if self._reader is not None or self._queue:
            self._update_reading()

    def _grow_head(self, size: int) -> None:
        if self._head_bytes == 0 and self._task is None:
            self.deadline = self.server.now + self.server.timeouts.headers
        self._head_bytes += size
        if self._head_bytes > self._limits.header_bytes:
            self._refuse(oversized_head(self._target, self._limits))

    # -- parser callbacks -----------------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        """The request target, or a part of it when it is split over packets; not empty until the head is complete."""
        self._target = self._target + url if self._target else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head, or of the trailer section."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete: make the request."""
        headers, self._headers = self._headers, []
        target, self._target = self._target, b""
        index = dict(headers)
        parser = self._parser
        self._keep_alive = keep_alive = parser.should_keep_alive()
        # Only HTTP/1.1 stays open without being asked to: no need to ask the parser (which formats a string, 0.18 µs).
        version = "1.1" if keep_alive and b"connection" not in index else parser.get_http_version()
        if (
            b"host" not in index
            or len(index) != len(headers)
            or target[:1] != b"/"
            or len(headers) > self._limits.header_count
            or len(target) > self._limits.target_bytes
            or self._head_bytes
            or version != "1.1"
        ):
            self._refusal = find_refusal(target, headers, version, self._limits)
            if self._refusal is not None:
                return
            target = origin_form(target, headers)
            index = first_values(headers)
        connection: Connection = self._connection
        if version != "1.1" or self._trusted:
            connection = self.server.adapt(self, connection, version, headers)
        method = parser.get_method()
        self._request = Request(
            _METHODS.get(method) or method.decode("latin-1"),
            target.decode("latin-1"),  # ASCII: the parser refuses other bytes
            headers,
            connection,
            b"",
            index,
        )

    def on_body(self, body: bytes) -> None:
        """Part of the body; framing is removed."""
        if self._reader is not None:
            self._reader.feed(body)
        elif self._parts is None:
            self._parts = [body]
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        request, self._request = self._request, None
        self._head_bytes = 0
        if self._headers and self._reader is None and request is not None:
            request.trailers, self._headers = self._headers, []
        if self._reader is not None:
            self._reader.finish(self._headers)
            self._headers, self._reader = [], None
        elif request is not None:
            if self._parts is not None:
                request.set_body(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
                self._parts = None
            self._queue.append((request, self._keep_alive, None))

    def _queue_incomplete(self) -> None:
        """More of the body is to come: the handler may begin, and reads it as it arrives."""
        request, self._request = self._request, None
        if request is None:
            return
        reader = BodyReader(self._body_wanted, self._update_reading)
        expect = request.headers.first(b"expect")
        if expect is not None and expect.lower() != b"100-continue":  # RFC 9110 section 10.1.1
            self._refuse(
                ExpectationFailed("The server meets no such expectation.", got=expect.decode("latin-1"))
            )
            return
        reader.expects_continue = expect is not None and not self._parts
        for part in self._parts or ():
            reader.feed(part)
        self._parts, self._reader = None, reader
        request.set_body(reader)
        self._queue.append((request, self._keep_alive, reader))

    def _upgraded(self, rest: bytes) -> None:
        """The parser stopped after an Upgrade head: a WebSocket takes the rest, anything else is HTTP as before."""
        if (
            not self._queue
            or b"websocket" not in (self._queue[-1][0].headers.first(b"upgrade") or b"").lower()
        ):
            self._parser = httptools.HttpRequestParser(self)
            if rest:
                self._feed(rest)
            return
        self._queue[-1] = (self._queue[-1][0], False, None)
        self._held = memoryview(rest) if rest else None
        self._pause_reading()

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
            self.transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.gone:
            self._reading_paused = True
            self.transport.pause_reading()

    def _body_wanted(self) -> None:
        """A handler waits for the body: give leave to send it (RFC 9110 section 10.1.1), and start the clock."""
        reader = self._reader
        if reader is not None and reader.expects_continue and not self._head_sent:
            reader.expects_continue = False
            self.write(CONTINUE)
        self.deadline = self.server.now + (self.server.timeouts.body or inf)
        if self._held is not None:
            self._loop.call_soon(self._feed_held)
        else:
            self._update_reading()

    # -- requests out, responses in -------------------------------------------------------------------------------

    def _serve_queue(self) -> None:
        """Start the request at the head of the queue; the loop is for handlers that finish eagerly."""
        if self._feeding:
            return
        self._feeding = True
        queue = self._queue
        while queue and self._task is None and not self.write_paused and not self.gone:
            request, keep_alive, reader = queue.pop(0)
            self._current = request
            self._head_sent = False
            self.deadline = inf
            work = self._serve(request, keep_alive, reader)
            if _EAGER:
                task = asyncio.Task(work, loop=self._loop, name="request", eager_start=True)  # type: ignore[call-arg]
                self._task = None if task.done() else task
            else:
                self._task = asyncio.Task(work, loop=self._loop, name="request")
        self._feeding = False

    async def _serve(self, request: Request, keep_alive: bool, reader: BodyReader | None) -> None:
        server = self.server
        started = server.clock() if server.on_finished is not None else 0.0
        response: Response | None = None
        try:
            response = await server.handle(request)
            if reader is not None and not reader.complete:
                self._leave_unread(request, reader)
            if not keep_alive:
                self._close_after = True
            if response.buffered:
                self._write_buffered(request, response)
            else:
                await self._write_unbuffered(request, response)
        except asyncio.CancelledError:
            self.transport.abort()
        except ClientDisconnected:
            self.transport.abort()
        except BaseException as error:
            self._broken(request, error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._finished(request, response, started)

    def _leave_unread(self, request: Request, reader: BodyReader) -> None:
        """The answer is there before the body: skip a short rest; a long one ends the connection."""
        rest = request.content_length
        if rest is None or rest > SMALL_REST or reader.expects_continue:
            self._close_after = True
        reader.discard()

    def _write_buffered(self, request: Request, response: Response) -> None:
        body = response.body
        size = len(body)
        server = self.server
        framing = LENGTHS[size] if size < len(LENGTHS) else b"content-length: %d\r\n" % size
        if self._close_after:
            framing += CLOSE
        elif request.connection.http_version == "1.0":
            framing += KEEP_ALIVE
        self._head_sent = True
        if request.method == "HEAD" or response.status in WITHOUT_BODY:
            self._write_bodiless(response, framing)
            return
        if response._headers is None:
            head = server.heads[response.status, response.content_type, response.defaults]
        else:
            head = encode_head(response)
        if size < SLICE:
            self.transport.write(b"".join((head, framing, server.date, body)))
        else:
            self.transport.writelines((head, framing, server.date, body))

    def _write_bodiless(self, response: Response, framing: bytes) -> None:
        if response.status in WITHOUT_BODY:
            framing = CLOSE if self._close_after else b""
        self.transport.write(b"".join((self.server.heads.head(response), framing, self.server.date)))

    async def _write_unbuffered(self, request: Request, response: Response) -> None:
        if isinstance(response, Upgrade):
            early = bytes(self._held or b"")
            self._release()
            self.server.upgrade(self.transport, request, response, early)
            return
        writer = ResponseWriter(self, request, response)
        endless = response.content_type == EVENT_STREAM
        if endless:
            self.server.streams.add(self)
        try:
            await response.write_to(writer)
        except asyncio.CancelledError:
            if not endless or self.gone or not self.server.draining:
                raise
        finally:
            if endless:
                self.server.streams.discard(self)
            await response.close()
        writer.finish(response.encoded_trailers())
        if not writer.whole:
            raise ClientDisconnected("The response was shorter than the Content-Length it announced.")

    def _release(self) -> None:
        """Leave the transport to a WebSocket: what is not needed any more goes, for the socket may idle for days."""
        self.gone = True
        self.deadline = inf
        self._held = None
        self._queue.clear()
        self.server.closed(self)
        del self._parser

    def _broken(self, request: Request, error: BaseException) -> None:
        """The app let an error through, or a body failed half-way: answer if that is still possible, else cut."""
        logger.error("%s %s failed", request.method, request.target, exc_info=error)
        self._close_after = True
        if self._head_sent or self.gone:
            self.transport.abort()
        else:
            self._write_buffered(request, refusal_response(error))

    def _finished(self, request: Request, response: Response | None, started: float) -> None:
        server = self.server
        self._task = self._current = None
        self._served += 1
        if response is not None and response.on_sent is not None:
            response.on_sent()
        if server.on_finished is not None:
            server.on_finished(request, response, started)
        if self.gone:
            return
        if self._close_after or self._served == self._limits.requests_per_connection:
            self._end()
        elif self._queue:
            self._serve_queue()
        elif self._refusal is not None:
            self._refuse(self._refusal)
        elif not self.write_paused:
            self.deadline = server.now + (
                server.timeouts.headers if self._target else server.timeouts.keep_alive
            )
        if self._reading_paused:
            self._read_on()

    def _read_on(self) -> None:
        if self._held is not None:
            self._feed_held()
        else:
            self._update_reading()

    def _end(self) -> None:
        """Close after what was written; a client that is still sending gets time to read it first."""
        self._queue.clear()
        if self._reader is not None or self._target or self._lingering:
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """Read and drop what still comes: closing at once would send a reset that can destroy the answer."""
        self._lingering = True
        self._held = self._reader = None
        self.deadline = self.server.now + LINGER
        with suppress(OSError):  # asyncio: ENOTCONN once the client has reset the connection
            if self.transport.can_write_eof():
                self.transport.write_eof()
        self._update_reading()

    def _refuse(self, error: HTTPError) -> None:
        """Answer what cannot be served, after what came before it, and read no more."""
        self._lingering = True
        self._request = self._reader = self._held = None
        if self._task is not None or self._queue:
            self._refusal = error
            self._serve_queue()
        elif not self.gone:
            self._refusal, self._close_after = None, True
            self._write_buffered(Request("GET", "*", [], self._connection), refusal_response(error))
            self._linger()

    def _cancel_abandoned(self) -> None:
        """The client is gone: cancel what it asked for, unless that must finish (unsafe methods, by default)."""
        if self._task is not None and self._current is not None and self._current.cancel_on_disconnect:
            self._task.cancel()

    # -- bytes out ------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write to the socket, or raise ``ClientDisconnected``."""
        if self.gone:
            raise ClientDisconnected("The client went away.")
        self.transport.write(data)

    def write_head(self, response: Response, framing: bytes) -> None:
        """Write the head of a response that writes itself."""
        if self._close_after:
            framing += CLOSE
        self._head_sent = True
        self.write(b"%b%b%b" % (self.server.heads.head(response), framing, self.server.date))

    def close_after_response(self) -> None:
        """End the connection with this response, because its end is the end of the body."""
        self._close_after = True

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written."""
        while self.write_paused and not self.gone:
            waiter: asyncio.Future[None] = self._loop.create_future()
            if self._drain_waiters is None:
                self._drain_waiters = []
            self._drain_waiters.append(waiter)
            await waiter
        if self.gone:
            raise ClientDisconnected("The client went away while the response was sent.")

    def _wake_writers(self) -> None:
        waiters, self._drain_waiters = self._drain_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def early_hints(self, headers: RawHeaders) -> None:
        """Send a 103 with ``headers`` unless the response has begun (RFC 8297)."""
        if not self._head_sent and not self.gone and self._connection.http_version == "1.1":
            self.write(b"HTTP/1.1 103 Early Hints\r\n" + encode_fields(headers) + b"\r\n")
