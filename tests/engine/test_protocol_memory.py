"""Nothing is left to the garbage collector, and nothing grows (PAINS 39): not by requests, disconnects, probes, sockets."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager

import pytest

from vivace.app import App
from vivace.http.request import Request
from vivace.http.response import Response, Stream
from vivace.http.websocket import WebSocket

from .ends import Wire
from .serving import Client, serving

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
HANDSHAKE = (
    b"GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CLOSING = b"\x88\x82\0\0\0\0\x03\xe8"  # masked with zeros, code 1000


@contextmanager
def no_collector() -> Generator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def app() -> App:
    made = App()

    @made.get("/")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @made.post("/")
    async def upload(request: Request) -> bytes:
        return await request.body()

    @made.get("/wait")
    async def wait() -> None:
        await asyncio.Event().wait()

    @made.get("/stream")
    async def stream() -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0)

        return Stream(chunks())

    @made.websocket("/socket")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for message in socket:
            await socket.send(message)

    return made


def counted() -> Counter[str]:
    return Counter(type(each).__name__ for each in gc.get_objects())


async def test_twenty_thousand_requests_grow_nothing() -> None:
    wire = Wire(app().handle)
    others = b"GET /?q=%d HTTP/1.1\r\nHost: localhost\r\nX-Number: %d\r\n\r\n"
    body = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 5\r\n\r\nhello"
    )

    async def run(count: int) -> None:
        for number in range(0, count, 4):
            await wire.send(GET, GET, others % (number, number), body)
            assert wire.transport.sent.count(b"HTTP/1.1 200 OK") == 4
            wire.transport.sent.clear()

    with no_collector():
        await run(400)
        assert gc.collect() == 0
        before = counted()
        await run(20_000)
        assert gc.collect() == 0
        grown = counted() - before
    assert sum(grown.values()) < 200, grown
    await wire.close()


async def ask(client: Client) -> None:
    await client.get()


async def probe(client: Client) -> None:
    """A TCP health check: open and close."""


async def garbage(client: Client) -> None:
    await client.send(b"\x16\x03\x01 not for you\r\n\r\n")
    await client.rest()


async def half_a_body(client: Client) -> None:
    await client.send(
        b"POST / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\nContent-Length: 9\r\n\r\nhalf"
    )
    await asyncio.sleep(0.001)
    client.reset()


async def leave_waiting(client: Client) -> None:
    await client.send(GET.replace(b"/ ", b"/wait ", 1))
    await asyncio.sleep(0.001)
    client.reset()


async def leave_stream(client: Client) -> None:
    await client.send(GET.replace(b"/ ", b"/stream ", 1))
    await client.reader.readuntil(b"\r\n\r\n")
    client.reset()


async def talk(client: Client) -> None:
    await client.send(HANDSHAKE)
    await client.reader.readuntil(b"\r\n\r\n")
    await client.send(CLOSING)
    await client.rest()


@pytest.mark.parametrize("visit", [ask, probe, garbage, half_a_body, leave_waiting, leave_stream, talk])
async def test_connections_leave_no_cycles(visit: Callable[[Client], Awaitable[None]]) -> None:
    async with serving(app().handle) as served:

        async def visits(count: int) -> None:
            for _ in range(count):
                client = await served.connect()
                await visit(client)
                await client.close()
                served.clients.clear()
            while served.server.open_connections:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.005)

        await visits(3)
        with no_collector():
            await visits(20)
            gc.set_debug(gc.DEBUG_SAVEALL)
            try:
                gc.collect()
                ours = [
                    each for each in gc.garbage if type(each).__module__.startswith(("vivace", "httptools"))
                ]
                names = Counter(type(each).__name__ for each in ours)
            finally:
                gc.set_debug(0)
                gc.garbage.clear()
        assert names == Counter()


async def test_errors_leave_no_cycles() -> None:
    async def handle(request: Request) -> Response:
        await request.body()
        raise ValueError(request.target)

    wire = Wire(handle)
    for _ in range(5):
        wire.transport = wire.connect()
        await wire.send(GET)
    with no_collector():
        for _ in range(50):
            wire.transport = wire.connect()
            await wire.send(GET)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        names = Counter(type(each).__name__ for each in gc.garbage)
        gc.set_debug(0)
        gc.garbage.clear()
    assert not {"Request", "HTTPProtocol", "Response"} & set(names), names
    await wire.close()
