"""The broker and the change feed of an app: made when asked for, started after the databases, shared with what is mounted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.brokers.waiting import until
from vivace import App, models
from vivace.brokers.hub.place import lives
from vivace.changes import WriteSet
from vivace.config.settings import Settings
from vivace.errors import AppInvalid, BrokerUnavailable
from vivace.testing import Client


class Remark(models.Model):
    text = models.TextField()


def site(tmp_path: Path, **options: Any) -> App:
    options = {"models": [Remark], "root": tmp_path, "settings": Settings(hosts=("localhost",)), **options}
    app = App(databases={"default": f"sqlite:///{tmp_path}/site.sqlite3"}, **options)

    @app.get("/add")
    async def add() -> str:
        await Remark.objects.create(text="x")
        return "added"

    return app


async def test_a_commit_is_told_before_the_answer_and_published_after(tmp_path: Path) -> None:
    app = site(tmp_path)
    told: list[WriteSet] = []
    app.changes.subscribe(told.append)
    async with Client(app) as client:
        assert app.broker.kind == "memory"
        before = app.changes.position
        await client.get("/add")
        assert [change.table for write in told for change in write.changes] == [Remark._meta.db_table]
        await app.changes.flushed()
        assert app.changes.position > before
    with pytest.raises(BrokerUnavailable):
        await app.broker.publish("t", b"")


async def test_asked_for_in_an_app_that_runs_they_connect_at_once(tmp_path: Path) -> None:
    app = site(tmp_path)
    async with Client(app) as client:
        told: list[WriteSet] = []
        app.changes.subscribe(told.append)
        await client.get("/add")
        assert len(told) == 1, "commits of this process are heard from the first on"
        await app.changes.flushed()
        assert app.broker.kind == "memory"
        assert await app.broker.publish("t", b"")


async def test_an_app_may_be_started_again(tmp_path: Path) -> None:
    app = site(tmp_path)
    told: list[WriteSet] = []
    app.changes.subscribe(told.append)
    for count in (1, 2):
        async with Client(app) as client:
            await client.get("/add")
            assert len(told) == count


async def test_an_app_that_asks_for_neither_subscribes_to_no_database(tmp_path: Path) -> None:
    app = site(tmp_path)
    async with Client(app) as client:
        await client.get("/add")
        assert app.databases.default.listening is False
        _ = app.broker
        assert app.databases.default.listening is False
        _ = app.changes
        assert app.databases.default.listening


def test_an_app_that_asks_for_neither_loads_no_broker(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from vivace import App, models\n"
        "app = App(databases={'default': 'sqlite://:memory:'})\n"
        "class Note(models.Model):\n    text = models.TextField()\n"
        "async def main():\n    async with app: pass\n"
        "asyncio.run(main())\n"
        "print(sorted(name for name in sys.modules if name.startswith(('vivace.brokers', 'vivace.app.messaging'))))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert said.stdout.strip() == "[]"


async def test_a_mounted_app_has_those_of_the_app_it_is_mounted_in(tmp_path: Path) -> None:
    inner, outer = site(tmp_path), site(tmp_path)
    shared = App(models=[Remark], root=tmp_path)
    outer.mount("/own", inner)  # has databases of its own
    outer.mount("/shared", shared)
    told: list[WriteSet] = []
    async with Client(outer) as client:
        assert shared.changes is outer.changes
        assert inner.changes is not outer.changes
        outer.changes.subscribe(told.append)
        await client.get("/add")
        assert len(told) == 1


async def test_what_a_mounted_app_asked_for_before_goes_over_to_the_outer_one(tmp_path: Path) -> None:
    inner = App(models=[Remark], root=tmp_path)
    told: list[WriteSet] = []
    inner.changes.subscribe(told.append)
    outer = site(tmp_path)
    outer.mount("/inner", inner)
    async with Client(outer) as client:
        await client.get("/add")
        assert len(told) == 1
        assert outer.changes is inner.changes
        assert inner.broker.kind == "memory"
    assert inner.broker.kind == ""


@pytest.mark.skipif(sys.platform == "win32", reason="the hub is a Unix socket")
async def test_without_isolation_an_app_on_sqlite_has_the_hub(tmp_path: Path) -> None:
    app, path = site(tmp_path), f"{tmp_path}/site.sqlite3-hub"
    _ = app.broker
    async with app:
        assert app.broker.kind == "hub"
        assert await asyncio.to_thread(lives, path)
    assert not lives(path)


@pytest.mark.skipif(sys.platform == "win32", reason="the hub is a Unix socket")
async def test_two_apps_of_one_process_hear_each_other(tmp_path: Path) -> None:
    one, two = site(tmp_path), site(tmp_path)
    told: list[WriteSet] = []
    two.changes.subscribe(told.append)
    _ = one.changes
    async with one, two:
        one.databases.default.announce(WriteSet(tables=frozenset({"remark"})))
        await until(lambda: told)
    assert told == [WriteSet(tables=frozenset({"remark"}))]


async def test_a_broker_that_is_not_known_stops_the_start(tmp_path: Path) -> None:
    from vivace.config.secret import Secret

    app = site(tmp_path, settings=Settings(broker=Secret("rabbit://localhost")))
    _ = app.broker
    assert [finding.id for finding in app.check()] == ["broker-refused"]
    with pytest.raises(AppInvalid, match="rabbit"):
        await app.startup()


async def test_a_mounted_app_with_databases_of_its_own_is_tested_in_memory_too(tmp_path: Path) -> None:
    inner, outer = site(tmp_path), site(tmp_path)
    _ = inner.broker
    outer.mount("/own", inner)
    async with Client(outer):
        assert inner.broker.kind == "memory"
