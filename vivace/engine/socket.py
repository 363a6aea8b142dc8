"""A WebSocket whose frames somebody else handles: messages come and go as ASGI events.

Under an ASGI server the events are the server's; the test client puts two queues in between. States and rules are
those of ``vivace.http.websocket``: the first of accept, receive and send answers the handshake.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from enum import Enum
from typing import Any, Final, TypeAlias

from vivace.config.settings import Limits
from vivace.errors import WebSocketState
from vivace.http.headers import RawHeaders, encode_name, encode_value
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocket, WebSocketDisconnect, WebSocketOptions

from .websocket.frames import ABNORMAL, NO_STATUS, POLICY, message_payload
from .websocket.handshake import choose_subprotocol

Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
Deny: TypeAlias = Callable[[Response], Awaitable[None]]

DEFAULT_BUFFER: Final = Limits().websocket_buffer_bytes
READ_AHEAD: Final = 16  # messages taken from the carrier before the handler asks; then the carrier waits


class State(Enum):
    """Where a socket is in its life."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED = "closed"


class MessageSocket(WebSocket):
    """A ``WebSocket`` over ``receive`` and ``send``; ``deny`` sends an ordinary response in place of the handshake.

    ``pump`` must run beside the handler: it reads ahead, so that a disconnect is noticed by who only sends. What
    ``try_send`` takes is sent by a task, before anything that is sent later; that task ends no later than ``pump``.
    """

    __slots__ = (
        "_answered",
        "_deny",
        "_inbox",
        "_outbox",
        "_pump",
        "_receive",
        "_send",
        "_sender",
        "_unsent",
        "options",
        "state",
    )

    def __init__(self, request: Request, receive: Receive, send: Send, deny: Deny) -> None:
        super().__init__(request)
        self._receive = receive
        self._send = send
        self._deny = deny
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue(READ_AHEAD)
        self._outbox: deque[str | bytes] = deque()
        self._sender: asyncio.Task[None] | None = None  # sends what is in the outbox
        self._unsent = 0  # bytes in the outbox, and of the message that is being sent from it
        self._answered = False
        self._pump: asyncio.Task[Any] | None = None
        self.options = WebSocketOptions()
        self.state = State.CONNECTING

    async def pump(self) -> None:
        """Take messages from the carrier until the other side is gone."""
        self._pump = asyncio.current_task()
        try:
            while self.state is not State.CLOSED:
                event = await self._receive()
                if event["type"] == "websocket.disconnect":
                    self._lost(event.get("code") or NO_STATUS, event.get("reason") or "")
                    return
                if event["type"] == "websocket.receive":
                    text = event.get("text")
                    await self._inbox.put(event["bytes"] if text is None else text)
        finally:
            if self._sender is not None:
                self._sender.cancel()

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
        await self._sent()
        if self.state is State.CLOSED:
            raise self._closed()
        await self._transmit(_message_event(message))

    def try_send(self, message: str | bytes) -> bool:
        """Leave a message to a task that sends it, unless ``buffer_bytes`` are unsent."""
        size = len(message_payload(message)[1])
        if self.state is State.CLOSED:
            return False
        if self._unsent >= (self.options.buffer_bytes or DEFAULT_BUFFER):
            if self.options.slow == "close":
                self._lost(POLICY, "the client reads too slowly")
                self._continue(self._say_closed(POLICY, self.close_reason))
            return False
        self._outbox.append(message)
        self._unsent += size
        if self._sender is None:
            self._continue(self._send_outbox())
        return True

    async def writable(self) -> None:
        """Wait until what was taken is sent; see ``WebSocket.writable``."""
        await self._sent()
        if self.state is State.CLOSED:
            raise self._closed()

    def _continue(self, work: Coroutine[Any, Any, None]) -> None:
        if self._sender is not None:
            self._sender.cancel()
        self._sender = asyncio.get_running_loop().create_task(work, name="WebSocket sender")

    async def _send_outbox(self) -> None:
        try:
            await self._answer()
            while self._outbox:
                message = self._outbox.popleft()
                await self._transmit(_message_event(message))
                self._unsent -= len(message_payload(message)[1])
        except WebSocketDisconnect:
            self._outbox.clear()
        self._sender = None

    async def _sent(self) -> None:
        """Wait until what came before is sent."""
        if self._sender is not None:
            await asyncio.wait({self._sender})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; a handshake that was not answered yet is answered first."""
        if self.state is State.CLOSED:
            return
        await self._answer()
        await self._sent()
        self._lost(code, reason)
        if self._pump is not None:
            self._pump.cancel()  # Granian 2.8 does not send a close while a receive is pending
            await asyncio.wait({self._pump})
        await self._say_closed(code, reason)

    async def _say_closed(self, code: int, reason: str) -> None:
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


def _message_event(message: str | bytes) -> Event:
    return {"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message}
