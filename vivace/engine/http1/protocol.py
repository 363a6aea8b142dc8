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
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final

from vivace.errors import (
    ClientDisconnected,
    ExpectationFailed,
    HeadersTooLarge,
    HTTPError,
    RequestTimeout,
)
from vivace.http.request import Request
from vivace.http.response import Response, Upgrade

from .connection import EngineConnection
from .familiar import Familiar, remember
from .intake import Intake
from .reader import BodyReader
from .refusals import handshake_with_body, head_size, oversized_head, refusal_response
from .wire import CONTINUE, WITHOUT_BODY
from .writer import ResponseWriter

if TYPE_CHECKING:
    from vivace.engine.server import Server

logger = logging.getLogger("vivace.engine")

LINGER: Final = (
    2.0  # seconds to read what a refused client still sends, so that it sees the answer and not a reset
)
EOF_GRACE: Final = (
    0.5  # seconds to answer a client that closed its sending side before its request is cancelled
)
SMALL_REST: Final = 65_536  # bytes of an unread body that are cheaper to skip than to reconnect
EVENT_STREAM: Final = (
    "text/event-stream"  # has no end of its own: a drain ends it, and clients come back by themselves
)
_EAGER: Final = sys.version_info >= (3, 12)


class HTTPProtocol(Intake):
    """The server side of one connection."""

    __slots__ = (
        "_current",
        "_eof",
        "_familiar",
        "_feeding",
        "_lingering",
        "_loop",
        "_served",
        "_task",
        "_unsent",
        "deadline",
    )

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._loop = server.loop
        self._task: asyncio.Task[None] | None = None
        self._current: Request | None = None  # what the task serves
        self._familiar: Familiar | None = None
        self._served = self._unsent = 0
        self._feeding = self._lingering = self._eof = False
        self._close_after = self._limits.requests_per_connection == 1
        self.deadline = inf

    # -- the connection -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and the server's word on how long to wait for a first request."""
        self.transport = transport  # type: ignore[assignment]
        base, self._trusted = self.server.describe(self.transport)
        self._connection = EngineConnection(self, base)
        self.deadline = self.server.now + (self.server.timeouts.headers or inf)
        self.server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who still reads or writes that the client is gone."""
        self.gone = True
        self.server.closed(self)
        if self._reader is not None:
            self._reader.fail(ClientDisconnected("The client went away while its request was read."))
            self._reader = None
        self._wake_writers()
        self._queue.clear()
        self._held = self._familiar = None
        self._cancel_abandoned()
        # Both refer back to this: without them nothing of a connection is left to the garbage collector.
        del self._parser, self._connection

    def eof_received(self) -> bool:
        """The client will send no more; it may still want its answer, so the socket stays open while one is due."""
        if self._reader is not None:
            self._reader.fail(ClientDisconnected("The client ended its request before the end of the body."))
        if self._task is None and not self._queue:
            return False
        self._eof = True
        if self._queue:
            request, _, reader = self._queue[-1]
            self._queue[-1] = (request, False, reader)
        else:
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
        self._wake_writers()
        if self.transport.is_closing():
            return
        if self._task is None and self._queue:
            self._run_outside(self._serve_queue)
        else:
            self._restart_clock()

    def expire(self, now: float) -> None:
        """Patience ended; what for is seen from the state."""
        self.deadline = inf
        if self.transport.is_closing() or (self._lingering and self._task is None):
            self._expire_write()
        elif self._reader is not None and self._reader.waiting:
            self._reader.fail(RequestTimeout("The body of the request did not arrive in time."))
        elif self.write_paused:
            self._expire_write()
        elif self._task is not None:
            if self._eof:  # half-closed by the client, and still no answer
                self._cancel_abandoned()
        elif self._target or not self._served:
            self._refuse(RequestTimeout("The head of the request did not arrive in time."))
        else:
            self._close()

    def _expire_write(self) -> None:
        """Give a client that takes bytes, however slowly, another term; cut one that takes none."""
        unsent = self.transport.get_write_buffer_size()
        if 0 < unsent < self._unsent:
            self._unsent = unsent
            self.deadline = self.server.now + (self.server.timeouts.write or inf)
        else:
            self.transport.abort()

    def _restart_clock(self) -> None:
        """Set the deadline of what is waited for now; handlers have none here."""
        timeouts, now = self.server.timeouts, self.server.now
        if self._lingering:
            self.deadline = now + LINGER
        elif self._task is None:
            self.deadline = now + ((timeouts.headers if self._target else timeouts.keep_alive) or inf)
        elif self._reader is not None and self._reader.waiting:
            self.deadline = now + self._reader.patience(timeouts.body or inf)
        else:
            self.deadline = now + EOF_GRACE if self._eof else inf

    def _close(self) -> None:
        """Close when all is sent; a client that does not take it has as long as any slow reader."""
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = self.server.now + (self.server.timeouts.write or inf)
        self.transport.close()

    def wind_down(self, grace_over: bool) -> None:
        """Drain: say ``Connection: close`` with the last response due; after the grace close idle ones, end streams."""
        if self._queue:
            return  # the server asks again, so that requests which wait behind others are answered, too
        self._close_after = True
        if grace_over and self in self.server.streams and self._task is not None:
            self._task.cancel()
        elif grace_over and self._task is None and not self._target and self._request is None:
            self._close()

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
        if self._familiar is not None and len(data) <= self._slice:
            request = self._familiar.read(data, self._connection)
            if request is not None:
                if self._task is None and not self._queue and not self.write_paused:
                    self._start(request, True, None)
                else:
                    self._queue.append((request, True, None))
                    self._update_reading()
                return
        if len(data) > self._slice or self._held is not None:
            self._hold(data)
            return
        fresh = not self._target and self._reader is None
        self._familiar = None  # the parser may hold half a method, and nobody would know
        self._feed(data)
        if self._refusal is not None or self._target or self._request is not None or self._reader is not None:
            self._after_feed(len(data))
        elif self._task is None:
            if fresh and len(self._queue) == 1 and self._queue[0][1] and not self._trusted:
                self._familiar = remember(data, self._queue[0][0], self._limits)
            self._serve_queue()
        elif self._queue:
            self._update_reading()

    def _hold(self, data: bytes) -> None:
        self._familiar = None
        rest = data if self._held is None else bytes(self._held) + data
        self._held = memoryview(rest)
        self._feed_held()

    def _feed_held(self) -> None:
        while self._held is not None and not (self._full or self._lingering or self._switching):
            piece, rest = bytes(self._held[: self._slice]), self._held[self._slice :]
            self._held = rest if rest else None
            self._feed(piece)
            self._after_feed(len(piece))
        self._update_reading()

    def _after_feed(self, size: int) -> None:
        """Look at all that a packet may have left: a refusal, half a head, half a body, requests."""
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        if self._target:
            self._grow_head(size)
        elif self._request is not None:
            self._queue_incomplete()
        elif (
            self._reader is not None
            and self._reader.excess(size) > self._limits.header_bytes + self._limits.chunk_extension_bytes
        ):
            self._refuse(HeadersTooLarge("The body has too much around it: chunk extensions or trailers."))
        if self._queue and self._task is None:
            self._serve_queue()
        if self._reader is not None or self._queue:
            self._update_reading()

    def _grow_head(self, size: int) -> None:
        if (
            self._head_bytes == 0
        ):  # count what is known to be of this head: others may have been in the packet
            size = head_size(self._target, self._headers)
            if self._task is None:
                self.deadline = self.server.now + (self.server.timeouts.headers or inf)
        self._head_bytes += size
        if self._head_bytes > self._limits.header_bytes:
            self._refuse(oversized_head(self._target, self._limits))

    def _queue_incomplete(self) -> None:
        """More of the body is to come: the handler may begin, and reads it as it arrives."""
        request, self._request = self._request, None
        if request is None:
            return
        if self._parser.should_upgrade() and request.wants_websocket:
            self._refuse(handshake_with_body())
            return
        reader = BodyReader(self._body_wanted, self._update_reading)
        http_1_0 = request.connection.http_version == "1.0"  # has no expectations (RFC 9110 section 10.1.1)
        expect = None if http_1_0 else request.headers.first(b"expect")
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

    # -- flow control ---------------------------------------------------------------------------------------------

    def _body_wanted(self) -> None:
        """A handler waits for the body: give leave to send it (RFC 9110 section 10.1.1), and start the clock."""
        reader = self._reader
        if reader is not None and reader.expects_continue and not self._head_sent:
            reader.expects_continue = False
            self.write(CONTINUE)
        if reader is not None:
            reader.since = self.server.now
            self.deadline = self.server.now + reader.patience(self.server.timeouts.body or inf)
        if self._held is not None:
            self._loop.call_soon(self._feed_held, context=self.server.context.copy())
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
            self._start(*queue.pop(0))
        self._feeding = False

    def _start(self, request: Request, keep_alive: bool, reader: BodyReader | None) -> None:
        """Serve a request in a task of its own."""
        self._current = request
        self._head_sent = False
        self.deadline = self.server.now + EOF_GRACE if self._eof else inf
        work = self._serve(request, keep_alive, reader)
        if _EAGER:
            task = asyncio.Task(work, loop=self._loop, name="request", eager_start=True)  # type: ignore[call-arg]
            self._task = None if task.done() else task
        else:
            self._task = asyncio.Task(work, loop=self._loop, name="request")

    async def _serve(self, request: Request, keep_alive: bool, reader: BodyReader | None) -> None:
        server = self.server
        started = server.clock() if server.on_finished is not None else 0.0
        response: Response | None = None
        try:
            response = await server.handle(request)
            if not keep_alive:
                self._close_after = True
            if response.buffered:
                if reader is not None and not reader.complete:
                    self._leave_unread(request, reader)
                self._write_buffered(request, response)
            else:
                await self._write_unbuffered(request, response)
                if reader is not None and not reader.complete:  # a stream may read while it writes
                    self._leave_unread(request, reader)
        except ClientDisconnected:
            self.transport.abort()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            response = self._broken(request, response, error)
        finally:
            self._finished(request, response, started)

    def _leave_unread(self, request: Request, reader: BodyReader) -> None:
        """The answer is there before the body: skip a short rest; a long one ends the connection."""
        rest = request.content_length
        if rest is None or rest > SMALL_REST or reader.expects_continue or reader.failed:
            self._close_after = True
        reader.discard()

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
        if request.on_disconnect is None:
            request.on_disconnect = "cancel"  # the work is done; a stream has no use without its reader
        try:
            if self.gone:
                raise ClientDisconnected("The client went away before the response began.")
            if request.method != "HEAD" and response.status not in WITHOUT_BODY:  # it may have no end
                await response.write_to(writer)
        except asyncio.CancelledError:
            if not endless or self.gone or not self.server.draining:
                raise
        finally:
            if endless:
                self.server.streams.discard(self)
            response.sent = writer.sent
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
        del self._parser, self._connection

    def _broken(self, request: Request, response: Response | None, error: BaseException) -> Response | None:
        """The app let an error through, or a body failed half-way: answer if that is still possible, else cut."""
        self._close_after = True
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            self.transport.abort()
            return response
        if not isinstance(error, HTTPError) or error.status >= 500:
            logger.error("%s %s failed", request.method, request.target, exc_info=error)
        if self._head_sent or self.gone:
            self.transport.abort()
        else:
            self._write_buffered(request, refusal_response(error))
        return response if isinstance(response, Response) else None

    def _tell_sent(self, request: Request, on_sent: Callable[[], None]) -> None:
        try:
            on_sent()
        except Exception:  # whoever waits for a response must not hold up the next request
            logger.exception("on_sent of %s %s failed", request.method, request.target)

    def _finished(self, request: Request, response: Response | None, started: float) -> None:
        server = self.server
        self._task = self._current = None
        self._served += 1
        if response is not None and response.on_sent is not None:
            self._tell_sent(request, response.on_sent)
        if server.on_finished is not None:
            server.on_finished(request, response, started)
        if self.gone:
            return
        if self._close_after:
            self._end()
        elif self._queue:
            if not self._feeding:
                self._run_outside(self._serve_queue)
        elif self._refusal is not None:
            self._refuse(self._refusal)
        elif not self.write_paused:
            self.deadline = server.now + (
                (server.timeouts.headers if self._target else server.timeouts.keep_alive) or inf
            )
        if self._served + 1 == self._limits.requests_per_connection:
            self._close_after = True  # the next response says so
        if self._reading_paused:
            self._run_outside(self._read_on)

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
            self._close()

    def _linger(self) -> None:
        """Read and drop what still comes: closing at once would send a reset that can destroy the answer."""
        self._lingering = True
        self._held = self._reader = None
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = self.server.now + LINGER
        with suppress(OSError):  # asyncio: ENOTCONN once the client has reset the connection
            if self.transport.can_write_eof():
                self.transport.write_eof()
        self._update_reading()

    def _refuse(self, error: HTTPError) -> None:
        """Answer what cannot be served, after what came before it, and read no more."""
        self._lingering = True
        reader, self._reader = self._reader, None
        self._request = self._held = self._familiar = None
        if reader is not None:
            self._refuse_body(reader, error)
        elif self._task is not None or self._queue:
            self._refusal = error
            self._serve_queue()
        elif not self.gone:
            self._refusal, self._close_after = None, True
            self._write_buffered(Request("GET", "*", [], self._connection), refusal_response(error))
            self._linger()

    def _refuse_body(self, reader: BodyReader, error: HTTPError) -> None:
        """The body of a request whose handler may run already is broken: that is told where it is read."""
        self._refusal = None
        reader.fail(error)
        if self._queue:
            request, _, _ = self._queue[-1]
            self._queue[-1] = (request, False, reader)
            self._serve_queue()
        elif self._task is not None:
            self._close_after = True
        elif not self.gone:  # it was answered without
            self._linger()

    def _cancel_abandoned(self) -> None:
        """The client is gone: cancel what it asked for, unless that must finish (unsafe methods, by default)."""
        if self._task is not None and self._current is not None and self._current.cancel_on_disconnect:
            self._task.cancel()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
