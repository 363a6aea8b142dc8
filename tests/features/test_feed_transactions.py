"""CH1: what commits announce when transactions meet: old values are those that were really replaced, what the database
itself deletes is told, who begins to listen in the middle misses nothing; and nobody pays while nobody listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.db.backends import DIALECTS, url_of
from vivace import models
from vivace.changes import ReadSet, WriteSet, recording
from vivace.db import Database, Databases, Statement, atomic, current_databases, execute_wrapper, outside
from vivace.db.urls import connect
from vivace.migrations.create import create_tables
from vivace.models import F
from vivace.models.adoption import watched_columns


class Owner(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "feedtransactions"


class Thing(models.Model):
    owner = models.ForeignKey(Owner, models.DB_CASCADE, null=True, related_name="things")
    inside = models.ForeignKey("self", models.DB_CASCADE, null=True, related_name="parts")
    level = models.IntegerField(default=0, db_index=True)

    class Meta:
        app_label = "feedtransactions"


class Mark(models.Model):
    thing = models.ForeignKey(Thing, models.DB_CASCADE, related_name="marks")
    owner = models.ForeignKey(Owner, models.DB_SET_NULL, null=True, related_name="+")

    class Meta:
        app_label = "feedtransactions"


MODELS = [Owner, Thing, Mark]


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[tuple[Database, list[WriteSet]]]:
    """Run the body with two owners, a thing of each, one thing inside another, and a mark; nobody listens yet."""
    database = Database("default", connect(url, root=Path("/")))
    token = current_databases.set(Databases({"default": database}))
    try:
        await create_tables(database, MODELS)
        one, two = [await Owner.objects.create(name=name) for name in ("one", "two")]
        thing = await Thing.objects.create(owner=one)
        await Thing.objects.create(owner=two, inside=thing)
        await Mark.objects.create(thing=thing, owner=two)
        database.watch(watched_columns(MODELS))
        yield database, []
    finally:
        current_databases.reset(token)
        await database.close()


@pytest.fixture(params=["sqlite", "newest", "older path", "15"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database of each kind that reports changes in its own way."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'feed.sqlite3'}"
        return
    servers = "postgresql_15" if request.param == "15" else "postgresql_databases"
    with request.getfixturevalue(servers).fresh() as url:
        yield f"{url}?old_by_join=true" if request.param == "older path" else url


async def test_ch1_what_the_database_deletes_itself_is_told(any_url: str) -> None:
    async with opened(any_url) as (database, heard):
        things, parts, marks = ReadSet(), ReadSet(), ReadSet()
        with recording(things):
            assert await Thing.objects.filter(level=0).count() == 2
        with recording(parts):
            assert await Thing.objects.filter(inside=1).count() == 1
        with recording(marks):
            assert await Mark.objects.filter(thing=1).count() == 1
        database.subscribe(heard.append)
        await Owner.objects.filter(name="one").delete()
        assert await Thing.objects.count() == await Mark.objects.count() == 0
        for reads in (things, parts, marks):
            assert any(map(reads.meets, heard))


async def test_ch1_what_the_database_sets_to_null_is_told(any_url: str) -> None:
    async with opened(any_url) as (database, heard):
        await Thing.objects.filter(owner__name="two").update(owner=None)
        with recording(ReadSet()) as reads:
            assert await Mark.objects.filter(owner=2).exists()
        database.subscribe(heard.append)
        await Owner.objects.filter(name="two").delete()
        assert not await Mark.objects.filter(owner=2).exists()
        assert any(map(reads.meets, heard))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_ch1_who_comes_in_the_middle_of_a_transaction_misses_nothing(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with opened(url_of(dialect, tmp_path, request)) as (database, heard):
        with recording(ReadSet()) as reads:
            async with atomic():
                await Owner.objects.filter(pk=1).update(name="new")
                database.subscribe(heard.append)
                with outside():
                    assert await Owner.objects.filter(name="one").exists()
        assert any(map(reads.meets, heard))


async def test_ch1_the_values_told_as_old_are_those_that_were_replaced(any_url: str) -> None:
    """Two writers of one row, the second of which waits: it replaces what the first one wrote, whatever it had read."""
    async with opened(any_url) as (database, heard):
        database.subscribe(heard.append)
        loaded = await Thing.objects.get(pk=1)
        first_wrote = asyncio.Event()

        async def second() -> None:
            await first_wrote.wait()
            async with atomic():
                await Thing.objects.filter(pk=1).update(level=F("level") + 10)
            loaded.level = 100  # it was loaded before both
            await loaded.save()

        task = asyncio.create_task(second())
        async with atomic():
            await Thing.objects.filter(pk=1).update(level=F("level") + 1)
            first_wrote.set()
            for _ in range(20):
                await asyncio.sleep(0)
            assert not task.done()
        await task
        told = [(change.old or {}, change.new or {}) for written in heard for change in written.changes]
        values = sorted((old["level"], new["level"]) for old, new in told)
        # PostgreSQL gives locks back before it answers COMMIT: which acknowledgement comes first is the network's
        assert values == [(0, 1), (1, 11), (11, 100)]


async def test_ch1_rows_that_no_longer_match_are_not_told(any_url: str) -> None:
    """Of a row that another transaction moves away meanwhile, the one that waits tells nothing."""
    async with opened(any_url) as (database, heard):
        database.subscribe(heard.append)
        moved = asyncio.Event()

        async def second() -> int:
            await moved.wait()
            return await Thing.objects.filter(level=0).update(level=5)

        task = asyncio.create_task(second())
        async with atomic():
            await Thing.objects.filter(pk=1).update(level=1)
            moved.set()
            for _ in range(20):
                await asyncio.sleep(0)
        assert await task == 1
        told = [(change.key, change.old and change.old["level"]) for w in heard for change in w.changes]
        assert sorted(told) == [((1,), 0), ((2,), 0)]  # which acknowledgement comes first is the network's


async def test_ch1_a_delete_tells_what_it_really_deleted(any_url: str) -> None:
    async with opened(any_url) as (database, heard):
        await Mark.objects.all().delete()
        database.subscribe(heard.append)
        moved = asyncio.Event()

        async def second() -> None:
            await moved.wait()
            await Thing.objects.filter(pk=2).delete()

        task = asyncio.create_task(second())
        async with atomic():
            await Thing.objects.filter(pk=2).update(level=7)
            moved.set()
            for _ in range(20):
                await asyncio.sleep(0)
        await task
        told = [(c.operation, (c.old or {}).get("level")) for written in heard for c in written.changes]
        assert ("delete", 7) in told or any(written.tables for written in heard)


async def test_ch1_while_nobody_listens_nothing_is_added(any_url: str) -> None:
    """The same statements before anybody listened and after everybody left; other ones, or a hook, only in between."""
    async with opened(any_url) as (database, heard):
        seen: list[list[str]] = []
        for listens in (False, True, False):
            stop = database.subscribe(heard.append) if listens else None
            seen.append(await _statements_of_writes())
            hook = getattr(database.driver, "_hook", None)
            assert hook is None or hook.recording == listens
            if stop is not None:
                stop()
        assert seen[0] == seen[2]
        assert (seen[0] == seen[1]) == (database.dialect == "sqlite")
        assert not any("RETURNING old" in sql or "FOR UPDATE" in sql for sql in seen[0])
        assert heard


async def _statements_of_writes() -> list[str]:
    seen: list[str] = []

    async def look(database: Database, statement: Statement, parameters: Any, run: Any) -> Any:
        seen.append(statement.sql)
        return await run(statement, parameters)

    with execute_wrapper(look):
        async with atomic():
            made = await Thing.objects.create(owner_id=1)
            made.level = 3
            await made.save()
            await Thing.objects.filter(pk=made.pk).update(level=F("level") + 1)
            await Thing.objects.bulk_create([Thing(id=100), Thing(id=101)])
            await Thing.objects.filter(pk__in=[made.pk, 100, 101]).delete()
    return seen
