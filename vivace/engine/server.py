"""One server on one event loop: listening sockets, the connections they brought, the clock they share.

The server owns what all connections have in common, so that a connection holds only what is its own: the handle, the
limits, encoded heads, the date line and a coarse clock. ``sweep`` is the only timer: every ``TICK`` it moves the clock
and asks the connections whose patience ended. Tests call it with a clock of their own.

A drain has an order, so that no request is lost: listeners close; WebSockets are told (1012) and event streams see
``connection.shutting_down``; each connection says ``Connection: close`` with its next response; event streams that
did not end by themselves are ended; connections on which nothing came for ``IDLE_GRACE`` are closed last, because a
request might have been on its way to them; at ``timeouts.shutdown`` the rest is cut.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from vivace.config.settings import Settings
from vivace.errors import HTTPError, ServiceUnavailable
from vivace.http.dates import format_http_date
from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request
from vivace.http.response import Response, Upgrade
from vivace.http.types import Handle

from .http1.connection import EngineConnection
from .http1.protocol import HTTPProtocol
from .http1.refusals import refusal_response
from .http1.wire import HeadCache
from .listening.acceptor import Acceptor
from .listening.proxies import TrustedProxies, peer_address, replace_host

if TYPE_CHECKING:
    import ssl

    from .http1.outlet import Outlet
    from .listening.proxyprotocol import ProxyAcceptor, ProxyHeader
    from .websocket import EngineWebSocket

logger = logging.getLogger("vivace.engine")

TICK: Final = 0.25  # seconds: the precision of all time-outs
DRAIN_STEP: Final = 0.05  # seconds between looks at what a drain still waits for
IDLE_GRACE: Final = (
    1.0  # seconds of a drain before idle connections are closed, at most a quarter of the whole
)

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
        self.context = copy_context()  # that of no request
        self.heads = HeadCache()
        self.on_finished: Finished | None = None
        self.draining = False
        self.accepting = False
        self.connections: set[HTTPProtocol] = set()
        self.streams: set[HTTPProtocol] = set()  # connections that send server-sent events
        self.sockets: set[EngineWebSocket] = set()
        self._talks: set[asyncio.Task[None]] = set()
        # Bound once: each socket would have its own, 64 bytes apiece.
        self._ending, self._forgetting = self._ended, self._forget
        self._served = 0  # by connections that are closed
        self._wall_clock = wall_clock
        self._acceptors: list[Acceptor | ProxyAcceptor] = []
        self.proxies = TrustedProxies(
            settings.trusted_proxies, headers=settings.forwarded_headers, host=settings.forwarded_host
        )
        self.introduced: dict[int, ProxyHeader] = {}  # by descriptor, while a connection is being made
        self._here: tuple[str, int] | None = None  # where the last connection came in
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self.now = 0.0
        self.date = b""  # the date line and the empty line: the end of every head
        self.tick()

    # -- listening ------------------------------------------------------------------------------------------------

    async def listen(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on ``sockets`` (bound; TCP or Unix) from now on; they stay the caller's to close."""
        self.context = copy_context()
        for sock in sockets:
            acceptor = self._acceptor(sock, tls)
            self._acceptors.append(acceptor)
            await acceptor.open()
        self.accepting = True
        if self._timer is None:
            self._schedule()

    def _acceptor(self, sock: socket.socket, tls: ssl.SSLContext | None) -> Acceptor | ProxyAcceptor:
        if self.settings.proxy_protocol:
            from .listening.proxyprotocol import ProxyAcceptor  # few servers need it

            return ProxyAcceptor(self, sock, tls)
        return Acceptor(sock, self.protocol, tls, self.timeouts.headers or None)

    def protocol(self) -> HTTPProtocol:
        """Return the protocol for a new connection."""
        return HTTPProtocol(self)

    def pause_accepting(self) -> None:
        """Leave new connections to other workers, or in the kernel's queue."""
        self.accepting = False
        for acceptor in self._acceptors:
            acceptor.close()

    async def resume_accepting(self) -> None:
        """Accept again, unless the server drains.

        Whoever asks for it, the new connections are in the context of ``listen``, in which the app has started: the
        supervisor's messages come to a task that knows no app.
        """
        if not self.accepting and not self.draining:
            self.accepting = True
            for acceptor in self._acceptors:
                await self.loop.create_task(acceptor.open(), context=self.context.copy())

    @property
    def open_connections(self) -> int:
        """How many connections are open, WebSockets included."""
        return len(self.connections) + len(self.sockets)

    @property
    def in_flight(self) -> int:
        """How many requests are being served; counted when it is asked for."""
        return sum([connection.busy for connection in self.connections])

    @property
    def served(self) -> int:
        """How many requests were served; counted when it is asked for."""
        return self._served + sum([connection.served for connection in self.connections])

    # -- the end --------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Finish what is under way, in the order above; cut what is left after ``timeouts.shutdown`` seconds."""
        self.draining = True
        self.pause_accepting()
        for upgraded in list(self.sockets):
            upgraded.shut_down()
        try:
            async with asyncio.timeout(self.timeouts.shutdown or None):
                await self._wind_down()
        except TimeoutError:
            logger.warning("%d connections were cut off at the end of the drain", self.open_connections)
        await self.close()

    async def _wind_down(self) -> None:
        shutdown = self.timeouts.shutdown
        grace = min(IDLE_GRACE, shutdown / 4) if shutdown else IDLE_GRACE
        begun = self.clock()
        while self.open_connections:
            over = self.clock() - begun >= grace
            for connection in list(self.connections):
                connection.wind_down(over)
            self._idle.clear()
            try:
                async with asyncio.timeout(DRAIN_STEP):
                    await self._idle.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Cut every connection and stop the clock; what was being served is cancelled and awaited for a second."""
        self.pause_accepting()
        ending = {task for connection in list(self.connections) if (task := connection.cut()) is not None}
        for upgraded in list(self.sockets):
            upgraded.transport.abort()
        for talk in self._talks:
            talk.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ending |= self._talks
        if ending:
            await asyncio.wait(ending, timeout=1.0)
        await asyncio.sleep(0)

    # -- what connections ask -------------------------------------------------------------------------------------

    def opened(self, connection: HTTPProtocol) -> None:
        """Register a connection and bound what it may leave unsent; answer 503 when there are too many."""
        self.connections.add(connection)
        connection.transport.set_write_buffer_limits(self.limits.write_buffer_bytes)
        if self.limits.connections and self.open_connections > self.limits.connections:
            connection.refuse(
                ServiceUnavailable("Too many connections are open.", headers={"retry-after": "1"})
            )

    def closed(self, connection: HTTPProtocol) -> None:
        """Forget a connection."""
        if connection in self.connections:
            self.connections.discard(connection)
            self._served += connection.served
        if self.draining and not self.open_connections:
            self._idle.set()

    def _forget(self, upgraded: EngineWebSocket) -> None:
        self.sockets.discard(upgraded)
        if self.draining and not self.open_connections:
            self._idle.set()

    def trusts(self, peer: tuple[str, int] | None) -> bool:
        """Tell whether a peer may speak for others; see ``proxies``."""
        return self.proxies.trusts(peer)

    def describe(self, transport: asyncio.BaseTransport) -> tuple[Connection, bool]:
        """Return what the transport, or a PROXY header, says of the connection; and whether its peer is trusted."""
        peer = peer_address(transport.get_extra_info("peername"))
        here = peer_address(transport.get_extra_info("sockname"))
        if here == self._here:
            here = self._here  # one copy for all: 0.15 kB a connection
        else:
            self._here = here
        if self.introduced:
            header = self.introduced.get(transport.get_extra_info("socket").fileno())
            peer, here = (header.client, header.server) if header is not None else (peer, here)
        tls = transport.get_extra_info("sslcontext") is not None
        base = Connection("https" if tls else "http", peer, here)
        if tls:
            base.peer_certificate = transport.get_extra_info("peercert") or None
        return base, self.proxies.trusts(peer)

    def adapt(
        self, protocol: Outlet, connection: Connection, version: str, headers: RawHeaders
    ) -> Connection:
        """Return the connection as one request sees it: another HTTP version, or what a trusted proxy says."""
        adapted = EngineConnection(protocol, connection)
        adapted.http_version = version
        if self.proxies.trusts(connection.client):
            origin = self.proxies.resolve(connection.client, headers)
            adapted.client = origin.client
            adapted.scheme = origin.scheme or connection.scheme
            if origin.host is not None:
                replace_host(headers, origin.host)
        return adapted

    def upgrade(
        self, transport: asyncio.Transport, request: Request, response: Upgrade, early: bytes
    ) -> None:
        """Turn a connection into a WebSocket, served in a task of its own; ``early`` came behind the handshake.

        A handshake that is not complete (RFC 6455 section 4.2.1) is answered with 400 or 426, and the connection ends.
        """
        from .websocket import EngineWebSocket  # costs nothing to servers without sockets
        from .websocket.handshake import refusal

        request.connection = Connection(request.scheme, request.client, request.connection.server)
        try:
            socket = EngineWebSocket(
                request, transport, self.limits, self.timeouts, response.options, self._forgetting
            )
        except HTTPError as error:
            transport.set_protocol(asyncio.Protocol())  # the HTTP connection has let go of everything
            transport.write(refusal(refusal_response(error)))
            transport.close()
            return
        self.sockets.add(socket)
        socket.attach(early)
        if self.draining:
            socket.shut_down()
        self._own(socket.start(response.run, response.failed))

    def adopt(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task that lives no longer than the server; what it raises is logged."""
        return self._own(self.loop.create_task(work, name=name))

    def _own(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._talks.add(task)
        task.add_done_callback(self._ending, context=self.context)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._talks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not (isinstance(error, HTTPError) and error.status < 500):
            logger.error("%s failed", task.get_name(), exc_info=error)

    # -- the clock ------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Move the coarse clock and the date line."""
        self.now = self.clock()
        self.date = b"date: %b\r\n\r\n" % format_http_date(self._wall_clock()).encode()

    def sweep(self) -> None:
        """Move the clock and end the patience with connections whose deadline has passed."""
        self.tick()
        now = self.now
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expire(now)
        for upgraded in [each for each in self.sockets if each.deadline <= now]:
            upgraded.expire(now)

    def _schedule(self) -> None:
        self._timer = self.loop.call_later(TICK, self._schedule)
        self.sweep()


__all__ = ["TICK", "Finished", "Server"]
