"""What type checkers must infer of a program: read by mypy and pyright, run by nobody (see ``test_inference``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

from vivace import App, Redirect, Request, Response, Router, Settings, Text, WebSocket
from vivace.testing import Client

app = App()
router = Router("/blog")


class Database:
    """Something that is provided."""


@app.provide(scope="app")
async def database() -> AsyncIterator[Database]:
    yield Database()


@app.get("/{id}")
@router.get("/{id}", name="post")
async def show(id: int, database: Database, page: int = 1) -> dict[str, int]:
    return {"id": id, "page": page}


@app.post("/")
def create(request: Request) -> Redirect:
    return Redirect("show")


@app.websocket("/talk")
async def talk(socket: WebSocket) -> None:
    async for message in socket:
        assert_type(message, str | bytes)


@app.before
def before(request: Request) -> Response | None:
    return None


@app.after
async def after(request: Request, response: Response) -> None:
    assert_type(response.status, int)


@app.error(KeyError, 404)
async def missing(request: Request, error: Exception) -> Response:
    return Text("missing", 404)


@app.on_startup
async def starting() -> None: ...


@app.lifespan
async def life() -> AsyncIterator[None]:
    yield


@app.every(60)
def tick() -> int:
    return 1


async def program(request: Request) -> None:
    assert_type(await show(1, Database()), dict[str, int])  # a decorated function stays what it is
    assert_type(create(request), Redirect)
    assert_type(before(request), Response | None)
    assert_type(await after(request, Text("x")), None)
    assert_type(await missing(request, KeyError()), Response)
    assert_type(await starting(), None)
    assert_type(life(), AsyncIterator[None])
    assert_type(database(), AsyncIterator[Database])
    assert_type(tick(), int)
    assert_type(app.url("post", id=1), str)
    assert_type(app.settings, Settings)
    assert_type(request.path, str)
    assert_type(await request.body(), bytes)
    async with app as running:
        assert_type(running, App)
    async with Client(app) as client:
        answer = await client.get("/")
        assert_type(answer.status, int)
