"""Who goes away, and what becomes of the work: cancelled, finished, cleaned up; the server stays well (RT5, RS4, RS8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.engine.ends import Wire
from tests.engine.serving import Served, serving
from vivace.app import App
from vivace.http.request import Request
from vivace.http.response import Response, Stream

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def request(target: str, method: str = "GET", fields: str = "") -> bytes:
    fields += "" if method == "GET" else "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n"
    return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def still_well(served: Served) -> None:
    client = await served.connect()
    status, _, _ = await client.get("/fine")
    assert status == 200


class Life:
    """An app whose handlers tell what happened to them."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.go = asyncio.Event()
        self.app = app = App()

        @app.get("/fine")
        async def fine() -> str:
            return "fine"

        @app.get("/wait")
        async def wait() -> str:
            return await self.live("wait")

        @app.post("/wait")
        async def write() -> str:
            return await self.live("write")

        @app.post("/cancel", on_disconnect="cancel")
        async def cancellable() -> str:
            return await self.live("cancel")

        @app.get("/finish", on_disconnect="finish")
        async def finish() -> str:
            return await self.live("finish")

        @app.get("/silent")
        @app.post("/silent")
        async def silent() -> Stream:
            return Stream(self.chunks())

    async def live(self, name: str) -> str:
        self.begun.append(name)
        try:
            await self.go.wait()
            self.ended.append("finished")
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        return name

    async def chunks(self) -> AsyncIterator[bytes]:
        self.begun.append("stream")
        try:
            await self.go.wait()
            yield b"never"
        finally:
            self.ended.append("closed")


@pytest.mark.parametrize(
    ("method", "target", "fate"),
    [
        ("GET", "/wait", "cancelled"),
        ("POST", "/wait", "finished"),
        ("POST", "/cancel", "cancelled"),
        ("GET", "/finish", "finished"),
        ("GET", "/silent", "closed"),
        ("POST", "/silent", "closed"),
    ],
)
async def test_rt5_disconnect_cancels_or_finishes(method: str, target: str, fate: str) -> None:
    life = Life()
    async with serving(life.app.handle) as served:
        client = await served.connect()
        await client.send(request(target, method))
        await until(lambda: life.begun)
        client.reset()
        await until(lambda: not served.server.connections)
        if fate == "finished":
            assert life.ended == []
            life.go.set()
        await until(lambda: life.ended)
        assert life.ended == [fate]
        await still_well(served)


async def test_rs4_two_hundred_resets_before_the_first_byte_leak_nothing() -> None:
    life = Life()
    async with serving(life.app.handle) as served:
        clients = [await served.connect() for _ in range(200)]
        for client in clients:
            await client.send(request("/silent"))
        await until(lambda: len(life.begun) == 200)
        for client in clients:
            client.reset()
        await until(lambda: len(life.ended) == 200)
        await until(lambda: not served.server.connections)
        await still_well(served)


async def test_rt5_half_closed_client_gets_its_answers() -> None:
    life = Life()
    async with serving(life.app.handle) as served:
        client = await served.connect()
        await client.send(request("/wait") + request("/fine") + request("/fine"))
        client.writer.write_eof()
        await until(lambda: life.begun)
        life.go.set()
        answers = await client.rest()
        assert answers.count(b"HTTP/1.1 200 OK") == 3
        assert answers.count(b"connection: close") == 1


async def test_rt5_half_closed_client_does_not_wait_for_ever() -> None:
    life = Life()
    wire = Wire(life.app.handle)
    await wire.send(request("/wait"))
    await wire.end()
    await wire.pass_time(1)
    assert (life.ended, wire.transport.lost) == (["cancelled"], True)
    await wire.close()


async def test_rt5_body_that_ends_too_early_ends_the_request() -> None:
    failed: list[BaseException] = []

    async def handle(request: Request) -> Response:
        try:
            await request.body()
        except BaseException as error:
            failed.append(error)
            raise
        return Response()

    wire = Wire(handle)
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
    await wire.end()
    assert [type(error).__name__ for error in failed] == ["ClientDisconnected"]
    assert not wire.protocol.busy
    await wire.close()


async def test_rt5_broken_chunk_wakes_the_handler() -> None:
    """A handler that waits for a body hears of its end, however bad: 400, once."""
    wire = Wire()
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n")
    assert (wire.statuses, wire.open, wire.protocol.busy) == ([400], False, False)
    await wire.close()


