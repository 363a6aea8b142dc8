"""What is said on the hub's socket: frames of four bytes of length, most significant first, and a MessagePack array.

======================================  ===============================================================================
from a process                          to a process
======================================  ===============================================================================
``[id, operation, arguments …]``        ``[id, result]``; with ``id`` 0 nobody waits for it
``[id, "hello", version, process,       ``[id, [epoch, instance]]``; the first frame on a connection, and its answer
epoch, instance, number]``
``[0, "bye"]``                          then the connection may end without the epoch rising
..                                      ``[0, "message", topic, number, payload, origin]``
..                                      ``[0, "epoch", epoch]``
======================================  ===============================================================================

The operations are the methods of a broker, ``acquire`` and ``release``; their arguments are in ``server.py``.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import msgspec

VERSION: Final = 1
HEAD: Final = 4  # bytes of the length
MOST_SINCE: Final = 4  # an answer holds as many of the largest messages; a longer log does not reach back

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode


def frame(*parts: Any) -> bytes:
    """Return a frame."""
    body = _encode(parts)
    return len(body).to_bytes(HEAD, "big") + body


class BadFrame(Exception):
    """What came is no frame of ours; the connection cannot go on."""


class FrameReader:
    """Takes bytes as they come and yields what whole frames say."""

    __slots__ = ("_buffer", "_most")

    def __init__(self, most: int) -> None:
        self._buffer = bytearray()
        self._most = most

    def feed(self, data: bytes) -> list[list[Any]]:
        """Return the arrays that are complete now; raises ``BadFrame``."""
        buffer = self._buffer
        buffer += data
        said: list[list[Any]] = []
        start, size = 0, len(buffer)
        with memoryview(buffer) as view:
            while size - start >= HEAD:
                length = int.from_bytes(view[start : start + HEAD], "big")
                if length > self._most:
                    raise BadFrame(f"a frame of {length:,} bytes; at most {self._most:,}")
                end = start + HEAD + length
                if end > size:
                    break
                said.append(_array(view[start + HEAD : end]))
                start = end
        del buffer[:start]
        return said


def _array(body: memoryview) -> list[Any]:
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFrame(str(error)) from error
    finally:
        body.release()
    if not isinstance(said, list) or len(said) < 2 or not isinstance(said[0], int):  # pyright: ignore[reportUnknownArgumentType]
        raise BadFrame("not an array that begins with an id")
    return said  # pyright: ignore[reportUnknownVariableType]


class Link(asyncio.Protocol):
    """One end of a connection: hands frames to ``said``, and writes what is sent within one turn of the loop at once.

    ``backlog``: with more unsent bytes the other end is cut off. ``lost`` is called once, at the end.
    """

    def __init__(
        self, said: Callable[[list[Any]], None], lost: Callable[[], None], *, most: int, backlog: int
    ) -> None:
        self._said = said
        self._lost = lost
        self._reader = FrameReader(most)
        self._backlog = backlog
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]
        if self._refused:
            self.cut()

    def data_received(self, data: bytes) -> None:
        """Take bytes; what is no frame, or breaks the rules, ends the connection."""
        try:
            for said in self._reader.feed(data):
                self._said(said)
        except BadFrame:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._transport = None
        self._unsent.clear()
        self._lost()

    @property
    def descriptor(self) -> int:
        """The number of the socket, -1 when it is closed."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        return -1 if sock is None else int(sock.fileno())

    def send(self, data: bytes) -> None:
        """Send a frame with the others of this turn."""
        if self._transport is None:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self.flush)
        self._unsent.append(data)

    def flush(self) -> None:
        """Send what waits now."""
        transport, unsent = self._transport, self._unsent
        if transport is None or not unsent:
            return
        self._unsent = []
        transport.write(b"".join(unsent))
        if transport.get_write_buffer_size() > self._backlog:
            self.cut()

    def close(self) -> None:
        """End when everything is sent."""
        self._refused = True
        if self._transport is not None:
            self.flush()
            self._transport.close()

    def cut(self) -> None:
        """End at once, or as soon as it begins."""
        self._refused = True
        if self._transport is not None:
            self._transport.abort()


def close_in_forks(descriptors: Callable[[], Iterable[int]]) -> None:
    """Let forked processes let go of sockets (``descriptors`` is a method that tells which, held weakly).

    Held there, they would seem to live on when this process is killed, and nobody would notice that it died.
    """
    if not hasattr(os, "register_at_fork"):
        return
    method = weakref.WeakMethod(descriptors)  # type: ignore[arg-type, unused-ignore]

    def forked() -> None:
        known = method()
        for descriptor in known() if known is not None else ():
            with suppress(OSError):
                os.close(descriptor)

    os.register_at_fork(after_in_child=forked)


__all__ = ["HEAD", "MOST_SINCE", "VERSION", "BadFrame", "FrameReader", "Link", "close_in_forks", "frame"]
