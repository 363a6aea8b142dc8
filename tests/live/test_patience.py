"""Regions that fail or take too long: what they showed before is sent to nobody, and others do not wait for them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.live.pages import HEAD, Note, make_app, note
from vivace import App, Request, Response, render
from vivace.app import current_request
from vivace.live.server import LiveOptions
from vivace.testing import Client

LISTED = "{% for note in notes %}<li>{{ note.text }}</li>{% endfor %}"


def failing_app(**options: Any) -> tuple[App, list[bool]]:
    """Return an app of which the region fails when it is rendered again and the list says so."""
    app = make_app(HEAD + "{% live %}" + LISTED + "{{ fail() }}{% endlive %}")
    app.live.options = LiveOptions(**options)
    failing = [False]

    def fail() -> str:
        request = current_request()
        if failing[0] and request is not None and request.is_rerender:
            raise RuntimeError("on purpose")
        return "!"

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.filter(public=True), fail=fail)

    return app, failing


async def test_lv8_what_a_region_showed_before_it_failed_is_sent_to_nobody_who_comes() -> None:
    app, failing = failing_app(retry=3_600.0, retry_most=3_600.0)
    async with Client(app) as client:
        private = await note("a secret")
        async with client.live("/") as first:
            await note("b")
            await first.shows("<li>b</li>")
            failing[0] = True
            private.public = False
            await private.save()
            await first.settled()
            async with client.live("/") as second:
                await second.settled()
                assert "a secret" not in second.html(0)
                failing[0] = False
                await note("c")
                assert "a secret" not in await second.shows("<li>c</li>")
                assert "a secret" not in await first.shows("<li>c</li>")


async def test_lv1_a_region_that_failed_is_tried_again_without_another_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, failing = failing_app(retry=0.001, retry_most=0.01)
    async with Client(app) as client, client.live("/") as page:
        failing[0] = True
        with caplog.at_level(logging.CRITICAL, "vivace.live"):
            await note("a")
            await page.settled()
        failing[0] = False
        await page.shows("<li>a</li>")


async def test_lv1_a_handler_that_hangs_does_not_keep_other_pages_from_being_rendered() -> None:
    app = make_app(HEAD + "{% live %}" + LISTED + "{% endlive %}")
    app.live.options = LiveOptions(at_once=1, patience=0.05)
    hanging = [False]

    @app.get("/slow")
    async def slow(request: Request) -> Response:
        found = await Note.objects.count()
        if hanging[0]:
            await asyncio.Event().wait()
        return render(request, "page.html", notes=Note.objects.all(), found=found)

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/slow"), client.live("/") as shown:
        hanging[0] = True
        await note("a")
        await shown.shows("<li>a</li>")


async def test_lv8_a_guard_that_hangs_does_not_hold_up_others_and_lets_nobody_in() -> None:
    app = make_app(HEAD + "{% live %}" + LISTED + "{% endlive %}")
    app.live.options = LiveOptions(at_once=1, patience=0.05)
    hanging = [False]

    async def guard(request: Request) -> None:
        await Note.objects.count()
        if hanging[0]:
            await asyncio.Event().wait()

    @app.get("/guarded", guards=[guard])
    async def guarded(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/guarded") as held, client.live("/") as shown:
        hanging[0] = True
        await note("a")
        await shown.shows("<li>a</li>")
        while await held.receive() != "reload":
            pass
        assert held.reloaded == "refused"
        assert "<li>a</li>" not in held.html(0)
