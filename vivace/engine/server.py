"""One server on one event loop: listening sockets, the connections they brought, the clock they share.

The server owns what all connections have in common, so that a connection holds only what is its own: the handle, the
limits, encoded heads, the date line and a coarse clock. ``sweep`` is the only timer: every ``TICK`` it moves the clock
and asks the connections whose patience ended. Tests call it with a clock of their own.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any, Final, TypeAlias

from vivace.config.settings import Settings
from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request
from vivace.http.response import Response, Upgrade
from vivace.http.types import Handle

from .protocol import HTTPProtocol
from .wire import HeadCache

logger = logging.getLogger("vivace.engine")

TICK: Final = 0.25  # seconds: the precision of all time-outs
BACKLOG: Final = 2048

Finished: TypeAlias = Callable[[Request, "Response | None", float], None]
"""Called after each response with the request, the response (None: cut off) and the clock when it began."""


class Server:
    """Serves ``handle`` on listening sockets; one per worker.

    ``clock`` is monotonic seconds. ``on_finished`` (access log, metrics) costs nothing when it is ``None``.
    """

    def __init__(
        self,
        handle: Handle,
        settings: Settings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        settings = settings or Settings()
        self.handle = handle
        self.settings = settings
        self.limits = settings.limits
        self.timeouts = settings.timeouts
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.heads = HeadCache()
        self.on_finished: Finished | None = None
        self.draining = False
        self.connections: set[HTTPProtocol] = set()
        self._wall_clock = wall_clock
        self._listeners: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self.now = 0.0
        self.date = b""  # the date line and the empty line: the end of every head
        self.tick()

    # -- listening ------------------------------------------------------------------------------------------------

    async def listen(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on ``sockets`` (bound; TCP or Unix) from now on."""
        for sock in sockets:
            create = self.loop.create_unix_server if sock.family == getattr(socket, "AF_UNIX", -1) else None
            options: dict[str, Any] = {"sock": sock, "backlog": BACKLOG, "ssl": tls}
            factory = self.protocol
            listener = await (create or self.loop.create_server)(factory, **options)
            self._listeners.append(listener)
        if self._timer is None:
            self._schedule()

    def protocol(self) -> HTTPProtocol:
        """Return the protocol for a new connection."""
        return HTTPProtocol(self)

    def stop_accepting(self) -> None:
        """Close the listeners; connections stay."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def drain(self) -> None:
        """Finish what is under way, close what is idle, and cut what is left after ``timeouts.shutdown`` seconds."""
        self.draining = True
        self.stop_accepting()
        for connection in list(self.connections):
            connection.close_when_idle()
        try:
            async with asyncio.timeout(self.timeouts.shutdown or None):
                while self.connections:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            logger.warning("%d connections were cut off at the end of the drain", len(self.connections))
        await self.close()

    async def close(self) -> None:
        """Cut every connection and stop the clock."""
        self.stop_accepting()
        for connection in list(self.connections):
            connection.transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.sleep(0)

    # -- what connections ask -------------------------------------------------------------------------------------

    def opened(self, connection: HTTPProtocol) -> None:
        """Register a connection; refuse it when there are too many."""
        self.connections.add(connection)
        if self.limits.connections and len(self.connections) > self.limits.connections:
            connection.transport.abort()

    def closed(self, connection: HTTPProtocol) -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        if self.draining and not self.connections:
            self._idle.set()

    def describe(self, transport: asyncio.BaseTransport) -> tuple[Connection, bool]:
        """Return what the transport says of the connection, and whether its peer is a trusted proxy."""
        peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        tls = transport.get_extra_info("sslcontext") is not None
        base = Connection("https" if tls else "http", _address(peer), _address(here))
        if tls:
            base.peer_certificate = transport.get_extra_info("peercert") or None
        return base, False

    def adapt(
        self, protocol: HTTPProtocol, connection: Connection, version: str, headers: RawHeaders
    ) -> Connection:
        """Return the connection as one request sees it: another HTTP version, or what a trusted proxy says."""
        if version == connection.http_version:
            return connection
        adapted = type(protocol.connection)(protocol, connection)
        adapted.http_version = version
        return adapted

    async def upgrade(self, protocol: HTTPProtocol, request: Request, response: Upgrade) -> None:
        """Turn a connection into a WebSocket."""

    # -- the clock ------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Move the coarse clock and the date line."""
        self.now = self.clock()
        self.date = b"date: %b\r\n\r\n" % formatdate(self._wall_clock(), usegmt=True).encode()

    def sweep(self) -> None:
        """Move the clock and end the patience with connections whose deadline has passed."""
        self.tick()
        now = self.now
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expire(now)

    def _schedule(self) -> None:
        self._timer = self.loop.call_later(TICK, self._schedule)
        self.sweep()


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None


__all__ = ["BACKLOG", "TICK", "Finished", "Server"]
