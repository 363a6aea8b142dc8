"""A tour of Vivace on one page: each card shows a handler's own source, and what it does, live.

Start it with ``vivace dev examples/tour/app.py``, and change it while it runs.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from markupsafe import Markup

from vivace import HTML, App, Event, EventStream, Header, Query, Response, WebSocket

HERE = Path(__file__).parent
app = App()


@app.get("/hello/{name}")
async def hello(
    name: str,
    times: Annotated[int, Query(ge=1, le=100)] = 1,
    agent: Annotated[str, Header("user-agent")] = "unknown",
) -> dict[str, object]:
    return {"greetings": [f"Hello, {name}!"] * times, "agent": agent}


@app.get("/count")
async def count(upto: int = 40) -> AsyncIterator[str]:
    for number in range(1, upto + 1):
        yield f"{number}\n"
        await asyncio.sleep(0.05)


@app.get("/clock")
async def clock() -> EventStream:
    async def ticks() -> AsyncIterator[Event]:
        while True:
            yield Event(datetime.now(UTC).strftime("%H:%M:%S"))
            await asyncio.sleep(1)

    return EventStream(ticks())


class Board:
    """Who draws together: every stroke goes to everybody else."""

    def __init__(self) -> None:
        self.sockets: set[WebSocket] = set()

    async def join(self, socket: WebSocket) -> None:
        self.sockets.add(socket)
        try:
            async for stroke in socket:
                others = self.sockets - {socket}
                sends = [other.send(stroke) for other in others]
                await asyncio.gather(*sends, return_exceptions=True)
        finally:
            self.sockets.discard(socket)


board = Board()


@app.websocket("/board")
async def draw(socket: WebSocket) -> None:
    await board.join(socket)


def source(thing: Callable[..., Any] | type) -> str:
    """Return the source of a handler, as it stands in this file."""
    return inspect.getsource(thing).strip()


def page() -> Markup:
    """Return the page, with the sources of its handlers in it."""
    template = Markup((HERE / "page.html").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    socket = f"{source(Board)}\n\n\n{source(draw)}"
    return template.format(hello=source(hello), count=source(count), clock=source(clock), board=socket)


PAGE = page()


@app.get("/")
async def home() -> HTML:
    return HTML(PAGE)


@app.get("/tour.css")
async def style() -> Response:
    return Response((HERE / "tour.css").read_bytes(), content_type="text/css; charset=utf-8")


@app.get("/tour.js")
async def script() -> Response:
    return Response((HERE / "tour.js").read_bytes(), content_type="text/javascript; charset=utf-8")


@app.get("/favicon.ico")
async def no_icon() -> None:
    """The page has its icon in the logo; nothing is 204."""
