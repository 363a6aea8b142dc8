"""Transactions on the writer: their age, rebuilding of tables, and callers that go away."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.db.sqlite.support import PLAIN, READING, Clock, opened, read, write
from vivace.changes import WriteSet
from vivace.db.sqlite import SQLiteDriver
from vivace.db.types import TransactionOptions
from vivace.errors import (
    DatabaseUnavailable,
    ForeignKeyViolation,
    PoolTimeout,
    TransactionError,
    TransactionTimeout,
)

ADD = write("INSERT INTO item (id, name) VALUES (?, ?)", "item")
COUNT = read("SELECT count(*) FROM item")
ENDLESS = read("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
HERE = TransactionOptions(place="shop/orders.py:41")


async def count(driver: SQLiteDriver) -> int:
    number: int = (await driver.fetch(COUNT))[0][0]
    return number


async def settled() -> None:
    """Let threads and the loop do what is due."""
    for _ in range(50):
        await asyncio.sleep(0.001)


async def running(driver: SQLiteDriver) -> None:
    """Wait until the writer's thread is at work."""
    while driver._opened().writer.lane._current is None:
        await asyncio.sleep(0.001)


async def test_a_long_transaction_is_logged_with_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True) as driver:
        session = await driver.begin(HERE)
        clock.now += 1.9
        driver.tick()
        assert not caplog.records
        clock.now += 0.2
        driver.tick()
        driver.tick()
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("vivace.db", logging.WARNING)
        assert "shop/orders.py:41" in record.getMessage()
        await session.execute(ADD, (30, "x"))
        await session.commit()
        assert await count(driver) == 21


async def test_a_transaction_that_is_open_too_long_is_rolled_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True, acquire_timeout=60) as driver:
        session = await driver.begin(HERE)
        await session.execute(ADD, (30, "x"))
        waiting = asyncio.create_task(driver.execute(ADD, (31, "y")))
        await settled()
        clock.now += 10.1
        driver.tick()
        assert await waiting == 1
        assert "rolled back" in caplog.text
        for work in (
            session.execute(ADD, (32, "z")),
            session.savepoint("a"),
            session.rollback_to("a"),
            session.commit(),
        ):
            with pytest.raises(TransactionTimeout, match=r"shop/orders\.py:41"):
                await work
        await session.rollback()  # who leaves a block in an error does this
        assert await count(driver) == 21


async def test_its_running_statement_is_interrupted(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True) as driver:
        session = await driver.begin(HERE)
        task = asyncio.create_task(session.fetch(ENDLESS))
        await running(driver)
        await settled()
        clock.now += 10.1
        driver.tick()
        with pytest.raises(TransactionTimeout):
            await task
        assert await driver.execute(ADD, (30, "x")) == 1


async def test_who_waits_too_long_for_the_writer_is_told_who_has_it(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True, acquire_timeout=3) as driver:
        session = await driver.begin(HERE)
        waiting = [
            asyncio.create_task(driver.execute(ADD, (30, "x"))),
            asyncio.create_task(driver.begin(PLAIN)),
        ]
        await settled()
        clock.now += 2
        driver.tick()
        await settled()
        assert not any(task.done() for task in waiting)
        clock.now += 2
        driver.tick()
        for task in waiting:
            with pytest.raises(PoolTimeout, match=r"shop/orders\.py:41"):
                await task
        await session.commit()
        assert await driver.execute(ADD, (30, "x")) == 1


async def test_a_timer_does_the_same_by_itself(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, transaction_limit=0.05) as driver:
        session = await driver.begin(HERE)
        assert await driver.execute(ADD, (30, "x")) == 1  # waits until the limit ends the transaction
        with pytest.raises(TransactionTimeout):
            await session.commit()


async def test_a_snapshot_may_take_its_time(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True) as driver:
        session = await driver.begin(READING)
        assert await session.fetch(COUNT) == [(20,)]
        await driver.execute(ADD, (30, "x"))
        clock.now += 3600
        driver.tick()
        assert await session.fetch(COUNT) == [(20,)]
        await session.commit()
        assert await count(driver) == 21


async def test_snapshots_have_connections_of_their_own(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True, readers=2) as driver:
        sessions = [await driver.begin(READING) for _ in range(2)]
        waiting = asyncio.create_task(driver.begin(READING))
        await settled()
        assert await count(driver) == 20  # single reads still run
        clock.now += 11
        driver.tick()
        with pytest.raises(PoolTimeout):
            await waiting
        waiting = asyncio.create_task(driver.begin(READING))
        await settled()
        await sessions[0].rollback()
        await (await waiting).rollback()
        await sessions[1].commit()
        assert driver._opened().leases.used == 0


