"""One WebSocket on a transport: messages in order, back-pressure both ways, and an end in every case.

Theory
------
The HTTP protocol hands its transport over (``attach``), which then calls ``data_received`` and its kin here directly;
the server calls ``expire`` and ``shut_down``. There is no task, timer or queue per socket: an idle one is this object
and its parser (measured: 456 bytes; 1.75 KB with the task of a handler that waits), besides request and transport.

1. *In.* The next message waits in ``_head``, others behind it in ``_rest``, which exists only while there are any.
   Beyond the queue's limits parsing stops and the socket is paused; what was read stays packed. Who waits in
   ``receive`` is only told to look again (``stepping`` says how): the message stays where it is until it is taken, so
   a cancelled ``receive`` loses nothing.
2. *Out.* ``_writable`` is true while the handshake is answered, the socket is open and less than ``buffer_bytes`` are
   unsent (the transport's high-water mark): one test on the hot path. ``send`` waits *before* it writes, so that a
   cancelled ``send`` has sent nothing and one that returned is on its way.
3. *Control.* A ping is answered at once; while the client does not read only the latest is kept to be answered
   (section 5.5.3 allows it), so a flood of pings cannot fill memory.
4. *The peer's end* (a Close frame, a broken rule) keeps its place behind the messages before it: it takes effect when
   the handler has dealt with them and asks for the next, at the latest after a second (Autobahn 3.2, 7.1.1).
5. *Our end.* Closing never waits: a Close frame is written, then the peer's is looked for and the rest discarded. After
   a broken rule our sending side is shut and the rest read and dropped: a reset could destroy the Close frame.
"""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Callable, Generator
from math import inf
from typing import Any, Final

from vivace.config.settings import Limits, Timeouts
from vivace.engine.http1.refusals import refusal_response
from vivace.errors import WebSocketProtocolError, WebSocketState
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocketDisconnect, WebSocketOptions, close_for

from .deflate import Compression, negotiate
from .frames import (
    ABNORMAL,
    NORMAL,
    PING,
    POLICY,
    PONG,
    RESTART,
    Close,
    FrameParser,
    Ping,
    encode_close,
    encode_frame,
    encode_message,
)
from .handshake import accept_response, check_upgrade, choose_subprotocol, refusal, settle
from .states import CLOSED, CLOSING, CONNECTING, ENDING, LINGERING, OPEN, TALKING
from .stepping import EAGER, PARKED, SteppedSocket

DEFAULT_OPTIONS: Final = WebSocketOptions()
ENDING_GRACE: Final = 1.0  # seconds for the handler to deal with what came before the peer's end
_PING: Final = encode_frame(PING, b"")


