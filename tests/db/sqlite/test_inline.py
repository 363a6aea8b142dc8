"""Short reads run on the loop, and leave it when they are not short after all."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.db.sqlite.support import PLAIN, opened, read, write
from vivace.db.sqlite import SQLiteDriver, UserFunction
from vivace.errors import DatabaseUnavailable, ProgrammingError, ReadOnlyDatabase, TransactionError

ONE = read("SELECT name FROM item WHERE id = ?", short=True)


def at_once(coroutine: Any) -> Any:
    """Run a coroutine that must not wait for anything."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    finally:
        coroutine.close()
    raise AssertionError("the coroutine waited")


async def fill(driver: SQLiteDriver, rows: int, width: int = 100) -> None:
    session = await driver.begin(PLAIN)
    await session.execute(write("CREATE TABLE big (id integer PRIMARY KEY, text text)"))
    await session.execute_many(
        write("INSERT INTO big (text) VALUES (?)"),
        [(f"word{number} " + "x" * width,) for number in range(rows)],
    )
    await session.commit()


async def test_a_short_read_never_waits(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        before = threading.active_count()
        assert at_once(driver.fetch(ONE, (3,))) == [("item 3",)]
        assert at_once(driver.fetch(ONE, (99,))) == []
        assert threading.active_count() == before
        assert driver.counters.inline == 2
        await driver.execute(write("UPDATE item SET name = 'new' WHERE id = 3", "item"))
        assert at_once(driver.fetch(ONE, (3,))) == [("new",)]


async def test_it_goes_on_while_a_transaction_is_open(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        await session.execute(write("UPDATE item SET name = name || '!'", "item"))
        assert at_once(driver.fetch(ONE, (3,))) == [("item 3",)]
        await session.commit()
        assert at_once(driver.fetch(ONE, (3,))) == [("item 3!",)]


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, inline=False) as driver:
        assert await driver.fetch(ONE, (3,)) == [("item 3",)]
        assert driver.counters.inline == 0


async def test_a_short_write_does_not_run_there(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        delete = "DELETE FROM item WHERE id = ? RETURNING id"
        known = write(delete, "item")
        assert await driver.fetch(type(known)(sql=delete, writes=known.writes, short=True), (3,)) == [(3,)]
        with pytest.raises(ReadOnlyDatabase):
            await driver.fetch(read(delete, short=True), (4,))
        assert driver.counters.inline == 0


async def test_errors_are_the_same_and_do_no_harm(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        for _ in range(3):
            with pytest.raises(ProgrammingError, match="no such column"):
                await driver.fetch(read("SELECT missing FROM item", short=True))
            assert await driver.fetch(ONE, (3,)) == [("item 3",)]
        with pytest.raises(ProgrammingError, match="no such column"):
            await driver.fetch(read('SELECT "missing" FROM item', short=True))  # no text for a mistyped name


async def test_a_locked_file_is_waited_for_in_a_thread(tmp_path: Path) -> None:
    """Readers of a write-ahead log are never locked out for long; those of a rollback journal can be."""
    path = tmp_path / "a.db"
    async with opened(path, tables=True, pragmas=(("journal_mode", "delete"),)) as driver:
        assert await driver.fetch(ONE, (3,)) == [("item 3",)]
        other = apsw.Connection(str(path))
        other.execute("BEGIN EXCLUSIVE")
        waiting = asyncio.create_task(driver.fetch(ONE, (3,)))
        while not driver.counters.busy:
            await asyncio.sleep(0)
        other.execute("COMMIT")
        assert await waiting == [("item 3",)]
        assert driver.counters.inline == 1


async def test_what_runs_too_long_is_stopped_and_done_in_a_thread(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", inline_limit=0.02) as driver:
        driver._inline._clock = partial(next, itertools.count(0, 0.001))  # a millisecond for each look
        await fill(driver, 1000)
        slow = read("SELECT count(*) FROM big a, big b WHERE a.text < b.text", short=True)
        assert await driver.fetch(slow) != []
        assert driver.counters.stopped == 1
        assert await driver.fetch(slow) != []
        assert driver.counters.inline == 0


async def test_what_was_slow_goes_to_the_threads_until_it_is_fast_there(tmp_path: Path) -> None:
    pause = [0.0]

    def dawdle() -> int:
        end = time.thread_time() + pause[0]  # it is at work: who only waits for its turn is not to blame
        while time.thread_time() < end:
            pass
        return 1

    functions = (UserFunction("dawdle", 0, dawdle, deterministic=False),)
    async with opened(tmp_path / "a.db", functions=functions, inline_limit=0.02) as driver:
        statement = read("SELECT dawdle()", short=True)
        pause[0] = 0.03
        for _ in range(6):
            assert await driver.fetch(statement) == [(1,)]
        assert driver.counters.inline == 2  # the first could have been the scheduler's fault
        pause[0] = 0
        for _ in range(200):
            assert await driver.fetch(statement) == [(1,)]
        assert driver.counters.inline > 2


async def test_who_only_waited_for_its_turn_stays_on_the_loop(tmp_path: Path) -> None:
    pause = [0.03]

    def wait() -> int:
        time.sleep(pause[0])
        return 1

    functions = (UserFunction("wait", 0, wait, deterministic=False),)
    async with opened(tmp_path / "a.db", functions=functions, inline_limit=0.02) as driver:
        statement = read("SELECT wait()", short=True)
        for _ in range(4):
            assert await driver.fetch(statement) == [(1,)]
        pause[0] = 0
        for _ in range(120):
            assert await driver.fetch(statement) == [(1,)]
        assert driver.counters.inline == 124
        assert not driver._inline.trust.watched


async def test_a_file_that_took_the_place_of_ours_is_noticed(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        assert await driver.fetch(ONE, (3,)) == [("item 3",)]
        await driver.backup(tmp_path / "b.db")
        other = apsw.Connection(str(tmp_path / "b.db"))
        other.execute("UPDATE item SET name = 'other' WHERE id = 3")
        other.close()
        for name in ("a.db-wal", "a.db-shm"):
            (tmp_path / name).unlink()
        os.replace(tmp_path / "b.db", tmp_path / "a.db")
        driver._inline._look_at = 0
        assert await driver.fetch(ONE, (3,)) == [("other",)]
        await driver.execute(write("UPDATE item SET name = 'mine' WHERE id = 3", "item"))
        assert await driver.fetch(ONE, (3,)) == [("mine",)]


async def test_a_statement_before_open_says_so(tmp_path: Path) -> None:
    driver = SQLiteDriver()
    for work in (driver.fetch(ONE, (1,)), driver.execute(ONE, (1,)), driver.begin(PLAIN)):
        with pytest.raises(DatabaseUnavailable, match="not open"):
            await work


async def test_the_loop_goes_on_while_heavy_reads_run(tmp_path: Path) -> None:
    """A ticker of 1 ms gets its turns: none, while something heavy runs on the loop. Ticks are counted, not timed."""
    path = tmp_path / "a.db"
    async with opened(path) as driver:
        await fill(driver, 20_000, 300)
        await driver.execute(write("CREATE VIRTUAL TABLE found USING fts5(text)"))
        await driver.execute(write("INSERT INTO found SELECT text FROM big"))
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # the file is cold
    os.close(descriptor)
    ticks = [0]

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.001)
            ticks[0] += 1

    heavy = [
        read("SELECT count(*) FROM big"),
        read("SELECT count(*) FROM big WHERE text LIKE '%99%'"),
        read("SELECT count(*) FROM found WHERE found MATCH 'w*'"),
    ]
    keys = read("SELECT text FROM big WHERE id = ?", short=True)
    async with opened(path) as driver:
        ticker = asyncio.create_task(tick())
        for statement in heavy:
            before = ticks[0]
            for _ in range(5):
                assert len(await driver.fetch(statement)) == 1
            assert ticks[0] > before
            for key in range(1, 20_000, 2_000):
                assert len(await driver.fetch(keys, (key,))) == 1
        ticker.cancel()
        await asyncio.wait([ticker])


async def test_short_reads_of_a_transaction_run_there_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, inline_limit=0.02) as driver:
        driver._inline._clock = partial(next, itertools.count(0, 0.001))  # a millisecond for each look
        session = await driver.begin(PLAIN)
        await session.execute(write("UPDATE item SET name = 'mine' WHERE id = 3", "item"))
        assert at_once(session.fetch(ONE, (3,))) == [("mine",)]
        slow = read(
            "SELECT count(*) FROM item a, item b, item c, item d, item e WHERE a.name < e.name", short=True
        )
        before = driver.counters
        assert len(await session.fetch(slow)) == 1
        assert driver.counters.stopped == before.stopped + 1
        assert await session.fetch(ONE, (3,)) == [("mine",)]  # the transaction is whole
        assert await driver.fetch(ONE, (3,)) == [("item 3",)]
        with pytest.raises(ProgrammingError):
            await session.fetch(read("SELECT missing FROM item", short=True))
        with pytest.raises(TransactionError, match="met an error"):
            await session.fetch(ONE, (3,))
        await session.rollback()
        assert await driver.fetch(ONE, (3,)) == [("item 3",)]


async def test_but_not_while_the_writers_thread_is_at_work(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        other = asyncio.create_task(session.execute(write("UPDATE item SET price = price + 1", "item")))
        await asyncio.sleep(0)
        before = driver.counters.inline
        assert await session.fetch(ONE, (3,)) == [("item 3",)]
        assert driver.counters.inline == before
        assert await other == 20
        assert await session.fetch(ONE, (3,)) == [("item 3",)]
        assert driver.counters.inline == before + 1
        await session.commit()
