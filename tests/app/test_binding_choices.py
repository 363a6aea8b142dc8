"""Choices of models as types of parameters: enums like any other, although their class is made by a metaclass of its own."""

from __future__ import annotations

import msgspec

from vivace import App, models
from vivace.testing import Client, assert_problem


class State(models.TextChoices):
    DRAFT = "draft", "Not yet"
    PUBLIC = "public"


class Level(models.IntegerChoices):
    LOW = 1
    HIGH = 2


class Page(msgspec.Struct):
    state: State = State.DRAFT
    level: Level | None = None


app = App()


@app.get("/search")
async def search(state: State, level: Level = Level.LOW) -> list[object]:
    return [state is State.PUBLIC, level is Level.HIGH]


@app.post("/pages")
async def pages(page: Page) -> Page:
    return page


async def test_choices_are_read_from_the_query() -> None:
    async with Client(app) as client:
        assert (await client.get("/search?state=public&level=2")).json() == [True, True]
        problem = assert_problem(await client.get("/search?state=secret"), 422)
        assert "'draft'" in problem["errors"][0]["expected"]
        assert "'public'" in problem["errors"][0]["expected"]


async def test_choices_are_read_from_json() -> None:
    async with Client(app) as client:
        sent = {"state": "public", "level": 2}
        assert (await client.post("/pages", json=sent)).json() == sent
        problem = assert_problem(await client.post("/pages", json={"state": "secret", "level": 3}), 422)
        assert [error["pointer"] for error in problem["errors"]] == ["/state", "/level"]
        assert problem["errors"][0]["expected"] == "one of 'draft', 'public'"
