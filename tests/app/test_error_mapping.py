"""RO8: errors become answers, by class and status, by scope, by what the client prefers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vivace.app import App
from vivace.app.debugpage import debug_page
from vivace.errors import Forbidden, HTTPError, NotFound
from vivace.http.request import Request
from vivace.http.response import Response, Text
from vivace.routing import Router
from vivace.testing import Client


async def test_ro8_errors_by_scope_class_and_status() -> None:
    class Oops(LookupError):
        pass

    def said(words: str) -> Callable[[Request, Exception], str]:
        return lambda request, error: words

    nobody: Callable[[Request, Exception], None] = lambda request, error: None  # noqa: E731
    app = App(
        errors={
            LookupError: said("app lookup"),
            404: said("app 404"),
            403: nobody,
            Forbidden: nobody,
            HTTPError: said("app http"),
        }
    )
    router = Router("/in", errors={KeyError: said("router key"), 404: said("router 404")})

    @router.get("/key")
    async def key() -> str:
        raise KeyError

    @router.get("/oops")
    async def oops() -> str:
        raise Oops

    @router.get("/gone")
    async def gone() -> str:
        raise NotFound

    @router.get("/index", errors={IndexError: lambda request, error: None})
    async def index() -> str:
        raise IndexError

    @router.get("/refused")
    async def refused() -> str:
        raise Forbidden

    app.include(router)
    expected = {
        "/in/key": (500, "router key"),
        "/in/oops": (500, "app lookup"),
        "/in/gone": (404, "router 404"),
        "/in/index": (500, "app lookup"),  # None leaves it to the next that fits, here or further out
        "/in/refused": (403, "app http"),
        "/in/unknown": (404, "app 404"),  # no route, so no router
    }
    async with Client(app, raise_errors=False) as client:
        for path, (status, text) in expected.items():
            answer = await client.get(path)
            assert (answer.status, answer.text) == (status, text)


async def test_ro8_an_error_that_is_answered_is_no_server_error(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.error(ZeroDivisionError)
    async def divided(request: Request, error: ZeroDivisionError) -> Response:
        return Text("try another number", 400)

    @app.get("/")
    async def home() -> float:
        return 1 / 0

    async with Client(app) as client:  # raises what is a 500
        assert (await client.get("/")).status == 400
    assert caplog.records == []


async def test_ro8_a_handler_of_errors_that_fails_is_a_500_with_both_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()

    @app.error(Exception)
    def again(request: Request, error: Exception) -> str:
        raise LookupError("second")

    @app.get("/")
    async def home() -> str:
        raise KeyError("first")

    async with Client(app, raise_errors=False) as client:
        answer = await client.get("/")
    assert answer.problem == {
        "type": "urn:vivace:error:server-error",
        "title": "Internal Server Error",
        "status": 500,
    }
    assert "first" in caplog.text
    assert "second" in caplog.text


async def test_ro8_what_a_handler_says_keeps_status_and_headers_of_the_error() -> None:
    app = App(errors={405: lambda request, error: {"no": "way"}, HTTPError: lambda request, error: "other"})

    @app.post("/only")
    async def only() -> str:
        return "only"

    @app.get("/teapot")
    async def teapot() -> str:
        raise HTTPError("short and stout", status=418)

    async with Client(app) as client:
        answer = await client.get("/only")
        assert (answer.status, answer.json(), answer.headers["allow"]) == (
            405,
            {"no": "way"},
            "OPTIONS, POST",
        )
        assert (await client.get("/teapot")).status == 418
        moved = await client.get("/teapot/")  # no error of the app's: no handler sees it
        assert (moved.status, moved.headers["location"]) == (308, "/teapot")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("*/*", "application/problem+json"),
        ("image/png", "application/problem+json"),
        ("text/html;q=0.1,application/problem+json", "application/problem+json"),
    ],
)
async def test_ro8_default_answers_by_accept_and_without_a_stack(accept: str, kind: str) -> None:
    app = App()

    @app.get("/")
    async def home() -> str:
        raise ValueError("inner secret")

    async with Client(app, raise_errors=False) as client:
        for path, status in (("/", 500), ("/<script>", 404)):
            answer = await client.get(path, headers={"accept": accept})
            assert (answer.status, answer.headers["content-type"]) == (status, kind)
            assert "Accept" in answer.headers["vary"]
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text
            assert "<script>" not in answer.text


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
async def test_ro8_a_page_and_a_text_list_what_was_wrong(accept: str) -> None:
    app = App()

    @app.get("/")
    async def home(times: int, token: int = 0) -> int:
        return times

    async with Client(app) as client:
        answer = await client.get("/?times=<b>&token=abc", headers={"accept": accept})
    shown = "&quot;&lt;b&gt;&quot;" if accept == "text/html" else '"<b>"'
    assert answer.status == 422
    assert f"query /times: expected an integer, got {shown}" in answer.text
    assert "query /token" in answer.text
    assert "abc" not in answer.text


async def test_debug_answers_name_the_nearest_route_and_the_methods() -> None:
    def made(*, debug: bool) -> App:
        app = App(debug=debug)
        app.debug_page = debug_page

        @app.get("/hello/{name}")
        async def hello(name: str) -> str:
            if name == "nobody":
                raise NotFound("There is nobody.")
            return name

        return app

    async with Client(made(debug=True)) as client:
        assert (await client.get("/helo/Ada")).json()["detail"] == (
            "There is nothing at this address. Did you mean '/hello/Ada'? There is GET /hello/{name}."
        )
        assert (await client.get("/elsewhere")).json()["detail"] == "There is nothing at this address."
        assert (await client.get("/hello/nobody")).json()["detail"] == "There is nobody."
        refused = await client.delete("/hello/Ada")
        assert refused.json()["detail"].endswith(" It answers GET, HEAD, OPTIONS.")
    async with Client(made(debug=False)) as client:
        assert "hello" not in (await client.get("/helo/Ada")).text
