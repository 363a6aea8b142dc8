"""A site with account pages for tests: fast hashes, a clock that the test turns, and what a browser sends."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from vivace import App, Request, Settings
from vivace.auth import AbstractUser, Auth, User, current_realm
from vivace.config.settings import AuthSettings, Mail, SessionSettings
from vivace.crypto import Secret
from vivace.testing import Client, ClientResponse

PASSWORD: Final = "correct horse battery"
NEW: Final = "staple twelve monkeys"
ADA: Final = "ada@example.com"
_LINK = re.compile(r"https?://[^\s/]+(/\S+)")


class Clock:
    """Seconds since 1970, turned by the test."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def site(url: str, folder: Path, *, store: str = "database", **given: Any) -> tuple[App, Clock]:
    """Return an app with account pages, and its clock; other keywords are settings of ``auth`` or options of ``Auth``."""
    clock = Clock()
    options = {
        name: given.pop(name) for name in ("login_required", "pages", "forms", "user") if name in given
    }
    debug = bool(given.pop("debug", False))
    hosts: tuple[str, ...] = given.pop("hosts", ())
    auth = AuthSettings(argon2_memory=1 << 20, argon2_passes=1, argon2_lanes=1, hash_threads=1, **given)
    sessions: Any = SessionSettings(store=store)  # type: ignore[arg-type]
    settings = Settings(
        secret_key=Secret("k" * 40),
        auth=auth,
        sessions=sessions,
        mail=Mail(sender="site@example.com"),
        debug=debug,
        hosts=hosts,
    )
    app = App(
        settings=settings,
        root=folder,
        installed=[Auth(clock=clock, **options)],
        databases={"default": url},
    )

    @app.get("/", name="home")
    async def home(request: Request) -> Markup:
        user: Any = await request.user()
        return Markup("<p>{}").format(user)

    @app.get("/private")
    async def private(user: AbstractUser) -> str:
        return user.email

    return app, clock


@asynccontextmanager
async def running(
    app: App, *, account: bool = True, base_url: str = "http://localhost"
) -> AsyncGenerator[Client]:
    """Run the site with Ada's account, and give a browser."""
    async with Client(app, base_url, headers={"accept": "text/html"}) as client:
        if account:
            await User.objects.create_user(ADA, PASSWORD)
        yield client


def another(app: App) -> Client:
    """Return another browser for a site that runs."""
    return Client(
        app, headers={"accept": "text/html", "user-agent": "Mozilla/5.0 (X11; Linux) Firefox/130.0"}
    )


async def sign_in(client: Client, email: str = ADA, password: str = PASSWORD, **more: str) -> ClientResponse:
    """Send the login form."""
    return await client.post("/accounts/login", form={"email": email, "password": password, **more})


async def who(client: Client) -> str:
    """Return the address of who is signed in, ``""`` for nobody."""
    response = await client.get("/private")
    return response.text if response.status == 200 else ""


def link_in(message: Any) -> str:
    """Return the first address in a mail, without its host."""
    found = _LINK.search(message.body)
    assert found is not None, message.body
    return found[1]


def hashes() -> int:
    """Return how many passwords were hashed so far."""
    return current_realm().passwords.hashes


def text_of(response: ClientResponse) -> str:
    """Return a page as one line, without what differs by itself: tokens and addresses of files."""
    text = re.sub(r'value="[\w-]{40,}"', "", response.text)
    return " ".join(text.split())
