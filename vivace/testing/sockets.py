"""The client's end of a WebSocket without a network: two bounded queues to the app's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from vivace.engine.exchange import converse, deliver
from vivace.engine.socket import Event, MessageSocket
from vivace.engine.websocket.frames import ABNORMAL, NO_STATUS
from vivace.errors.testing import WebSocketRejected
from vivace.http.headers import Headers
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import Handle
from vivace.http.websocket import WebSocketDisconnect

from .addresses import Address
from .answers import ClientResponse
from .link import Link

T = TypeVar("T")

IN_FLIGHT: Final = 16  # messages on the way in each direction before the sender waits
CLOSING: Final = 1.0  # seconds that a handler gets to end after the client closed, before it is cancelled


class ClientSocket:
    """``send``, ``receive``, ``close`` and iteration, as ``vivace.WebSocket`` has them, seen from the other side.

    ``subprotocol`` and ``headers`` are what the handshake gave; ``close_code`` and ``close_reason`` are set once the
    socket is closed.
    """

    def __init__(
        self, handle: Handle, request: Request, address: Address, link: Link, *, raises: bool
    ) -> None:
        self.request = request
        self.subprotocol: str | None = None
        self.headers = Headers([])
        self.close_code: int | None = None
        self.close_reason = ""
        self._handle = handle
        self._address = address
        self._link = link
        self._raises = raises
        self._out: asyncio.Queue[Event] = asyncio.Queue(IN_FLIGHT)
        self._in: asyncio.Queue[Event] = asyncio.Queue(IN_FLIGHT)
        self._server = MessageSocket(request, self._out.get, self._in.put, self._deny)
        self._pump: asyncio.Task[None] | None = None
        self._handler: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Shake hands; raises ``WebSocketRejected`` with the response when the app does not want to."""
        loop = asyncio.get_running_loop()
        name = f"WebSocket {self.request.path}"
        self._pump = loop.create_task(self._server.pump(), name=f"{name} pump")
        self._handler = loop.create_task(converse(self._handle, self.request, self._server), name=name)
        try:
            await self._shake_hands()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and wait for the handler; raises what it raised, unless the test is failing anyway."""
        try:
            await self.close()
            if self._handler is not None:
                await asyncio.wait({self._handler}, timeout=CLOSING)
        finally:
            await self._stop()
        if error is None:
            self._raise_failure()

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits while the handler does not receive; raises ``WebSocketDisconnect`` when closed."""
        if self.close_code is not None:
            raise self._closed()
        kind = "text" if isinstance(message, str) else "bytes"
        await self._unless_ended(self._out.put({"type": "websocket.receive", kind: message}))

    async def receive(self) -> str | bytes:
        """Return the next message; raises ``WebSocketDisconnect`` when closed, or what the handler raised."""
        if self.close_code is not None:
            raise self._closed()
        event = self._in.get_nowait() if not self._in.empty() else await self._unless_ended(self._in.get())
        if event["type"] == "websocket.close":
            await self._take_close(event)
            raise self._closed()
        message: str | bytes = event["text"] if "text" in event else event["bytes"]
        return message

    async def send_json(self, data: Any) -> None:
        """Send ``data`` as a JSON text message."""
        await self.send(msgspec.json.encode(data).decode())

    async def receive_json(self, type: Any = Any) -> Any:
        """Return the next message decoded from JSON, as ``type`` when it is given."""
        return msgspec.json.decode(await self.receive(), type=type)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; does nothing when it is closed."""
        if self.close_code is not None:
            return
        self.close_code, self.close_reason = code, reason
        event = {"type": "websocket.disconnect", "code": code, "reason": reason}
        try:
            await asyncio.wait_for(self._unless_ended(self._out.put(event)), CLOSING)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the handler has ended, or does not receive: it will be cancelled

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the socket is closed."""
        while True:
            try:
                message = await self.receive()
            except WebSocketDisconnect:
                return
            yield message

    # inside

    async def _deny(self, response: Response) -> None:
        await deliver(response, self.request, self._link)

    async def _shake_hands(self) -> None:
        first = asyncio.ensure_future(self._in.get())
        waiting: set[asyncio.Future[Any]] = {first, self._link.head}
        if self._handler is not None:
            waiting.add(self._handler)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not first.done():
                first.cancel()
        if self._link.head.done():
            await self._rejected()
        if not first.done():
            raise self._closed()
        event = first.result()
        self.subprotocol = event.get("subprotocol")
        self.headers = Headers(list(event.get("headers") or ()))

    async def _rejected(self) -> None:
        status, fields = self._link.head.result()
        response = ClientResponse(
            self.request, self._address, self._link, status, fields, raises=self._raises
        )
        await response.read()
        if self._handler is not None:
            await asyncio.wait({self._handler})
        self._raise_failure()
        raise WebSocketRejected(f"{self._address.url} refused the WebSocket.", response, got=str(status))

    async def _take_close(self, event: Event) -> None:
        self.close_code, self.close_reason = event.get("code", NO_STATUS), event.get("reason", "")
        if self._handler is not None and self.close_code in (1007, 1011):
            await asyncio.wait({self._handler})
            self._raise_failure()

    async def _unless_ended(self, work: Awaitable[T]) -> T:
        """Wait for ``work``, or for the handler to end before it is done."""
        task = asyncio.ensure_future(work)
        waiting: set[asyncio.Future[Any]] = {task}
        if self._handler is not None:
            waiting.add(self._handler)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        if task.done() and not task.cancelled():
            return task.result()
        self._raise_failure()
        raise self._closed()

    def _closed(self) -> WebSocketDisconnect:
        return WebSocketDisconnect(self.close_code or ABNORMAL, self.close_reason)

    def _raise_failure(self) -> None:
        handler = self._handler
        if not self._raises or handler is None or not handler.done() or handler.cancelled():
            return
        error = handler.exception() or self._link.reported
        if error is not None:
            self._raises = False  # once is enough
            raise error

    async def _stop(self) -> None:
        tasks = {task for task in (self._pump, self._handler) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._handler is not None and not self._handler.cancelled():
            self._handler.exception()  # it has been raised where the test wants it
