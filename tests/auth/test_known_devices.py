"""Nobody locks an account against its owner: a browser that logged in before is counted for itself (AU8)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.auth.site import EMAIL, PASSWORD, cookie, enter, site, started, weak
from tests.cli.process import serving, until
from vivace.auth import Auth, User
from vivace.config.settings import AuthSettings
from vivace.security import MemoryRates
from vivace.testing import Client

LIMITS = AuthSettings(login_attempts=3, login_attempts_account=6)


class Still:
    """A clock that stands still."""

    def __call__(self) -> float:
        return 1_000_000.0


def limited(url: str, **options: Any) -> Any:
    auth = Auth(hasher=weak(), counter=MemoryRates(clock=Still()))
    return site(url, auth=auth, limits=LIMITS, **options)


async def tried(client: Client, email: str = EMAIL, password: str = "x") -> int:
    return (await client.post("/login", query={"email": email, "password": password})).status


async def lock_out(app: Any, email: str = EMAIL) -> None:
    """Spend what the account has, from many addresses."""
    strangers = [Client(app, isolate=False, client=(f"198.51.{n}.9", 1)) for n in range(8)]
    assert [await tried(stranger, email) for stranger in strangers][-1] == 429


async def test_au8_strangers_from_many_addresses_do_not_keep_the_owner_out(sqlite_url: str) -> None:
    app = limited(sqlite_url)
    async with started(app) as client:
        await enter(client)
        await client.post("/logout")
        assert cookie(client, "device")
        await lock_out(app)
        assert await tried(Client(app, isolate=False, client=("203.0.113.5", 1)), password=PASSWORD) == 429
        await enter(client)  # from the browser that it knows; and it stays closed for strangers
        await client.post("/logout")
        assert await tried(Client(app, isolate=False, client=("203.0.113.5", 1)), password=PASSWORD) == 429


async def test_au8_a_known_browser_has_few_tries_too(sqlite_url: str) -> None:
    app = limited(sqlite_url)
    async with started(app) as client:
        await enter(client)
        await client.post("/logout")
        assert [await tried(client) for _ in range(4)] == [200, 200, 200, 429]
        await enter(Client(app, isolate=False, client=("203.0.113.5", 1)))  # it has cost nobody else any


async def test_au8_a_device_is_known_for_one_account_and_with_our_signature_alone(sqlite_url: str) -> None:
    app = limited(sqlite_url)
    async with started(app) as client:
        await User.objects.create_user("bob@example.com", PASSWORD)
        await enter(client)
        mine = cookie(client, "device")
        assert EMAIL not in mine
        await lock_out(app, "bob@example.com")
        assert await tried(client, "bob@example.com", PASSWORD) == 429
        await lock_out(app)
        for forged in (mine[:-2] + "xx", "x", "." * 50, mine.replace(".", "", 1)):
            other = Client(app, isolate=False, client=("203.0.113.7", 1))
            query = {"email": EMAIL, "password": PASSWORD}
            assert (await other.post("/login", query=query, cookies={"device": forged})).status == 429


async def test_au8_a_device_gets_another_name_with_each_login(sqlite_url: str) -> None:
    async with started(limited(sqlite_url)) as client:
        await enter(client)
        first = cookie(client, "device")
        await enter(client)
        assert cookie(client, "device") not in ("", first)


async def test_au8_a_device_cookie_is_not_for_scripts_and_bound_to_the_host(sqlite_url: str) -> None:
    async with started(limited(sqlite_url), base_url="https://localhost") as client:
        answer = await client.post("/login", query={"email": EMAIL, "password": PASSWORD})
        (line,) = [each for each in answer.headers.getlist("set-cookie") if "device=" in each]
        assert line.startswith("__Host-device=")
        assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(line.split("; "))


PROGRAM: Final = """
import os
from pathlib import Path

from vivace import App, Request
from vivace.auth import Auth, authenticate, current_realm
from vivace.auth.passwords.hashers import Scrypt

app = App(installed=[Auth(hasher=Scrypt(2, 1, 1))])
app.changes.subscribe(lambda write: None)  # so there is a broker, and its lock


@app.on_startup
async def begin():
    async with app.broker.lock("tables"):
        await app.prepare_tables()
    Path("state", str(os.getpid())).touch()


@app.on_shutdown
async def end():
    Path("state", str(os.getpid())).write_text(str(current_realm().throttle.store.shared))


@app.get("/try")
async def attempt(request: Request):
    await authenticate(request, email="ann@example.com", password="x")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX")
@pytest.mark.timeout(240)  # it starts processes, on a machine that may be busy
def test_au8_workers_count_together(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    (folder / "state").mkdir(parents=True)
    (folder / "guarded.py").write_text(PROGRAM)
    with serving("run", "guarded.py", "--workers", "2", folder=folder, tmp=tmp_path) as server:
        until(lambda: len([*(folder / "state").iterdir()]) == 2 or None)
        statuses = [server.ask("/try")[0] for _ in range(12)]
        assert statuses == [204] * 10 + [429] * 2
        assert server.stop() == 0
    assert [file.read_text() for file in (folder / "state").iterdir()] == ["True", "True"]
