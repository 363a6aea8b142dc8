"""Flash messages: kept for the next page, lost by nobody, shown once, escaped."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from markupsafe import Markup, escape

from vivace import App, Redirect, Request, Secret, Settings
from vivace.errors import BadFlash
from vivace.http.request import Connection
from vivace.testing import Client
from vivace.views import Flash, flash
from vivace.views.flashes import MOST_BYTES, PREFIX, flashes

SETTINGS = Settings(secret_key=Secret("flashes, kept for the next page"))


def jar(client: Client) -> dict[str, str]:
    return {cookie.name: cookie.value for cookie in client.cookies}


def fill(client: Client, cookies: dict[str, str]) -> None:
    for name, value in cookies.items():
        client.cookies.set(name, value)


def shop(**options: Any) -> App:
    app = App(settings=SETTINGS, **options)

    @app.post("/say")
    async def say(request: Request, text: str, level: str = "info", tags: str = "") -> Redirect:
        flash(request, text, level, tags)  # type: ignore[arg-type]
        return Redirect("/shown")

    @app.get("/shown")
    async def shown(request: Request) -> list[Flash]:
        return list(await flashes(request))

    @app.get("/counted")
    async def counted(request: Request) -> int:
        return len(await flashes(request))

    @app.get("/fails")
    async def fails(request: Request) -> None:
        flash(request, "never true")
        list(await flashes(request))
        raise RuntimeError("boom")

    @app.get("/missing")
    async def missing(request: Request) -> str:
        return "no flashes here"

    return app


def texts(answer: Any) -> list[str]:
    return [item["text"] for item in answer.json()]


async def test_se3_a_message_survives_a_redirect_and_is_shown_once() -> None:
    client = Client(shop(), follow=True)
    answer = await client.post("/say?text=Saved.&level=success&tags=big")
    assert answer.json() == [{"text": "Saved.", "level": "success", "tags": "big success", "html": False}]
    assert (await client.get("/shown")).json() == []
    assert not [name for name in jar(client) if name.startswith(PREFIX)]


async def test_se3_a_message_said_and_shown_in_one_request_is_not_kept() -> None:
    app = App(settings=SETTINGS)

    @app.get("/")
    async def page(request: Request) -> list[str]:
        flash(request, "now")
        seen = [item.text for item in await flashes(request)]
        flash(request, "later")
        return seen

    client = Client(app)
    assert (await client.get("/")).json() == ["now"]
    assert (await client.get("/")).json() == ["later", "now"]


async def test_se3_pages_that_show_nothing_keep_messages_and_counting_is_not_showing() -> None:
    client = Client(shop())
    await client.post("/say?text=a")
    await client.get("/missing")
    assert (await client.get("/counted")).json() == 1
    assert texts(await client.get("/shown")) == ["a"]


async def test_se3_parallel_requests_lose_nothing() -> None:
    app = shop()
    one, other = Client(app), Client(app)
    await one.post("/say?text=first")
    fill(other, jar(one))
    await one.post("/say?text=second")
    await other.post("/say?text=third")  # began when only the first was there
    together = Client(app)
    fill(together, {**jar(one), **jar(other)})
    assert texts(await together.get("/shown")) == ["first", "second", "third"]


async def test_se3_showing_removes_only_what_was_shown() -> None:
    app = shop()
    reader, writer = Client(app), Client(app)
    await reader.post("/say?text=old")
    fill(writer, jar(reader))
    await writer.post("/say?text=new")
    fresh = {name: value for name, value in jar(writer).items() if name not in jar(reader)}
    assert texts(await reader.get("/shown")) == ["old"]  # meanwhile the new one arrived in the same browser
    fill(reader, fresh)
    assert texts(await reader.get("/shown")) == ["new"]


async def test_se3_a_response_that_fails_consumes_nothing_and_says_nothing() -> None:
    client = Client(shop(), raise_errors=False)
    await client.post("/say?text=kept")
    assert (await client.get("/fails")).status == 500
    assert texts(await client.get("/shown")) == ["kept"]


async def test_se3_text_is_escaped_unless_it_is_markup() -> None:
    app = App(settings=SETTINGS)

    @app.post("/")
    async def say(request: Request) -> None:
        flash(request, "<i>& co</i>")
        flash(request, Markup("<b>ok</b>"))

    @app.get("/")
    async def show(request: Request) -> list[str]:
        return [str(escape(item)) for item in await flashes(request)]

    client = Client(app)
    await client.post("/")
    assert (await client.get("/")).json() == ["&lt;i&gt;&amp; co&lt;/i&gt;", "<b>ok</b>"]


async def test_se3_forged_and_old_cookies_are_ignored() -> None:
    client = Client(shop())
    fill(client, {f"{PREFIX}0": "W10.AAAA.forged", f"{PREFIX}1": ""})
    assert (await client.get("/shown")).json() == []


async def test_se3_the_oldest_are_dropped_where_there_is_no_room(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(shop())
    with caplog.at_level(logging.WARNING, "vivace.views"):
        for letter in "abcdef":
            await client.post(f"/say?text={letter * 600}")
    kept = texts(await client.get("/shown"))
    assert [text[0] for text in kept] == ["d", "e", "f"]
    assert "dropped" in caplog.text
    await client.post("/say?text=" + "x" * (MOST_BYTES + 1))
    assert (await client.get("/shown")).json() == []


async def test_se3_levels_are_checked_and_debug_is_for_developers() -> None:
    request = Request("GET", "/", [], Connection())
    with pytest.raises(BadFlash, match="Did you mean 'success'"):
        flash(request, "x", "sucess")  # type: ignore[arg-type]
    for debug, count in ((True, 1), (False, 0)):
        client = Client(shop(debug=debug))
        await client.post("/say?text=x&level=debug")
        assert (await client.get("/counted")).json() == count


async def test_se3_a_request_without_messages_sets_nothing() -> None:
    answer = await Client(shop()).get("/missing")
    assert "set-cookie" not in answer.headers
