"""Files on real sockets: order, back-pressure, clients that go, files that shrink."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.engine.serving import LOOPS, Client, Run, Served, serving
from vivace.config.settings import Settings, Timeouts
from vivace.engine.http1 import sendfile
from vivace.http.files import File
from vivace.http.request import Request
from vivace.http.response import Response, Sink, Stream
from vivace.http.types import Handle

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
GIB = 1 << 30
LARGE = bytes(range(251)) * 12_000  # 3 MB


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return LOOPS[request.param]


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(LARGE)
    return path


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(GIB)
    return path


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    """Return the bytes that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sends(path: Path, method: str = "GET") -> Handle:
    async def handle(request: Request) -> Response:
        return await File(path).prepare(request)

    return handle


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


async def stalled(served: Served) -> Client:
    """Ask for the file and read its head alone."""
    client = await served.connect(4096)
    await client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert (await client.head())[0] == 200
    return client


def paused(served: Served) -> int:
    return sum(connection.write_paused for connection in served.server.connections)


def test_rs3_large_file_follows_its_head(run: Run, large: Path) -> None:
    async def main() -> None:
        async with serving(sends(large)) as served:
            client = await served.connect()
            for _ in range(2):  # the connection is as it was after the first one
                status, fields, body = await client.get()
                assert (status, fields["content-length"]) == (200, str(len(LARGE)))
                assert body == LARGE
            assert (await client.get(range="bytes=1000000-1999999"))[2] == LARGE[1_000_000:2_000_000]
            multiple = (await client.get(range="bytes=0-99999,200000-299999"))[2]
            assert LARGE[:100_000] in multiple
            assert LARGE[200_000:300_000] in multiple

    run(main())


def test_rs3_small_file_and_small_range(run: Run, large: Path) -> None:
    async def main() -> None:
        async with serving(sends(large)) as served:
            client = await served.connect()
            assert (await client.get(range="bytes=7-1006"))[2] == LARGE[7:1007]

    run(main())


def test_rs3_file_over_tls(run: Run, large: Path, contexts: Contexts) -> None:
    async def main() -> None:
        async with serving(sends(large), contexts=contexts) as served:
            client = await served.connect()
            assert (await client.get())[2] == LARGE

    run(main())


def test_rs3_after_much_that_was_written_before(run: Run, large: Path) -> None:
    """What the transport still holds goes first, also when it is more than the kernel takes at once."""

    class Mixed(Response):
        buffered = False

        async def write_to(self, sink: Sink) -> None:
            await sink.write(b"a" * 40_000)
            with large.open("rb") as file:
                await sink.send_file(file.fileno(), 0, len(LARGE))
            await sink.write(b"z" * 40_000)

    async def handle(request: Request) -> Response:
        return Mixed()

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect(4096)
            _, fields, body = await client.get()
            assert fields["transfer-encoding"] == "chunked"
            assert body == b"a" * 40_000 + LARGE + b"z" * 40_000

    run(main())


@pytest.mark.parametrize("tls", [False, True])
def test_rs4_stalled_readers_hold_no_memory(run: Run, sparse: Path, contexts: Contexts, tls: bool) -> None:
    readers = 12

    async def main() -> None:
        async with serving(sends(sparse), contexts=contexts if tls else None) as served:
            await stalled(served)
            await until(lambda: paused(served) == 1)
            before = resident()
            for _ in range(readers):
                await stalled(served)
            await until(lambda: paused(served) == readers + 1)
            assert resident() - before < readers * 3_000_000  # the TLS of asyncio keeps 0.8 MB on either side

    run(main())


def test_pain15_client_that_resets_frees_everything(run: Run, sparse: Path) -> None:
    async def main() -> None:
        async with serving(sends(sparse)) as served:
            before = descriptors()
            clients = [await stalled(served) for _ in range(5)]
            await until(lambda: paused(served) == 5)
            for client in clients:
                client.reset()
            await until(lambda: not served.server.connections and descriptors() <= before)

    run(main())


def test_pain10_client_that_takes_nothing_is_cut(run: Run, sparse: Path) -> None:
    clock = [0.0]

    async def main() -> None:
        settings = Settings(timeouts=Timeouts(write=60.0))

        def prepare(server: Any) -> None:
            server.clock = lambda: clock[0]

        async with serving(sends(sparse), settings, prepare=prepare) as served:
            before = descriptors()
            await stalled(served)
            await until(lambda: paused(served) == 1)
            (connection,) = served.server.connections
            assert connection.deadline <= 61.0
            clock[0] = 62.0
            served.server.sweep()
            await until(lambda: not served.server.connections and descriptors() <= before + 1)

    run(main())


def test_pain15_cancelled_at_any_step(run: Run, sparse: Path) -> None:
    """Cancel the request before, between and after its hops to the thread; nothing stays open."""
    tasks: list[asyncio.Task[Any]] = []

    async def handle(request: Request) -> Response:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        return await File(sparse).prepare(request)

    async def main() -> None:
        async with serving(handle) as served:
            before = descriptors()
            for steps in range(25):
                client = await served.connect(4096)
                await client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
                await until(lambda expected=steps: len(tasks) > expected)  # type: ignore[misc]
                for _ in range(steps):
                    await asyncio.sleep(0)
                tasks[-1].cancel()
                await client.rest()
                await client.close()
            await until(lambda: not served.server.connections and descriptors() <= before)

    run(main())


def test_file_that_shrinks_cuts_the_connection(
    run: Run, large: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(request: Request) -> Response:
        response = await File(large).prepare(request)
        os.truncate(large, 100_000)
        return response

    async def main() -> None:
        async with serving(handle) as served:
            client = await served.connect()
            await client.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            _, fields = await client.head()
            assert fields["content-length"] == str(len(LARGE))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await client.body(fields)

    run(main())
    assert "shorter than what was to be sent" in caplog.text


def test_rs3_head_and_304_send_no_file(run: Run, large: Path) -> None:
    async def main() -> None:
        async with serving(sends(large)) as served:
            client = await served.connect()
            status, fields, body = await client.get(method="HEAD")
            assert (status, fields["content-length"], body) == (200, str(len(LARGE)), b"")
            assert (await client.get(if_none_match=fields["etag"]))[0] == 304
            assert (await client.get())[2] == LARGE

    run(main())


def test_rs4_stream_generator_is_closed_when_the_client_goes(run: Run) -> None:
    closed: list[bool] = []

    async def forever() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            closed.append(True)

    async def handle(request: Request) -> Response:
        return Stream(forever())

    async def main() -> None:
        async with serving(handle) as served:
            client = await stalled(served)
            await until(lambda: paused(served) == 1)
            client.reset()
            await until(lambda: bool(closed) and not served.server.connections)

    run(main())


async def test_cold_bytes_are_read_in_a_thread(large: Path) -> None:
    """What the page cache does not hold, or cannot tell, is not waited for on the loop."""
    with large.open("rb") as file:
        assert sendfile._warm(file.fileno(), 0, 1000) in (None, LARGE[:1000])
        assert sendfile._warm(file.fileno(), len(LARGE) - 10, 1000) is None
        assert await sendfile.read_exactly(file.fileno(), 5, 1000) == LARGE[5:1005]
        with pytest.raises(ValueError, match="shorter"):
            await sendfile.read_exactly(file.fileno(), len(LARGE) - 10, 1000)
