"""A small site with users, on a database that really commits, for tests of what happens to sessions and logins."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from vivace import App, Request
from vivace.auth import AbstractUser, Auth, Session, authenticate, login, logout
from vivace.auth.passwords.hashers import Argon2, Scrypt
from vivace.config.secret import Secret
from vivace.config.settings import AuthSettings, SessionSettings, Settings
from vivace.db import Databases
from vivace.migrations.create import create_tables
from vivace.testing import Client

EMAIL: Final = "ann@example.com"
PASSWORD: Final = "violet anchor 7"
START: Final = 1_800_000_000.0


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def cheap() -> Argon2:
    """Return Argon2id with the least it may cost."""
    return Argon2(8 * 1024, 1, 1)


def weak() -> Scrypt:
    """Return a hasher that tests may call often."""
    return Scrypt(2, 1, 1)


def site(
    url: str | Databases,
    *,
    auth: Auth | None = None,
    sessions: SessionSettings | None = None,
    limits: AuthSettings | None = None,
    **options: Any,
) -> App:
    """Return a site where one can log in and out, and put things into the session."""
    settings = Settings(
        sessions=sessions or SessionSettings(),
        auth=limits or AuthSettings(),
        secret_key=Secret("a secret of tests, which is long enough"),
    )
    app = App(
        settings=settings,
        databases={"default": url} if isinstance(url, str) else url,
        installed=[auth or Auth(hasher=weak())],
        **options,
    )

    @app.post("/login")
    async def sign_in(request: Request, email: str, password: str, remember: str = "") -> dict[str, bool]:
        user = await authenticate(request, email=email, password=password)
        if user is not None:
            await login(request, user, remember={"yes": True, "no": False}.get(remember))
        return {"ok": user is not None}

    @app.post("/logout")
    async def sign_out(request: Request) -> None:
        await logout(request)

    @app.get("/me")
    async def me(user: AbstractUser) -> dict[str, str]:
        return {"email": user.email}

    @app.get("/who")
    async def who(user: AbstractUser | None) -> dict[str, Any]:
        return {"email": user.email if user is not None else None}

    @app.post("/put")
    async def put(session: Session, name: str, value: str) -> dict[str, Any]:
        session[name] = value
        return dict(session)

    @app.get("/all")
    async def everything(session: Session) -> dict[str, Any]:
        return dict(session)

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    return app


@asynccontextmanager
async def started(app: App, **options: Any) -> AsyncGenerator[Client]:
    """Start an app on an empty database, with one user; what it writes is committed."""
    app.compile()
    database = app.databases.default
    if database.dialect == "postgresql":
        await database.run_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await create_tables(database, app.models)
    async with Client(app, isolate=False, **options) as client:
        await ann()
        yield client


async def ann() -> Any:
    """Return the user of the site, made where she is missing."""
    from vivace.auth import current_realm

    model: Any = current_realm().user_model
    found = await model.objects.named(EMAIL).first()
    return found or await model.objects.create_user(EMAIL, PASSWORD)


async def enter(client: Client, **more: str) -> str:
    """Log the user in; returns what the cookie holds."""
    answer = await client.post("/login", query={"email": EMAIL, "password": PASSWORD, **more})
    assert answer.json() == {"ok": True}
    return cookie(client)


def cookie(client: Client, name: str = "session") -> str:
    """Return what the session's cookie holds, ``""`` where there is none."""
    return client.cookies.get(name) or ""


__all__ = [
    "EMAIL",
    "PASSWORD",
    "START",
    "Clock",
    "ann",
    "cheap",
    "cookie",
    "enter",
    "site",
    "started",
    "weak",
]