async def test_pn4_a_cancelled_statement_is_interrupted_and_the_writer_lives_on(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        await session.execute(ADD, (30, "x"))
        task = asyncio.create_task(session.fetch(ENDLESS))
        await running(driver)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TransactionError, match="met an error"):
            await session.fetch(COUNT)
        await session.rollback()
        assert await driver.execute(ADD, (30, "x")) == 1
        assert await count(driver) == 21


async def test_pn4_a_cancelled_read_is_interrupted(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, readers=1) as driver:
        task = asyncio.create_task(driver.fetch(ENDLESS))
        await settled()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(driver) == 20  # by the same thread


async def test_a_cancelled_commit_is_told_to_the_listeners(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        told: list[WriteSet] = []
        driver.announce, driver.listening = told.append, True
        session = await driver.begin(PLAIN)
        await session.execute(ADD, (30, "x"))
        task = asyncio.create_task(session.commit())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(driver) in (20, 21)
        await driver.execute(ADD, (31, "y"))
        assert await count(driver) == 22
        assert len(told) == 2


async def test_a_cancelled_rollback_rolls_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        await session.execute(ADD, (30, "x"))
        task = asyncio.create_task(session.rollback())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await driver.execute(ADD, (31, "y"))
        assert await count(driver) == 21


async def test_a_stream_that_is_open_does_not_keep_the_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        for end in ("commit", "rollback"):
            session = await driver.begin(PLAIN)
            async with aclosing(session.stream(read("SELECT id FROM item"), chunk=2)) as stream:
                assert len(await anext(stream)) == 2
                await getattr(session, end)()
            assert await driver.execute(write("UPDATE item SET price = 1", "item")) == 20


async def test_mg5_a_table_is_rebuilt_without_its_references_firing(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        await driver.execute(
            write(
                "CREATE TABLE part (id integer PRIMARY KEY, item_id integer REFERENCES item (id) ON DELETE CASCADE)"
            )
        )
        await driver.execute(write("INSERT INTO part SELECT id, id FROM item", "part"))
        options = TransactionOptions(unchecked=True)
        session = await driver.begin(options)
        await session.run_script(
            "CREATE TABLE item_new (id integer PRIMARY KEY, name text); INSERT INTO item_new SELECT id, name FROM item;"
            "DROP TABLE item; ALTER TABLE item_new RENAME TO item;"
        )
        await session.commit()
        assert await driver.fetch(read("SELECT count(*) FROM part")) == [(20,)]
        session = await driver.begin(options)
        await session.execute(write("DELETE FROM item WHERE id = 3", "item"))
        with pytest.raises(ForeignKeyViolation):
            await session.commit()
        assert await count(driver) == 20
        await driver.execute(write("DELETE FROM item WHERE id = 4", "item"))  # enforced again
        assert await driver.fetch(read("SELECT count(*) FROM part")) == [(19,)]


async def test_a_script_that_would_end_the_transaction_is_an_error(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        for end in ("COMMIT", "ROLLBACK", "BEGIN"):
            session = await driver.begin(PLAIN)
            with pytest.raises(TransactionError, match="script"):
                await session.run_script(f"DELETE FROM item; {end}; DELETE FROM owner")
            await session.rollback()
            assert await count(driver) == 20
        session = await driver.begin(PLAIN)
        await session.run_script("SAVEPOINT a; DELETE FROM item; ROLLBACK TO a; RELEASE a; -- that is fine")
        await session.commit()
        assert await count(driver) == 20


async def test_close_ends_what_is_open(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        snapshot = await driver.begin(READING)
        await session.execute(ADD, (30, "x"))
        accepted = asyncio.create_task(driver.execute(ADD, (31, "y")))
        waiting = asyncio.create_task(driver.begin(PLAIN))
        await asyncio.sleep(0)
        await driver.close()
        assert await accepted == 1
        with pytest.raises(DatabaseUnavailable, match="closed"):
            await waiting
        for ended in (session, snapshot):
            with pytest.raises(TransactionError):
                await ended.fetch(COUNT)
            await ended.rollback()
        await driver.open()
        assert await count(driver) == 21


async def test_who_waits_too_long_for_a_reader_is_told(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "a.db", clock=clock, tables=True, readers=1) as driver:
        endless = asyncio.create_task(driver.fetch(ENDLESS))
        await settled()
        waiting = asyncio.create_task(driver.fetch(COUNT))
        await settled()
        clock.now += 11
        driver.tick()
        with pytest.raises(PoolTimeout, match="reader"):
            await waiting
        assert not endless.done()
        endless.cancel()
        await asyncio.wait([endless])
        assert await count(driver) == 20
