"""Errors of WebSockets: what the other side sent, or what ours cannot send."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class BadMessage(VivaceError):
    """A message is not what the handler asked for; a handler that lets it pass closes the socket with 1007."""

    code: ClassVar[str] = "bad-message"
    status: int = 400


class UnsendableMessage(VivaceError):
    """A value is not a message: only ``str`` that is valid Unicode, and bytes, go over a WebSocket."""

    code: ClassVar[str] = "unsendable-message"


class WebSocketProtocolError(VivaceError):
    """The peer broke RFC 6455 or a limit; ``close_code`` is what it is told (1002, 1007, 1009 …)."""

    code: ClassVar[str] = "websocket-protocol"
    status: int = 400

    def __init__(self, what: str, close_code: int = 1002, *, expected: str = "", got: str = "") -> None:
        super().__init__(what, expected=expected, got=got)
        self.close_code = close_code
