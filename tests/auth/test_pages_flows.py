"""The account pages from end to end, on both databases, as a browser without JavaScript uses them."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from tests.auth.accounts import ADA, NEW, PASSWORD, another, link_in, running, sign_in, site, who
from tests.db.backends import DIALECTS, url_of
from vivace.auth import User
from vivace.mail import ConsoleBackend


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, tmp_path, request)


async def test_au4_sign_up_by_a_link_that_is_mailed(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app, account=False) as client:
        page = await client.get("/accounts/signup?next=/private")
        assert page.status == 200
        assert 'href="/accounts/login?next=%2Fprivate"' in page.text
        sent = await client.post("/accounts/signup", form={"email": "Bo@Example.com", "next": "/private"})
        assert (sent.status, sent.headers.get("location")) == (303, "/accounts/signup/sent")
        assert (await client.get("/accounts/signup/sent")).status == 200
        assert await User.objects.count() == 0
        (message,) = client.outbox
        assert message.to == "Bo@Example.com"
        landed = await client.get(link_in(message))
        assert landed.headers.get("location") == "/accounts/signup/confirm"
        assert "Bo@Example.com" in (await client.get("/accounts/signup/confirm")).text
        done = await client.post(
            "/accounts/signup/confirm", form={"new_password1": PASSWORD, "new_password2": PASSWORD}
        )
        assert (done.status, done.headers.get("location")) == (303, "/private")
        assert await who(client) == "Bo@example.com"
        assert "Your account is ready." in (await client.get("/accounts/")).text


@pytest.mark.parametrize(("debug", "console"), [(True, True), (True, False), (False, True)])
async def test_au4_page_says_where_mail_is_printed_in_development(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug: bool, console: bool
) -> None:
    app, _ = site("sqlite://:memory:", tmp_path, debug=debug)
    async with running(app, account=False) as client:
        if console:
            monkeypatch.setattr(app.mail, "_backend", ConsoleBackend(StringIO()))
        for address in ("/accounts/signup/sent", "/accounts/password/reset/sent"):
            page = (await client.get(address)).text
            assert ("printed in the terminal" in page) == (debug and console)


async def test_au4_sign_up_link_works_once(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app, account=False) as client:
        await client.post("/accounts/signup", form={"email": ADA})
        link = link_in(client.outbox[0])
        for expected in (303, 410):
            await client.get(link)
            form = {"new_password1": PASSWORD, "new_password2": PASSWORD}
            assert (await client.post("/accounts/signup/confirm", form=form)).status == expected
        assert await User.objects.count() == 1


async def test_au4_sign_up_without_confirmation(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path, confirm_email=False)
    async with running(app, account=False) as client:
        form = {"email": ADA, "new_password1": PASSWORD, "new_password2": PASSWORD, "next": "/private"}
        done = await client.post("/accounts/signup", form=form)
        assert (done.status, done.headers.get("location")) == (303, "/private")
        assert await who(client) == ADA
        assert client.outbox == []
        other = another(app)
        known = await other.post("/accounts/signup", form={**form, "email": "ADA@example.com"})
        assert known.headers.get("location") == "/accounts/signup/sent"
        assert "You have an account there already" in client.outbox[0].body
        assert await who(other) == ""


async def test_au4_sign_up_can_be_closed(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path, signup=False)
    async with running(app) as client:
        assert (await client.get("/accounts/signup")).status == 404
        assert "Sign up" not in (await client.get("/accounts/login")).text


async def test_au4_login_and_logout(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        asked = await client.get("/private")
        assert asked.headers.get("location") == "/accounts/login?next=%2Fprivate"
        page = await client.get("/accounts/login?next=/private")
        assert 'value="/private"' in page.text
        assert 'autocomplete="username"' in page.text
        assert 'autocomplete="current-password"' in page.text
        assert "csrfmiddlewaretoken" in page.text
        done = await sign_in(client, "ADA@EXAMPLE.COM", next="/private")
        assert (done.status, done.headers.get("location")) == (303, "/private")
        assert await who(client) == ADA
        again = await client.get("/accounts/login?next=/private")
        assert again.headers.get("location") == "/private"
        assert (await client.get("/accounts/logout")).status == 200
        assert await who(client) == ADA  # a GET changes nothing
        out = await client.post("/accounts/logout")
        assert (out.status, out.headers.get("location")) == (303, "/")
        assert await who(client) == ""
        assert (await client.get("/accounts/logout")).status == 302
        assert "You are logged out." in (await client.get("/accounts/login")).text


async def test_au4_remember_me_is_a_cookie_that_stays(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        short = (await sign_in(client)).headers.getlist("set-cookie")
        assert any(line.startswith("session=") and "Max-Age" not in line for line in short)
        long = (await sign_in(another(app), remember="on")).headers.getlist("set-cookie")
        assert any(line.startswith("session=") and "Max-Age" in line for line in long)


async def test_au4_wrong_login_is_the_form_again(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        refused = await sign_in(client, password="wrong", next="/private")
        assert refused.status == 422
        assert "The address or the password is wrong." in refused.text
        assert 'value="/private"' in refused.text
        assert "wrong" not in refused.text.replace("password is wrong", "")  # no password comes back
        assert (await client.post("/accounts/login", form={"email": "no address"})).status == 422


async def test_au4_password_change_ends_other_sessions(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        other = another(app)
        await sign_in(client)
        await sign_in(other)
        page = await client.get("/accounts/password/change")
        assert page.text.count('autocomplete="new-password"') == 2
        form = {"password": "wrong", "new_password1": NEW, "new_password2": NEW}
        assert (
            "This is not your password." in (await client.post("/accounts/password/change", form=form)).text
        )
        weak = {"password": PASSWORD, "new_password1": "12345678", "new_password2": "12345678"}
        assert (await client.post("/accounts/password/change", form=weak)).status == 422
        form["password"] = PASSWORD
        done = await client.post("/accounts/password/change", form=form)
        assert (done.status, done.headers.get("location")) == (303, "/accounts/")
        assert (await who(client), await who(other)) == (ADA, "")
        assert "was changed just now" in client.outbox[-1].body
        assert (await sign_in(other)).status == 422
        assert (await sign_in(other, password=NEW)).status == 303


async def test_au4_password_reset(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        thief = another(app)
        await sign_in(thief)
        sent = await client.post("/accounts/password/reset", form={"email": "ADA@example.com"})
        assert (sent.status, sent.headers.get("location")) == (303, "/accounts/password/reset/sent")
        assert (await client.get("/accounts/password/reset/sent")).status == 200
        (message,) = client.outbox
        assert message.to == ADA
        landed = await client.get(link_in(message))
        assert landed.headers.get("location") == "/accounts/password/reset/new"
        different = {"new_password1": NEW, "new_password2": NEW + "x"}
        refused = await client.post("/accounts/password/reset/new", form=different)
        assert refused.status == 422
        assert "not the same" in refused.text
        done = await client.post(
            "/accounts/password/reset/new", form={"new_password1": NEW, "new_password2": NEW}
        )
        assert (done.status, done.headers.get("location")) == (303, "/accounts/login")
        assert await who(thief) == ""
        assert (await sign_in(client, password=PASSWORD)).status == 422
        assert (await sign_in(client, password=NEW)).status == 303


async def test_au4_address_change(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        await sign_in(client)
        form = {"email": "countess@example.com", "password": "wrong"}
        assert (await client.post("/accounts/email", form=form)).status == 422
        form["password"] = PASSWORD
        sent = await client.post("/accounts/email", form=form)
        assert (sent.status, sent.headers.get("location")) == (303, "/accounts/email/sent")
        assert (await client.get("/accounts/email/sent")).status == 200
        confirm, warning = client.outbox
        assert (confirm.to, warning.to) == ("countess@example.com", ADA)
        assert await who(client) == ADA  # nothing changes before the link is used
        link = link_in(confirm)
        assert (await client.get(link)).headers.get("location") == "/accounts/email/confirm"
        assert "countess@example.com" in (await client.get("/accounts/email/confirm")).text
        assert (await client.post("/accounts/email/confirm")).status == 303
        assert await who(client) == "countess@example.com"
        assert (await client.get(link)).status == 410


async def test_au4_devices_are_listed_and_revoked(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        others = [another(app) for _ in range(3)]
        for each in (client, *others):
            await sign_in(each)
        page = (await client.get("/accounts/devices")).text
        assert page.count("Firefox on Linux") == 6  # three devices, in the text and on their buttons
        assert page.count("this device") == 1
        device = page.split('name="device" value="')[1].split('"')[0]
        assert (await client.post("/accounts/devices/revoke", form={"device": device})).status == 303
        assert sorted([await who(each) for each in others]) == ["", ADA, ADA]
        gone = await client.post("/accounts/devices/revoke", form={"device": device}, follow=True)
        assert "logged out before" in gone.text
        await client.post("/accounts/devices/revoke", form={"device": "others"})
        assert [await who(each) for each in (client, *others)] == [ADA, "", "", ""]


async def test_au4_account_is_deleted_with_the_password(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        await sign_in(client)
        assert (await client.post("/accounts/delete", form={"password": "wrong"})).status == 422
        assert await User.objects.count() == 1
        done = await client.post("/accounts/delete", form={"password": PASSWORD})
        assert (done.status, done.headers.get("location")) == (303, "/")
        assert await User.objects.count() == 0
        assert await who(client) == ""
        assert client.outbox[-1].to == ADA


@pytest.mark.parametrize("path", ["", "password/change", "email", "email/sent", "devices", "delete"])
async def test_au4_pages_of_an_account_want_a_login(path: str, url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path)
    async with running(app) as client:
        asked = await client.get(f"/accounts/{path}")
        assert (asked.status, (asked.headers.get("location") or "").partition("?")[0]) == (
            302,
            "/accounts/login",
        )


async def test_au4_pages_without_an_account_are_open_where_a_login_is_the_rule(
    url: str, tmp_path: Path
) -> None:
    app, _ = site(url, tmp_path, login_required=True)
    async with running(app) as client:
        assert (await client.get("/")).status == 302
        for path in ("login", "signup", "signup/sent", "password/reset", "password/reset/sent"):
            assert (await client.get(f"/accounts/{path}")).status == 200


async def test_au4_pages_can_lie_elsewhere_or_nowhere(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path, pages="/konto")
    async with running(app) as client:
        assert (await client.get("/konto/login")).status == 200
        assert app.url("auth:login") == "/konto/login"
    app, _ = site(url, tmp_path, pages=None)
    async with running(app) as client:
        assert (await client.get("/accounts/login")).status == 404


async def test_au4_sessions_in_cookies_have_no_devices(url: str, tmp_path: Path) -> None:
    app, _ = site(url, tmp_path, store="cookie")
    async with running(app) as client:
        await sign_in(client)
        page = await client.get("/accounts/")
        assert page.status == 200
        assert "/accounts/devices" not in page.text
        assert (await client.get("/accounts/devices")).status == 404
