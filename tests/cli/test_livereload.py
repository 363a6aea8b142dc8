"""What ``dev`` puts around an app, without processes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from vivace.app import App
from vivace.cli.devchild import log_request
from vivace.cli.livereload import EVENTS, SCRIPT, DevApp, add_script
from vivace.config.settings import Settings
from vivace.http.request import Connection, Request
from vivace.http.response import HTML, JSON, Response, Text
from vivace.testing import Client

LINE = f'<script src="{SCRIPT}?p1" defer></script>'


def asked(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method, "/", raw, Connection())


def app() -> App:
    made = App(debug=True, settings=Settings())

    @made.get("/")
    async def home() -> HTML:
        return HTML("<p>home</p>")

    return made


def dev(load: Callable[[], App] = app, failed: Callable[[BaseException], Any] = lambda error: None) -> DevApp:
    return DevApp(load, "p1", failed)


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("<html><body>x</body></html>", f"<html><body>x{LINE}</body></html>"),
        ("<p></body></p><BODY>x</BODY >\n", f"<p></body></p><BODY>x{LINE}</BODY >\n"),
        ("<p>no end", f"<p>no end{LINE}"),
        ("", ""),
    ],
)
def test_script_stands_at_the_end_of_a_page(page: str, wanted: str) -> None:
    response = HTML(page)
    add_script(asked(), response, "p1")
    assert response.body.decode() == wanted


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (asked(), Text("<body></body>")),
        (asked(), JSON({"a": "<body></body>"})),
        (asked(), HTML("<body></body>", headers={"content-encoding": "gzip"})),
        (asked("HEAD"), HTML("<body></body>")),
        (asked(sec_fetch_dest="empty"), HTML("<body></body>")),
        (asked(sec_fetch_dest="image"), HTML("<body></body>")),
    ],
)
def test_everything_else_stays_as_it_is(request_: Request, response: Response) -> None:
    before = response.body
    add_script(request_, response, "p1")
    assert response.body == before


async def test_app_is_served_with_its_script() -> None:
    async with Client(dev()) as client:
        assert (await client.get("/")).text == f"<p>home</p>{LINE}"
        assert "EventSource" in (await client.get(SCRIPT)).text
        assert (await client.get("/_vivace/other")).status == 404
        async with client.events(EVENTS) as events:
            event = await anext(events)
    assert (event.event, event.data) == ("process", "p1")


async def test_stop_ends_the_event_streams() -> None:
    served = dev()
    async with Client(served) as client, client.events(EVENTS) as events:
        await anext(events)
        served.stop()
        assert [event async for event in events] == []


@pytest.mark.parametrize("error", [ValueError("no box"), SystemExit("no box"), SyntaxError("no box")])
async def test_error_of_the_load_is_every_page(error: BaseException) -> None:
    told: list[BaseException] = []

    def load() -> App:
        raise error

    async with Client(dev(load, told.append), headers={"accept": "text/html"}, raise_errors=False) as client:
        page = await client.get("/anything")
    assert page.status == 500
    assert "no box" in page.text
    assert f'<script src="{SCRIPT}?p1" defer>' in page.text
    assert told == [error]


async def test_error_of_the_start_is_every_page() -> None:
    made = app()

    @made.on_startup
    async def begin() -> None:
        raise OSError("no box")

    async with Client(dev(lambda: made), headers={"accept": "text/html"}, raise_errors=False) as client:
        assert "no box" in (await client.get("/")).text


async def test_a_browser_that_asks_for_an_icon_hears_of_no_error() -> None:
    answer = await dev().handle(Request("GET", "/favicon.ico", [], Connection()))
    assert answer.status == 204
    assert answer.headers["cache-control"] == "max-age=3600"


async def test_an_icon_of_the_app_is_served() -> None:
    def with_icon() -> App:
        made = app()

        @made.get("/favicon.ico")
        async def icon() -> bytes:
            return b"icon"

        return made

    answer = await dev(with_icon).handle(Request("GET", "/favicon.ico", [], Connection()))
    assert (answer.status, answer.body) == (200, b"icon")


@pytest.mark.parametrize(("count", "text"), [(0, " ms\n"), (1, "(1 query, "), (2, "(2 queries, ")])
def test_the_line_of_a_request_counts_its_queries(
    count: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Log(list[int]):
        seconds = 0.0

    request: Any = Request("GET", "/", [], Connection())
    request.query_log = Log(range(count))
    server: Any = SimpleNamespace(clock=lambda: 1.0)
    log_request(server, request, Text("x"), 0.5)
    assert text in capsys.readouterr().err