class EngineWebSocket(SteppedSocket, asyncio.Protocol):
    """The server's side of a WebSocket, from the Upgrade request to the end of the connection.

    ``forget`` is called once, when the connection is gone. Raises what ``check_upgrade`` and ``negotiate`` raise.
    """

    __slots__ = (
        "_busy",
        "_compression",
        "_encode",
        "_ending",
        "_forget",
        "_key",
        "_limits",
        "_options",
        "_pinged",
        "_pong",
        "_queued",
        "_reading",
        "_rest",
        "_senders",
        "_since",
        "_state",
        "_timeouts",
        "_unsent",
        "_until",
        "_writable",
        "deadline",
        "dropped",
        "transport",
    )

    def __init__(
        self,
        request: Request,
        transport: asyncio.Transport,
        limits: Limits,
        timeouts: Timeouts,
        options: WebSocketOptions | None = None,
        forget: Callable[[EngineWebSocket], None] | None = None,
    ) -> None:
        super().__init__(request)
        self._key = check_upgrade(request)
        self._options = options or DEFAULT_OPTIONS
        self._limits = limits
        self._timeouts = timeouts
        self._forget = forget
        self.transport = transport
        self._compression = self._agree()
        self._encode = encode_message if self._compression is None else self._compression.encode
        self._parser = FrameParser(
            limit=self._options.message_bytes or limits.websocket_message_bytes,
            fragments=limits.websocket_fragments,
            inflater=self._compression,
        )
        self._state = CONNECTING
        self._writable = False
        self._reading = True
        self._rest: deque[str | bytes] | None = None
        self._queued = 0  # bytes (of text: characters) in _rest
        self._senders: list[asyncio.Future[None]] | None = None
        self._busy = False  # the handler has taken a message and not asked for another
        self._ending: Close | WebSocketProtocolError | None = None
        self._pong: bytes | None = None  # payload of the latest ping that could not be answered yet
        self._pinged = False
        self._since = self._until = (
            0.0  # _until: when an end that has begun is enforced; 0: not looked at yet
        )
        self.deadline = 0.0  # when to call expire() at the latest
        self._unsent = self.dropped = 0

    def attach(self, early: bytes = b"") -> None:
        """Take the transport over from the HTTP protocol, with the bytes that came behind the handshake."""
        high = self._options.buffer_bytes or self._limits.websocket_buffer_bytes
        self.transport.set_write_buffer_limits(high=high, low=high // 4)
        self.transport.set_protocol(self)
        if not self.transport.is_reading():
            self.transport.resume_reading()
        if early:
            self.data_received(early)

    # -- the handshake ----------------------------------------------------------------------------------------------

    @property
    def answered(self) -> bool:
        """True once the handshake has been answered, in whatever way, or the client is gone."""
        return self._state != CONNECTING

    async def accept(self, subprotocol: str | None = None, headers: dict[str, str] | None = None) -> None:
        """Answer the handshake with 101."""
        self._require_connecting("accept")
        self._answer(subprotocol, headers)

    async def reject(self, response: Response) -> None:
        """Answer the handshake with an ordinary response, and end the connection."""
        self._require_connecting("reject")
        if not response.buffered:
            raise WebSocketState(
                f"A handshake cannot be answered with a {type(response).__name__}.",
                expected="a response that is complete, such as Text, HTML or JSON",
                got=repr(response),
            )
        self._refuse(response)

    def _refuse(self, response: Response) -> None:
        self.transport.write(refusal(response))
        self._end(ABNORMAL, f"rejected with {response.status}")
        self._linger()

    def _require_connecting(self, what: str) -> None:
        if self._state == CLOSED and self._key:
            raise self._disconnect()
        if self._state != CONNECTING:
            raise WebSocketState(
                f"{what}() came after the handshake had been answered.",
                expected=f"{what}() before the first receive() and send()",
                fix=f"Call {what}() once, first.",
            )

    def _answer(self, subprotocol: str | None = None, headers: dict[str, str] | None = None) -> None:
        options = self._options
        chosen = choose_subprotocol(subprotocol, self.offered_subprotocols, options.subprotocols)
        extensions = self._compression.agreed.header() if self._compression else ""
        self.transport.write(accept_response(self._key, chosen, extensions, headers or {}))
        self.subprotocol = chosen
        self._key = ""
        self._state = OPEN
        self._writable = True
        settle(self.request)
        self._pump()

    def _agree(self) -> Compression | None:
        """Agree on compression if the route wants it and the client offers what we can do."""
        deflate = self._options.deflate
        if deflate is None:
            return None
        agreement = negotiate(", ".join(self.request.headers.getlist("sec-websocket-extensions")), deflate)
        return None if agreement is None else Compression(agreement, deflate)

    # -- messages in ------------------------------------------------------------------------------------------------

    async def receive(self) -> str | bytes:
        """Return the next message; see ``WebSocket.receive``."""
        return await self.__anext__(WebSocketDisconnect)

    @types.coroutine
    def __anext__(
        self, ending: type[WebSocketDisconnect | StopAsyncIteration] = StopAsyncIteration
    ) -> Generator[Any, Any, str | bytes]:
        """Return the next message, or raise ``ending``; all that a message costs ``async for`` is this generator."""
        self._busy = False
        while self._head is None:
            if self._state != OPEN:
                self._answer_or_raise(ending)
                continue
            if self._receiving:
                raise WebSocketState(
                    "Two tasks receive from one WebSocket at a time.",
                    fix="Let one task receive and hand the messages out.",
                )
            self._receiving = True
            try:
                if self._stepping and (not EAGER or asyncio.current_task() is self._task):
                    yield PARKED
                else:
                    yield from self._wait()
            finally:
                self._receiving = False
        self._busy = True
        message = self._head
        if self._rest is None:
            self._head = None
        else:
            self._advance(self._rest)
        return message

    def _answer_or_raise(self, ending: type[WebSocketDisconnect | StopAsyncIteration]) -> None:
        if self._state == CONNECTING:
            self._answer()
        elif self._state == ENDING:
            self._conclude()
        elif ending is StopAsyncIteration:
            raise StopAsyncIteration
        else:
            raise self._disconnect()

    def _advance(self, rest: deque[str | bytes]) -> None:
        """Move the next message to the head; unpack and read on when half of the queue is free."""
        self._head = message = rest.popleft()
        self._queued -= len(message)
        if not rest:
            self._rest = None
        limits = self._limits
        if (
            not self._reading
            and len(rest) * 2 <= limits.websocket_queue_messages
            and self._queued * 2 <= limits.websocket_queue_bytes
        ):
            self._pump()

    def _fed(self, data: bytes) -> bool:
        if self._state == LINGERING:
            return False
        self._parser.feed(data)
        if self._state == CONNECTING:
            self._pause_reading()  # section 4.1: a client must wait for our answer, so this is more than we owe it
            return False
        self._pump()
        return self._receiving and self._head is not None

    def _pump(self) -> None:
        """Turn fed bytes into messages as long as the queue has room."""
        parser = self._parser
        try:
            while parser.unread:
                if self._rest is not None and self._is_full(self._rest):
                    self._pause_reading()
                    return
                event = parser.next()
                if event is None:
                    break
                if type(event) is not str and type(event) is not bytes:
                    self._control(event)
                elif self._head is None and self._state != CLOSING:
                    self._head = event
                elif self._state != CLOSING:
                    self._queue(event)
        except WebSocketProtocolError as error:
            self._finish_after_messages(error)
            return
        if not self._reading:
            self._resume_reading()

    def _is_full(self, rest: deque[str | bytes]) -> bool:
        limits = self._limits
        return len(rest) >= limits.websocket_queue_messages or self._queued >= limits.websocket_queue_bytes

    def _queue(self, message: str | bytes) -> None:
        if self._rest is None:
            self._rest = deque()
        self._rest.append(message)
        self._queued += len(message)

    def _control(self, event: object) -> None:
        if isinstance(event, Ping):
            if self._writable:
                self.transport.write(encode_frame(PONG, event.payload))
            elif self._state == OPEN:
                self._pong = event.payload
        elif isinstance(event, Close):
            self._finish_after_messages(event)

    def _finish_after_messages(self, ending: Close | WebSocketProtocolError) -> None:
        self._ending = ending
        if self._state == OPEN and (self._busy or self._head is not None):
            self._state = ENDING
            self.deadline = 0.0
        else:
            self._conclude()

    def _conclude(self) -> None:
        """Let the peer's end take effect."""
        if isinstance(self._ending, Close):
            self._closed_by_peer(self._ending)
        elif self._ending is not None:
            self._fail(self._ending)

    def _closed_by_peer(self, event: Close) -> None:
        """Answer a Close frame with its own code, if ours has not gone out already (section 5.5.1)."""
        if self._state in TALKING:
            self.transport.write(encode_close(event.code))
            self._end(event.code, event.reason)
        elif self._state == CLOSED and self.close_code in (None, ABNORMAL):  # it came, and was read too late
            self.close_code, self.close_reason = event.code, event.reason
        if self._state != CLOSED:
            self._state = LINGERING
            self.transport.close()

    def _pause_reading(self) -> None:
        if self._reading and self._state != CLOSED and not self.transport.is_closing():
            self.transport.pause_reading()
        self._reading = False

    def _resume_reading(self) -> None:
        self._reading = True
        if self._state != CLOSED and not self.transport.is_closing():
            self.transport.resume_reading()

    # -- messages out -----------------------------------------------------------------------------------------------

    async def send(self, message: str | bytes) -> None:
        """Send a message; see ``WebSocket.send``. With ``slow="drop"`` it may be dropped, which is counted."""
        if not self._writable and not await self._admitted():
            return
        self.transport.write(self._encode(message))

    def try_send(self, message: str | bytes) -> bool:
        """Send a message unless that would have to wait; see ``WebSocket.try_send``."""
        return self.try_send_frame(self._encode(message))

    def try_send_frame(self, frame: bytes) -> bool:
        """``try_send`` a frame made by ``encode_message``, which may go to any number of sockets."""
        if self._state == CONNECTING:
            self._answer()
        if self._writable:
            self.transport.write(frame)
            return True
        if self._state in TALKING:
            self._overflow()
        return False

    async def writable(self) -> None:
        """Wait until a message would be taken; see ``WebSocket.writable``."""
        while not self._writable:
            if self._state == CONNECTING:
                self._answer()
            elif self._state not in TALKING:
                raise self._disconnect()
            else:
                await self._room()

    async def _admitted(self) -> bool:
        """Wait until a message may be written; return False when the policy drops it."""
        if self._state == CONNECTING:
            self._answer()
        while not self._writable:
            if self._state not in TALKING:
                raise self._disconnect()
            if self._overflow():
                return False
            if self._options.slow == "wait":
                await self._room()
        return True

    def _room(self) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._senders = self._senders or []
        self._senders.append(waiter)
        return waiter

    def _overflow(self) -> bool:
        """Apply the policy for a client that does not read: return True when the message is dropped."""
        if self._options.slow == "drop":
            self.dropped += 1
            return True
        if self._options.slow == "close":
            self._abort(POLICY, "the client reads too slowly")
        return False

    def pause_writing(self) -> None:
        """``buffer_bytes`` are unsent: senders wait from here on."""
        self._writable = False
        self._unsent = -1
        self.deadline = 0.0  # the next sweep begins the term

    def resume_writing(self) -> None:
        """The client took most of what was written."""
        if self._state not in TALKING:
            return
        self._writable = True
        self._alive = True
        if self._pong is not None:
            payload, self._pong = self._pong, None
            self.transport.write(encode_frame(PONG, payload))
        self._wake_senders()

    def _wake_senders(self) -> None:
        waiters, self._senders = self._senders, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    # -- the end ----------------------------------------------------------------------------------------------------

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the socket; a handshake that was not answered yet is answered first."""
        self._close(code, reason)

    def _close(self, code: int, reason: str) -> None:
        frame = encode_close(code, reason)
        if self._state == CONNECTING:
            self._answer()
        if self._state == ENDING:
            self._conclude()
        if self._state != OPEN:
            return
        self.transport.write(frame)
        self._state = CLOSING
        self._end(code, reason)
        self._pump()

    def finish(self, error: BaseException | None) -> None:
        """Close with the code that fits how the handler ended: 1000, 1007 (a bad message), 1011.

        A handshake that was not answered before ``error`` gets its status.
        """
        if error is None:
            self._close(NORMAL, "")
        elif self._state == CONNECTING:
            self._refuse(refusal_response(error))
        else:
            self._close(*close_for(error))

    def shut_down(self) -> None:
        """The server stops: close with 1012, so that clients come back elsewhere."""
        if self._state == CONNECTING:
            self._refuse(Response("The server restarts.", 503, {"retry-after": "1"}))
        else:
            self._close(RESTART, "the server restarts")

    def _fail(self, error: WebSocketProtocolError) -> None:
        """The peer broke a rule: tell it which, and read no more (section 7.1.7)."""
        if self._state in TALKING:
            self.transport.write(encode_close(error.close_code, error.what))
            self._end(error.close_code, error.what)
        self._linger()

    def _linger(self) -> None:
        if self._state == CLOSED:
            return
        self._state = LINGERING
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._resume_reading()
        else:
            self.transport.close()

    def _end(self, code: int, reason: str) -> None:
        """Nothing is sent from here on; messages that came before the peer's end can still be received."""
        self.deadline = 0.0  # look at it soon
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        if self._state == CLOSING:
            self._head = self._rest = None
            self._queued = 0
        self._writable = False
        self._pong = None
        self._wake()
        self._wake_senders()

    def _disconnect(self) -> WebSocketDisconnect:
        return WebSocketDisconnect(self.close_code or ABNORMAL, self.close_reason)

    def _abort(self, code: int, reason: str) -> None:
        self._state = LINGERING
        self._end(code, reason)
        self.transport.abort()

    def eof_received(self) -> bool:
        """The peer sends no more, so no closing handshake can complete: the transport closes."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; without a closing handshake the code is 1006."""
        self._state = CLOSED
        if self._ending is not None:
            self._conclude()
        self._end(ABNORMAL, str(exc) if exc else "the connection broke")
        if self._forget is not None:
            self._forget(self)

    def expire(self, now: float) -> None:
        """Do what time asks for: ping an idle client, end one that is stalled, silent or slow to close.

        ``now`` is in seconds. It may be called at any time, and must be once ``deadline`` has passed.
        """
        self.deadline = inf
        if self._state == OPEN:
            if not self._writable:  # first: who sends but never reads is stalled all the same
                self._check_stalled(now)
            else:
                self._check_silence(now)
        elif self._state not in (CONNECTING, CLOSED):
            self._expire_ending(now)

    def _expire_ending(self, now: float) -> None:
        ending = self._state == ENDING
        if not self._until:
            self._until = now + (ENDING_GRACE if ending else self._timeouts.websocket_close or inf)
        if now < self._until:
            self.deadline = self._until
        elif ending:
            self._until = 0.0
            self._conclude()
        else:
            self.transport.abort()

    def _check_stalled(self, now: float) -> None:
        patience = self._timeouts.write or inf
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._since = unsent, now
        if now - self._since >= patience:
            self._abort(ABNORMAL, "the client stopped reading")
        else:
            self.deadline = self._since + patience

    def _check_silence(self, now: float) -> None:
        timeouts = self._timeouts
        if self._alive or not self._reading:  # a client that we do not read cannot answer
            if not self._pinged:
                self._since = now
            self._alive = self._pinged = False
        quiet = now - self._since
        if self._pinged and quiet >= (timeouts.websocket_pong or inf):
            self._abort(ABNORMAL, "no answer to a ping")
            return
        if not self._pinged and quiet >= (timeouts.websocket_ping or inf):
            self.transport.write(_PING)
            self._pinged, self._since = True, now
        self.deadline = self._since + (
            (timeouts.websocket_pong if self._pinged else timeouts.websocket_ping) or inf
        )
