"""A connection without a socket: bytes are put in, bytes come out, the clock is the test's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from vivace.config.settings import Settings
from vivace.engine.http1.protocol import HTTPProtocol
from vivace.engine.server import Server
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import Handle


class MemoryTransport(asyncio.Transport):
    """Keeps what is written. ``taken`` bytes of it were read by the client; ``high`` unread ones pause the writer."""

    def __init__(self, protocol: HTTPProtocol, high: int = 65_536) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = bytearray()
        self.taken: int | None = None  # None: the client reads everything at once
        self.high = high
        self.most = 0  # bytes that were ever unread
        self.reading = True
        self.closing = self.aborted = self.ended = self.lost = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 5000), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        assert not self.lost, "written to a lost connection"
        self.sent += data
        self.most = max(self.most, self.get_write_buffer_size())
        if self.get_write_buffer_size() > self.high and not self.protocol.write_paused:
            self.protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def take(self, count: int) -> None:
        """Let the client read ``count`` bytes."""
        assert self.taken is not None
        self.taken = min(self.taken + count, len(self.sent))
        if self.protocol.write_paused and self.get_write_buffer_size() <= self.high // 4:
            self.protocol.resume_writing()
        self._maybe_lose()

    def get_write_buffer_size(self) -> int:
        return 0 if self.taken is None else len(self.sent) - self.taken

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = 65_536 if high is None else high

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed twice"
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.reading = False
        self._maybe_lose()

    def abort(self) -> None:
        self.aborted = True
        self.lose()

    def _maybe_lose(self) -> None:
        if self.closing and not self.get_write_buffer_size():
            self.lose()

    def lose(self) -> None:
        """The connection ends: as in a real loop, the protocol hears of it a little later, once."""
        self.closing = True
        if not self.lost:
            self.lost = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


@dataclass
class Seen:
    """What the app saw of one request."""

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    trailers: list[tuple[bytes, bytes]]


class Wire:
    """One client of one server in memory; ``seen`` are the requests that reached the app."""

    def __init__(
        self,
        handle: Handle | None = None,
        settings: Settings | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.seen: list[Seen] = []
        self.failed: list[str] = []
        self.now = 0.0
        self.server = Server(handle or self.record, settings, clock=clock or (lambda: self.now))
        self.transport = self.connect()

    def connect(self) -> MemoryTransport:
        protocol = self.server.protocol()
        transport = MemoryTransport(protocol)
        protocol.connection_made(transport)
        return transport

    @property
    def protocol(self) -> HTTPProtocol:
        return self.transport.protocol

    async def record(self, request: Request) -> Response:
        body = await request.body()
        seen = Seen(
            request.method, request.target, list(request.raw_headers), body, list(request.trailers or [])
        )
        self.seen.append(seen)
        return Response(f"{request.method} {request.target}")

    async def send(self, *pieces: bytes) -> None:
        """Put bytes in, piece by piece, as far as the server reads."""
        for piece in pieces:
            if piece and not self.transport.closing:
                self.protocol.data_received(piece)
                await self.settle()

    async def end(self) -> None:
        """The client sends no more."""
        if not self.transport.closing:
            if not self.protocol.eof_received():
                self.transport.close()
            await self.settle()

    async def settle(self, turns: int = 12) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float, step: float = 0.25) -> None:
        """Let the server's clock run, with a sweep each tick."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + step, until)
            self.server.sweep()
            await self.settle(4)

    async def lose(self) -> None:
        """The client goes away."""
        self.transport.lose()
        await self.settle()

    @property
    def statuses(self) -> list[int]:
        """The statuses of all final answers, in order."""
        found = re.findall(rb"HTTP/1\.1 (\d{3}) ", bytes(self.transport.sent))
        return [int(status) for status in found if int(status) >= 200]

    @property
    def open(self) -> bool:
        """Whether the client may still ask for more."""
        return not (self.transport.closing or self.transport.ended)

    async def close(self) -> None:
        await self.server.close()
        await self.settle()
        assert not self.server.connections
