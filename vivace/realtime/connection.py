"""One browser, whatever carries its messages: a WebSocket, or an event stream with POST requests.

Theory
------
A page has one connection for everything: channels and live regions send *frames* (``frames.py``) and register *verbs*
for what comes back (``hub.py``). Rules for who sends:

1. ``send_frame`` never waits. A frame is written to the carrier, or, while the client reads too slowly, it waits in the
   ``Backlog`` (bounded). Frames leave in the order in which they were sent, so once one waits, all later ones do.
2. A backlog that is over its bound closes the connection (1008). The client comes back and catches up by what every
   client does after any interruption: resume its channels, watch its regions. So slowness needs no case of its own.
3. Who can do better than queue (a live region renders again later, and skips what is between) looks at ``flowing``
   first, and may await ``drained()``.
4. ``closed`` is final; ``on_close`` callbacks run once, at once when it is closed already.

There is no task, timer or queue per connection: the task that writes a backlog lives as long as the backlog.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from vivace.engine.websocket import EngineWebSocket
from vivace.engine.websocket.frames import POLICY
from vivace.http.request import Request
from vivace.http.websocket import WebSocket, WebSocketDisconnect

from .backlog import Backlog, Held
from .frames import is_text, payload_of, text_frame
from .options import RealtimeOptions, Slow

V = TypeVar("V")
logger: Final = logging.getLogger("vivace.realtime")


class Connection(ABC):
    """A browser that is connected; other rooms keep what they know of it in ``state``, by their own keys.

    ``request`` is the handshake's: its cookies, its user, its address. ``dropped`` counts the events that its slowness
    has cost it. ``id`` is unguessable: who knows it may send in its name.
    """

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_closers",
        "_options",
        "_writer",
        "direct",
        "dropped",
        "id",
        "inbound",
        "request",
        "space",
        "state",
        "taking",
    )

    def __init__(self, request: Request, options: RealtimeOptions) -> None:
        self.request = request
        self.id = secrets.token_urlsafe(18)
        self.state: dict[Any, Any] = {}
        self.direct: EngineWebSocket | None = None  # what may be written to without further questions
        self.dropped = 0
        self.taking = 0  # bytes of the message that is being handled
        self.inbound = 0  # bytes of what its members have not taken yet
        self.space: asyncio.Future[None] | None = None  # done when that becomes less
        self._options = options
        self._backlog: Backlog | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closers: dict[int, Callable[[], object]] | None = {}

    @property
    def closed(self) -> bool:
        """Whether it has ended; what is sent goes nowhere then."""
        return self._closers is None

    @property
    def flowing(self) -> bool:
        """Whether the client takes what it is sent: nothing waits."""
        return self._backlog is None and not self.closed

    # -- out --------------------------------------------------------------------------------------------------------

    def send(self, *message: Any) -> None:
        """Send one message: ``connection.send("live", page, region, …)``."""
        self.send_frame(text_frame(message))

    def send_frame(self, frame: bytes) -> None:
        """Send a frame (``frames.text_frame``), which may go to any number of connections; see the module's rules."""
        if self._backlog is not None or not self._write(frame):
            self.hold(Held(frame, "", "", "close"))

    def offer(self, frame: bytes, room: str, name: str, slow: Slow) -> bool:
        """Send an event of a room, whose policy is applied where the client is slow; return whether it went at once."""
        if self._backlog is None and self._write(frame):
            return True
        self.hold(Held(frame, room, name, slow))
        return False

    def hold(self, held: Held) -> None:
        """Let a frame wait until the client reads, within the bound."""
        if self.closed:
            return
        backlog = self._backlog
        if backlog is None:
            backlog = self._backlog = Backlog(self._options.held_bytes)
            self._writer = asyncio.get_running_loop().create_task(self._drain(backlog), name="backlog")
        before = backlog.dropped
        backlog.add(held)
        self.dropped += backlog.dropped - before
        if backlog.over:
            logger.warning("%s reads too slowly: it is closed and may come back", self)
            self.abort(POLICY, "too slow")

    async def drained(self) -> None:
        """Wait until nothing waits any more, or the connection is closed."""
        writer = self._writer
        if writer is not None and not writer.done():
            await asyncio.wait({writer})

    async def _drain(self, backlog: Backlog) -> None:
        try:
            while not self.closed:
                await self._writable()
                for room, count in backlog.take_lost().items():
                    self._write(text_frame(("dropped", room, count)))
                    await self._writable()
                frame = backlog.take()
                if frame is None:
                    break
                self._write(frame)
        except WebSocketDisconnect:
            self.ended()
        finally:
            self._backlog = None

    @abstractmethod
    def _write(self, frame: bytes) -> bool:
        """Hand a frame to the carrier; return False where it would have to wait, or is lost."""

    @abstractmethod
    async def _writable(self) -> None:
        """Wait until the carrier takes a frame; raises ``WebSocketDisconnect`` when it is closed."""

    # -- the end ----------------------------------------------------------------------------------------------------

    def on_close(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback()`` once when the connection has ended; returns what takes that back."""
        closers = self._closers
        if closers is None:
            callback()
            return lambda: None
        key = id(callback)
        while key in closers:
            key += 1
        closers[key] = callback

        def forget() -> None:
            if self._closers is not None:
                self._closers.pop(key, None)

        return forget

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; the client is told the code and the reason."""
        self.abort(code, reason)

    def abort(self, code: int, reason: str) -> None:
        """Close the connection without waiting for anything."""
        self.ended()

    def ended(self) -> None:
        """Say that the carrier is gone: the callbacks run. For carriers."""
        closers, self._closers = self._closers, None
        writer, self._writer = self._writer, None
        if writer is not None and writer is not asyncio.current_task():
            writer.cancel()
        for callback in (closers or {}).values():
            try:
                callback()
            except Exception as error:
                logger.error("a callback at the end of %s failed", self, exc_info=error)

    def taken(self, size: int) -> None:
        """Say that so many bytes of what the client sent wait no more."""
        self.inbound -= size
        if self.space is not None and not self.space.done():
            self.space.set_result(None)

    def __repr__(self) -> str:
        client = self.request.client
        return f"<{type(self).__name__} {client[0] if client else 'local'}>"


class SocketConnection(Connection):
    """A connection over a WebSocket: the engine's, a foreign server's or the test client's."""

    __slots__ = ("_closing", "socket")

    def __init__(self, socket: WebSocket, options: RealtimeOptions) -> None:
        super().__init__(socket.request, options)
        self.socket = socket
        if isinstance(socket, EngineWebSocket):
            self.direct = socket
        self._closing: asyncio.Task[None] | None = None

    def _write(self, frame: bytes) -> bool:
        if self.direct is not None:
            return self.direct.try_send_frame(frame)
        payload = payload_of(frame)
        return self.socket.try_send(payload.decode() if is_text(frame) else payload)

    async def _writable(self) -> None:
        await self.socket.writable()

    def abort(self, code: int, reason: str) -> None:
        """Close the socket, with the frames before it sent as far as the client reads."""
        if not self.closed:
            closing = self.socket.close(code, reason)
            self._closing = asyncio.get_running_loop().create_task(closing, name="close")
        self.ended()

    async def said_goodbye(self) -> None:
        """Wait until our side has closed the socket, if it does."""
        if self._closing is not None:
            await asyncio.wait({self._closing})


def belongings(connection: Connection, key: str, forget: Callable[[V], object]) -> dict[Any, V]:
    """Return what is kept of a connection under a key of its ``state``; each item is forgotten when the connection ends."""
    known: dict[Any, V] | None = connection.state.get(key)
    if known is not None:
        return known
    kept: dict[Any, V] = connection.state.setdefault(key, {})

    def closed() -> None:
        while kept:
            forget(kept.pop(next(iter(kept))))

    connection.on_close(closed)
    return kept


def spread(connections: Iterable[Connection], frame: bytes) -> list[Connection]:
    """Write one frame to many connections; returns those that could not take it now.

    This loop is the price of a room's member: for an open socket of the engine it is a few tests and the write.
    """
    late: list[Connection] = []
    for connection in connections:
        socket = connection.direct
        if socket is not None and socket._writable and connection._backlog is None:
            socket.transport.write(frame)
        elif connection._backlog is not None or not connection._write(frame):
            late.append(connection)
    return late


def spread_frames(connections: Iterable[Connection], frames: list[bytes]) -> list[Connection]:
    """Write several frames to many connections, in one write each; returns those that could not take all of them now."""
    if len(frames) == 1:
        return spread(connections, frames[0])
    joined, late = b"".join(frames), list[Connection]()
    for connection in connections:
        socket = connection.direct
        if socket is not None and socket._writable and connection._backlog is None:
            socket.transport.write(joined)
        else:
            late.append(connection)
    return late


__all__ = ["Connection", "SocketConnection", "belongings", "spread", "spread_frames"]
