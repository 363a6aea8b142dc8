"""Whose request is this: in threads, tasks, streams and work after the response; and never another one's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from vivace.app import App, current_app, current_request
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.types import CallNext
from vivace.http.websocket import WebSocket
from vivace.testing import Client


def path() -> str:
    request = current_request()
    return request.target if request is not None else "none"


def site(seen: dict[str, str]) -> App:
    app = App()

    @app.get("/async/{n}")
    async def in_async(n: int) -> list[str]:
        async def child() -> str:
            await asyncio.sleep(0)
            return path()

        async with asyncio.TaskGroup() as group:
            children = [group.create_task(child()) for _ in range(3)]
        return [path(), *(child.result() for child in children), await asyncio.to_thread(path)]

    @app.get("/thread/{n}")
    def in_thread(n: int) -> list[str]:
        return [path(), str(threading.current_thread().name.startswith("vivace"))]

    @app.get("/stream/{n}")
    async def in_stream(n: int) -> AsyncIterator[str]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield path() + "\n"

    @app.get("/pooled/{n}")
    def in_pooled_stream(n: int) -> Iterator[str]:
        for _ in range(3):
            yield path() + "\n"

    @app.get("/after/{n}")
    async def after(n: int, request: Request) -> str:
        async def later() -> None:
            await asyncio.sleep(0)
            seen[request.target] = path()

        def plain() -> None:
            seen[f"plain {request.target}"] = path()

        request.after_response(later)
        request.after_response(plain)
        return "ok"

    @app.get("/spawn/{n}")
    async def spawn(n: int, request: Request) -> str:
        async def beside() -> None:
            await asyncio.sleep(0)
            seen[request.target] = path()

        app.spawn(beside())
        return "ok"

    @app.websocket("/socket/{n}")
    async def in_socket(n: int, socket: WebSocket) -> None:
        async for _ in socket:
            await socket.send(path())

    return app


async def test_mw7_current_request_wherever_its_code_runs() -> None:
    seen: dict[str, str] = {}
    app = site(seen)
    async with Client(app) as client:

        async def one(number: int) -> None:
            assert (await client.get(f"/async/{number}")).json() == [f"/async/{number}"] * 5
            assert (await client.get(f"/thread/{number}")).json() == [f"/thread/{number}", "True"]
            for kind in ("stream", "pooled"):
                assert (await client.get(f"/{kind}/{number}")).text == f"/{kind}/{number}\n" * 3
            for kind in ("after", "spawn"):
                await client.get(f"/{kind}/{number}")
            async with client.websocket(f"/socket/{number}") as socket:
                await socket.send("who?")
                assert await socket.receive() == f"/socket/{number}"

        await asyncio.gather(*(one(number) for number in range(20)))
        await app.background.drain(10)
    assert len(seen) == 60
    assert [(place, found) for place, found in seen.items() if place.removeprefix("plain ") != found] == []
    assert current_request() is None


async def test_mw7_the_pool_s_threads_remember_nothing() -> None:
    app = site({})
    async with Client(app) as client:
        await client.get("/thread/1")
        assert await app.pool.run(path) == "none"


async def test_pain6_context_variables_flow_both_ways_through_ten_layers() -> None:
    from contextvars import ContextVar

    inner: ContextVar[str] = ContextVar("inner", default="unset")
    outer: ContextVar[str] = ContextVar("outer", default="unset")
    seen: list[str] = []

    async def layer(request: Request, call_next: CallNext) -> Response:
        outer.set("set")
        response = await call_next(request)
        seen.append(inner.get())
        return response

    app = App(middleware=[layer] * 10)

    @app.get("/")
    async def home() -> str:
        inner.set("set")
        return outer.get()

    async with Client(app) as client:
        assert (await client.get("/")).text == "set"
    assert seen == ["set"] * 10


async def test_mw7_current_app_is_that_of_the_code_that_runs() -> None:
    first, second = App(name="first"), App(name="second")

    async def who() -> str:
        return str(current_app().name)

    async with first, second:
        assert await first.spawn(who()) == "first"
        assert await second.spawn(who()) == "second"
        assert current_app() is second

    @(third := App(name="third")).get("/")
    async def home() -> Any:
        return [current_app().name, await second_name()]

    async def second_name() -> str:
        second.background.open = True
        return await second.spawn(who())

    async with Client(third) as client:
        assert (await client.get("/")).json() == ["third", "third"]  # work of a request is that of its app
