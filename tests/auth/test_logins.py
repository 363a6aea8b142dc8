"""Who gets in, who does not, and what either can tell from the answer."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from tests.auth.site import EMAIL, PASSWORD, ann, cheap, cookie, enter, site, started, weak
from vivace import Request
from vivace.auth import (
    Auth,
    Backend,
    ModelBackend,
    RemoteUser,
    StoredSession,
    User,
    authenticate,
    current_realm,
    login,
    user_logged_in,
    user_logged_out,
    user_login_failed,
)
from vivace.auth.passwords.hashers import PBKDF2
from vivace.config.secret import Secret
from vivace.config.settings import AuthSettings
from vivace.db import query_log
from vivace.errors import LoginThrottled, PermissionDenied
from vivace.http.request import Connection
from vivace.security.ratestores import MemoryRates
from vivace.testing import Client

ROOT: Final = Path(__file__).parents[2]


class Ticks:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def hashes(expected: int) -> AsyncGenerator[None]:
    """Check that the body costs so many hashes."""
    before = current_realm().passwords.hashes
    yield
    assert current_realm().passwords.hashes - before == expected


# -- enumeration


async def test_au2_enumeration_the_answer_and_the_work_are_the_same_for_everybody(database_url: str) -> None:
    async with started(site(database_url, auth=Auth(hasher=cheap()))) as client:
        await User.objects.create_user("off@example.com", PASSWORD, is_active=False)
        await User.objects.create_user("nopassword@example.com")
        old = await User.objects.create_user("old@example.com", PASSWORD)
        old.password = PBKDF2(2).encode(PASSWORD)
        await old.save()
        answers: set[tuple[int, bytes]] = set()
        sent: set[int] = set()
        for email, password in (
            ("nobody@example.com", PASSWORD),
            (EMAIL, "wrong"),
            ("off@example.com", PASSWORD),
            ("off@example.com", "wrong"),
            ("nopassword@example.com", "wrong"),
            ("old@example.com", "wrong"),
            ("", ""),
        ):
            with query_log() as log:
                async with hashes(1):
                    answer = await client.post("/login", query={"email": email, "password": password})
            answers.add((answer.status, answer.body))
            sent.add(len(list(log)))
            assert not cookie(client)
        assert len(answers) == 1
        assert sent == {1}


async def test_au1_case_and_blanks_of_an_address_do_not_matter(database_url: str) -> None:
    async with started(site(database_url)) as client:
        for spelled in ("ANN@EXAMPLE.COM", "Ann@example.com", " ann@example.com "):
            answer = await client.post("/login", query={"email": spelled, "password": PASSWORD})
            assert answer.json() == {"ok": True}


# -- throttling


def limited(ticks: Ticks, **more: int) -> dict[str, Any]:
    settings = AuthSettings(login_attempts=3, login_attempts_address=more.get("address", 200))
    return {"auth": Auth(hasher=weak(), counter=MemoryRates(clock=ticks)), "limits": settings}


async def test_au8_an_account_that_is_tried_too_often_must_wait_whether_it_exists_or_not(
    sqlite_url: str,
) -> None:
    ticks = Ticks()
    async with started(site(sqlite_url, **limited(ticks))) as client:
        for email in (EMAIL, "nobody@example.com"):
            for _ in range(3):
                assert (await client.post("/login", query={"email": email, "password": "x"})).status == 200
            async with hashes(0):  # and no more work is done for it
                answer = await client.post("/login", query={"email": email.upper(), "password": PASSWORD})
            assert answer.status == 429
            assert int(answer.headers.get("retry-after") or 0) > 0
        ticks.now += 1_800
        assert (await client.post("/login", query={"email": EMAIL, "password": PASSWORD})).json() == {
            "ok": True
        }


async def test_au8_a_right_password_gives_an_account_its_tries_back(sqlite_url: str) -> None:
    async with started(site(sqlite_url, **limited(Ticks()))) as client:
        for _ in range(4):
            for _ in range(2):
                await client.post("/login", query={"email": EMAIL, "password": "x"})
            await enter(client)


async def test_au8_password_spray_is_stopped_by_address_and_others_still_get_in(sqlite_url: str) -> None:
    app = site(sqlite_url, **limited(Ticks(), address=5))
    async with started(app) as client:
        statuses = [
            (
                await client.post("/login", query={"email": f"user{n}@example.com", "password": PASSWORD})
            ).status
            for n in range(8)
        ]
        assert statuses == [200] * 5 + [429] * 3
        elsewhere = Client(app, isolate=False, client=("198.51.100.9", 1))
        await enter(elsewhere)


async def test_au8_a_hundred_tries_at_once_are_a_hundred(sqlite_url: str) -> None:
    async with started(site(sqlite_url, **limited(Ticks()))) as client:
        tries = [client.post("/login", query={"email": EMAIL, "password": f"{n}"}) for n in range(100)]
        statuses = [answer.status for answer in await asyncio.gather(*tries)]
        assert statuses.count(200) == 3
        assert statuses.count(429) == 97


async def test_au8_an_account_that_somebody_else_tries_stays_open_for_its_owner(sqlite_url: str) -> None:
    app = site(sqlite_url, **limited(Ticks()))
    async with started(app) as client:
        prankster = Client(app, isolate=False, client=("198.51.100.9", 1))
        tries = [await prankster.post("/login", query={"email": EMAIL, "password": "x"}) for _ in range(5)]
        assert tries[-1].status == 429
        await enter(client)


async def test_au8_guessing_from_many_addresses_is_stopped_by_account(sqlite_url: str) -> None:
    settings = AuthSettings(login_attempts_account=6)
    app = site(sqlite_url, auth=Auth(hasher=weak(), counter=MemoryRates(clock=Ticks())), limits=settings)
    async with started(app):
        statuses: list[int] = []
        for n in range(8):
            one = Client(app, isolate=False, client=(f"198.51.100.{n}", 1))
            statuses.append((await one.post("/login", query={"email": EMAIL, "password": "x"})).status)
        assert statuses == [200] * 6 + [429] * 2


async def test_au8_outside_a_request_the_account_alone_is_counted(sqlite_url: str) -> None:
    async with started(site(sqlite_url, **limited(Ticks()))):
        for _ in range(3):
            assert await authenticate(email=EMAIL, password="x") is None
        with pytest.raises(LoginThrottled, match="Try again later"):
            await authenticate(email=EMAIL, password=PASSWORD)


# -- signals


async def test_au8_signals_tell_of_logins_logouts_and_failures_without_the_password(sqlite_url: str) -> None:
    told: list[tuple[str, Any]] = []

    async def came(user: Any, **_: Any) -> None:
        told.append(("in", user.email))

    def left(user: Any, **_: Any) -> None:
        told.append(("out", user.email if user is not None else None))

    def failed(credentials: Any, request: Any, **_: Any) -> None:
        told.append(("failed", credentials))

    user_logged_in.connect(came)
    user_logged_out.connect(left)
    user_login_failed.connect(failed)
    try:
        async with started(site(sqlite_url)) as client:
            await client.post("/login", query={"email": EMAIL, "password": "guessed"})
            await enter(client)
            await client.post("/logout")
            await client.post("/logout")
            assert (await ann()).last_login is not None
    finally:
        for signal, receiver in (
            (user_logged_in, came),
            (user_logged_out, left),
            (user_login_failed, failed),
        ):
            signal.disconnect(receiver)
    assert told == [
        ("failed", {"email": EMAIL, "password": "*" * 20}),
        ("in", EMAIL),
        ("out", EMAIL),
        ("out", None),
    ]


# -- backends


class Tokens(Backend):
    """Lets in who has the right token."""

    asked = 0

    async def authenticate(self, request: Request | None, token: str) -> Any:
        self.asked += 1
        if token == "revoked":
            raise PermissionDenied("This token was revoked.")
        return await User.objects.filter(email=token).first()


async def test_au5_backends_are_asked_in_turn_for_the_credentials_they_take(sqlite_url: str) -> None:
    tokens = Tokens()
    async with started(
        site(sqlite_url, auth=Auth(hasher=weak(), backends=[tokens, ModelBackend()]))
    ) as client:
        await enter(client)
        assert tokens.asked == 0
        found = await authenticate(token=EMAIL)
        assert found.backend == f"{__name__}.Tokens"
        assert await authenticate(token="nobody") is None
        assert await authenticate(token="revoked") is None
        assert (await client.get("/me")).status == 200


async def test_au5_a_session_of_a_backend_that_is_gone_is_nobodys(sqlite_url: str) -> None:
    async with started(site(sqlite_url)) as client:
        await enter(client)
        row = await StoredSession.objects.get()
        row.session_data = row.session_data.replace("ModelBackend", "GoneBackend")
        await row.save()
        assert (await client.get("/me")).status == 401


async def test_au5_remote_user_is_believed_from_the_proxy_alone(sqlite_url: str) -> None:
    backends = [ModelBackend(), RemoteUser(create=True, peers=("127.0.0.1",))]
    app = site(sqlite_url, auth=Auth(hasher=weak(), backends=backends))
    async with started(app) as client:
        header = {"x-remote-user": "new@example.com"}
        assert (await client.get("/me", headers=header)).json() == {"email": "new@example.com"}
        assert not (await User.objects.get(email="new@example.com")).has_usable_password()
        outside = Client(app, isolate=False, client=("203.0.113.5", 1))
        assert (await outside.get("/me", headers=header)).status == 401
        await User.objects.filter(email="new@example.com").update(is_active=False)
        assert (await client.get("/me", headers=header)).status == 401


async def test_au5_remote_user_is_believed_with_the_proxys_secret_alone(sqlite_url: str) -> None:
    backend = RemoteUser("x-user", secret=Secret("only the proxy knows"), create=True)
    app = site(sqlite_url, auth=Auth(hasher=weak(), backends=[ModelBackend(), backend]))
    async with started(app) as client:
        named = {"x-user": "new@example.com"}
        for secret, status in (("", 401), ("guessed", 401), ("only the proxy knows", 200)):
            answer = await client.get("/me", headers={**named, "x-user-secret": secret})
            assert answer.status == status


async def test_au5_who_was_switched_off_is_out_at_once(database_url: str) -> None:
    async with started(site(database_url)) as client:
        await enter(client)
        await User.objects.update(is_active=False)
        assert (await client.get("/me")).status == 401
        await User.objects.update(is_active=True)
        assert (await client.get("/me")).status == 200


# -- interruptions


async def test_se1_a_login_that_is_cancelled_anywhere_loses_nothing(database_url: str) -> None:
    """Whatever point the cancellation hits: there is one session, the old one or the new one, with all that was in it."""
    app = site(database_url, limits=AuthSettings(login_attempts=0, login_attempts_address=0))
    target = "/login?" + urlencode({"email": EMAIL, "password": PASSWORD})
    outcomes: set[bool] = set()
    async with started(app) as client:
        for pause in (*([None] * 30), *(n / 1000 for n in range(1, 12)), 20.0):
            client.cookies.clear()
            await client.post("/put", query={"name": "cart", "value": "kept"})
            request = Request("POST", target, _headers(cookie(client)), Connection("http", ("127.0.0.1", 1)))
            task = asyncio.create_task(_handled(app, request))
            await _a_while(task, pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            rows = await StoredSession.objects.all()
            assert len(rows) == 1
            assert '"cart":"kept"' in rows[0].session_data
            outcomes.add(rows[0].user_id is not None)
            await StoredSession.objects.all().delete()
    assert outcomes == {True, False}


def _headers(session: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"host", b"localhost"),
        (b"sec-fetch-site", b"same-origin"),
        (b"cookie", f"session={session}".encode()),
    ]


async def _handled(app: Any, request: Request) -> None:
    await app.handle(request)


async def _a_while(task: asyncio.Task[None], pause: float | None) -> None:
    """Let a task go on for some steps, or for a while."""
    if pause is not None:
        await asyncio.wait([task], timeout=pause)
        return
    for _ in range(random.randint(1, 40)):
        await asyncio.sleep(0)


async def test_se1_login_as_a_user_of_no_backend_must_name_one_where_there_are_several(
    sqlite_url: str,
) -> None:
    app = site(sqlite_url, auth=Auth(hasher=weak(), backends=[Tokens(), ModelBackend()]))

    @app.post("/as")
    async def become(request: Request, backend: str = "") -> None:
        await login(request, await ann(), backend=backend)

    async with started(app, raise_errors=False) as client:
        assert (await client.post("/as")).status == 500
        assert (await client.post("/as", query={"backend": f"{__name__}.Tokens"})).status == 204
        assert (await client.get("/me")).status == 200


# -- power cuts

CHILD: Final = """
import asyncio, sys
from tests.auth.site import *
from vivace.testing import Client

async def main():
    async with Client(site(sys.argv[1]), isolate=False) as client:
        await client.post("/put", query={"name": "cart", "value": "kept"})
        print("ready", flush=True)
        while True:
            await enter(client)

asyncio.run(main())
"""


async def test_se1_a_login_that_is_killed_loses_nothing(database_url: str) -> None:
    """Killed at any moment (SIGKILL), there is one session with all that was in it, and whoever was in it."""
    app = site(database_url)
    async with started(app):
        for pause in (0.003, 0.021):
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CHILD, database_url),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=asyncio.subprocess.PIPE,
            )
            assert child.stdout is not None
            assert await child.stdout.readline() == b"ready\n"
            await asyncio.sleep(pause)
            child.kill()
            await child.wait()
            rows = await StoredSession.objects.all()
            assert len(rows) == 1
            assert '"cart":"kept"' in rows[0].session_data
            assert await User.objects.count() == 1
            await StoredSession.objects.all().delete()
