"""The one writer: groups, their failures, and what is on the disk when somebody was told of success."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.db.sqlite.support import PLAIN, opened, read, write
from vivace.db.sqlite import SQLiteDriver, UserFunction
from vivace.errors import (
    DatabaseFull,
    ForeignKeyViolation,
    IntegrityError,
    ProgrammingError,
    StatementTimeout,
    UniqueViolation,
)

ADD = write("INSERT INTO item (id, name, price) VALUES (?, ?, ?)", "item")
IDS = read("SELECT id FROM item WHERE id > 20 ORDER BY id")


async def ids(driver: SQLiteDriver) -> list[int]:
    return [row[0] for row in await driver.fetch(IDS)]


def item(driver: SQLiteDriver, key: int) -> asyncio.Task[int]:
    return asyncio.create_task(driver.execute(ADD, (key, f"item {key}", 1)))


async def outcomes(*tasks: asyncio.Task[int]) -> list[object]:
    done: list[object] = [*await asyncio.gather(*tasks, return_exceptions=True)]
    return [type(each) if isinstance(each, Exception) else each for each in done]


async def test_writes_that_wait_share_a_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        assert await outcomes(*(item(driver, key) for key in range(100, 150))) == [1] * 50
        assert driver.counters.groups <= 2
        assert driver.counters.grouped == 50
        assert len(await ids(driver)) == 50


async def test_a_group_has_a_limit(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, group_limit=10) as driver:
        await outcomes(*(item(driver, key) for key in range(100, 150)))
        assert driver.counters.groups >= 5


async def test_order_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        change = write("UPDATE item SET price = price * 2 + ? WHERE id = 1", "item")
        await asyncio.gather(*(driver.execute(change, (bit,)) for bit in (1, 0, 1, 1)))
        assert await driver.fetch(read("SELECT price FROM item WHERE id = 1")) == [(10 * 16 + 0b1011,)]


async def test_a_member_fails_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        first, second, third = item(driver, 30), item(driver, 1), item(driver, 31)
        assert await outcomes(first, second, third) == [1, UniqueViolation, 1]
        assert await ids(driver) == [30, 31]
        assert driver.counters.repeated == 0


async def test_a_member_that_leaves_a_foreign_key_open_fails_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        point = write("UPDATE item SET owner_id = 77 WHERE id = 1", "item")
        wrong = asyncio.create_task(driver.execute(point))
        assert await outcomes(item(driver, 30), wrong, item(driver, 31)) == [1, ForeignKeyViolation, 1]
        assert await ids(driver) == [30, 31]
        assert driver.counters.repeated == 0
        assert await driver.fetch(read("SELECT owner_id FROM item WHERE id = 1")) == [(None,)]


async def test_a_member_that_rolls_everything_back_costs_the_others_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        await driver.execute(
            write(
                "CREATE TRIGGER no BEFORE INSERT ON item WHEN new.id = 99 BEGIN SELECT raise(ROLLBACK, 'not 99'); END"
            )
        )
        tasks = [item(driver, key) for key in (30, 31, 99, 32)]
        assert await outcomes(*tasks) == [1, 1, IntegrityError, 1]
        assert await ids(driver) == [30, 31, 32]
        assert driver.counters.repeated == 1
        error = tasks[2].exception()
        assert "not 99" in str(error)


async def test_a_full_disk_fails_who_does_not_fit_and_passes(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, pragmas=(("max_page_count", 30),)) as driver:
        big = "x" * 40_000
        tasks = [
            asyncio.create_task(driver.execute(ADD, (key, f"{big}{key}" if key % 2 else f"item {key}", 1)))
            for key in range(30, 40)
        ]
        found = await outcomes(*tasks)
        assert DatabaseFull in found
        assert found[::2] == [1] * 5
        fitted = [key for key, outcome in zip(range(30, 40), found, strict=True) if outcome == 1]
        assert await ids(driver) == fitted
        session = await driver.begin(PLAIN)
        with pytest.raises(DatabaseFull):
            await session.execute(ADD, (50, big * 10, 1))
        await session.rollback()
        await driver.execute(write("DELETE FROM item WHERE id > 20", "item"))
        assert await item(driver, 60) == 1


@pytest.mark.parametrize(
    "text", ["COMMIT", "begin", " /* x */ -- y\n ROLLBACK", "savepoint a", "RELEASE a", "END"]
)
async def test_transactions_are_not_ended_by_hand(tmp_path: Path, text: str) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        for call in (driver.execute, driver.fetch):
            with pytest.raises(ProgrammingError, match="atomic"):
                await call(write(text))
        session = await driver.begin(PLAIN)
        with pytest.raises(ProgrammingError, match="atomic"):
            await session.execute(write(text))
        await session.execute(ADD, (30, "item 30", 1))  # nothing was sent, so nothing is broken
        await session.commit()
        assert await ids(driver) == [30]


async def test_what_cannot_be_in_a_transaction_runs_outside_of_one(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        vacuum = asyncio.create_task(driver.execute(write("VACUUM")))
        assert await outcomes(item(driver, 30), vacuum, item(driver, 31)) == [1, 0, 1]
        await driver.execute(write("PRAGMA user_version = 7"))
        assert await driver.fetch(read("PRAGMA user_version")) == [(7,)]


async def test_transactions_and_writes_take_turns_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        order: list[str] = []

        async def transaction(name: str) -> None:
            session = await driver.begin(PLAIN)
            order.append(name)
            await session.commit()

        async def single(name: str, key: int) -> None:
            await item(driver, key)
            order.append(name)

        session = await driver.begin(PLAIN)
        waiting: list[asyncio.Task[None]] = []
        for work in (transaction("a"), single("b", 30), transaction("c"), transaction("d"), single("e", 31)):
            waiting.append(asyncio.create_task(work))
            await asyncio.sleep(0.001)
        assert order == []
        await session.commit()
        await asyncio.gather(*waiting)
        assert order == list("abcde")


async def test_pn4_a_cancelled_write_that_has_not_begun_does_not_run(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        tasks = [item(driver, key) for key in (30, 31, 32)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await session.commit()
        await asyncio.wait(tasks)
        assert await ids(driver) == [30, 32]


async def test_pn4_a_cancelled_write_is_interrupted_and_the_others_run(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        endless = write(
            "INSERT INTO owner WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 1e9",
            "owner",
        )
        first = item(driver, 30)
        slow = asyncio.create_task(driver.execute(endless))
        last = item(driver, 31)
        writer = driver._opened().writer

        def at_work() -> bool:
            member = writer._group.running if writer._group is not None else None
            return member is not None and member.statement is endless

        while not at_work():
            await asyncio.sleep(0.001)
        slow.cancel()
        assert await outcomes(first, last) == [1, 1]
        assert slow.cancelled()
        assert await ids(driver) == [30, 31]
        assert await driver.fetch(read("SELECT count(*) FROM owner")) == [(0,)]


async def test_an_error_of_a_users_function_is_the_members(tmp_path: Path) -> None:
    def fail() -> int:
        raise RuntimeError("mine")

    async with opened(tmp_path / "a.db", tables=True, functions=(UserFunction("fail", 0, fail),)) as driver:
        broken = asyncio.create_task(driver.execute(write("UPDATE item SET price = fail()", "item")))
        assert await outcomes(item(driver, 30), broken, item(driver, 31)) == [1, RuntimeError, 1]


async def test_a_listener_that_fails_hurts_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        driver.announce = lambda written: 1 / 0  # type: ignore[assignment]
        driver.listening = True
        assert await item(driver, 30) == 1
        assert "listener" in caplog.text


CHILD = """
import asyncio, sys
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions
from vivace.db.types import Statement