class Odd(BaseException):
    """Nothing that `except Exception` would see."""


async def raise_cancelled() -> Response:
    raise asyncio.CancelledError


async def raise_cancelled_later() -> Response:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


async def raise_odd() -> Response:
    raise Odd


async def raise_exit() -> Response:
    await asyncio.sleep(0)
    raise SystemExit(3)


async def raise_generator_exit() -> Response:
    raise GeneratorExit


async def return_nothing() -> Any:
    return None


async def return_text() -> Any:
    return "text"


async def return_wrong_body() -> Response:
    response = Response()
    response.body = "text"  # type: ignore[assignment]
    return response


async def return_wrong_status() -> Response:
    return Response(b"", "200")  # type: ignore[arg-type]


async def return_wrong_type() -> Response:
    return Response(b"", content_type="text/\u2603")


WRONG = [
    raise_cancelled,
    raise_cancelled_later,
    raise_odd,
    raise_exit,
    raise_generator_exit,
    return_nothing,
    return_text,
    return_wrong_body,
    return_wrong_status,
    return_wrong_type,
]


@pytest.mark.parametrize("wrong", WRONG)
async def test_rt5_whatever_a_handler_does_the_server_stays_well(wrong: Callable[[], Awaitable[Any]]) -> None:
    async def handle(request: Request) -> Response:
        return await wrong() if request.target == "/" else Response("fine")

    async with serving(handle) as served:
        client = await served.connect()
        status, fields, _ = await client.get("/")
        assert (status, fields["connection"]) == (500, "close")
        assert await client.rest() == b""
        await still_well(served)


async def test_rt5_handler_that_swallows_cancellation() -> None:
    ended: list[str] = []

    async def handle(request: Request) -> Response:
        if request.target == "/fine":
            return Response("fine")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("swallowed")
        return Response("too late")

    async with serving(handle) as served:
        client = await served.connect()
        await client.send(GET)
        await until(lambda: served.server.in_flight)
        client.reset()
        await until(lambda: ended)
        await until(lambda: not served.server.connections)
        await still_well(served)


async def test_rt5_stream_written_after_the_disconnect_ends() -> None:
    life = Life()

    async def handle(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 1_000
                    await asyncio.sleep(0)
            finally:
                life.ended.append("closed")

        request.on_disconnect = "finish"
        return Stream(chunks())

    wire = Wire(handle)
    await wire.send(GET)
    await wire.lose()
    await wire.settle()
    assert life.ended == ["closed"]
    await wire.close()


async def test_rt5_deadline_of_a_route_is_503_and_reaches_children() -> None:
    app = App()
    ended: list[str] = []

    @app.get("/", timeout=0.01)
    async def slow() -> str:
        async def child() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("child")

        async with asyncio.TaskGroup() as group:
            group.create_task(child())
        return "never"

    wire = Wire(app.handle)
    await wire.send(GET)
    await until(lambda: wire.statuses)
    assert (wire.statuses, ended, wire.open) == ([503], ["child"], True)
    await wire.send(GET)
    await until(lambda: len(wire.statuses) == 2)
    await wire.close()


async def test_rs4_head_of_an_endless_stream_does_not_run_it() -> None:
    begun: list[str] = []

    async def handle(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            begun.append("run")
            while True:
                yield b"x"

        return Stream(chunks(), 304 if request.target == "/same" else 200)

    wire = Wire(handle)
    await wire.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", GET.replace(b"/ ", b"/same ", 1))
    assert (wire.statuses, wire.open, begun) == ([200, 304], True, [])
    await wire.close()


@pytest.mark.parametrize("layers", [0, 10])
async def test_rs8_background_work_runs_after_a_disconnect(layers: int) -> None:
    app = App()
    done: list[str] = []
    go = asyncio.Event()

    async def layer(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    for _ in range(layers):
        app.middleware(layer)

    @app.post("/")
    async def write(request: Request) -> str:
        request.after_response(done.append, "after")
        done.append("begun")
        await go.wait()
        return "written"

    async with app, serving(app.handle) as served:
        client = await served.connect()
        await client.send(request("/", "POST"))
        await until(lambda: done)
        client.reset()
        await until(lambda: not served.server.connections)
        go.set()
        await until(lambda: "after" in done)
    assert done == ["begun", "after"]
