"""The WebSocket as a user sees it, whatever carries it: the engine, an ASGI server or the test client.

States: CONNECTING (the handshake has not been answered) → OPEN → CLOSED. The handshake is answered by the first of
``accept``, ``receive``, ``send`` (or iteration); until then ``reject`` can answer it with an ordinary response.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any, Literal, TypeVar, overload

import msgspec

from vivace.errors import BadMessage
from vivace.errors import WebSocketDisconnect as WebSocketDisconnect

from .request import Request
from .response import Response

T = TypeVar("T")


class Deflate(msgspec.Struct, frozen=True):
    """permessage-deflate (RFC 7692), opt-in per route.

    A window of 2**bits bytes (9 to 15) is kept per direction while contexts are taken over from message to message.
    Measured per connection that has talked both ways, to compress and to decompress: 38 KB and 13 KB with 12 bits and
    memory level 5, 261 KB and 41 KB with 15 bits and level 8. Without takeover nothing is kept between messages.
    """

    window_bits: int = 12  # of what we send
    client_window_bits: int = 12  # of what we receive; kept only by clients that offer it
    takeover: bool = True  # keep our context between messages
    client_takeover: bool = True  # let the client keep its context
    level: int = 6  # zlib: 1 fast … 9 small
    memory_level: int = 5  # zlib: 1 … 9
    threshold: int = 256  # bytes; shorter messages go uncompressed


class WebSocketOptions(msgspec.Struct, frozen=True):
    """What can be chosen per WebSocket route; 0 takes the server's limit.

    ``slow`` says what happens to a message when ``buffer_bytes`` are still unsent: ``wait`` until the client has read,
    ``drop`` the message and count it, or ``close`` the connection (1008).
    """

    message_bytes: int = 0
    buffer_bytes: int = 0
    slow: Literal["wait", "drop", "close"] = "wait"
    subprotocols: tuple[str, ...] = ()  # in order of preference
    deflate: Deflate | None = None


def close_for(error: BaseException) -> tuple[int, str]:
    """Return the close code and reason for a handler's error (RFC 6455 section 7.4.1): 1007 for a message that it could
    not read, 1011 for all else. A reason has at most 123 bytes (section 5.5) and tells nothing of our side.
    """
    if isinstance(error, BadMessage):
        return 1007, error.what.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
    return 1011, ""


class WebSocket:
    """A message channel in both directions; ``str`` is a text message, ``bytes`` a binary one.

    ``async for message in socket`` ends when the socket is closed. ``send`` waits while the client reads slowly.
    ``subprotocol`` is what was agreed; ``close_code`` and ``close_reason`` are set when the socket is closed.
    """

    __slots__ = ("close_code", "close_reason", "request", "subprotocol")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.subprotocol: str | None = None
        self.close_code: int | None = None
        self.close_reason = ""

    @property
    def closed(self) -> bool:
        """True once either side has closed; messages that came before can still be received."""
        return self.close_code is not None

    @property
    def offered_subprotocols(self) -> list[str]:
        """What the client would talk, in its order of preference."""
        values = self.request.headers.getlist("sec-websocket-protocol")
        return [name.strip() for value in values for name in value.split(",") if name.strip()]

    async def accept(self, subprotocol: str | None = None, headers: dict[str, str] | None = None) -> None:
        """Answer the handshake with 101; raises ``WebSocketState`` when it was answered before."""
        raise self._abstract("accept")

    async def reject(self, response: Response) -> None:
        """Answer the handshake with an ordinary response; raises ``WebSocketState`` when it was answered before."""
        raise self._abstract("reject")

    async def receive(self) -> str | bytes:
        """Return the next message; raises ``WebSocketDisconnect`` when the socket is closed.

        A cancelled ``receive`` loses nothing: the next one returns the message.
        """
        raise self._abstract("receive")

    async def send(self, message: str | bytes) -> None:
        """Send a message; waits for back-pressure; raises ``WebSocketDisconnect`` when the socket is closed.

        A cancelled ``send`` has sent nothing.
        """
        raise self._abstract("send")

    def try_send(self, message: str | bytes) -> bool:
        """Send a message unless that would have to wait, and return whether it was taken.

        It is not while ``buffer_bytes`` are unsent, which closes the socket where the route says ``slow="close"``, nor
        once it is closed. For one message to many sockets see ``fan_out``.
        """
        raise self._abstract("try_send")

    async def writable(self) -> None:
        """Wait until ``try_send`` would take a message; raises ``WebSocketDisconnect`` when the socket is closed."""
        raise self._abstract("writable")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket, without waiting for the other side; does nothing when it is closed already."""
        raise self._abstract("close")

    def _abstract(self, name: str) -> TypeError:
        return TypeError(f"{type(self).__name__} does not implement {name}()")

    async def receive_text(self) -> str:
        """Return the next message; raises ``BadMessage`` when it is binary."""
        message = await self.receive()
        if isinstance(message, str):
            return message
        raise BadMessage("The WebSocket message is binary.", expected="text", got=f"{len(message)} bytes")

    async def receive_bytes(self) -> bytes:
        """Return the next message; raises ``BadMessage`` when it is text."""
        message = await self.receive()
        if isinstance(message, bytes):
            return message
        raise BadMessage("The WebSocket message is text.", expected="binary", got=repr(message[:80]))

    @overload
    async def receive_json(self) -> Any: ...
    @overload
    async def receive_json(self, type: type[T]) -> T: ...
    async def receive_json(self, type: Any = Any) -> Any:
        """Return the next message decoded from JSON as ``type``; raises ``BadMessage`` when it is not that.

        The message is used up, so the handler may answer and go on.
        """
        message = await self.receive()
        try:
            return msgspec.json.decode(message, type=type)
        except msgspec.DecodeError as error:
            wanted = "JSON" if type is Any else f"JSON of {type!r}"
            raise BadMessage(f"The WebSocket message cannot be read: {error}", expected=wanted) from error

    async def send_json(self, data: Any) -> None:
        """Send ``data`` as a JSON text message."""
        await self.send(msgspec.json.encode(data).decode())

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    def __anext__(self) -> Awaitable[str | bytes]:
        return self._next()

    async def _next(self) -> str | bytes:
        try:
            return await self.receive()
        except WebSocketDisconnect:
            raise StopAsyncIteration from None
