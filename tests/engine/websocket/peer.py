"""The other ends for WebSocket tests: a transport in memory, a client that speaks frames, a handler that echoes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from vivace.config.settings import Limits, Timeouts
from vivace.engine.websocket.connection import EngineWebSocket
from vivace.engine.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Event,
    FrameParser,
    encode_frame,
)
from vivace.http.request import Connection, Request
from vivace.http.websocket import WebSocket, WebSocketOptions

MASK = b"\x11\x22\x33\x44"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = [
    (b"host", b"example.com"),
    (b"upgrade", b"websocket"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", KEY),
]


class MemoryTransport(asyncio.Transport):
    """A wire in memory. While ``stalled`` the other end takes nothing, until ``drain``."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.unsent = 0
        self.high = 65_536
        self.stalled = self.closing = self.aborted = self.half_closed = False
        self.reading = True
        self.protocol: Any = None
        self.over_high = False

    def write(self, data: Any) -> None:
        assert not self.half_closed, "written after write_eof"
        self.written.append(data)
        if self.stalled:
            self.unsent += len(data)
            if self.unsent > self.high and not self.over_high:
                self.over_high = True
                self.protocol.pause_writing()

    def drain(self, leave: int = 0) -> None:
        """Let the other end take all but ``leave`` bytes."""
        self.unsent = leave
        if self.over_high and leave <= self.high // 4:
            self.over_high = False
            self.protocol.resume_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def was_aborted(self) -> bool:
        return self.aborted


def upgrade_request(*extra: tuple[bytes, bytes]) -> Request:
    return Request("GET", "/socket", [*HANDSHAKE, *extra], Connection())


def opened(
    options: WebSocketOptions | None = None,
    *extra: tuple[bytes, bytes],
    limits: Limits | None = None,
    forget: Callable[[EngineWebSocket], None] | None = None,
) -> tuple[EngineWebSocket, MemoryTransport]:
    """Return a socket whose handshake is not answered yet, and its transport."""
    transport = MemoryTransport()
    request = upgrade_request(*extra)
    socket = EngineWebSocket(request, transport, limits or Limits(), Timeouts(), options, forget)
    socket.attach()
    return socket, transport


async def accepted(
    options: WebSocketOptions | None = None, *extra: tuple[bytes, bytes], limits: Limits | None = None
) -> tuple[EngineWebSocket, MemoryTransport]:
    """Return an open socket and its transport, which has forgotten the handshake."""
    socket, transport = opened(options, *extra, limits=limits)
    await socket.accept()
    transport.written.clear()
    return socket, transport


async def echo(socket: WebSocket) -> None:
    async for message in socket:
        await socket.send(message)


def client(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return a frame as a client sends it; ``rsv`` is the value of the three reserved bits."""
    frame = bytearray(encode_frame(opcode, payload, fin=fin, mask=MASK))
    frame[0] |= rsv << 4
    return bytes(frame)


def text(payload: str | bytes, *, fin: bool = True) -> bytes:
    return client(TEXT, payload.encode() if isinstance(payload, str) else payload, fin=fin)


def binary(payload: bytes, *, fin: bool = True) -> bytes:
    return client(BINARY, payload, fin=fin)


def more(payload: str | bytes, *, fin: bool = True) -> bytes:
    return client(CONTINUATION, payload.encode() if isinstance(payload, str) else payload, fin=fin)


def ping(payload: bytes = b"") -> bytes:
    return client(PING, payload)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return client(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def chopped(data: bytes, size: int) -> Iterable[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def events(parser: FrameParser, data: bytes) -> list[Event]:
    """Return all events that ``data`` completes."""
    parser.feed(data)
    found: list[Event] = []
    while (event := parser.next()) is not None:
        found.append(event)
    return found


def seen_by_client(transport: MemoryTransport, limit: int = 1 << 27) -> list[Event]:
    """Return what a client makes of what was written."""
    return events(FrameParser(masked=False, limit=limit), b"".join(transport.written))


async def settle(rounds: int = 6) -> None:
    """Let everything run that is ready."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def talk(
    data: bytes,
    chop: int,
    *,
    run: Callable[[WebSocket], Awaitable[None]] = echo,
    limits: Limits | None = None,
) -> tuple[list[Event], EngineWebSocket]:
    """Feed ``data`` in pieces to a served socket; return what the client sees, and the socket."""
    socket, transport = await accepted(limits=limits)
    task = socket.start(run)
    await settle(2)
    for piece in chopped(data, chop):
        if not transport.closing:
            socket.data_received(piece)
        if chop > 100:
            await settle(2)
    await settle()
    if not transport.closing:
        socket.connection_lost(None)
    await task
    return seen_by_client(transport), socket
