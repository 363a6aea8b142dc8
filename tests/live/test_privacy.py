"""What a person may not see never reaches that person's socket."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.auth.site import EMAIL, PASSWORD, Clock, weak
from tests.live.pages import HEAD, Note, Topic, note, renders
from vivace import App, render
from vivace.auth import Auth, authenticate, login, logout, permission_required, signed_in
from vivace.config.secret import Secret
from vivace.config.settings import SessionSettings, Settings
from vivace.http.request import Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocketDisconnect
from vivace.templates import TemplateOptions
from vivace.testing import Client, LivePage

PAGE = (
    HEAD + "{% live %}{% for note in notes %}<li>{{ note.text }}</li>{% endfor %}{% endlive %}"
    "{% live %}<p>{{ user.email if user.is_authenticated else 'nobody' }}</p>{% endlive %}"
)
ADA = "ada@example.com"


def site(
    texts: Any = PAGE,
    *,
    clock: Any = time.time,
    sessions: SessionSettings | None = None,
    **options: Any,
) -> App:
    """Return an app with users, where one can log in and out."""
    app = App(
        models=[Topic, Note],
        settings=Settings(
            secret_key=Secret("a secret of tests, which is long enough"),
            sessions=sessions or SessionSettings(),
        ),
        installed=[Auth(hasher=weak(), clock=clock)],
        templates=TemplateOptions(sources=[{"page.html": texts}]),
        **options,
    )

    @app.post("/login")
    async def sign_in(request: Request, email: str) -> None:
        await login(request, await authenticate(request, email=email, password=PASSWORD))

    @app.post("/logout")
    async def sign_out(request: Request) -> None:
        await logout(request)

    return app


@asynccontextmanager
async def two_people(app: App) -> AsyncGenerator[tuple[Client, Client]]:
    """Start an app with two people who are signed in, each in a browser of her own."""
    async with Client(app) as one:
        two = Client(app)
        for client, email in ((one, EMAIL), (two, ADA)):
            await people().objects.create_user(email, PASSWORD)
            answer = await client.post("/login", query={"email": email})
            assert answer.status == 204
        yield one, two


def people() -> Any:
    """Return the model of users."""
    from vivace.auth import current_realm

    return current_realm().user_model


def told(page: LivePage) -> str:
    """Return everything that a page was sent: what it shows now, and what came."""
    return " ".join(page.sources.values()) + page.response.text


async def test_lv8_a_row_that_becomes_private_is_not_sent_to_the_others() -> None:
    app = site()

    @app.get("/")
    async def mine(request: Request) -> Response:
        user: Any = await request.user()
        shown = [each async for each in Note.objects.all() if each.public or each.text.startswith(user.email)]
        return render(request, "page.html", notes=shown)

    async with two_people(app) as (ann, ada), ann.live("/") as hers, ada.live("/") as other:
        kept = await note(f"{EMAIL} begins")
        await hers.shows("begins")
        await other.shows("begins")
        kept.public = False
        kept.text = f"{EMAIL} tells her secret"
        await kept.save()
        await hers.shows("secret")
        await other.changed()
        await other.settled()
        assert "secret" not in told(other)
        assert "begins" not in other.html()


async def test_lv8_the_first_personal_read_makes_a_region_personal_and_nothing_of_it_is_shared() -> None:
    app = site()

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, ada), ann.live("/") as hers, ada.live("/") as other:
        assert (hers.html(1), other.html(1)) == (f"<p>{EMAIL}</p>", f"<p>{ADA}</p>")
        await note("for all")
        await hers.shows("for all")
        await other.shows("for all")
        assert ADA not in told(hers)
        assert EMAIL not in told(other)
        kept = sorted((each.personal != "", each.viewers) for each in app.live.describe())
        assert kept == [(False, 2), (True, 1), (True, 1)]  # the list is rendered once for both


@pytest.mark.parametrize(
    "read",
    [
        "request.cookies.get('x', '')",
        "request.headers.get('user-agent')",
        "request.client[0]",
        "session.get('x', '')",
        "user.email",
        "flashes | length",
    ],
)
async def test_lv8_whatever_is_personal_is_rendered_for_each_viewer(read: str) -> None:
    app = site(HEAD + "{% live %}{{ " + read + " }}{{ notes | length }}{% endlive %}")

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, ada), ann.live("/") as hers, ada.live("/") as other:
        await note("x")
        await hers.changed()
        await other.changed()
        assert [(each.personal != "", each.viewers) for each in app.live.describe()] == [(True, 1), (True, 1)]


async def test_lv8_code_that_swallows_the_error_of_a_personal_read_changes_nothing() -> None:
    app = site(HEAD + "{% live %}{{ who }}{{ notes | length }}{% endlive %}")

    @app.get("/")
    async def page(request: Request) -> Response:
        try:
            who = (await request.user()).email
        except Exception:
            who = "wrong"
        return render(request, "page.html", notes=Note.objects.all(), who=who)

    async with two_people(app) as (ann, ada), ann.live("/") as hers, ada.live("/") as other:
        await note("x")
        assert await hers.shows("1") == f"{EMAIL}1"
        assert await other.shows("1") == f"{ADA}1"


async def test_lv8_a_hook_before_the_render_that_swallows_the_error_changes_nothing() -> None:
    app = site(HEAD + "{% live %}{{ notes | length }} {{ who }}{% endlive %}")

    @app.before_render
    async def tell_who(request: Request, response: Any) -> None:
        try:
            user: Any = await request.user()
            response.context["who"] = user.email
        except Exception:
            response.context["who"] = "an error"

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, ada), ann.live("/") as hers, ada.live("/") as other:
        await note("x")
        assert await hers.shows("1 ") == f"1 {EMAIL}"
        assert await other.shows("1 ") == f"1 {ADA}"


async def test_lv8_a_right_that_is_revoked_ends_the_page_before_anything_is_sent() -> None:
    app = site()

    @app.get("/", guards=[permission_required("livepages.view_note")])
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, ada):
        user = await people().objects.get(email=EMAIL)
        other = await people().objects.get(email=ADA)
        for each in (user, other):
            each.is_superuser = True
            await each.save()
        async with ann.live("/") as hers, ada.live("/") as watching:
            from vivace.db import atomic

            user.is_superuser = False
            async with atomic():
                await user.save()
                await note("the secret")
            while await hers.receive() != "reload":
                pass
            assert hers.reloaded == "refused"
            assert "secret" not in told(hers)
            await watching.shows("the secret")
            assert len(list(app.live.viewers)) == 1


async def test_lv8_a_session_that_ends_ends_its_pages() -> None:
    app = site()

    @app.get("/", guards=[signed_in])
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, ada), ann.live("/") as hers, ada.live("/") as other:
        await ann.post("/logout")
        while await hers.receive() != "reload":
            pass
        await note("after the end")
        await other.shows("after the end")
        assert "after the end" not in told(hers)
        with pytest.raises(WebSocketDisconnect):
            await hers.receive()
        await hers.disconnect()
        await hers.connect()  # with the cookies that the browser has now
        assert hers.reloaded == "refused"


async def test_lv8_a_page_with_personal_regions_is_fetched_again_when_its_session_is_over() -> None:
    app = site()

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, _), ann.live("/") as hers:
        await ann.post("/logout")
        while await hers.receive() != "reload":
            pass
        assert hers.reloaded == "refused"


@pytest.mark.parametrize("guarded", [True, False])
async def test_lv8_a_session_that_ends_by_its_time_ends_its_pages_at_that_time(guarded: bool) -> None:
    clock = Clock()
    app = site(clock=clock, sessions=SessionSettings(idle=0.0, absolute=3_600.0))

    @app.get("/", guards=[signed_in] if guarded else [])
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app) as (ann, _):
        clock.now += 3_599.9  # it lasts for a tenth of a second of real time
        async with ann.live("/") as hers:
            clock.now += 1
            while await hers.receive() != "reload":
                pass
            assert hers.reloaded == "refused"


async def test_who_has_no_session_sees_personal_regions_as_nobody() -> None:
    app = site()

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with two_people(app), Client(app).live("/") as shown:
        assert shown.html(1) == "<p>nobody</p>"
        await note("x")
        await shown.shows("x")
        assert shown.reloaded is None


async def test_guards_are_asked_again_only_when_what_they_read_changes() -> None:
    asked: list[str] = []
    app = site()

    async def may(request: Request) -> None:
        asked.append(request.path)

    @app.get("/", guards=[may])
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all())

    async with Client(app) as client, client.live("/") as watching:
        assert len(asked) == 2  # the page, and its socket
        await note("x")
        await watching.shows("x")
        assert len(asked) == 2
        app.live.recheck()
        await watching.settled()
        assert len(asked) >= 3


async def test_a_region_in_a_condition_is_not_rendered_around_it() -> None:
    text = (
        HEAD
        + "{% if shown %}{% live %}hidden {{ notes | length }}{% endlive %}{% endif %}{% live %}open{% endlive %}"
    )
    app, shown = site(text), [True]

    @app.get("/")
    async def page(request: Request) -> Response:
        return render(request, "page.html", notes=Note.objects.all(), shown=shown[0])

    async with Client(app) as client, client.live("/") as watching:
        assert "." not in watching.regions[0]
        shown[0] = False
        await note("x")
        await watching.settled()
        assert "hidden 1" not in told(watching)


async def test_a_region_of_a_block_that_a_child_replaces_cannot_be_asked_for() -> None:
    texts = {
        "base.html": HEAD + "{% block side %}{% live %}{{ salary }}{% endlive %}{% endblock %}",
        "page.html": "{% extends 'base.html' %}{% block side %}{% live %}x{% endlive %}{% endblock %}",
    }
    app = App(models=[Topic, Note], templates=TemplateOptions(sources=[texts]))

    @app.get("/child")
    async def child(request: Request) -> Response:
        return render(request, "page.html", salary="4711", notes=Note.objects.all())

    @app.get("/base")
    async def base(request: Request) -> Response:
        return render(request, "base.html", salary="public")

    async with Client(app) as client, client.live("/base") as parent, client.live("/child") as page:
        known = parent.regions[0]
        await page.socket.send_json(["watch", 2, page.token, [[known, ""]]])
        assert await page.socket.receive_json() == ["reload", 2, "changed"]
        forged = known.partition(".")[0] + "~1"
        await page.socket.send_json(["watch", 3, page.token, [[forged, ""], ["~" + forged, ""]]])
        assert await page.socket.receive_json() == ["watching", 3]
        assert renders(app) >= 1
        assert "4711" not in told(page)
