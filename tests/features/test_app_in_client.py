"""A real App in the test client: its own routes, mounted foreign apps, errors, and the App as a mounted ASGI app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from vivace.app.application import App
from vivace.engine.asgi import ASGIMount, WSGIMount
from vivace.http.websocket import WebSocket
from vivace.testing import Client, assert_problem


def site() -> App:
    app = App()

    @app.get("/hello/{name}")
    async def hello(name: str, times: int = 1) -> list[str]:
        return [name] * times

    @app.get("/fail")
    async def fail() -> str:
        raise ZeroDivisionError("oops")

    @app.get("/count")
    async def count() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(message)

    async def page(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(f"{request.scope['root_path']} {request.url.path}")

    def wsgi(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [("content-type", "text/plain")])
        return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode("latin-1")]

    app.mount("/star", ASGIMount(Starlette(routes=[Route("/{path:path}", page)])))
    app.mount("/old", WSGIMount(wsgi))
    return app


async def test_te1_an_app_answers_the_client(client: Callable[..., Awaitable[Client]]) -> None:
    http = await client(site())
    assert (await http.get("/hello/Ada", query={"times": 2})).json() == ["Ada", "Ada"]
    assert_problem(await http.get("/hello/Ada", query={"times": "many"}), 422)
    assert_problem(await http.get("/none"), 404)
    assert (await http.get("/count")).text == "0\n1\n2\n"
    async with http.websocket("/echo") as socket:
        await socket.send("grüße")
        assert await socket.receive() == "grüße"
    with pytest.raises(ZeroDivisionError, match="oops"):
        await http.get("/fail")


async def test_te1_an_app_answers_its_errors_itself(client: Callable[..., Awaitable[Client]]) -> None:
    http = await client(site(), raise_errors=False)
    assert_problem(await http.get("/fail"), 500)


async def test_rt1_foreign_apps_mounted_in_an_app(client: Callable[..., Awaitable[Client]]) -> None:
    http = await client(site())
    assert (await http.get("/star/a/b")).text == "/star /star/a/b"
    assert (await http.get("/old/a%2Fb/%C3%B6")).text == "/old /a/b/ö"
    assert (await http.get("/old")).text == "/old /"


async def test_rt1_an_app_is_an_asgi_application(client: Callable[..., Awaitable[Client]]) -> None:
    outer = App()
    outer.mount("/inner", ASGIMount(site()))
    http = await client(outer)
    assert (await http.get("/inner/hello/Ada")).json() == ["Ada"]
    async with http.websocket("/inner/echo") as socket:
        await socket.send(b"bytes")
        assert await socket.receive() == b"bytes"
