"""The end of a server in its order, and accepting that pauses; real sockets, one process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context

import pytest

from vivace.config.settings import Limits, Settings, Timeouts
from vivace.engine.server import Server
from vivace.http.request import Request
from vivace.http.response import Response, Text

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class App:
    """Answers at once, or under ``/wait`` when ``gate`` is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.cancelled = 0

    async def handle(self, request: Request) -> Response:
        try:
            if request.path.startswith("/wait"):
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Text(request.path)


@asynccontextmanager
async def serving(
    app: App, shutdown: float = 20, limits: Limits | None = None
) -> AsyncGenerator[tuple[Server, int]]:
    server = Server(app.handle, Settings(timeouts=Timeouts(shutdown=shutdown), limits=limits or Limits()))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        await server.listen([sock])
        yield server, sock.getsockname()[1]
        await server.close()
        await asyncio.sleep(0.01)


async def connect(port: int) -> Pair:
    return await asyncio.open_connection("127.0.0.1", port)


def ask(pair: Pair, *paths: str) -> None:
    pair[1].write(b"".join(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode() for path in paths))


async def answer(pair: Pair) -> tuple[int, bool, str]:
    """Return status, whether the connection closes, and the body."""
    head = (await pair[0].readuntil(b"\r\n\r\n")).decode().lower()
    size = int(head.split("content-length: ")[1].split("\r\n")[0])
    body = (await pair[0].readexactly(size)).decode()
    return int(head.split()[1]), "connection: close" in head, body


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_rt4_request_that_comes_during_the_drain_is_answered_and_then_closed() -> None:
    app = App()
    async with serving(app) as (server, port):
        kept, fresh = await connect(port), await connect(port)
        ask(kept, "/one")
        assert await answer(kept) == (200, False, "/one")
        await until(lambda: len(server.connections) == 2)
        draining = asyncio.create_task(server.drain())
        await until(lambda: server.draining)
        ask(kept, "/two")
        ask(fresh, "/three")
        assert await answer(kept) == (200, True, "/two")
        assert await answer(fresh) == (200, True, "/three")
        assert await kept[0].read() == b""
        await draining
        for pair in (kept, fresh):
            pair[1].close()


async def test_rt4_requests_that_wait_behind_others_are_answered() -> None:
    app = App()
    async with serving(app) as (server, port):
        pair = await connect(port)
        ask(pair, "/wait/1", "/wait/2", "/wait/3")
        await until(lambda: server.in_flight == 1)
        draining = asyncio.create_task(server.drain())
        await until(lambda: server.draining)
        app.gate.set()
        answers = [await answer(pair) for _ in range(3)]
        assert [body for _, _, body in answers] == ["/wait/1", "/wait/2", "/wait/3"]
        assert await pair[0].read() == b""
        await draining
        pair[1].close()


async def test_rt4_idle_connections_are_closed_last() -> None:
    app = App()
    async with serving(app, shutdown=0.4) as (server, port):
        pair = await connect(port)
        await until(lambda: server.open_connections == 1)
        await server.drain()
        assert await pair[0].read() == b""
        pair[1].close()


async def test_rt4_what_does_not_end_is_cut_and_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    async with serving(app, shutdown=0.05) as (server, port):
        pair = await connect(port)
        ask(pair, "/wait")
        await until(lambda: server.in_flight == 1)
        await server.drain()
        assert app.cancelled == 1
        assert "1 connections were cut off" in caplog.text
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await pair[0].readexactly(1)
        pair[1].close()


async def test_rt4_new_connections_are_refused_only_when_nobody_listens() -> None:
    app = App()
    async with serving(app) as (server, port):
        server.pause_accepting()
        pair = await connect(port)  # the kernel takes it
        ask(pair, "/later")
        await asyncio.sleep(0.02)
        assert server.open_connections == 0
        await server.resume_accepting()
        assert await answer(pair) == (200, False, "/later")
        assert server.served == 1
        pair[1].close()


async def test_who_resumes_does_not_lend_its_context_to_the_connections() -> None:
    started: ContextVar[str] = ContextVar("started", default="no")

    class Told(App):
        async def handle(self, request: Request) -> Response:
            return Text(started.get())

    stranger = copy_context()
    started.set("yes")
    async with serving(Told()) as (server, port):
        server.pause_accepting()
        await asyncio.get_running_loop().create_task(server.resume_accepting(), context=stranger)
        pair = await connect(port)
        ask(pair, "/")
        assert await answer(pair) == (200, False, "yes")
        pair[1].close()


async def test_rt7_too_many_connections_are_answered_503() -> None:
    app = App()
    async with serving(app, limits=Limits(connections=1)) as (server, port):
        first = await connect(port)
        await until(lambda: server.open_connections == 1)
        second = await connect(port)
        status, closes, body = await answer(second)
        assert (status, closes) == (503, True)
        assert "Too many connections" in body
        second[1].close()
        ask(first, "/")
        assert (await answer(first))[0] == 200
        first[1].close()
        await until(lambda: not server.open_connections)
        assert server.served == 1
