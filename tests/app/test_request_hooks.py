"""After hooks of one request: before those of the app, once, and an error in one is an error answer."""

from __future__ import annotations

from vivace import App, Request, Response
from vivace.testing import Client


async def test_mw2_a_requests_own_after_hooks_run_before_those_of_the_app() -> None:
    app = App()
    seen: list[str] = []

    @app.after
    def last(request: Request, response: Response) -> None:
        seen.append("app")

    async def own(request: Request, response: Response) -> None:
        seen.append(f"own {response.status}")
        response.headers.set("x-own", "1")

    @app.get("/")
    async def page(request: Request) -> str:
        request.on_response(own)
        return ""

    client = Client(app)
    assert (await client.get("/")).headers["x-own"] == "1"
    assert seen == ["own 200", "app"]


async def test_mw2_they_run_for_errors_too_once_and_in_mounted_apps() -> None:
    inner, outer = App(), App()
    seen: list[int] = []

    @inner.get("/")
    async def page(request: Request) -> str:
        request.on_response(lambda request, response: seen.append(response.status))
        raise KeyError

    outer.mount("/in", inner)
    assert (await Client(outer, raise_errors=False).get("/in/")).status == 500
    assert seen == [500]


async def test_mw2_a_hook_that_fails_makes_an_error_answer() -> None:
    app = App()

    def broken(request: Request, response: Response) -> None:
        raise RuntimeError("boom")

    @app.get("/")
    async def page(request: Request) -> str:
        request.on_response(broken)
        return "fine"

    assert (await Client(app, raise_errors=False).get("/")).status == 500