async def main():
    driver = SQLiteDriver(SQLiteOptions(sys.argv[1]))
    await driver.open()
    add = Statement(sql="INSERT INTO item (id, name) VALUES (?, ?)", writes=frozenset({"item"}))
    async def write(first):
        for key in range(first, 10**9, 20):
            await driver.execute(add, (key, f"item {key}"))
            print(key, flush=True)
    await asyncio.gather(*(write(first) for first in range(1000, 1020)))

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True):
        pass
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(2000)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
    async with opened(path) as driver:
        assert set(told) <= set(await ids(driver))
        assert await driver.fetch(read("PRAGMA integrity_check")) == [("ok",)]
        assert await item(driver, 30) == 1


OTHER = """
import asyncio, sys
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions
from vivace.db.types import Statement, TransactionOptions

async def main():
    driver = SQLiteDriver(SQLiteOptions(sys.argv[1]))
    await driver.open()
    read = Statement(sql="SELECT price FROM item WHERE id = 1")
    write = Statement(sql="UPDATE item SET price = ? WHERE id = 1", writes=frozenset({"item"}))
    async def once():
        session = await driver.begin(TransactionOptions())
        price = (await session.fetch(read))[0][0]
        await session.execute(write, (price + 1,))
        await session.commit()
    await asyncio.gather(*(once() for _ in range(50)))
    await driver.close()

asyncio.run(main())
"""


async def test_pn35_two_processes_read_and_write_without_locked_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True) as driver:
        children = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", OTHER, str(path), stderr=asyncio.subprocess.PIPE
            )
            for _ in range(2)
        ]
        grouped = [item(driver, key) for key in range(30, 130)]
        assert await outcomes(*grouped) == [1] * 100
        for child in children:
            _, errors = await child.communicate()
            assert (child.returncode, errors) == (0, b"")
        assert await driver.fetch(read("SELECT price FROM item WHERE id = 1")) == [(110,)]


async def test_the_loop_goes_on_while_another_process_has_the_lock(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        other = apsw.Connection(str(tmp_path / "a.db"))
        other.execute("BEGIN IMMEDIATE")
        waiting = [item(driver, 30), asyncio.create_task(driver.begin(PLAIN))]
        for _ in range(100):
            await asyncio.sleep(0.0005)
        assert not any(task.done() for task in waiting)
        other.execute("COMMIT")
        assert await waiting[0] == 1
        session = await waiting[1]
        await session.rollback()  # type: ignore[attr-defined]


async def test_a_lock_that_is_never_given_is_a_503(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True, busy_timeout=0.05) as driver:
        other = apsw.Connection(str(tmp_path / "a.db"))
        other.execute("BEGIN IMMEDIATE")
        for work in (item(driver, 30), driver.begin(PLAIN)):
            with pytest.raises(Exception, match="locked") as caught:
                await work
            assert getattr(caught.value, "code", "") == "lock-timeout"
        other.execute("COMMIT")
        assert await item(driver, 31) == 1


async def test_an_interrupted_statement_in_a_transaction_has_a_name(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        session = await driver.begin(PLAIN)
        endless = read(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        )
        task = asyncio.create_task(session.fetch(endless))
        lane = driver._opened().writer.lane
        while lane._current is None:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.005)
        with lane.lock:
            lane.stop_statement()
        with pytest.raises(StatementTimeout):
            await task
        await session.rollback()
