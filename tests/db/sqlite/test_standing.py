"""Short reads in quick succession share a transaction, and see every commit all the same."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.db.sqlite.support import opened, read, write
from tests.db.sqlite.test_inline import at_once
from vivace.db.sqlite import SQLiteDriver
from vivace.db.sqlite.standing import Standing
from vivace.errors import ProgrammingError, StatementTimeout

ONE = read("SELECT name FROM item WHERE id = ?", short=True)
RENAME = write("UPDATE item SET name = ? WHERE id = 1", "item")
OTHER = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    file.execute("UPDATE item SET name = ? WHERE id = 1", [line.strip()])
    print("written", flush=True)
"""


def quick(driver: SQLiteDriver) -> Any:
    """Stop the clock of the reads: each follows the one before at once."""
    driver._inline._clock = lambda: 1.0
    return driver._inline


def name(driver: SQLiteDriver) -> str:
    """Read on the loop, without letting it run."""
    text: str = at_once(driver.fetch(ONE, (1,)))[0][0]
    return text


def failing() -> None:
    raise apsw.InterruptError("interrupted")


def stands(driver: SQLiteDriver) -> bool:
    standing = driver._inline._standing
    return standing is not None and standing._open


@contextmanager
def foreign(path: Path) -> Generator[apsw.Connection]:
    """A connection that the driver knows nothing of."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.set_busy_timeout(30_000)
        yield connection


async def test_reads_share_a_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        quick(driver)
        assert name(driver) == "item 1"
        assert name(driver) == "item 1"
        assert stands(driver)
        await driver.execute(RENAME, ("own",))
        assert name(driver) == "own"
        assert not stands(driver)  # the next one may be the last for long
        assert name(driver) == "own"
        assert stands(driver)


async def test_commits_of_others_are_seen_at_once(tmp_path: Path) -> None:
    """Whatever comes between two reads: commits, rollbacks, checkpoints that begin the log anew."""
    path = tmp_path / "a.db"
    chance = random.Random(20261122)
    async with opened(path, tables=True) as driver:
        quick(driver)
        with foreign(path) as other:
            expected, stood = "item 1", 0
            for number in range(600):
                match chance.randrange(12):
                    case 0:
                        expected = f"foreign {number}"
                        other.execute("UPDATE item SET name = ? WHERE id = 1", [expected])
                    case 1:
                        expected = f"own {number}"
                        await driver.execute(RENAME, (expected,))
                    case 2:
                        other.execute("BEGIN IMMEDIATE")
                        other.execute("UPDATE item SET name = 'nobody sees it' WHERE id = 1")
                        assert name(driver) == expected
                        other.execute("ROLLBACK")
                    case 3:
                        mode = chance.choice(("PASSIVE", "PASSIVE", "RESTART", "TRUNCATE"))
                        driver._inline._end()  # they wait for whoever reads
                        other.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
                    case _:
                        pass
                assert name(driver) == expected
                stood += stands(driver)
        assert stood > 200


async def test_what_begins_and_ends_transactions_is_never_stopped(tmp_path: Path) -> None:
    """SQLite asks after each thousand instructions, those of BEGIN among them, whether to go on: the last read's time is over."""
    now, asked = [1.0], list[bool]()
    async with opened(tmp_path / "a.db", tables=True) as driver:
        inline = driver._inline
        inline._clock = lambda: now[0]
        name(driver)
        for act in ("before", "end"):
            original = getattr(Standing, act)

            def watched(standing: Standing, *args: float, original: Any = original) -> None:
                now[0] += 60
                asked.append(inline._too_long())
                original(standing, *args)
                now[0] -= 60

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Standing, act, watched)
                name(driver)
                inline._end()
    assert len(asked) >= 2
    assert not any(asked)


