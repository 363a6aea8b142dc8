"""A sink that keeps what a response writes, for tests that need no connection."""

from __future__ import annotations

import os

from vivace.http.response import Response


class Collector:
    """Keeps every write; files are read from their descriptor as an engine would."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    async def write(self, data: bytes) -> None:
        self.writes.append(data)

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        self.writes.append(os.pread(descriptor, count, offset))


async def body_of(response: Response) -> bytes:
    """Return the body of a response, which is closed afterwards."""
    sink = Collector()
    try:
        await response.write_to(sink)
    finally:
        await response.close()
    return sink.body
