"""ASGI out: the app as an ASGI 3 application, to run under uvicorn, Granian (HTTP/2), Hypercorn and others.

Per request there are two tasks: the handler's, and a *pump* that reads the server's events. The pump fills the body
up to a bound, and it alone notices ``http.disconnect``, which an ASGI server only tells to who asks. What a disconnect
means is ``vivace.engine.exchange``'s business.

With ``Expect: 100-continue`` the pump does not ask before the handler reads: asking makes servers send the 100, and a
handler must be able to refuse first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from vivace.config.settings import Timeouts
from vivace.engine.exchange import Exchange, converse, deliver
from vivace.engine.http1.reader import BodyReader
from vivace.engine.socket import Event, MessageSocket, Receive, Send
from vivace.errors import ClientDisconnected
from vivace.errors.foreign import UnknownScope
from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request
from vivace.http.response import Response
from vivace.http.types import Handle

from .scope import connection_values, handshake_headers, headers_of, target_of

Scope: TypeAlias = MutableMapping[str, Any]
Lifecycle: TypeAlias = Callable[[], Awaitable[None]]

log: Final = logging.getLogger("vivace.asgi")
GRACE: Final = Timeouts().shutdown
_HTTP: Final = "http.response"
_DENIAL: Final = "websocket.http.response"
_EARLY_HINT: Final = "http.response.early_hint"


class ASGIAdapter:
    """An ASGI 3 application around ``handle``; ``startup`` and ``shutdown`` run with the server's lifespan.

    ``grace`` is the time in seconds that a WebSocket handler gets to end after its client went away.
    """

    __slots__ = ("_grace", "_handle", "_shutdown", "_startup", "shutting_down")

    def __init__(
        self,
        handle: Handle,
        startup: Lifecycle | None = None,
        shutdown: Lifecycle | None = None,
        *,
        grace: float = GRACE,
    ) -> None:
        self._handle = handle
        self._startup = startup
        self._shutdown = shutdown
        self._grace = grace
        self.shutting_down = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope; raises ``UnknownScope`` for any but http, websocket and lifespan."""
        kind = scope["type"]
        if kind == "http":
            await self._serve_http(scope, receive, send)
        elif kind == "websocket":
            await self._serve_socket(scope, receive, send)
        elif kind == "lifespan":
            await self._serve_lifespan(receive, send)
        else:
            raise UnknownScope(
                "The server asked for a protocol that the app does not speak.",
                expected="http, websocket or lifespan",
                got=repr(kind),
            )

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        link = HTTPLink(self, scope, receive, send)
        body = b"" if _has_no_body(scope, link.headers) else link.reader
        request = Request(scope["method"].upper(), target_of(scope), link.headers, link, body)
        exchange = Exchange(self._handle, request, link)
        task = exchange.start()
        link.begin(exchange.disconnect)
        try:
            await exchange.wait()
        finally:
            task.cancel()
            await link.end()

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        connection = AdapterConnection(self, scope)
        request = Request("GET", target_of(scope), handshake_headers(scope), connection)
        socket = MessageSocket(request, receive, send, _denial(scope, request, send))
        loop = asyncio.get_running_loop()
        handler = loop.create_task(converse(self._handle, request, socket), name=f"WebSocket {request.path}")
        pump = loop.create_task(socket.pump(), name="WebSocket events")
        try:
            await self._until_done(handler, pump)
        finally:
            handler.cancel()
            pump.cancel()
            await asyncio.wait({handler, pump})

    async def _until_done(self, handler: asyncio.Task[None], pump: asyncio.Task[None]) -> None:
        """Wait for the handler; once the client is gone it has ``grace`` seconds before it is cancelled."""
        await asyncio.wait({handler, pump}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({handler}, timeout=self._grace)
        if handler.done() and not handler.cancelled():
            handler.result()

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                if not await self._step(self._startup, "startup", send):
                    return
            elif event["type"] == "lifespan.shutdown":
                self.shutting_down = True
                await self._step(self._shutdown, "shutdown", send)
                return

    async def _step(self, function: Lifecycle | None, name: str, send: Send) -> bool:
        try:
            if function is not None:
                await function()
        except Exception as error:
            log.exception("the app's %s failed", name)
            await send({"type": f"lifespan.{name}.failed", "message": str(error)})
            return False
        await send({"type": f"lifespan.{name}.complete"})
        return True


def _has_no_body(scope: Scope, headers: RawHeaders) -> bool:
    """HTTP/1 says so in the head (RFC 9112 section 6.3); in HTTP/2 the stream tells."""
    if not scope.get("http_version", "1.1").startswith("1"):
        return False
    return not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)


class AdapterConnection(Connection):
    """A connection whose server may be shutting down."""

    __slots__ = ("_adapter",)

    def __init__(self, adapter: ASGIAdapter, scope: Scope) -> None:
        super().__init__(*connection_values(scope))
        self._adapter = adapter

    @property
    def shutting_down(self) -> bool:
        """True once the server sent ``lifespan.shutdown``."""
        return self._adapter.shutting_down


