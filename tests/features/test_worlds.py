"""The benchmark's program as a user writes it: right answers from ``vivace run`` and the test client, on both databases."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import EXPERIENCE, serving
from tests.db.backends import DIALECTS, url_of
from vivace import App
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.db import Database, Statement
from vivace.db.urls import connect
from vivace.testing import Client

ROWS = 10_000
COUNTS = {
    "": 1,
    "abc": 1,
    "0": 1,
    "-3": 1,
    "1": 1,
    "20": 20,
    "500": 500,
    "501": 500,
    "1000": 500,
    "%D9%A3": 3,
}
"""How many rows an answer has for what a client asks; the last is a digit three of another script."""
Ask = Callable[[str], Awaitable[Any]]


@pytest.fixture(params=DIALECTS)
async def world_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has the table ``world``."""
    url = url_of(request.param, tmp_path, request)
    async with opened(url) as database:
        key = "integer PRIMARY KEY" if database.dialect == "sqlite" else "int PRIMARY KEY"
        await database.run_script(f"CREATE TABLE world (id {key}, randomnumber int NOT NULL DEFAULT 0)")
        insert = "INSERT INTO world (id, randomnumber) VALUES (?, ?)"
        if database.dialect == "postgresql":
            insert = insert.replace("?, ?", "$1, $2")
        await database.execute_many(Statement(sql=insert), [(n, -n) for n in range(1, ROWS + 1)])
    return url


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    database = Database("default", connect(url, root=Path("/")))
    try:
        yield database
    finally:
        await database.close()


async def stored(url: str) -> dict[int, int]:
    async with opened(url) as database:
        return {row[0]: row[1] for row in await database.fetch(Statement(sql="SELECT * FROM world"))}


def loaded(tmp_path: Path, url: str) -> App:
    """Return the program's app, loaded anew."""
    shutil.copy(EXPERIENCE / "worlds.py", tmp_path)
    spec = importlib.util.spec_from_file_location("worlds", tmp_path / "worlds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["worlds"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["worlds"]
    app: App = module.app
    app._settings = Settings(database_url=Secret(url))
    return app


def is_world(row: Any) -> bool:
    return (
        list(row) == ["id", "randomNumber"]
        and 1 <= row["id"] <= ROWS
        and isinstance(row["randomNumber"], int)
    )


async def check_reads(ask: Ask) -> None:
    """Ask for everything that changes nothing."""
    assert await ask("/json") == {"message": "Hello, World!"}
    row = await ask("/db")
    assert is_world(row)
    assert row["randomNumber"] == -row["id"]
    for asked, count in COUNTS.items():
        rows = await ask(f"/queries?queries={asked}")
        assert len(rows) == count, asked
        assert all(is_world(row) and row["randomNumber"] == -row["id"] for row in rows)
    assert len(await ask("/queries")) == 1


async def check_updates(ask: Ask, url: str) -> None:
    """Change rows, also the same ones at the same time, and compare with what is stored."""
    (changed,) = await ask("/updates?queries=1")
    rows = await stored(url)
    assert rows.pop(changed["id"]) == changed["randomNumber"] >= 1
    assert all(number == -key for key, number in rows.items())
    answers = await asyncio.gather(*(ask("/updates?queries=200") for _ in range(20)))
    rows = await stored(url)
    said: dict[int, set[int]] = {}
    for row in [changed, *(row for answer in answers for row in answer)]:
        assert is_world(row)
        said.setdefault(row["id"], set()).add(row["randomNumber"])
    assert {key for key, number in rows.items() if number != -key} == set(said)
    assert all(rows[key] in numbers for key, numbers in said.items())


async def test_worlds_through_the_test_client(world_url: str, tmp_path: Path) -> None:
    async with Client(loaded(tmp_path, world_url), isolate=False) as client:

        async def ask(path: str) -> Any:
            return (await client.get(path)).json()

        assert (await client.get("/plaintext")).text == "Hello, World!"
        await check_reads(ask)
        await check_updates(ask, world_url)


async def test_worlds_served_by_vivace_run(world_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(EXPERIENCE / "worlds.py", folder)
    with serving("run", "worlds.py", folder=folder, tmp=tmp_path, DATABASE_URL=world_url) as server:

        async def ask(path: str) -> Any:
            status, body, _ = await asyncio.to_thread(server.ask, path)
            assert status == 200, server.said
            return json.loads(body)

        status, body, headers = await asyncio.to_thread(server.ask, "/plaintext")
        assert (status, body, headers["content-type"]) == (200, "Hello, World!", "text/plain; charset=utf-8")
        await check_reads(ask)
        await check_updates(ask, world_url)
        assert server.stop() == 0
        assert "Traceback" not in server.said


async def test_a_missing_row_is_404_and_names_its_model(world_url: str, tmp_path: Path) -> None:
    app = loaded(tmp_path, world_url)
    async with opened(world_url) as database:
        await database.execute(Statement(sql="DELETE FROM world"))
    async with Client(app, isolate=False) as client:
        missing = await client.get("/db")
        assert (missing.status, missing.json()["type"].rpartition(":")[2]) == (404, "object-does-not-exist")
        assert "World" in missing.text
        assert (await client.get("/json")).status == 200
