"""What a connection leaves behind: nothing, also without the garbage collector (pains 15 and 39)."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engine.serving import LOOPS, Run, Served, serving
from vivace.http.files import File
from vivace.http.request import Request
from vivace.http.response import Response, Stream


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return LOOPS[request.param]


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Witness:
    """Answers in several ways, and keeps weak references to all requests and responses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[weakref.ref[Request] | weakref.ref[Response]] = []

    async def __call__(self, request: Request) -> Response:
        response = await self.answer(request)
        self.seen += [weakref.ref(request), weakref.ref(response)]
        return response

    async def answer(self, request: Request) -> Response:
        if request.path == "/stream":
            return Stream(self.chunks())
        if request.path == "/file":
            return await File(self.path).prepare(request)
        if request.path == "/body":
            return Response(await request.body())
        if request.path == "/slow":
            self.seen += [weakref.ref(request)]
            await asyncio.sleep(60)
        return Response(b"plain")

    async def chunks(self) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"chunk"

    @property
    def alive(self) -> int:
        return sum(reference() is not None for reference in self.seen)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * 200_000)
    return Witness(path)


async def gone(served: Served, witness: Witness) -> None:
    """Wait until the server holds nothing any more."""
    while served.server.connections or witness.alive or served.server.in_flight:
        await asyncio.sleep(0.002)


def test_pain39_requests_are_freed_by_reference_count(run: Run, witness: Witness) -> None:
    async def main() -> None:
        async with serving(witness) as served:
            client = await served.connect()
            for path in ("/", "/stream", "/file", "/missing"):
                await client.get(path)
            await client.send(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab")
            await asyncio.sleep(0.005)
            await client.send(b"cd")
            _, fields = await client.head()
            assert await client.body(fields) == b"abcd"
            await client.get()  # the last request is held by nothing but the connection's next one
            await client.close()
            await gone(served, witness)
            assert len(witness.seen) == 12

    run(main())


def test_pain15_reset_before_the_first_byte(run: Run, witness: Witness) -> None:
    async def main() -> None:
        async with serving(witness) as served:
            for index in range(200):
                client = await served.connect()
                path = (b"/slow", b"/stream", b"/file", b"/")[index % 4]
                await client.send(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path)
                client.reset()
            await gone(served, witness)
            assert len(asyncio.all_tasks()) == 1

    run(main())


def test_pain39_bare_probes_leave_nothing(run: Run, witness: Witness) -> None:
    async def main() -> None:
        async with serving(witness) as served:
            for index in range(100):
                client = await served.connect()
                if index % 2:
                    await client.send(b"GET / HT")
                while not served.server.connections:
                    await asyncio.sleep(0)
                client.reset()
                while served.server.connections:
                    await asyncio.sleep(0)
            await gone(served, witness)

    run(main())
