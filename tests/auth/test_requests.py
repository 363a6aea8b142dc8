"""What requests know of people: lazy parts, handler parameters, guards, the login page, templates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.auth.site import EMAIL, ann, enter, site, started, weak
from vivace import App, Header, Request, WebSocket
from vivace.auth import (
    AbstractUser,
    AnonymousUser,
    Auth,
    User,
    login_not_required,
    login_required,
    permission_required,
    signed_in,
    user_passes_test,
)
from vivace.config.settings import AuthSettings
from vivace.db import query_log
from vivace.errors import ConfigurationError, NotAwaited, PartMissing
from vivace.http.request import Connection
from vivace.testing import Client

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode": "navigate"}


USES: dict[str, Callable[[Any], object]] = {
    "request.user.email": lambda request: request.user.email,
    "request.user": lambda request: bool(request.user),
    "request.session['cart']": lambda request: request.session["cart"],
    "request.session.update": lambda request: request.session.update({}),
    "request.session": lambda request: "cart" in request.session,
    "request.session['a']": lambda request: request.session.__setitem__("a", 1),
}


@pytest.mark.parametrize("got", USES)
def test_au1_a_lazy_part_that_is_not_called_says_what_to_write(got: str) -> None:
    request = Request("GET", "/", [], Connection())
    with pytest.raises(NotAwaited) as caught:
        USES[got](request)
    assert caught.value.got == got
    assert "await request." in caught.value.fix
    assert "call and await it" in repr(request.user)


def test_au1_a_lazy_part_is_equal_to_nothing_and_cannot_be_iterated() -> None:
    request = Request("GET", "/", [], Connection())
    for use in (lambda: request.user == 1, lambda: list(request.session)):
        with pytest.raises(NotAwaited):
            use()


async def test_au1_without_users_installed_the_error_says_how() -> None:
    app = App()

    @app.get("/")
    async def who(request: Request) -> str:
        await request.user()
        return ""

    async with Client(app) as client:
        with pytest.raises(PartMissing, match=r'App\(installed=\["vivace.auth"\]\)'):
            await client.get("/")


async def test_au1_tasks_of_one_request_ask_once(sqlite_url: str) -> None:
    app = site(sqlite_url)

    @app.get("/many")
    async def many(request: Request) -> int:
        found: list[Any] = await asyncio.gather(*(request.user() for _ in range(5)))
        return len({id(each) for each in found})

    async with started(app) as client:
        await enter(client)
        with query_log() as log:
            assert (await client.get("/many")).json() == 1
        assert len(list(log)) == 1


async def test_au1_the_me_route_of_the_chat_runs_as_it_stands(sqlite_url: str) -> None:
    app = App(databases={"default": sqlite_url}, installed=["vivace.auth"])

    @app.get("/me")
    async def me(user: User, agent: Annotated[str, Header("user-agent")] = "unknown") -> dict[str, str]:
        return {"email": user.email, "agent": agent}

    @app.post("/in")
    async def come(request: Request) -> None:
        from vivace.auth import login

        await login(request, await User.objects.get())

    async with Client(app) as client:
        answer = await client.get("/me")
        assert answer.status == 401
        assert answer.headers.get("content-type") == "application/problem+json"
        assert answer.headers.get("www-authenticate") == "Session"
        await User.objects.create(email=EMAIL, password="!")
        await client.post("/in")
        assert (await client.get("/me")).json() == {"email": EMAIL, "agent": "vivace-test-client"}


def guarded(url: str, **auth: Any) -> App:
    """Return a site with a guard of each kind."""
    app = site(url, auth=Auth(hasher=weak(), **auth), limits=AuthSettings(login_url="/enter"))

    @app.get("/guard", guards=[signed_in])
    async def guard() -> str:
        return "in"

    @login_required
    @app.get("/above")
    async def above() -> str:
        return "in"

    @app.get("/below/{id}")
    @login_required
    async def below(id: int) -> str:
        return f"in {id}"

    @app.get("/permission")
    @permission_required("auth.view_group")
    async def permission() -> str:
        return "in"

    @app.get("/test")
    @user_passes_test(lambda user: user.email.endswith("@example.com"))
    async def tested() -> str:
        return "in"

    @app.websocket("/socket", guards=[signed_in])
    async def socket(socket: WebSocket) -> None:
        await socket.send("hello")

    @app.get("/open")
    @login_not_required
    async def public() -> str:
        return "open"

    return app


@pytest.mark.parametrize("path", ["/guard", "/above", "/below/7", "/permission", "/test", "/me"])
async def test_au7_who_is_not_signed_in_has_401_or_the_login_page(sqlite_url: str, path: str) -> None:
    async with started(guarded(sqlite_url)) as client:
        assert (await client.get(path)).status == 401
        assert (await client.get(path, headers={"accept": "application/json"})).status == 401
        page = await client.get(path, headers=BROWSER, query={"a": "b&c"})
        assert page.status == 302
        assert page.headers.get("location") == f"/enter?next={path.replace('/', '%2F')}%3Fa%3Db%2526c"
        script = await client.get(path, headers={**BROWSER, "sec-fetch-mode": "cors"})
        assert script.status == 401
        form = {"sec-fetch-mode": "cors", "vivace-form": "1"}  # a live page sends it in the browser's place
        assert (await client.get(path, headers={**BROWSER, **form})).headers["location"].startswith("/enter")
        await enter(client)
        expected = 403 if path == "/permission" else 200
        assert (await client.get(path)).status == expected


async def test_au7_a_form_that_is_sent_too_late_goes_to_the_login_page_without_a_way_back(
    sqlite_url: str,
) -> None:
    app = site(sqlite_url, limits=AuthSettings(login_url="/enter"))

    @app.post("/form", guards=[signed_in])
    async def form() -> str:
        return "in"

    async with started(app) as client:
        page = await client.post("/form", headers=BROWSER)
        assert (page.status, page.headers.get("location")) == (303, "/enter")


async def test_au7_where_there_is_no_login_page_a_browser_is_told_401(sqlite_url: str) -> None:
    app = site(sqlite_url, limits=AuthSettings(login_url="nowhere:login"))
    async with started(app) as client:
        assert (await client.get("/me", headers=BROWSER)).status == 401


async def test_sc7_the_way_back_never_leaves_the_site(sqlite_url: str) -> None:
    async with started(guarded(sqlite_url)) as client:
        page = await client.get("//evil.example/guard", headers=BROWSER)
        assert "evil" not in (page.headers.get("location") or "")


async def test_au7_sockets_are_guarded_before_they_are_accepted(sqlite_url: str) -> None:
    from vivace.errors.testing import WebSocketRejected

    async with started(guarded(sqlite_url)) as client:
        with pytest.raises(WebSocketRejected) as caught:
            async with client.websocket("/socket", headers=BROWSER):
                pass
        assert caught.value.response.status == 401
        await enter(client)
        async with client.websocket("/socket") as socket:
            assert await socket.receive() == "hello"


async def test_au7_everything_needs_a_login_but_what_is_marked(sqlite_url: str) -> None:
    async with started(guarded(sqlite_url, login_required=True)) as client:
        assert (await client.get("/open")).text == "open"
        assert (await client.get("/plain")).status == 401
        assert (await client.get("/nowhere")).status == 404
        user = await ann()
        assert user.email == EMAIL


async def test_au7_permissions_open_what_they_are_for(database_url: str) -> None:
    from vivace.auth import Permission

    async with started(guarded(database_url)) as client:
        await enter(client)
        assert (await client.get("/permission")).status == 403
        user = await ann()
        await user.user_permissions.add(
            await Permission.objects.get_by_natural_key("view_group", "auth", "group")
        )
        with query_log() as log:
            assert (await client.get("/permission")).status == 200
        assert len(list(log)) == 2  # who it is, and what she may


async def test_au1_templates_have_user_session_and_perms_as_values(sqlite_url: str, tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "page.html").write_text(
        "{{ user.email if user.is_authenticated else 'nobody' }} {{ session.cart }} "
        "{% if perms.auth.view_group %}may{% else %}may not{% endif %} {{ 'auth.add_group' in perms }}"
    )
    (templates / "plain.html").write_text("plain")
    app = site(sqlite_url, root=tmp_path)

    @app.get("/page/{name}")
    async def page(request: Request, name: str) -> Any:
        from vivace.templates import render

        return render(request, f"{name}.html")

    async with started(app) as client:
        assert "nobody" in (await client.get("/page/page")).text
        await enter(client)
        await client.post("/put", query={"name": "cart", "value": "three"})
        assert (await client.get("/page/page")).text == f"{EMAIL} three may not False"
        await User.objects.update(is_superuser=True)
        assert (await client.get("/page/page")).text == f"{EMAIL} three may True"
        with query_log() as log:
            assert (await client.get("/page/plain")).text == "plain"
        assert not list(log)


async def test_au1_a_page_asks_for_the_user_before_it_begins_where_it_shows_one(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vivace.templates import bridge, render

    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "base.html").write_text("<nav>{{ user.email }}</nav>{% block main %}{% endblock %}")
    (templates / "page.html").write_text('{% extends "base.html" %}{% block main %}one{% endblock %}')
    (templates / "late.html").write_text("{% block main %}{{ user.email }}{% endblock %}")
    (templates / "around.html").write_text("{{ user.email }}{% block main %}two{% endblock %}")
    app = site(sqlite_url, root=tmp_path)

    @app.get("/page/{name}")
    async def page(request: Request, name: str) -> Any:
        return render(request, name.replace("~", "#"))

    @app.get("/given")
    async def given(request: Request) -> Any:
        return render(request, "base.html", user={"email": "somebody"})

    waited: list[object] = []

    def noted(each: Any) -> Any:
        waited.append(each)
        return bridge.wait(each)

    monkeypatch.setattr("vivace.templates.calling.wait", noted)
    async with started(app) as client:
        await enter(client)
        for path, shown, waits, queries in (
            ("/page/page.html", f"<nav>{EMAIL}</nav>one", 0, 1),
            ("/page/late.html", EMAIL, 1, 1),  # a block may be replaced: it asks when it is shown
            ("/page/around.html~main", "two", 0, 0),
            ("/given", "<nav>somebody</nav>", 0, 0),
        ):
            waited.clear()
            with query_log() as log:
                assert (await client.get(path)).text == shown
            assert (len(waited), len(list(log))) == (waits, queries), path


async def test_au1_a_mounted_app_knows_the_users_of_the_outer_one(sqlite_url: str) -> None:
    inner = App()

    @inner.get("/who")
    async def who(request: Request) -> str:
        user: Any = await request.user()
        return str(user)

    @inner.get("/members", guards=[signed_in])
    async def members() -> str:
        return "in"

    app = site(sqlite_url)
    app.mount("/inner", inner)
    async with started(app) as client:
        assert (await client.get("/inner/who")).text == "AnonymousUser"
        page = await client.get("/inner/members", headers=BROWSER)
        assert page.headers.get("location") == "/accounts/login?next=%2Finner%2Fmembers"
        assert (await client.get("/inner/members")).status == 401
        await enter(client)
        assert (await client.get("/inner/who")).text == EMAIL


def test_au1_an_option_that_there_is_not_is_refused_with_the_nearest() -> None:
    options: Any = {"backend": []}
    with pytest.raises(ConfigurationError, match="has no option 'backend'") as caught:
        Auth(**options)
    assert "backends" in caught.value.fix


def test_au1_nobody_is_nobody() -> None:
    nobody = AnonymousUser()
    assert nobody == AnonymousUser()
    assert not nobody.is_authenticated
    assert nobody.is_anonymous
    assert nobody.pk is None
    assert len({nobody, AnonymousUser()}) == 1
    assert issubclass(User, AbstractUser)
