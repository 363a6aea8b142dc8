"""What was written is read back, in each request and nowhere else (DB2)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from vivace import App, models
from vivace.db import Database, Databases, database_for, use_primary
from vivace.db.urls import connect
from vivace.migrations.create import create_tables
from vivace.testing import Client


class Leaf(models.Model):
    name = models.CharField(max_length=9)


def followed(folder: Path) -> Databases:
    return Databases(
        {
            alias: Database(alias, connect(f"sqlite:///{alias}.sqlite3", root=folder))
            for alias in ("default", "near")
        },
        replicas={"default": ["near"]},
    )


async def test_db2_what_the_start_wrote_does_not_keep_requests_from_replicas(tmp_path: Path) -> None:
    databases = followed(tmp_path)
    app = App(models=[Leaf], databases=databases)

    @app.on_startup
    async def seed() -> None:
        await create_tables(databases["default"], [Leaf])
        await Leaf.objects.create(name="seed")

    @app.get("/")
    async def where() -> str:
        return database_for(Leaf).alias

    async with Client(app, isolate=False) as client:
        assert (await client.get("/")).text == "near"


async def test_db2_a_request_reads_what_its_child_tasks_wrote(tmp_path: Path) -> None:
    databases = followed(tmp_path)
    app = App(models=[Leaf], databases=databases)

    @app.get("/child")
    async def child() -> str:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Leaf.objects.create(name="a"))
        return database_for(Leaf).alias

    @app.get("/named")
    async def named() -> str:
        await Leaf.objects.using("default").create(name="b")
        return database_for(Leaf).alias

    @app.get("/asked")
    async def asked() -> str:
        use_primary()
        return database_for(Leaf).alias

    async with Client(app, isolate=False) as client:
        await create_tables(databases["default"], [Leaf])
        assert [(await client.get(path)).text for path in ("/child", "/named", "/asked")] == ["default"] * 3


async def test_te6_in_tests_a_replica_is_its_primary(tmp_path: Path) -> None:
    app = App(models=[Leaf], databases=followed(tmp_path))
    async with Client(app):
        assert app.databases["near"] is app.databases["default"]
        await Leaf.objects.create(name="a")
        assert await Leaf.objects.using("near").count() == 1
    assert not list(tmp_path.glob("*.sqlite3"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:s3cret#x@host/shop",
        "postgresql://ada:s3cret/x@host/shop",
        "postgresql://ada:s3cret\u2100@host/shop",
        "ada:s3cret@host/shop",
        "s3cret",
        "postgresql//ada:s3cret@host/shop",
        "postgresql://ada:x@host/shop?port=s3cret",
    ],
)
def test_no_broken_url_shows_its_password(url: str) -> None:
    from vivace.errors import DatabaseURLInvalid

    with pytest.raises(DatabaseURLInvalid) as caught:
        connect(url)
    if "port=" not in url:
        assert "s3cret" not in f"{caught.value} {caught.value.__cause__!r}"
