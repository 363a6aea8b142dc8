"""One message to many sockets of this process."""

from __future__ import annotations

from collections.abc import Iterable

from .connection import EngineWebSocket
from .frames import encode_message


def fan_out(sockets: Iterable[EngineWebSocket], message: str | bytes) -> int:
    """Send one message to many sockets without waiting; return how many took it. It is encoded once and never copied."""
    frame = encode_message(message)
    taken = 0
    for socket in sockets:
        if socket.try_send(frame):
            taken += 1
    return taken
