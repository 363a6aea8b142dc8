"""A WebSocket whose frames somebody else handles: messages come and go as ASGI events.

Under an ASGI server the events are the server's; the test client puts two queues in between. States and rules are
those of ``vivace.http.websocket``: the first of accept, receive and send answers the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import Any, Final, TypeAlias

from vivace.errors import WebSocketState
from vivace.http.headers import RawHeaders, encode_name, encode_value
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocket, WebSocketDisconnect, WebSocketOptions

from .websocket.frames import ABNORMAL, NO_STATUS
from .websocket.handshake import choose_subprotocol

Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
Deny: TypeAlias = Callable[[Response], Awaitable[None]]

READ_AHEAD: Final = 16  # messages taken from the carrier before the handler asks; then the carrier waits


class State(Enum):
    """Where a socket is in its life."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED = "closed"


class MessageSocket(WebSocket):
    """A ``WebSocket`` over ``receive`` and ``send``; ``deny`` sends an ordinary response in place of the handshake.

    ``pump`` must run beside the handler: it reads ahead, so that a disconnect is noticed by who only sends.
    """

    __slots__ = ("_answered", "_deny", "_inbox", "_pump", "_receive", "_send", "options", "state")

    def __init__(self, request: Request, receive: Receive, send: Send, deny: Deny) -> None:
        super().__init__(request)
        self._receive = receive
        self._send = send
        self._deny = deny
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue(READ_AHEAD)
        self._answered = False
        self._pump: asyncio.Task[Any] | None = None
        self.options = WebSocketOptions()
        self.state = State.CONNECTING

    async def pump(self) -> None:
        """Take messages from the carrier until the other side is gone."""
        self._pump = asyncio.current_task()
        while self.state is not State.CLOSED:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self._lost(event.get("code") or NO_STATUS, event.get("reason") or "")
                return
            if event["type"] == "websocket.receive":
                text = event.get("text")
                await self._inbox.put(event["bytes"] if text is None else text)

    async def accept(self, subprotocol: str | None = None, headers: dict[str, str] | None = None) -> None:
        """Answer the handshake with 101."""
        self._require_connecting("accept")
        fields: RawHeaders = [
            (encode_name(name), encode_value(name, value)) for name, value in (headers or {}).items()
        ]
        chosen = choose_subprotocol(subprotocol, self.offered_subprotocols, self.options.subprotocols)
        self.subprotocol = chosen
        self._answered, self.state = True, State.OPEN
        await self._transmit({"type": "websocket.accept", "subprotocol": chosen, "headers": fields})

    async def reject(self, response: Response) -> None:
        """Answer the handshake with an ordinary response."""
        self._require_connecting("reject")
        self._answered = True
        self._lost(ABNORMAL, f"rejected with {response.status}")
        await self._deny(response)

    async def receive(self) -> str | bytes:
        """Return the next message."""
        await self._answer()
        if self._inbox.empty() and self.state is State.CLOSED:
            raise self._closed()
        message = await self._inbox.get()
        if message is None:
            self._inbox.put_nowait(None)  # whoever else waits must wake too
            raise self._closed()
        return message

    async def send(self, message: str | bytes) -> None:
        """Send a message."""
        await self._answer()
        if self.state is State.CLOSED:
            raise self._closed()
        kind = "text" if isinstance(message, str) else "bytes"
        await self._transmit({"type": "websocket.send", kind: message})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; a handshake that was not answered yet is answered first."""
        if self.state is State.CLOSED:
            return
        await self._answer()
        self._lost(code, reason)
        if self._pump is not None:
            self._pump.cancel()  # Granian 2.8 does not send a close while a receive is pending
            await asyncio.wait({self._pump})
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            pass  # it is gone, which is what was wanted

    async def _answer(self) -> None:
        if self.state is State.CONNECTING:
            await self.accept()

    async def _transmit(self, event: Event) -> None:
        try:
            await self._send(event)
        except OSError as error:  # ASGI 2.4: what send raises once the client is gone
            self._lost(ABNORMAL, str(error))
            raise self._closed() from error

    def _lost(self, code: int, reason: str) -> None:
        if self.state is not State.CLOSED:
            self.close_code, self.close_reason = code, reason
            self.state = State.CLOSED
        if not self._inbox.full():
            self._inbox.put_nowait(None)

    def _closed(self) -> WebSocketDisconnect:
        return WebSocketDisconnect(self.close_code or NO_STATUS, self.close_reason)

    def _require_connecting(self, what: str) -> None:
        if self.state is State.CLOSED and not self._answered:
            raise self._closed()
        if self.state is not State.CONNECTING:
            raise WebSocketState(
                f"{what}() came after the handshake had been answered.",
                expected=f"{what}() before the first receive() and send()",
                got=f"a socket that is {self.state.value}",
                fix=f"Call {what}() once, first.",
            )
