"""What goes over a connection: a WebSocket frame, encoded once, whatever number of connections it is for.

A frame made here is unmasked and unfragmented (RFC 6455 section 5.2), so that a carrier which is no WebSocket (an event
stream, the test client, a foreign server) finds the message behind a head of 2, 4 or 10 bytes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from vivace.engine.websocket.frames import BINARY, TEXT, encode_frame

_FIN_TEXT: Final = 0x80 | TEXT
encode_json: Final = msgspec.json.Encoder().encode


def text_frame(message: Any) -> bytes:
    """Return a message (``["pong"]``) as a frame of JSON text."""
    return encode_frame(TEXT, encode_json(message))


def json_frame(text: bytes) -> bytes:
    """Return JSON text as a frame."""
    return encode_frame(TEXT, text)


def binary_frame(data: bytes) -> bytes:
    """Return bytes as a frame."""
    return encode_frame(BINARY, data)


def payload_of(frame: bytes) -> bytes:
    """Return what a frame made here carries: the UTF-8 of a text, or the bytes."""
    size = frame[1]
    return frame[2:] if size < 126 else frame[4:] if size == 126 else frame[10:]


def is_text(frame: bytes) -> bool:
    """Return whether a frame made here is text."""
    return frame[0] == _FIN_TEXT


__all__ = ["binary_frame", "encode_json", "is_text", "json_frame", "payload_of", "text_frame"]
