"""One message to many sockets of this process."""

from __future__ import annotations

from collections.abc import Iterable

from vivace.http.websocket import WebSocket

from .connection import EngineWebSocket
from .frames import encode_message


def fan_out(sockets: Iterable[WebSocket], message: str | bytes) -> int:
    """Send one message to many sockets without waiting; return how many took it.

    Under the built-in server it is encoded once and never copied. A socket with ``buffer_bytes`` unsent misses it, or is
    closed where its route says ``slow="close"``.
    """
    frame = encode_message(message)
    taken = 0
    for socket in sockets:
        if not isinstance(socket, EngineWebSocket):
            taken += socket.try_send(message)
        elif (
            socket._writable
        ):  # what try_send_frame would do, without the call: a thousand sockets, one microsecond each
            socket.transport.write(frame)
            taken += 1
        else:
            taken += socket.try_send_frame(frame)
    return taken
