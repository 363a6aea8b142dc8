"""Errors of the program, found while it runs: a value that cannot be sent, an API used the wrong way round."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class InvalidHeader(VivaceError):
    """A header name or value that could split the response; refused when it is set."""

    code: ClassVar[str] = "invalid-header"


class InvalidStatus(VivaceError):
    """A status that no response can have: not of three digits, or of the 1xx that come before an answer."""

    code: ClassVar[str] = "invalid-status"


class BodyConsumed(VivaceError):
    """The request body was read as a stream, or dropped with the response, and is gone."""

    code: ClassVar[str] = "body-consumed"


class ClientDisconnected(VivaceError):
    """The client went away; nothing that is written can reach it."""

    code: ClassVar[str] = "client-disconnected"
    status: int = 499


class ResponseStarted(VivaceError):
    """Something was to be added to a response whose head has been made already."""

    code: ClassVar[str] = "response-started"


class WrongResult(VivaceError):
    """A handler returned something that is not an answer."""

    code: ClassVar[str] = "wrong-result"


class WebSocketDisconnect(VivaceError):
    """The socket is closed or the connection broke; ``close_code`` is the code (1005: none given, 1006: broke)."""

    code: ClassVar[str] = "websocket-disconnect"

    def __init__(self, close_code: int = 1006, reason: str = "") -> None:
        super().__init__(f"The WebSocket was closed with code {close_code}.", got=reason)
        self.close_code = close_code
        self.reason = reason


class WebSocketState(VivaceError):
    """A WebSocket was used in a state that does not allow it (sent after close, accepted twice …)."""

    code: ClassVar[str] = "websocket-state"


class MissingExtra(VivaceError):
    """A feature was used whose optional package is not installed."""

    code: ClassVar[str] = "missing-extra"


class InvalidCookie(VivaceError):
    """A cookie that browsers would drop, or that could carry a second attribute; refused when it is set."""

    code: ClassVar[str] = "invalid-cookie"


class InvalidDirective(VivaceError):
    """A caching directive that does not exist or has a value it cannot have."""

    code: ClassVar[str] = "invalid-directive"


class InvalidEvent(VivaceError):
    """A server-sent event whose name or id would break the stream into other events, or that never ends."""

    code: ClassVar[str] = "invalid-event"


class UnsafeRedirect(VivaceError):
    """A redirect to a place that browsers must not be sent to."""

    code: ClassVar[str] = "unsafe-redirect"


class NestedOffload(VivaceError):
    """Work in the thread pool waits for more work in the same pool, which can stand still for ever."""

    code: ClassVar[str] = "nested-offload"


class OffloadFailed(VivaceError):
    """Offloaded work cannot be sent to another process, or that process died."""

    code: ClassVar[str] = "offload-failed"


class BlockingCall(VivaceError):
    """A call that waits was made on the event loop: nothing else can run until it returns."""

    code: ClassVar[str] = "blocking-call"
