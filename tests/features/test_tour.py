"""The tour in ``examples/tour``: every card of the page does what its source says."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from vivace.testing import Client, assert_problem

TOUR: Final = Path(__file__).parents[2] / "examples" / "tour" / "app.py"


@pytest.fixture
def app() -> Iterator[Any]:
    """The tour, freshly loaded: an app belongs to the loop it was started on."""
    spec = importlib.util.spec_from_file_location("tour_under_test", TOUR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module.app
    del sys.modules[spec.name]


async def test_page_shows_the_source_of_its_handlers(app: Any) -> None:
    async with Client(app) as client:
        response = await client.get("/")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text.count("async def ") >= 6
    assert "{hello}" not in response.text
    assert "Hello, {name}!&#34;" in response.text  # escaped


async def test_page_keeps_to_its_content_security_policy(app: Any) -> None:
    async with Client(app) as client:
        page = await client.get("/")
        linked = re.findall(r'(?:src|href)="(/tour\.[a-z]+)"', page.text)
        kinds = {name: (await client.get(name)).headers["content-type"] for name in linked}
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert re.search(r"<style|<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=|https?://", page.text) is None
    assert kinds == {"/tour.css": "text/css; charset=utf-8", "/tour.js": "text/javascript; charset=utf-8"}


async def test_parameters_are_typed(app: Any) -> None:
    async with Client(app, headers={"user-agent": "tester"}) as client:
        right = await client.get("/hello/Ada?times=2")
        wrong = await client.get("/hello/Ada?times=many")
    assert right.json() == {"greetings": ["Hello, Ada!"] * 2, "agent": "tester"}
    assert_problem(wrong, 422)


async def test_count_streams(app: Any) -> None:
    async with Client(app) as client, client.stream("GET", "/count?upto=3") as response:
        assert [line async for line in response.lines()] == ["1", "2", "3"]


async def test_clock_tells_the_time(app: Any) -> None:
    async with Client(app) as client, client.events("/clock") as events:
        event = await anext(events)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", event.data)


async def test_stroke_reaches_everybody_else(app: Any) -> None:
    async with (
        Client(app) as client,
        client.websocket("/board") as first,
        client.websocket("/board") as second,
    ):
        await second.send("[0,0,1,1,0]")
        # One of the two joined last; a stroke of each is seen by the other.
        assert await first.receive() == "[0,0,1,1,0]"
        await first.send("[1,1,0,0,0]")
        assert await second.receive() == "[1,1,0,0,0]"
