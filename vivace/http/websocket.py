"""The WebSocket as a user sees it, whatever carries it: the engine, an ASGI server or the test client.

States: CONNECTING (the handshake has not been answered) → OPEN → CLOSED. The handshake is answered by the first of
``accept``, ``receive``, ``send`` (or iteration); until then ``reject`` can answer it with an ordinary response.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec

from vivace.errors import VivaceError

from .request import Request
from .response import Response

T = TypeVar("T")


class WebSocketDisconnect(VivaceError):
    """The other side closed the socket, or the connection broke; ``close_code`` is its code (1006: broke)."""

    code = "websocket-disconnect"

    def __init__(self, close_code: int = 1006, reason: str = "") -> None:
        super().__init__(f"The WebSocket was closed with code {close_code}.", got=reason)
        self.close_code = close_code
        self.reason = reason


class WebSocket:
    """A message channel in both directions; ``str`` is a text message, ``bytes`` a binary one.

    ``async for message in socket`` ends when the other side closes. ``send`` waits while the client reads slowly.
    """

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request

    async def accept(self, subprotocol: str | None = None, headers: dict[str, str] | None = None) -> None:
        """Answer the handshake with 101; raises ``WebSocketState`` when it was answered before."""
        raise self._abstract("accept")

    async def reject(self, response: Response) -> None:
        """Answer the handshake with an ordinary response; raises ``WebSocketState`` when it was answered before."""
        raise self._abstract("reject")

    async def receive(self) -> str | bytes:
        """Return the next message; raises ``WebSocketDisconnect`` when the socket is closed."""
        raise self._abstract("receive")

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits for back-pressure; raises ``WebSocketDisconnect`` when the socket is closed."""
        raise self._abstract("send")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; does nothing when it is closed already."""
        raise self._abstract("close")

    def _abstract(self, name: str) -> TypeError:
        return TypeError(f"{type(self).__name__} does not implement {name}()")

    async def receive_json(self) -> Any:
        """Return the next message decoded from JSON; raises ``BadMessage`` when it is not JSON."""
        return msgspec.json.decode(await self.receive())

    async def send_json(self, data: Any) -> None:
        """Send ``data`` as a JSON text message."""
        await self.send(msgspec.json.encode(data).decode())

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            try:
                message = await self.receive()
            except WebSocketDisconnect:
                return
            yield message
