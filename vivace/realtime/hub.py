"""The connections of this process, and who is called for what they say.

Theory
------
A message from a client is a JSON array that begins with its *verb*, or bytes. Rooms register handlers:
``hub.verbs["watch"] = handler`` with ``async def handler(connection, message)``. Messages of one connection are handled
one after the other, in their order, so a handler that takes long holds up its own client alone: it must return soon, and
spawns what takes longer. What a client can do to others is bounded here, before any handler:

1. A message beyond ``message_bytes`` ends the connection (the carrier sees to that).
2. More than ``messages_per_second`` are read more slowly (a token bucket): the client's own sending waits. Large messages
   count more, as they cost more to read.
3. What is no message (``messages.py``) ends the connection with 1007; a verb that nobody knows is answered with
   ``["unknown", verb]``, so that a newer client can tell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from vivace.http.websocket import WebSocket

from .connection import Connection, SocketConnection
from .frames import text_frame
from .messages import parse_message
from .options import RealtimeOptions

logger: Final = logging.getLogger("vivace.realtime")
VerbHandler: TypeAlias = Callable[[Connection, list[Any]], Awaitable[None]]
BinaryHandler: TypeAlias = Callable[[Connection, bytes], Awaitable[None]]
MESSAGE_BYTES: Final = 16_384  # each so many bytes of a message count as one more
PONG: Final = text_frame(("pong",))


class Hub:
    """Everybody who is connected to this process; ``app.realtime``.

    ``verbs`` maps the first word of a message to its handler, ``binary`` takes what is bytes.
    """

    __slots__ = ("_clock", "binary", "connections", "dropped", "options", "verbs")

    def __init__(
        self, options: RealtimeOptions | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.options = options or RealtimeOptions()
        self.verbs: dict[str, VerbHandler] = {"ping": _ping}
        self.binary: BinaryHandler | None = None
        self.connections: dict[str, Connection] = {}
        self.dropped = 0  # events that were not sent to slow readers whose connection has ended
        self._clock = clock

    async def serve(self, socket: WebSocket) -> None:
        """Talk with one WebSocket until it closes: the handler of ``/_vivace/socket``."""
        connection = SocketConnection(socket, self.options)
        pace = self.pace()
        with self.holding(connection):
            async for message in socket:
                await self.take(connection, message)
                await pace.keep(len(message))
            await connection.said_goodbye()

    def pace(self) -> Pace:
        """Return what holds one client to its rate."""
        return Pace(self.options, self._clock)

    def holding(self, connection: Connection) -> Holding:
        """Return a context in which a connection is one of ours; at its end it has ended."""
        return Holding(self, connection)

    async def take(self, connection: Connection, message: str | bytes) -> None:
        """Handle one message; raises ``BadMessage`` for what is none."""
        connection.taking = len(message)
        if isinstance(message, bytes):
            if self.binary is None:
                connection.send("unknown", "binary")
            else:
                await self.binary(connection, message)
            return
        await self.dispatch(connection, parse_message(message))

    async def dispatch(self, connection: Connection, message: list[Any]) -> None:
        """Handle one message that was parsed; raises what its handler raises, which ends the connection."""
        handler = self.verbs.get(message[0])
        if handler is None:
            connection.send("unknown", message[0][:80])
            return
        await handler(connection, message)

    def __repr__(self) -> str:
        return f"<Hub of {len(self.connections)} connections>"


class Holding:
    """A connection among those of a hub."""

    __slots__ = ("_connection", "_hub")

    def __init__(self, hub: Hub, connection: Connection) -> None:
        self._hub = hub
        self._connection = connection

    def __enter__(self) -> Connection:
        self._hub.connections[self._connection.id] = self._connection
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._hub.connections.pop(self._connection.id, None)
        self._hub.dropped += self._connection.dropped
        self._connection.ended()


class Pace:
    """A token bucket: ``burst`` messages at once, ``messages_per_second`` in the long run."""

    __slots__ = ("_clock", "_left", "_rate", "_size", "_then")

    def __init__(self, options: RealtimeOptions, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate, self._size = options.messages_per_second, float(options.burst)
        self._left, self._then = self._size, clock()

    def spend(self, size: int = 0) -> bool:
        """Count a message of ``size`` bytes; return whether the client is ahead of its rate."""
        now = self._clock()
        cost = 1 + size // MESSAGE_BYTES
        self._left = min(self._size, self._left + (now - self._then) * self._rate) - cost
        self._then = now
        return self._left < 0

    async def keep(self, size: int = 0) -> None:
        """Count a message of ``size`` bytes, and wait until the client may go on."""
        if self.spend(size):
            await asyncio.sleep(self.debt)

    @property
    def debt(self) -> float:
        """Seconds until the client may go on."""
        return max(0.0, -self._left / self._rate)


async def _ping(connection: Connection, message: list[Any]) -> None:
    connection.send_frame(PONG)


__all__ = ["BinaryHandler", "Hub", "Pace", "VerbHandler"]