@pytest.mark.parametrize("instructions", [1, 2, 3])
async def test_a_transaction_that_was_begun_in_spite_of_an_error_is_ended(
    tmp_path: Path, instructions: int
) -> None:
    """After two instructions BEGIN has done nothing yet, after three all."""
    async with opened(tmp_path / "a.db", tables=True) as driver:
        inline = quick(driver)
        name(driver)
        connection = inline._link.current
        connection.set_progress_handler(lambda: True, instructions)
        with pytest.raises(StatementTimeout):
            name(driver)
        if inline._link.current is connection:  # else it was closed
            connection.set_progress_handler(None)
        for text in ("one", "two"):
            await driver.execute(RENAME, (text,))
            assert [name(driver), name(driver)] == [text, text]


async def test_a_connection_whose_transaction_cannot_be_ended_is_not_used_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        inline = quick(driver)
        name(driver)
        name(driver)
        assert stands(driver)
        before = inline._link.current
        inline._standing._commit = failing
        await driver.execute(RENAME, ("own",))
        with pytest.raises(StatementTimeout):
            name(driver)
        assert name(driver) == "own"
        assert inline._link.current is not before


async def test_commits_of_another_process_are_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True) as driver:
        quick(driver)
        command = [sys.executable, "-c", OTHER, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                for number in range(20):
                    name(driver)
                    before = name(driver)
                    assert stands(driver)
                    process.stdin.write(f"process {number}\n")
                    process.stdin.flush()
                    assert process.stdout.readline() == "written\n"
                    assert name(driver) == f"process {number}" != before
                process.stdin.close()
            finally:
                process.kill()


async def test_the_log_begins_anew_under_reads_that_never_pause(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True) as driver:
        quick(driver)
        with foreign(path) as other:
            other.execute("CREATE TABLE heap (id integer PRIMARY KEY, text text)")
            longest = 0
            for _ in range(120):
                other.execute("BEGIN IMMEDIATE")
                other.executemany("INSERT INTO heap (text) VALUES (?)", [("x" * 4000,)] * 50)
                assert name(driver) == "item 1"
                assert name(driver) == "item 1"
                other.execute("COMMIT")
                name(driver)
                longest = max(longest, (path.parent / "a.db-wal").stat().st_size)
        assert longest < 2 * 1000 * 4200, "6,000 pages were written, and a checkpoint is due after 1,000"


async def test_it_stands_for_a_moment_only(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        quick(driver)
        name(driver)
        name(driver)
        assert stands(driver)
        async with asyncio.timeout(30):
            while stands(driver):
                await asyncio.sleep(0.001)
        name(driver)
        assert stands(driver)  # and can again


async def test_reads_with_pauses_stand_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        now = [1.0]
        driver._inline._clock = lambda: now[0]
        for _ in range(5):
            now[0] += 0.002
            assert name(driver) == "item 1"
            assert not stands(driver)


async def test_errors_end_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db", tables=True) as driver:
        quick(driver)
        for _ in range(3):
            name(driver)
            name(driver)
            assert stands(driver)
            with pytest.raises(ProgrammingError, match="no such column"):
                await driver.fetch(read("SELECT missing FROM item", short=True))
            assert not stands(driver)
            await driver.execute(RENAME, ("item 1",))
            assert name(driver) == "item 1"


@pytest.mark.parametrize("pragma", [("journal_mode", "delete"), ("locking_mode", "exclusive")])
async def test_without_a_shared_index_each_read_has_its_own(tmp_path: Path, pragma: tuple[str, str]) -> None:
    async with opened(tmp_path / "a.db", tables=pragma[0] == "journal_mode", pragmas=(pragma,)) as driver:
        quick(driver)
        one = read("SELECT 1", short=True)
        assert [await driver.fetch(one) for _ in range(3)] == [[(1,)]] * 3
        assert driver._inline._standing is None


async def test_a_schema_changed_by_others(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path, tables=True) as driver:
        quick(driver)
        every = read("SELECT * FROM item WHERE id = 1", short=True)
        at_once(driver.fetch(every))
        before = at_once(driver.fetch(every))
        assert stands(driver)
        with foreign(path) as other:
            other.execute("ALTER TABLE item ADD COLUMN added text DEFAULT 'new'")
        assert at_once(driver.fetch(every)) == [(*before[0], "new")]
