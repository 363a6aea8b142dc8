"""Where WebSockets do not get through: an event stream down, POST requests up, behind the same ``Connection``.

The stream begins with an event ``hello``, of which the data is the connection's id as JSON. Each frame is then an event
(``message`` for text; ``binary``, in base64, for bytes). The client posts to ``/_vivace/send?connection=ID&n=NUMBER``: a JSON
array of messages, or one binary message as ``application/octet-stream``. It numbers its posts from 1 and sends the next when
one was answered; a number that was taken before is answered and does nothing, so that it may send again.

A post may reach another process than the stream's. The id says whose it is, and the broker carries the post there. It is
answered with 202 when it is on its way; 404: the connection is not known, so the client opens another one.

Anybody may post, so nothing is carried that names no process of ours: each that has streams keeps a lease, and who does
not find one asks the broker, together with all others, at most ten times a second. What waits for a slow connection is bounded.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Final

import msgspec

from vivace.brokers import Message
from vivace.brokers.exchange import Exchange
from vivace.engine.websocket.frames import POLICY
from vivace.errors import BadMessage, BadRequest, NotFound
from vivace.http.eventstream import Event, EventStream
from vivace.http.request import Request
from vivace.http.response import Empty, Response
from vivace.http.websocket import WebSocketDisconnect

from .connection import Connection
from .frames import encode_json, is_text, payload_of
from .hub import Hub, Pace
from .messages import bad_message, checked_message
from .options import RealtimeOptions

POSTS: Final = "vivace/posts/"
HEARTBEAT: Final = 15.0  # seconds
LOOK_UP: Final = 1.0  # seconds between looks at whether the server stops
PROCESSES: Final = "vivace/posts"  # the topic of the leases of those that have streams
ASK_AGAIN: Final = 0.1  # seconds between questions which processes there are
WAITING: Final = 64  # posts that were carried here and wait for their connection; more close it
_decode_list: Final = msgspec.json.Decoder(list[Any]).decode


class Post(msgspec.Struct, frozen=True, array_like=True):
    """One POST on its way to the process that has the stream."""

    connection: str
    number: int
    body: bytes
    binary: bool


_encode_post: Final = msgspec.msgpack.Encoder().encode
_decode_post: Final = msgspec.msgpack.Decoder(Post).decode


class StreamConnection(Connection):
    """A connection over an event stream; what is to be sent waits here until the stream takes it."""

    __slots__ = ("_queue", "_ready", "_size", "_space", "lock", "pace", "posted", "waiting")

    def __init__(self, request: Request, options: RealtimeOptions, pace: Pace, process: str) -> None:
        super().__init__(request, options)
        self.id = f"{process}.{self.id}"
        self.posted = 0  # the number of the latest post
        self.lock = asyncio.Lock()  # posts are taken one after the other
        self.pace = pace
        self.waiting = 0  # posts
        self._queue: deque[bytes] = deque()
        self._size = 0
        self._ready = asyncio.Event()
        self._space = asyncio.Event()

    def _write(self, frame: bytes) -> bool:
        if self._size >= self._options.buffer_bytes or self.closed:
            return False
        self._queue.append(frame)
        self._size += len(frame)
        self._ready.set()
        return True

    async def _writable(self) -> None:
        while self._size >= self._options.buffer_bytes and not self.closed:
            self._space.clear()
            await self._space.wait()
        if self.closed:
            raise WebSocketDisconnect(1006, "the event stream has ended")

    def ended(self) -> None:
        """Say that the stream is gone."""
        super().ended()
        self._ready.set()
        self._space.set()

    async def events(self) -> AsyncGenerator[Event]:
        """Yield what is sent, until the connection is closed or the server stops."""
        yield Event(encode_json(self.id).decode(), event="hello")
        while True:
            while self._queue:
                frame = self._queue.popleft()
                yield as_event(frame)
                self._size -= len(frame)
                self._space.set()
            if self.closed or self.request.connection.shutting_down:
                return
            self._ready.clear()
            try:
                async with asyncio.timeout(LOOK_UP):
                    await self._ready.wait()
            except TimeoutError:
                continue


def as_event(frame: bytes) -> Event:
    """Return a frame as an event."""
    payload = payload_of(frame)
    if is_text(frame):
        return Event(payload.decode())
    return Event(base64.b64encode(payload).decode(), event="binary")


class Streams:
    """The event streams of one process, and the posts that belong to them."""

    def __init__(
        self,
        hub: Hub,
        broker: Exchange | None,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
    ) -> None:
        self._hub = hub
        self._broker = broker
        self._spawn = spawn
        self._listening = ""  # the process as which it hears posts
        self._beginning: asyncio.Future[None] | None = None
        self._processes = frozenset[str]()  # that have streams
        self._asked = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def open(self, request: Request) -> Response:
        """Answer with the stream of a new connection; raises ``BrokerError``."""
        await self._listen()
        hub = self._hub
        process = self._broker.process if self._broker is not None else "here"
        connection = StreamConnection(request, hub.options, hub.pace(), process)
        return EventStream(
            self._streaming(connection), heartbeat=HEARTBEAT, headers={"cache-control": "no-store"}
        )

    async def _listen(self) -> None:
        """Hear posts that others carry here, and let them know."""
        broker = self._broker
        while broker is not None and self._listening != broker.process:
            if self._beginning is not None:
                await asyncio.wait({self._beginning})
                continue
            self._beginning = asyncio.get_running_loop().create_future()
            try:
                process = broker.process
                await broker.listen(POSTS + process, self._forwarded)
                await broker.put(PROCESSES, process, b"")
                self._listening = process
            finally:
                self._beginning.cancel()
                self._beginning = None

    async def _streaming(self, connection: StreamConnection) -> AsyncGenerator[Event]:
        with self._hub.holding(connection):
            async for event in connection.events():
                yield event

    async def take(self, request: Request) -> Response:
        """Answer a POST; raises ``NotFound`` for a connection that is not, ``BadRequest`` for what is no message."""
        post = Post(
            request.query.get("connection") or "",
            _number(request.query.get("n")),
            await request.body(),
            request.content_type == "application/octet-stream",
        )
        connection = self._hub.connections.get(post.connection)
        if isinstance(connection, StreamConnection):
            try:
                await self._take(connection, post)
            except BadMessage as error:
                raise BadRequest(error.what, expected=error.expected) from error
        else:
            await self._forward(post)
        return Empty(202)

    async def _take(self, connection: StreamConnection, post: Post) -> None:
        async with connection.lock:
            if post.number <= connection.posted:
                return
            connection.posted = post.number
            messages = _messages(post)
            for message in messages:
                connection.taking = len(post.body) // len(messages)
                if isinstance(message, bytes):
                    await self._hub.take(connection, message)
                else:
                    await self._hub.dispatch(connection, checked_message(message))
                await connection.pace.keep(connection.taking)

    async def _forward(self, post: Post) -> None:
        process, dot, _ = post.connection.rpartition(".")
        broker = self._broker
        if (
            broker is None
            or not dot
            or process == broker.process
            or not await self._is_known(broker, process)
        ):
            raise NotFound("This connection is not known here.")
        await broker.publish(POSTS + process, _encode_post(post))

    async def _is_known(self, broker: Exchange, process: str) -> bool:
        """Return whether a process has streams; raises ``BrokerError``."""
        came = asyncio.get_running_loop().time()
        while process not in self._processes and self._asked < came:
            if self._asking is None or self._asking.done():
                self._asking = self._spawn(self._ask(broker))
            await asyncio.shield(self._asking)
        return process in self._processes

    async def _ask(self, broker: Exchange) -> None:
        """Find out which processes have streams, for all who want to know."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._asked + ASK_AGAIN - loop.time())
        asked = loop.time()
        self._processes = frozenset(key for _, key in await broker.entries(PROCESSES))
        self._asked = asked

    def _forwarded(self, message: Message) -> None:
        post = _decode_post(message.payload)
        connection = self._hub.connections.get(post.connection)
        if not isinstance(connection, StreamConnection):
            return
        if connection.waiting >= WAITING:
            connection.abort(POLICY, "too fast")
            return
        connection.waiting += 1
        self._spawn(self._take_forwarded(connection, post))

    async def _take_forwarded(self, connection: StreamConnection, post: Post) -> None:
        try:
            if not connection.closed:
                await self._take(connection, post)
        except BadMessage as error:
            connection.abort(1007, error.what)
        finally:
            connection.waiting -= 1


def _messages(post: Post) -> list[Any]:
    if post.binary:
        return [post.body]
    try:
        return _decode_list(post.body)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise bad_message(f"not a JSON array of messages: {error}") from None


def _number(text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadRequest("The post has no number.", expected="n=1, 2, 3 …", got=str(text)[:40])
    return int(text)


__all__ = ["StreamConnection", "Streams"]
