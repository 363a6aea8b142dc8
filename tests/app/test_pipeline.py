"""What runs around a handler: order, scopes, errors, what hooks and middleware may do, and what of it is printable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest

from vivace.app import App
from vivace.app.order import PHASES
from vivace.errors import Forbidden, NotFound, WebSocketDisconnect, WrongResult
from vivace.errors.testing import WebSocketRejected
from vivace.http.files import File
from vivace.http.redirect import Redirect
from vivace.http.request import Request
from vivace.http.response import Response, Stream, Text
from vivace.http.types import CallNext
from vivace.http.websocket import WebSocket
from vivace.routing import Router
from vivace.testing import Client


class Trail(list[str]):
    """Hooks that say that they ran."""

    def before(self, name: str) -> Callable[[Request], None]:
        def before(request: Request) -> None:
            self.append(name)

        before.__qualname__ = name
        return before

    def after(self, name: str) -> Callable[[Request, Response], Any]:
        async def after(request: Request, response: Response) -> None:
            self.append(name)

        after.__qualname__ = name
        return after

    def around(self, name: str) -> Callable[[Request, CallNext], Any]:
        async def around(request: Request, call_next: CallNext) -> Response:
            self.append(f"{name} in")
            response = await call_next(request)
            self.append(f"{name} out")
            return response

        around.__qualname__ = name
        return around

    def guard(self, name: str) -> Callable[[], bool]:
        def guard() -> bool:
            self.append(name)
            return True

        guard.__qualname__ = name
        return guard

    def error(self, name: str) -> Callable[[Request, BaseException], None]:
        def error(request: Request, failure: BaseException) -> None:
            self.append(name)

        error.__qualname__ = name
        return error


def everywhere(trail: Trail) -> App:
    """Return an app with every phase in every scope: app, router, route."""

    def scope(name: str) -> dict[str, Any]:
        return {
            "before": [trail.before(f"{name} before")],
            "after": [trail.after(f"{name} after")],
            "middleware": [trail.around(f"{name} middleware")],
            "on_error": [trail.error(f"{name} on_error")],
            "on_sent": [trail.after(f"{name} on_sent")],
        }

    app = App(**scope("app"))
    router = Router("/shop", guards=[trail.guard("router guard")], **scope("router"))

    @router.get("/item", guards=[trail.guard("route guard")], **scope("route"))
    async def item() -> str:
        trail.append("handler")
        return "item"

    @router.get("/broken", **scope("route"))
    async def broken() -> str:
        raise NotFound("no such thing")

    app.include(router)
    return app


ORDER = [
    "app middleware in",
    "app before",
    "router middleware in",
    "route middleware in",
    "router before",
    "route before",
    "router guard",
    "route guard",
    "handler",
    "route middleware out",
    "router middleware out",
]


async def test_mw2_every_phase_in_every_scope_in_order() -> None:
    trail = Trail()
    async with Client(everywhere(trail)) as client:
        assert (await client.get("/shop/item")).text == "item"
    afters = ["route after", "router after", "app after", "route on_sent", "router on_sent", "app on_sent"]
    inside = trail.index("handler") + 1
    assert trail[:inside] == ORDER[:inside]
    assert [step for step in trail if step.endswith(("after", "on_sent"))] == afters


async def test_mw2_errors_go_from_the_inner_scope_outwards() -> None:
    trail = Trail()
    async with Client(everywhere(trail)) as client:
        assert (await client.get("/shop/broken")).status == 404
        assert [step for step in trail if step.endswith("on_error")] == [
            "router on_error",
            "route on_error",
            "app on_error",
        ]
        trail.clear()
        assert (await client.get("/none")).status == 404
        assert [step for step in trail if step.endswith("on_error")] == ["app on_error"]


async def test_mw2_order_is_printable() -> None:
    app = everywhere(Trail())
    item = next(row for row in app.describe() if row.path == "/shop/item")
    assert [phase for phase, _ in item.phases] == [phase for phase in PHASES if phase in dict(item.phases)]
    names = {phase: [name.rpartition(".")[2] for name in found] for phase, found in item.phases}
    assert names["guards"] == ["router guard", "route guard"]
    assert names["after"] == ["route after", "router after"]
    assert names["app on_sent"] == ["app on_sent"]
    assert "  before: " in str(item)
    assert str(item).startswith("GET /shop/item\n")
    assert "origin check" not in names  # it reads


async def test_mw1_mixed_chain_hops_to_no_thread() -> None:
    threads: set[int] = set()

    def here(request: Request, *_: Any) -> None:
        threads.add(threading.get_ident())

    async def async_here(request: Request, *_: Any) -> None:
        here(request)

    def plain(request: Request, call_next: CallNext) -> Any:  # a `def` middleware hands the awaitable on
        here(request)
        return call_next(request)

    async def layered(request: Request, call_next: CallNext) -> Response:
        here(request)
        return await call_next(request)

    app = App(before=[here, async_here], after=[async_here, here], middleware=[plain, layered, plain])
    inside: list[int] = []

    @app.get("/", before=[here], middleware=[layered, plain])
    def home() -> str:
        inside.append(threading.get_ident())
        return "home"

    async with Client(app) as client:
        assert (await client.get("/")).text == "home"
    assert threads == {threading.get_ident()}
    assert inside[0] != threading.get_ident()  # the one hop: the `def` handler's own


async def test_mw1_every_kind_of_callable_is_a_layer() -> None:
    """Plain functions are copied with what comes next as a default; all others must not be."""
    trail: list[str] = []

    async def with_cell(request: Request, call_next: CallNext) -> Response:
        trail.append("cell")
        return await call_next(request)

    async def with_default(request: Request, call_next: CallNext, word: str = "default") -> Response:
        trail.append(word)
        return await call_next(request)

    async def with_default_next(request: Request, call_next: CallNext | None = None) -> Response:
        assert call_next is not None
        return await call_next(request)

    async def with_keyword(request: Request, call_next: CallNext, *, word: str = "keyword") -> Response:
        trail.append(word)
        return await call_next(request)

    async def with_any(*args: Any) -> Response:
        request, call_next = args
        trail.append("any")
        response: Response = await call_next(request)
        return response

    @wraps(with_cell)
    async def wrapped(request: Request, call_next: CallNext) -> Response:
        return await with_cell(request, call_next)

    class Layer:
        async def __call__(self, request: Request, call_next: CallNext) -> Response:
            trail.append("object")
            return await call_next(request)

        async def method(self, request: Request, call_next: CallNext) -> Response:
            trail.append("method")
            return await call_next(request)

    named = partial(with_default, word="partial")
    layers: list[Any] = [with_cell, with_default, with_default_next, with_keyword, with_any, wrapped, named]
    app = App(middleware=[*layers, Layer(), Layer().method, with_cell])
    app.get("/")(lambda: "home")
    async with Client(app) as client:
        assert (await client.get("/")).text == "home"
    assert trail == "cell default keyword any cell partial object method cell".split()
    assert with_cell.__defaults__ is None


async def test_mw4_middleware_of_one_route_and_opting_out() -> None:
    async def stamp(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        if not request.route.options.extra.get("unstamped"):
            response.headers.set("x-stamp", "1")
        return response

    router = Router(middleware=[stamp])

    @router.get("/stamped")
    async def stamped() -> str:
        return "a"

    @router.get("/plain", extra={"unstamped": True})
    async def plain() -> str:
        return "b"

    app = App()
    app.include(router)

    @app.get("/alone", middleware=[stamp])
    async def alone() -> str:
        return "c"

    @app.get("/other")
    async def other() -> str:
        return "d"

    async with Client(app) as client:
        stamps = [
            ("x-stamp" in (await client.get(path)).headers)
            for path in ("/stamped", "/plain", "/alone", "/other")
        ]
    assert stamps == [True, False, True, False]


async def test_mw1_middleware_sees_final_bytes_of_errors_too() -> None:
    seen: list[tuple[int, bytes]] = []

    async def look(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append((response.status, response.body))
        return response

    app = App(middleware=[look])

    def spoil(request: Request, response: Response) -> None:
        raise LookupError("in a hook")

    @app.get("/broken", middleware=[look])
    async def broken() -> str:
        raise Forbidden("not you")

    @app.get("/spoilt", middleware=[look], after=[spoil])
    async def spoilt() -> str:
        return "fine"

    async with Client(app, raise_errors=False) as client:
        assert (await client.get("/broken")).status == 403
        assert [status for status, _ in seen] == [403, 403]
        assert b"not you" in seen[0][1]
        seen.clear()
        assert (await client.get("/spoilt")).status == 500
        assert [status for status, _ in seen] == [500, 500]


async def test_mw1_middleware_sees_the_answer_to_an_error_in_a_before_hook() -> None:
    seen: list[int] = []

    async def look(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        seen.append(response.status)
        return response

    def refuse(request: Request) -> None:
        raise Forbidden("not you")

    async with Client(App(middleware=[look], before=[refuse])) as client:
        assert (await client.get("/")).status == 403
    assert seen == [403]


async def test_mw1_route_scope_maps_what_its_middleware_raises() -> None:
    async def refuse(request: Request, call_next: CallNext) -> Response:
        raise KeyError("x")

    app = App()

    @app.get("/", middleware=[refuse], errors={KeyError: lambda request, error: Text("mapped", 418)})
    async def home() -> str:
        return "home"

    async with Client(app) as client:
        answer = await client.get("/")
    assert (answer.status, answer.text) == (418, "mapped")


@pytest.mark.parametrize("level", ["app", "route"])
async def test_mw1_a_middleware_that_forgets_its_answer_is_named(level: str) -> None:
    async def forgetful(request: Request, call_next: CallNext) -> Any:
        await call_next(request)

    app = App(middleware=[forgetful] if level == "app" else [])

    @app.get("/", middleware=[forgetful] if level == "route" else [])
    async def home() -> str:
        return "home"

    async with Client(app) as client:
        with pytest.raises(WrongResult, match="forgetful") as caught:
            await client.get("/")
    assert "test_pipeline.py" in str(caught.value)
    assert "return await call_next(request)" in caught.value.fix


@pytest.mark.parametrize("phase", ["before", "after", "on_error"])
async def test_mw2_a_hook_that_returns_no_response_is_named(phase: str) -> None:
    def chatty(*_: Any) -> Any:
        return "text"

    app = App(**{phase: [chatty]})  # type: ignore[arg-type]

    @app.get("/")
    async def home() -> str:
        raise NotFound if phase == "on_error" else Forbidden

    async with Client(app) as client:
        with pytest.raises(WrongResult, match="chatty"):
            await client.get("/")


async def test_mw2_answers_of_hooks_are_prepared_like_those_of_handlers(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("from a file")

    def to_home(request: Request) -> Response | None:
        return Redirect("home") if request.query.get("lost") else None

    def with_file(request: Request, response: Response) -> Response | None:
        return File(page) if request.query.get("file") else None

    async def file_middleware(request: Request, call_next: CallNext) -> Response:
        return File(page) if request.query.get("early") else await call_next(request)

    app = App(before=[to_home], after=[with_file], middleware=[file_middleware])

    @app.get("/start", middleware=[file_middleware])
    async def home() -> Response:
        return File(page)

    async with Client(app) as client:
        assert (await client.get("/none?lost=1")).headers["location"] == "/start"
        for query in ("file=1", "early=1", ""):
            assert (await client.get(f"/start?{query}")).text == "from a file"


async def test_mw2_a_response_that_is_replaced_is_closed() -> None:
    closed: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"never read"
        finally:
            closed.append("generator")

    class Noted(Stream):
        async def close(self) -> None:
            closed.append("stream")
            await super().close()

    def instead(request: Request, response: Response) -> Response:
        if request.path == "/spoilt":
            raise LookupError
        return Text("instead")

    app = App(after=[instead])

    @app.get("/")
    @app.get("/spoilt")
    async def home() -> Response:
        return Noted(chunks())

    async with Client(app, raise_errors=False) as client:
        assert (await client.get("/")).text == "instead"
        assert closed == ["stream"]
        assert (await client.get("/spoilt")).status == 500
        assert closed == ["stream", "stream"]


async def test_rs8_on_sent_hears_of_the_response_that_was_sent() -> None:
    told: list[tuple[str, int]] = []

    def sent(name: str) -> Callable[[Request, Response], None]:
        return lambda request, response: told.append((name, response.status))

    app = App(on_sent=[sent("app")], after=[lambda request, response: Text("replaced", 299)])

    @app.get("/", on_sent=[sent("route")])
    async def home(request: Request) -> str:
        request.after_response(told.append, ("handler", 0))
        return "home"

    async with Client(app) as client:
        await client.get("/")
        await client.get("/none")
    assert told == [("handler", 0), ("route", 299), ("app", 299), ("app", 299)]


async def test_rt5_deadlines_and_departures_are_told() -> None:
    told: list[str] = []
    app = App(
        on_timeout=[lambda request: told.append("app timeout")],
        on_abort=[lambda request: told.append("app abort")],
    )
    started = asyncio.Event()

    async def slow_guard() -> None:
        await asyncio.Event().wait()

    @app.get("/slow", timeout=0.01, on_timeout=[lambda request: told.append("route timeout")])
    async def slow() -> None:
        await asyncio.Event().wait()

    @app.get("/guarded", timeout=0.01, guards=[slow_guard])
    async def guarded() -> None:
        """The deadline is around the guards too."""

    @app.get("/left")
    async def left() -> None:
        started.set()
        await asyncio.Event().wait()

    async with Client(app) as client:
        answer = await client.get("/slow")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert told == ["app timeout", "route timeout"]
        assert (await client.get("/guarded")).status == 503
        told.clear()
        leaving = asyncio.create_task(client.get("/left"))
        await started.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert told == ["app abort"]


async def test_mw2_hooks_may_be_partials_and_objects() -> None:
    class Hook:
        def __call__(self, request: Request) -> None:
            request.state["object"] = True

    def note(name: str, request: Request) -> None:
        request.state[name] = True

    app = App(before=[Hook(), partial(note, "partial")])

    @app.get("/")
    async def home(request: Request) -> list[str]:
        return sorted(request.state)

    async with Client(app) as client:
        assert (await client.get("/")).json() == ["object", "partial"]
    assert [name.rpartition(".")[2] for name in dict(app.describe()[0].phases)["app before"]] == [
        "Hook",
        "note",
    ]


async def test_rl1_what_a_socket_s_handler_raises_becomes_an_answer_or_a_close_code() -> None:
    app, told = App(), list[str]()

    @app.on_error
    def on_error(request: Request, error: BaseException) -> None:
        told.append(type(error).__name__)

    @app.websocket("/early")
    async def early(socket: WebSocket) -> None:
        raise Forbidden("not you")

    @app.websocket("/json")
    async def as_json(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_json()

    @app.websocket("/broken")
    async def broken(socket: WebSocket) -> None:
        await socket.accept()
        raise KeyError("inside")

    async with Client(app, raise_errors=False) as client:
        with pytest.raises(WebSocketRejected) as refused:
            async with client.websocket("/early"):
                """Never opened."""
        assert refused.value.response.status == 403
        for path, message, code in (("/json", "{", 1007), ("/broken", None, 1011)):
            async with client.websocket(path) as socket:
                if message:
                    await socket.send(message)
                with pytest.raises(WebSocketDisconnect):
                    await socket.receive()
                assert socket.close_code == code
    assert told == ["Forbidden", "BadMessage", "KeyError"]
