"""Opening, closing, memory, backups, several loops."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from tests.db.sqlite.support import PLAIN, opened, read, write
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions
from vivace.errors import DatabaseError, DatabaseUnavailable

ADD = write("INSERT INTO item (id, name) VALUES (?, ?)", "item")
COUNT = read("SELECT count(*) FROM item")


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("vivace-sqlite")]


async def test_closing_folds_the_log_and_ends_the_threads(tmp_path: Path) -> None:
    before = threads()
    async with opened(tmp_path / "a.db", tables=True) as driver:
        await asyncio.gather(*(driver.fetch(COUNT) for _ in range(20)))
        assert (tmp_path / "a.db-wal").exists()
        assert len(threads()) > len(before)
    assert os.listdir(tmp_path) == ["a.db"]
    assert threads() == before


async def test_the_settings_of_a_connection(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", pragmas=(("cache_size", 123),)) as driver:
        for name, value in (
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("synchronous", 1),
            ("cache_size", 123),
        ):
            for short in (True, False):
                assert await driver.fetch(read(f"PRAGMA {name}", short=short)) == [(value,)]
            assert await driver.fetch(write(f"PRAGMA {name}")) == [(value,)]


async def test_memory_is_seen_by_all_connections_and_goes_with_the_driver() -> None:
    driver = SQLiteDriver()
    await driver.open()
    folder = Path(driver._home.path).parent
    await driver.execute(write("CREATE TABLE t (a)"))
    session = await driver.begin(PLAIN)
    await session.execute(write("INSERT INTO t VALUES (1)", "t"))
    assert await driver.fetch(read("SELECT a FROM t", short=True)) == []  # readers do not wait for writers
    assert await driver.fetch(read("SELECT a FROM t")) == []
    await session.commit()
    assert await driver.fetch(read("SELECT a FROM t", short=True)) == [(1,)]
    assert await driver.fetch(read("SELECT a FROM t")) == [(1,)]
    other = SQLiteDriver()
    await other.open()
    with pytest.raises(DatabaseError, match="no such table"):
        await other.fetch(read("SELECT a FROM t"))
    await other.close()
    await driver.close()
    assert not folder.exists()


async def test_db5_a_backup_is_a_whole_database_of_one_moment(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_bytes(b"what was there before")
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        await session.execute_many(ADD, [(key, "x" * 500 + str(key)) for key in range(100, 5000)])
        await session.commit()
        writing = True

        async def write_on() -> None:
            key = 10_000
            while writing:
                key += 2
                session = await driver.begin(PLAIN)
                await session.execute(ADD, (key, f"even {key}"))
                await session.execute(ADD, (key + 1, f"odd {key}"))
                await session.commit()

        writer = asyncio.create_task(write_on())
        await driver.backup(target)
        writing = False
        await writer
        assert driver._opened().leases.used == 0
    assert {"copy.db-wal", "copy.db.partial"}.isdisjoint(os.listdir(tmp_path))
    copy = apsw.Connection(str(target))
    assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = cast("list[Any]", copy.execute("SELECT count(*) FROM item").fetchall())
    ((count,),) = rows
    assert count >= 4920
    assert count % 2 == 0
    copy.close()


async def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        with pytest.raises(DatabaseUnavailable):
            await driver.backup(tmp_path / "nowhere" / "copy.db")
        assert await driver.fetch(COUNT) == [(20,)]
        assert driver._opened().leases.used == 0


def test_a_driver_is_bound_to_no_loop_until_it_is_opened(tmp_path: Path) -> None:
    driver = SQLiteDriver(SQLiteOptions(str(tmp_path / "a.db")))

    async def first() -> None:
        await driver.open()
        await driver.execute(write("CREATE TABLE t (a)"))
        await asyncio.gather(*(driver.fetch(read("SELECT 1")) for _ in range(4)))

    async def second() -> None:
        await driver.open()
        await driver.execute(write("INSERT INTO t VALUES (1)", "t"))
        assert await driver.fetch(read("SELECT a FROM t", short=True)) == [(1,)]
        await driver.close()

    asyncio.run(first())  # ends without closing
    asyncio.run(second())
    gc.collect()


async def test_two_drivers_on_one_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as one, opened(tmp_path / "a.db") as two:
        done = await asyncio.gather(
            *((one, two)[key % 2].execute(ADD, (key, f"x{key}")) for key in range(100, 300))
        )
        assert done == [1] * 200
        assert await one.fetch(COUNT) == await two.fetch(COUNT) == [(220,)]


async def test_opened_by_many_at_once(tmp_path: Path) -> None:
    """To make a file's log is the one thing that SQLite does not wait for by itself."""
    drivers = [SQLiteDriver(SQLiteOptions(str(tmp_path / "a.db"))) for _ in range(8)]
    await asyncio.gather(*(driver.open() for driver in drivers))
    await asyncio.gather(*(driver.fetch(read("SELECT 1", short=True)) for driver in drivers))
    for driver in drivers:
        await driver.close()
