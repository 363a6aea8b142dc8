"""Errors of the program, found while it runs: a value that cannot be sent, an API used the wrong way round."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class InvalidHeader(VivaceError):
    """A header name or value that could split the response; refused when it is set."""

    code: ClassVar[str] = "invalid-header"


class BodyConsumed(VivaceError):
    """The request body was read as a stream and is gone."""

    code: ClassVar[str] = "body-consumed"


class ClientDisconnected(VivaceError):
    """The client went away; nothing that is written can reach it."""

    code: ClassVar[str] = "client-disconnected"
    status: ClassVar[int] = 499


class WrongResult(VivaceError):
    """A handler returned something that is not an answer."""

    code: ClassVar[str] = "wrong-result"


class WebSocketState(VivaceError):
    """A WebSocket was used in a state that does not allow it (sent after close, accepted twice …)."""

    code: ClassVar[str] = "websocket-state"
