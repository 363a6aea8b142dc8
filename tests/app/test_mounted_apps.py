"""An app inside an app: its own hooks, error answers, headers and life; addresses with the prefix."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vivace.app import App, current_app
from vivace.config.settings import Limits, Settings
from vivace.errors import AppInvalid
from vivace.errors.testing import WebSocketRejected
from vivace.http.redirect import Redirect
from vivace.http.request import Request
from vivace.http.response import Response, Text
from vivace.http.websocket import WebSocket
from vivace.routing import Router
from vivace.security import Hosts, Security, SecurityHeaders
from vivace.testing import Client


def shop(log: list[str]) -> App:
    app = App(name="shop", security=Security(headers=SecurityHeaders(frame_options="SAMEORIGIN")))

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        log.append("shop opens")
        yield
        log.append("shop closes")

    @app.before
    def before(request: Request) -> None:
        log.append(f"shop before {request.path}")

    @app.error(404)
    def missing(request: Request, error: Exception) -> Response:
        return Text(f"the shop has no {request.path}", 404)

    @app.get("/")
    async def front(request: Request) -> str:
        return f"front {request.prefix} {current_app().name}"

    @app.get("/item/{id}")
    async def item(id: int, request: Request) -> str:
        return f"item {id} {app.url('item', id=id + 1)}"

    @app.get("/go")
    async def go() -> Response:
        return Redirect("front")

    @app.post("/buy")
    async def buy() -> str:
        return "bought"

    @app.post("/hook", csrf=False)
    async def hook() -> str:
        return "hooked"

    @app.get("/stream")
    async def stream(request: Request) -> AsyncIterator[str]:
        yield "a"
        yield f"{current_app().name} {request.path}"

    @app.websocket("/talk/{room}")
    async def talk(room: str, socket: WebSocket) -> None:
        await socket.send(f"{room} {socket.request.path} {current_app().name}")

    return app


def mall(log: list[str], inner: App, prefix: str = "/shop") -> App:
    app = App(name="mall")
    app.mount(prefix, inner)

    @app.get("/")
    async def home() -> str:
        return "mall"

    return app


async def test_ro3_a_mounted_app_answers_under_its_prefix() -> None:
    log: list[str] = []
    async with Client(mall(log, shop(log)), follow=True) as client:
        assert (await client.get("/")).text == "mall"
        assert (await client.get("/shop")).text == "front /shop shop"
        assert (await client.get("/shop/")).text == "front /shop shop"
        assert (await client.get("/shop/item/4")).text == "item 4 /shop/item/5"
        assert (await client.get("/shop/go")).text == "front /shop shop"
        assert (await client.get("/shop/stream")).text == "ashop /shop/stream"
        moved = await client.get("/shop/go/?x=1", follow=False)
        assert (moved.status, moved.headers["location"]) == (308, "/shop/go?x=1")
        async with client.websocket("/shop/talk/tea") as socket:
            assert await socket.receive() == "tea /shop/talk/tea shop"


async def test_ro8_a_mounted_app_has_its_own_hooks_error_answers_and_headers() -> None:
    log: list[str] = []
    async with Client(mall(log, shop(log))) as client:
        answer = await client.get("/shop/none")
        assert (answer.status, answer.text) == (404, "the shop has no /shop/none")
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers.getlist("x-content-type-options") == ["nosniff"]
        assert (await client.get("/none")).problem is not None
        assert (await client.get("/none")).headers["x-frame-options"] == "DENY"
    assert log == ["shop opens", "shop before /shop/none", "shop closes"]


async def test_rt3_a_mounted_app_starts_and_stops_once_with_the_app() -> None:
    log: list[str] = []
    inner = shop(log)
    outer = mall(log, inner)
    outer.mount("/again", inner)
    async with outer:
        assert current_app() is outer
        async with Client(outer) as client:
            assert (await client.get("/again/item/1")).text == "item 1 /again/item/2"
    assert log.count("shop opens") == log.count("shop closes") == 1
    assert inner.url("item", id=3) == "/shop/item/3"


async def test_rs8_work_after_a_mounted_app_s_response_runs_once() -> None:
    told: list[str] = []
    inner, outer = (
        App(on_sent=[lambda request, response: told.append("inner")]),
        App(on_sent=[lambda request, response: told.append("outer")]),
    )

    @inner.get("/")
    async def home(request: Request) -> str:
        request.after_response(told.append, "handler")
        return "home"

    outer.mount("/in", inner)
    async with Client(outer) as client:
        await client.get("/in")
        await asyncio.gather(outer.background.drain(5), inner.background.drain(5))
    assert told == ["handler", "inner", "outer"]


async def test_sc1_a_mounted_app_guards_itself() -> None:
    log: list[str] = []
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    async with Client(mall(log, shop(log))) as client:
        assert (await client.post("/shop/buy")).text == "bought"
        assert (await client.post("/shop/buy", headers=foreign)).status == 403
        assert (await client.post("/shop/hook", headers=foreign)).text == "hooked"
        with pytest.raises(WebSocketRejected):
            async with client.websocket("/shop/talk/tea", headers={"origin": "https://evil.example"}):
                pass


async def test_mw4_guards_and_middleware_of_a_mount_are_around_the_app() -> None:
    def closed(request: Request) -> bool:
        return request.query.get("key") == "1"

    inner = shop([])
    outer = App()
    outer.mount("/shop", inner, guards=[closed])
    async with Client(outer) as client:
        assert (await client.get("/shop/")).status == 403
        assert (await client.get("/shop/?key=1")).status == 200


async def test_ro3_parameters_of_the_prefix_are_there_and_mounts_nest() -> None:
    inner, middle, outer = App(name="inner"), App(), App()

    @inner.get("/x/{b}")
    async def x(b: str, request: Request) -> list[Any]:
        return [b, request.path_params["a"], request.prefix, inner.url("x", b="z")]

    middle.mount("/mid", inner)
    outer.mount("/t/{a}", middle)
    async with Client(outer) as client:
        assert (await client.get("/t/one/mid/x/two")).json() == ["two", "one", "/t/one/mid", "/t/one/mid/x/z"]


async def test_rt3_a_mounted_app_without_settings_takes_those_of_the_app() -> None:
    settings = Settings(hosts=("example.com",), limits=Limits(body_bytes=5))
    inner, outer = App(), App(settings=settings)
    inner.post("/")(_echo)
    outer.mount("/in", inner)
    async with Client(outer, base_url="http://example.com") as client:
        assert (await client.post("/in", content=b"12345")).body == b"12345"
        assert (await client.post("/in", content=b"123456")).status == 413
    own = App(settings=Settings(), security=Security(Hosts(("other.com",))))
    own.post("/")(_echo)
    outer = App(settings=settings)
    outer.mount("/in", own)
    async with Client(outer, base_url="http://example.com") as client:
        assert (await client.post("/in")).status == 421


async def _echo(request: Request) -> bytes:
    return await request.body()


async def bare_asgi(scope: object, receive: object, send: object) -> None:
    """Is mounted by who forgot ``ASGIMount``."""


def test_pain40_what_cannot_be_mounted_is_found_at_the_start() -> None:
    broken, outer = App(), App()

    @broken.get("/a")
    async def first() -> None: ...

    @broken.get("/a")
    async def second() -> None: ...

    outer.mount("/broken", broken)
    outer.mount("/router", Router())
    outer.mount("/self", outer)
    outer.mount("/bare", bare_asgi)
    with pytest.raises(AppInvalid) as caught:
        outer.compile()
    assert [finding.id for finding in caught.value.findings] == [
        "route-duplicate",
        "mount-target",
        "configuration",
        "mount-target",
    ]
    assert "function is mounted under /bare and cannot answer requests" in str(caught.value)
    assert "app.include(router)" in str(caught.value)
    assert "is mounted in itself" in str(caught.value)