class HTTPLink(AdapterConnection):
    """One HTTP scope: the connection that the request sees, its body, and the carrier of its answer."""

    __slots__ = (
        "_carrier",
        "_gone",
        "_hints",
        "_hints_offered",
        "_on_disconnect",
        "_pump",
        "_receive",
        "_room",
        "_send",
        "_waits_for_reader",
        "headers",
        "reader",
    )

    def __init__(self, adapter: ASGIAdapter, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(adapter, scope)
        self.headers = headers_of(scope)
        self._receive = receive
        self._send = send
        self._carrier = SendCarrier(send, _HTTP)
        self._room = asyncio.Event()
        self.reader = BodyReader(self._room.set, self._room.set)
        self._hints: asyncio.Task[None] | None = None
        self._hints_offered = _EARLY_HINT in (scope.get("extensions") or {})
        self._pump: asyncio.Task[None] | None = None
        self._on_disconnect: Callable[[], None] = lambda: None
        self._gone = False
        self._waits_for_reader = any(name.lower() == b"expect" for name, _ in self.headers)

    @property
    def disconnected(self) -> bool:
        """True once the server told ``http.disconnect``."""
        return self._gone

    def begin(self, on_disconnect: Callable[[], None]) -> None:
        """Start to read the server's events."""
        self._on_disconnect = on_disconnect
        self._pump = asyncio.get_running_loop().create_task(self._read_events(), name="ASGI events")

    async def end(self) -> None:
        """Stop reading."""
        tasks = {task for task in (self._pump, self._hints) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def early_hints(self, headers: RawHeaders) -> None:
        """Send the ``Link`` fields as a 103, if the server offers it and the head has not left."""
        links = [value for name, value in headers if name.lower() == b"link"]
        if links and self._hints_offered and self._hints is None:
            event: Event = {"type": _EARLY_HINT, "links": links}
            self._hints = asyncio.get_running_loop().create_task(self._emit(event), name="early hints")

    async def start(self, status: int, fields: RawHeaders) -> None:
        """Send the head, after the early hints."""
        if self._hints is not None:
            await asyncio.wait({self._hints})
        self._check()
        await self._carrier.start(status, fields)
        self._room.set()  # an answer before the body was read: from now on the events matter, and no 100 can be sent

    async def write(self, data: bytes) -> None:
        """Send a piece of the body.

        Once the client is gone, uvicorn and Granian drop it silently and at once: so we look first, and give the pump
        its turn, without which a stream that never waits itself would hold the loop for ever (seen with Granian 2.8).
        """
        self._check()
        await self._carrier.write(data)
        await asyncio.sleep(0)

    async def finish(self, data: bytes = b"") -> None:
        """Send the end of the body."""
        self._check()
        await self._carrier.finish(data)

    def _check(self) -> None:
        if self._gone:
            raise _gone()

    async def _emit(self, event: Event) -> None:
        await self._send(event)

    async def _read_events(self) -> None:
        if self._waits_for_reader:
            await self._room.wait()
        while True:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                self._lost()
                return
            self._take(event)
            while self.reader.full:
                self._room.clear()
                await self._room.wait()

    def _take(self, event: Event) -> None:
        data = event.get("body") or b""
        if data:
            self.reader.feed(data)
        if not event.get("more_body", False):
            self.reader.finish([])

    def _lost(self) -> None:
        self._gone = True
        if not self.reader.complete:
            self.reader.fail(_gone())
        self._on_disconnect()


class SendCarrier:
    """Turns an answer into ASGI events: ``http.response.*`` or, for a refused handshake, ``websocket.http.response.*``."""

    __slots__ = ("_kind", "_send")

    def __init__(self, send: Send, kind: str) -> None:
        self._send = send
        self._kind = kind

    async def start(self, status: int, fields: RawHeaders) -> None:
        """Send the head."""
        await self._emit({"type": f"{self._kind}.start", "status": status, "headers": fields})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; the server waits while its client is slow."""
        await self._emit({"type": f"{self._kind}.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the end of the body."""
        await self._emit({"type": f"{self._kind}.body", "body": data, "more_body": False})

    async def _emit(self, event: Event) -> None:
        try:
            await self._send(event)
        except OSError as error:  # ASGI 2.4: what send raises once the client is gone
            raise _gone() from error


def _gone() -> ClientDisconnected:
    return ClientDisconnected("The client went away.")


def _denial(scope: Scope, request: Request, send: Send) -> Callable[[Response], Awaitable[None]]:
    """Return how to refuse a handshake: with the response where the server can, else with its own 403."""
    offered = _DENIAL in (scope.get("extensions") or {})

    async def deny(response: Response) -> None:
        if offered:
            await deliver(response, request, SendCarrier(send, _DENIAL))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    return deny
