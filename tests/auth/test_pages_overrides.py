"""Account pages of one's own: templates by their names, the project's frame, forms, another user model; mails and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.auth.accounts import ADA, PASSWORD, link_in, running, sign_in, site
from vivace import models
from vivace.auth import AbstractUser, User
from vivace.auth.forms import LoginForm
from vivace.auth.mails import duration
from vivace.auth.tokens import make_token, read_token, user_of_token
from vivace.auth.useragents import device_name
from vivace.forms import CharField

URL = "sqlite://:memory:"


def template(folder: Path, name: str, text: str) -> None:
    path = folder / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


async def test_au4_one_page_is_replaced_the_others_stay(tmp_path: Path) -> None:
    template(
        tmp_path,
        "auth/login.html",
        '<h1>Ours</h1><form method="post">{% csrf_token %}{{ form.as_p() }}</form>',
    )
    app, _ = site(URL, tmp_path)
    async with running(app) as client:
        page = (await client.get("/accounts/login")).text
        assert page.startswith("<h1>Ours</h1>")
        assert 'name="password"' in page
        assert (await sign_in(client, password="wrong")).text.startswith("<h1>Ours</h1>")
        assert "vv-card" in (await client.get("/accounts/signup")).text


async def test_au4_block_of_a_page_is_replaced(tmp_path: Path) -> None:
    template(
        tmp_path,
        "auth/page.html",
        '{% extends "vivace/base.html" %}{% block content %}<b>{{ self.title() }}</b>{% block auth_card %}{% endblock %}{% endblock %}',
    )
    app, _ = site(URL, tmp_path)
    async with running(app) as client:
        page = (await client.get("/accounts/login")).text
        assert "<b>Log in</b>" in page
        assert "vv-card" not in page


async def test_au4_frame_of_the_project_is_taken(tmp_path: Path) -> None:
    frame = "<title>{% block title %}{% endblock %} · Shop</title>{% vivace_head %}<main>{% block content %}{% endblock %}</main>"
    template(tmp_path, "base.html", frame)
    app, _ = site(URL, tmp_path)
    async with running(app) as client:
        page = (await client.get("/accounts/login")).text
        assert page.startswith("<title>Log in · Shop</title>")
        assert "vivace/vivace" in page
        assert 'name="password"' in page


async def test_au4_frame_of_the_project_may_have_blocks_of_any_name(tmp_path: Path) -> None:
    blocks = "".join(
        f"<div>{{% block {name} %}}{{% endblock %}}</div>" for name in ("aside", "card", "width", "text")
    )
    template(tmp_path, "base.html", f"<main>{{% block content %}}{{% endblock %}}</main>{blocks}")
    app, _ = site(URL, tmp_path)
    async with running(app) as client:
        for path, words in (("login", "No account yet?"), ("signup/sent", "We have sent a message")):
            page = (await client.get(f"/accounts/{path}")).text
            assert page.count(words) == 1
            assert page.count("<div></div>") == 4


async def test_au4_mail_is_replaced_and_gets_html_beside_it(tmp_path: Path) -> None:
    template(tmp_path, "auth/mail/password_reset.txt", "Subject: Neues\n Passwort\nHier: {{ link }} <b>&")
    template(tmp_path, "auth/mail/password_reset.html", "<a href='{{ link }}'>{{ '<' }}{{ email }}</a>")
    app, _ = site(URL, tmp_path)
    async with running(app) as client:
        await client.post("/accounts/password/reset", form={"email": ADA})
        (message,) = client.outbox
        assert message.subject == "Neues"
        assert message.body.endswith("<b>&\n")
        assert message.html.startswith("<a href='http")
        assert "&lt;ada@example.com" in message.html
        assert message.headers["Auto-Submitted"] == "auto-generated"
        assert (await client.get(link_in(message))).status == 302


class BadgeForm(LoginForm):
    """A login form that asks for more."""

    badge = CharField(label="Badge")

    async def clean_badge(self) -> str:
        badge: str = self.cleaned_data["badge"]
        if badge != "42":
            self.add_error("badge", "No such badge.")
        return badge


async def test_au4_form_is_replaced(tmp_path: Path) -> None:
    app, _ = site(URL, tmp_path, forms={"login": BadgeForm})
    async with running(app) as client:
        assert 'name="badge"' in (await client.get("/accounts/login")).text
        assert "No such badge." in (await sign_in(client, badge="1")).text
        assert (await sign_in(client, badge="42")).status == 303


class Customer(AbstractUser):
    """A user model of the app's own."""

    company = models.CharField(max_length=80, blank=True)

    class Meta(AbstractUser.Meta):
        app_label = "pagestest"


async def test_au4_pages_serve_a_user_model_of_the_apps_own(tmp_path: Path) -> None:
    app, _ = site(URL, tmp_path, user=Customer)
    async with running(app, account=False) as client:
        await client.post("/accounts/signup", form={"email": "bo@example.com"})
        await client.get(link_in(client.outbox[0]))
        form = {"new_password1": PASSWORD, "new_password2": PASSWORD}
        assert (await client.post("/accounts/signup/confirm", form=form)).status == 303
        assert (await Customer.objects.get()).email == "bo@example.com"
        assert "bo@example.com" in (await client.get("/accounts/")).text


async def test_au4_password_rules_are_said_and_asked(tmp_path: Path) -> None:
    app, _ = site(URL, tmp_path, confirm_email=False, password_length=12)
    async with running(app, account=False) as client:
        assert "at least 12 characters" in (await client.get("/accounts/signup")).text
        form = {
            "email": "lovelace@example.com",
            "new_password1": "lovelace123",
            "new_password2": "lovelace123",
        }
        refused = (await client.post("/accounts/signup", form=form)).text
        assert "too short" in refused
        assert "too similar to the email address" in refused
        assert "lovelace123" not in refused


# -- tokens ------------------------------------------------------------------------------------------------------------


async def test_au4_token_says_whose_it_is_and_nothing_of_the_password(tmp_path: Path) -> None:
    app, clock = site(URL, tmp_path)
    async with running(app):
        user = await User.objects.get()
        token = make_token(["key"], "email", user, "new@example.com")
        found, address = await user_of_token(["other", "key"], "email", token)
        assert (found, address) == (user, "new@example.com")
        assert user.password not in token
        claim = read_token(["key"], "email", token)
        assert claim is not None
        assert len(claim.fingerprint) == 16
        clock.now += 259_201
        assert read_token(["key"], "email", token) is None


@pytest.mark.parametrize("change", ["password", "email", "is_active"])
async def test_au4_token_is_void_after_a_change(change: str, tmp_path: Path) -> None:
    app, _ = site(URL, tmp_path)
    async with running(app):
        user: Any = await User.objects.get()
        token = make_token(["key"], "reset", user)
        assert (await user_of_token(["key"], "reset", token))[0] == user
        setattr(user, change, {"password": "x", "email": "x@y.z", "is_active": False}[change])
        await user.save()
        assert await user_of_token(["key"], "reset", token) == (None, "")


async def test_au4_token_of_somebody_who_is_gone_is_void(tmp_path: Path) -> None:
    app, _ = site(URL, tmp_path)
    async with running(app):
        user = await User.objects.get()
        token = make_token(["key"], "reset", user)
        await user.delete()
        assert await user_of_token(["key"], "reset", token) == (None, "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(30, "1 minutes"), (900, "15 minutes"), (3_600, "one hour"), (86_400, "24 hours"), (259_200, "3 days")],
)
def test_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("<script>", "Unknown device"),
    ],
)
def test_device_has_a_name(agent: str, name: str) -> None:
    assert device_name(agent) == name
