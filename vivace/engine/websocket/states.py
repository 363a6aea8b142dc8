"""The states of a WebSocket connection, and what runs on one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from vivace.http.websocket import WebSocket

CONNECTING: Final = 0  # the handshake has not been answered
OPEN: Final = 1
ENDING: Final = 2  # the peer has ended it, behind messages that the handler has not dealt with yet
CLOSING: Final = 3  # we have sent a Close frame and look for the peer's
LINGERING: Final = 4  # nothing is parsed any more; the connection is about to end
CLOSED: Final = 5
TALKING: Final = (OPEN, ENDING)

Run: TypeAlias = Callable[[WebSocket], Awaitable[None]]
"""A WebSocket handler."""
Failed: TypeAlias = Callable[[WebSocket, Exception], Awaitable[bool]]
"""Told of a handler's error; returns whether it was answered."""
