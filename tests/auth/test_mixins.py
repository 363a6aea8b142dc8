"""Class-based views for those who may see them, and flash messages in sessions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.auth.accounts import another, running, sign_in, site
from vivace import Request, flash
from vivace.auth import (
    LoginRequiredMixin,
    Permission,
    PermissionRequiredMixin,
    User,
    UserPassesTestMixin,
    login_not_required,
    login_required,
    logout,
)
from vivace.errors import BadView
from vivace.testing import Client
from vivace.views import View
from vivace.views.flashes import PREFIX, flashes


class Page(View):
    async def get(self, request: Request, **kwargs: Any) -> str:
        return "seen"


class Members(LoginRequiredMixin, Page):
    pass


class Editors(PermissionRequiredMixin, Page):
    permission_required = "auth.change_user"


class Ada(UserPassesTestMixin, Page):
    async def test_func(self) -> bool:
        user: User = await self.request.user()
        return user.email == "ada@example.com"


class Both(LoginRequiredMixin, UserPassesTestMixin, Page):
    def test_func(self) -> bool:
        return False


@login_required
class Marked(Page):
    pass


class HalfOpen(Page):
    @login_required
    async def post(self, request: Request) -> str:
        return "written"


async def test_ro9_guards_may_decorate_views_methods_and_what_as_view_made(
    sqlite_url: str, tmp_path: Path
) -> None:
    app, _ = site(sqlite_url, tmp_path)
    app.add_route("/marked", Marked)
    app.add_route("/half", HalfOpen)
    app.add_route("/made", login_required(Page.as_view()))
    late = app.route("/late")(type("Late", (Page,), {}))
    login_required(late)
    async with running(app) as client:
        script = {"accept": "application/json"}
        statuses = [
            (await client.get(path, headers=script)).status for path in ("/marked", "/half", "/made", "/late")
        ]
        assert statuses == [401, 200, 401, 401]
        assert (await client.post("/half", headers=script)).status == 401
        await sign_in(client)
        assert (await client.get("/marked")).text == "seen"
        assert (await client.post("/half")).text == "written"


async def test_ro9_views_may_be_open_where_all_else_needs_a_login(sqlite_url: str, tmp_path: Path) -> None:
    app, _ = site(sqlite_url, tmp_path, login_required=True)
    app.add_route("/open", login_not_required(type("Open", (Page,), {})))
    app.add_route("/closed", Page)
    async with running(app, account=False) as client:
        assert (await client.get("/open")).text == "seen"
        assert (await client.get("/closed")).status == 302


async def test_ro9_members_editors_and_whom_a_test_lets_in(database_url: str, tmp_path: Path) -> None:
    app, _ = site(database_url, tmp_path)
    for path, view in (("/members", Members), ("/editors", Editors), ("/ada", Ada), ("/both", Both)):
        app.add_route(path, view)
    app.add_route("/own", Members.as_view(login_url="/enter"))
    app.add_route("/never", Members.as_view(raise_exception=True))
    async with running(app) as client:
        sent = await client.get("/members?a=1")
        assert (sent.status, sent.headers["location"]) == (302, "/accounts/login?next=%2Fmembers%3Fa%3D1")
        assert (await client.get("/own")).headers["location"] == "/enter?next=%2Fown"
        assert (await client.get("/never")).status == 403
        assert (await client.get("/members", headers={"accept": "application/json"})).status == 401
        await sign_in(client)
        assert (await client.get("/members")).text == "seen"
        assert (await client.get("/ada")).text == "seen"
        assert (await client.get("/editors")).status == 403
        assert (await client.get("/both")).status == 403
        ada = await User.objects.get()
        permission = await Permission.objects.get(codename="change_user")
        await ada.user_permissions.add(permission)
        assert (await client.get("/editors")).text == "seen"


def test_ro9_a_view_that_requires_no_permission_is_refused() -> None:
    class Nothing(PermissionRequiredMixin, Page):
        pass

    with pytest.raises(BadView, match="permission_required"):
        Nothing.as_view()


def with_messages(url: str, folder: Path, **options: Any) -> Any:
    app, _ = site(url, folder, **options)

    @app.get("/say")
    async def say(request: Request, text: str) -> None:
        flash(request, text)

    @app.get("/show")
    async def show(request: Request) -> list[str]:
        return [item.text for item in await flashes(request)]

    @app.get("/leave")
    async def leave(request: Request) -> None:
        await logout(request)
        flash(request, "bye")

    return app


def has_cookie(client: Client) -> bool:
    return any(cookie.name.startswith(PREFIX) for cookie in client.cookies)


@pytest.mark.parametrize("store", ["database", "cookie"])
async def test_se3_messages_are_in_the_session_of_who_has_one(
    sqlite_url: str, tmp_path: Path, store: str
) -> None:
    app = with_messages(sqlite_url, tmp_path, store=store)
    async with running(app) as client:
        stranger = another(app)
        await stranger.get("/say?text=hello")
        assert has_cookie(stranger)
        await sign_in(client)
        await client.get("/show")
        await client.get("/say?text=one")
        await client.get("/say?text=two")
        assert not has_cookie(client)
        assert (await client.get("/show")).json() == ["one", "two"]
        assert (await client.get("/show")).json() == []
        assert (await stranger.get("/show")).json() == ["hello"]


async def test_se3_parallel_requests_of_one_session_lose_nothing(database_url: str, tmp_path: Path) -> None:
    app = with_messages(database_url, tmp_path)
    async with running(app) as client:
        await sign_in(client)
        await client.get("/show")
        await asyncio.gather(*(client.get(f"/say?text=m{n}") for n in range(5)))
        assert sorted((await client.get("/show")).json()) == [f"m{n}" for n in range(5)]


async def test_se3_a_goodbye_survives_the_logout(sqlite_url: str, tmp_path: Path) -> None:
    app = with_messages(sqlite_url, tmp_path)
    async with running(app) as client:
        await sign_in(client)
        await client.get("/leave")
        assert (await client.get("/show")).json()[-1] == "bye"


async def test_se3_a_page_for_strangers_stays_cacheable(sqlite_url: str, tmp_path: Path) -> None:
    app = with_messages(sqlite_url, tmp_path)
    async with running(app, account=False) as client:
        answer = await client.get("/show")
        assert answer.headers.get("cache-control") is None
        assert "cookie" not in (answer.headers.get("vary") or "").lower()
