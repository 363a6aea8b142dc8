"""A page of the tests' own in a real browser, which has the scripts of live pages; the server is played by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.features.browsing import window

ROOMS: Final = ("live", "realtime")
FOLDERS: Final = tuple(Path(__file__).parents[2] / "vivace" / room / "static" / "vivace" for room in ROOMS)
POLICY: Final = (
    "default-src 'self'; connect-src 'self' ws:; script-src 'self'; style-src 'self'; object-src 'none'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types vivace"
)
PAGE: Final = "<!doctype html><html lang=en><title>{0}</title><body>{1}</body></html>"
ADDRESS: Final = "http://page.test/"
SCRIPT: Final = "<script type=module src=/live.js></script>"
REGION: Final = "<!--live:a:h1:TOKEN--><p>one</p><!--/live:a-->"
WAIT: Final = (
    30_000  # milliseconds until a condition must hold: generous, because nothing waits for it to pass
)


Answer = Callable[[Any], object]  # gets a route of the browser, and returns whether it answered that


def serve(page: Any, body: str, answer: Answer | None = None) -> None:
    """Answer what a page asks for: scripts, and a page with ``body`` for all else; ``answer`` is asked first."""

    def handle(route: Any) -> None:
        if answer is None or not answer(route):
            _answer(route, body)

    page.route("http://page.test/**", handle)


@contextmanager
def scripted(browser: Any, body: str = "") -> Generator[tuple[Any, list[str]]]:
    """Open a page with ``body`` under a policy stricter than the default; the list is what the browser complains of."""
    with window(browser) as (page, complaints):
        serve(page, body)
        page.goto(ADDRESS)
        yield page, complaints


@contextmanager
def watching(browser: Any, body: str, answer: Answer | None = None) -> Generator[tuple[Any, Wire]]:
    """Open a page with live regions; yields it and the server's end, once the page watches."""
    with window(browser) as (page, complaints):
        serve(page, body, answer)
        wire = Wire(page)
        page.goto(ADDRESS)
        until(page, lambda: wire.watched)
        yield page, wire
        assert complaints == []


def until(page: Any, condition: Callable[[], Any]) -> Any:
    """Wait until a condition of the test holds, while the page goes on."""
    for _ in range(WAIT // 20):
        if found := condition():
            return found
        page.wait_for_timeout(20)
    raise AssertionError("it did not come")


def reply(route: Any, body: str, status: int = 200, title: str = "t", **headers: str) -> bool:
    """Answer with a page."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    route.fulfill(
        body=PAGE.format(title, body) if status != 204 else "",
        status=status,
        content_type="text/html",
        headers={"content-security-policy": POLICY, **given},
    )
    return True


def _answer(route: Any, body: str) -> None:
    name = route.request.url.rpartition("/")[2]
    for folder in FOLDERS:
        if name and (folder / name).is_file():
            route.fulfill(body=(folder / name).read_text("utf-8"), content_type="text/javascript")
            return
    reply(route, body)


class Wire:
    """The server's end of the connections of one page; what the page sends is in ``watched``."""

    def __init__(self, page: Any, answers: Callable[[Wire, list[Any]], None] | None = None) -> None:
        self.watched: list[list[Any]] = []
        self.sockets: list[Any] = []
        self.away = False  # whether new connections fail
        self._answers = answers
        page.route_web_socket("**/_vivace/socket", self._open)

    def _open(self, socket: Any) -> None:
        if self.away:
            socket.close()
            return
        self.sockets.append(socket)
        socket.on_message(self._hear)

    def _hear(self, text: str) -> None:
        message = json.loads(text)
        if message == ["ping"]:
            self.send("pong")
        elif message[0] == "watch":
            self.watched.append(message)
            if self._answers:
                self._answers(self, message)

    def send(self, *message: Any) -> None:
        self.sockets[-1].send(json.dumps(message))

    def cut(self) -> None:
        """Lose the connection, as a server that is restarted does."""
        self.sockets[-1].close(code=1012, reason="restart")
