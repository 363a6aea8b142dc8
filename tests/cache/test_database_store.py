"""The table of the database store: made by itself, swept by who writes, told to nobody, in nobody's transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.cache.conftest import PATIENCE, Clock, database_store
from tests.db.backends import DIALECTS, opened, url_of
from vivace.cache import MISSING, Cache, Guarded, Keep
from vivace.cache.database import SWEEP_EVERY, TAG_LIFE, DatabaseStore
from vivace.cache.store import Refused
from vivace.cache.tables import TABLE, TAGS
from vivace.changes import ReadSet, WriteSet, recording
from vivace.db import Statement, atomic
from vivace.errors import DatabaseError, SerializationFailure

EVER: Final = Keep()


@pytest.fixture(params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(str(request.param), tmp_path, request)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def stores(
    url: str, clock: Clock, count: int = 1, **options: int
) -> AsyncGenerator[list[DatabaseStore]]:
    """Run the body with stores of several processes on one database."""
    made = [database_store(url, clock, **options) for _ in range(count)]
    try:
        yield made
    finally:
        for store in made:
            await store.close()


async def idle(store: DatabaseStore) -> None:
    """Wait for the sweep that runs beside who wrote."""
    if store._sweeping is not None:
        await asyncio.wait([store._sweeping])


async def rows(store: DatabaseStore, table: str = TABLE) -> int:
    statement = Statement(sql=f"SELECT count(*) FROM {table}", reads=frozenset())
    count: int = (await store._database.fetch(statement))[0][0]
    return count


async def test_ca1_what_expired_is_swept_by_who_writes(url: str, clock: Clock) -> None:
    async with stores(url, clock) as [store]:
        await store.keep({f"old {n:04}": b"x" for n in range(3_000)}, Keep(10))
        await store.keep({"ever": b"x", "late": b"x"}, Keep(10_000))
        await idle(store)
        clock.now += 10
        deleted = [await store.sweep() for _ in range(8)]
        assert sum(deleted) == 3_000
        assert max(deleted) <= 1_000
        assert await rows(store) == 2
        assert await store.get("late") == b"x"
        await store.keep({f"new {n}": b"x" for n in range(SWEEP_EVERY)}, Keep(10))
        await idle(store)
        clock.now += 10
        for _ in range(2 * SWEEP_EVERY):
            await store.keep({"one more": b"x"}, Keep(10))
        await idle(store)
        assert await rows(store) == 3


async def test_ca1_a_table_that_is_too_large_loses_what_expires_first(url: str, clock: Clock) -> None:
    async with stores(url, clock, entries=1_000) as [store]:
        for number in range(10):
            await store.keep({f"{n:04}/{number}": b"x" for n in range(250)}, Keep(100.0 + number))
        await store.keep({f"{n:04}/ever{part}": b"x" for n in range(250) for part in (1, 2)}, EVER)
        await idle(store)
        for _ in range(200):
            await store.sweep()
        left = await rows(store)
        assert 700 <= left <= 1_010
        counts = await store.counts()
        assert counts.entries == left
        assert counts.dropped == 3_000 - left
        assert await store.get_many([f"{n:04}/0" for n in range(250)]) == {}
        assert len(await store.get_many([f"{n:04}/ever1" for n in range(250)])) == 250


async def test_ca1_what_was_renewed_meanwhile_is_not_swept(url: str, clock: Clock) -> None:
    async with stores(url, clock) as [store]:
        await store.keep({"k": b"x"}, Keep(10))
        clock.now += 10
        execute = store._execute

        async def renewed_before(name: str, **values: object) -> int:
            if name == "sweep":
                await store.keep({"k": b"new"}, Keep(10))
            return await execute(name, **values)

        store._execute = renewed_before  # type: ignore[method-assign]
        assert await store.sweep() == 0
        assert await store.get("k") == b"new"


async def test_ca1_versions_of_tags_live_while_they_are_asked_for(url: str, clock: Clock) -> None:
    async with stores(url, clock) as [store]:
        first = await store.versions(("t", "u"))
        clock.now += TAG_LIFE * 0.6
        assert await store.versions(("t",)) == {"t": first["t"]}
        clock.now += TAG_LIFE * 0.6
        assert (await store.versions(("t",)))["t"] == first["t"]
        assert (await store.versions(("u",)))["u"] != first["u"]
        clock.now += TAG_LIFE * 2
        await store.sweep()
        assert await rows(store, TAGS) == 0


async def test_ca1_caches_in_one_table_are_apart(url: str, clock: Clock) -> None:
    async with stores(url, clock) as [one], stores(url, clock) as [two]:
        two._space = "other"
        await one.keep({"k": b"one"}, EVER)
        await two.keep({"k": b"two"}, Keep(None, 0, await two.versions(("t",))))
        await one.delete_tags(("t",))
        assert [await one.get("k"), await two.get("k")] == [b"one", b"two"]
        await one.clear()
        assert [await one.get("k"), await two.get("k")] == [MISSING, b"two"]


async def test_ca1_several_processes_make_the_table_at_once(url: str, clock: Clock) -> None:
    async with stores(url, clock, 6) as made:
        await asyncio.gather(*(store.keep({f"k{n}": n}, EVER) for n, store in enumerate(made)))
        assert await made[0].get_many([f"k{n}" for n in range(6)]) == {f"k{n}": n for n in range(6)}


async def test_ca1_processes_count_together_and_one_of_them_adds(url: str, clock: Clock) -> None:
    async with stores(url, clock, 3) as made:
        await made[0].keep({"n": 0}, EVER)
        versions = await made[0].versions(("t",))
        sums = await asyncio.gather(*(store.incr("n", 1) for _ in range(20) for store in made))
        assert sorted(sums) == list(range(1, 61))
        added = await asyncio.gather(
            *(store.add("k", n, Keep(9, 0, versions)) for n, store in enumerate(made))
        )
        assert added.count(True) == 1
        many = {f"m{n}": n for n in range(50)}
        await asyncio.gather(
            *(store.keep(dict(reversed(many.items())), EVER) for store in made for _ in range(5))
        )
        assert sum(await asyncio.gather(*(store.delete(many.keys()) for store in made))) == 50


async def test_ca1_a_table_that_was_dropped_is_made_again(url: str, clock: Clock) -> None:
    async with stores(url, clock) as [store]:
        await store.keep({"k": b"x"}, EVER)
        await store._database.execute(Statement(sql=f"DROP TABLE {TABLE}", writes=None))
        with pytest.raises(DatabaseError):
            await store.get("k")
        assert await store.get("k") is MISSING
        await store.keep({"k": b"y"}, EVER)
        assert await store.get("k") == b"y"


async def test_ca1_who_was_chosen_to_give_way_tries_again(url: str, clock: Clock) -> None:
    async with stores(url, clock) as [store]:
        await store.keep({"k": b"x"}, EVER)
        execute, failures = store._database.execute, 2

        async def meets_others(*arguments: object) -> int:
            nonlocal failures
            if failures:
                failures -= 1
                raise SerializationFailure("deadlock detected")
            count: int = await execute(*arguments)  # type: ignore[arg-type]
            return count

        database = store._database

        class Meeting:
            dialect, driver = database.dialect, database.driver
            fetch, execute, close = database.fetch, staticmethod(meets_others), database.close

        store._database = Meeting()  # type: ignore[assignment]
        assert await store.keep({"k": b"new"}, EVER)
        assert await store.get("k") == b"new"
        failures = 9
        with pytest.raises(SerializationFailure):
            await store.keep({"k": b"newer"}, EVER)


async def test_ca1_the_cache_is_in_nobodys_transaction_and_tells_nobody(url: str, tmp_path: Path) -> None:
    """A transaction that keeps something does not wait for itself, and what it kept stays when it is rolled back."""
    from vivace.cache.urls import Place, cache_at

    async with opened(url) as database:
        told: list[WriteSet] = []
        database.subscribe(told.append)
        cache: Cache = cache_at("database://?patience=30", Place("default", tmp_path, lambda alias: database))
        reads = ReadSet()
        try:
            with pytest.raises(ZeroDivisionError), recording(reads):
                async with atomic():
                    await database.execute(
                        Statement(
                            sql="INSERT INTO item (id, name) VALUES (1, 'x')", writes=frozenset({"item"})
                        )
                    )
                    await cache.set("k", "kept", tags=["t"])
                    assert await cache.get("k") == "kept"
                    raise ZeroDivisionError
            assert await cache.get("k") == "kept"
            assert (await cache.stats()).failures == 0
            assert told == []
            assert not dict(reads)
            if database.dialect == "sqlite":
                assert (tmp_path / "test-cache.sqlite3").exists()
        finally:
            await cache.close()


async def test_ca1_a_database_that_is_full_is_not_one_that_is_down(tmp_path: Path, clock: Clock) -> None:
    async with stores(f"sqlite:///{tmp_path / 'small.sqlite3'}", clock) as [store]:
        await store.keep({"k": b"kept"}, EVER)
        assert await store.versions(("t",))
        await store._database.fetch(
            Statement(sql="PRAGMA max_page_count = 1", reads=frozenset(), writes=None)
        )
        guarded = Guarded(store, clock=clock, patience=PATIENCE)
        with pytest.raises(Refused):
            await store.keep({"large": b"x" * 1_000_000}, EVER)
        with pytest.raises(Refused):
            await store.keep({f"large {n}": b"x" * 100_000 for n in range(10)}, EVER)
        assert not await guarded.keep({"large": b"x" * 1_000_000}, EVER)
        assert not guarded.down
        assert await guarded.get("k") == b"kept"
