"""Transactions: begin, savepoints, errors, commit, streams, scripts, COPY."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tests.db.postgresql.support import listen, opened, plain, read, write
from vivace.changes import NOTHING
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import Isolation, Statement, TransactionOptions
from vivace.errors import (
    CheckViolation,
    DatabaseError,
    ProgrammingError,
    ReadOnlyDatabase,
    SerializationFailure,
    TransactionError,
    UniqueViolation,
)

COUNT = read("SELECT count(*) FROM item")
ADD = write("INSERT INTO item VALUES ($1, $2, $3)", "item")
DELETE = write("DELETE FROM item WHERE id = $1", "item")
PLAIN = TransactionOptions()


async def count(driver: PostgreSQLDriver) -> int:
    number: int = (await driver.fetch(COUNT))[0][0]
    return number


async def test_db1_a_commit_keeps_and_a_rollback_undoes(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    assert await session.execute(DELETE, (1,)) == 1
    assert await session.execute(DELETE, (1,)) == 0
    assert await count(driver) == 20  # another connection
    assert await session.commit() is NOTHING
    assert session.committed
    assert await count(driver) == 19
    session = await driver.begin(PLAIN)
    await session.execute(DELETE, (2,))
    await session.rollback()
    assert not session.committed
    assert await count(driver) == 19
    assert len(driver.pool.free) == driver.pool.size


async def test_an_ended_session_refuses_further_use(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    await session.commit()
    for call in (session.fetch(COUNT), session.execute(COUNT), session.commit(), session.rollback()):
        with pytest.raises(TransactionError, match="ended"):
            await call


async def test_db1_savepoints_undo_their_part(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    await session.execute(DELETE, (1,))
    await session.savepoint("outer")
    await session.execute(DELETE, (2,))
    await session.savepoint("inner")
    await session.execute(DELETE, (3,))
    await session.release("inner")
    await session.rollback_to("outer")
    await session.release("outer")
    await session.commit()
    assert await count(driver) == 19


@pytest.mark.parametrize("name", ['a"; DROP TABLE item; --', "", "1a", "a b", "x" * 64])
async def test_savepoint_names_cannot_be_sql(driver: PostgreSQLDriver, name: str) -> None:
    session = await driver.begin(PLAIN)
    for call in (session.savepoint, session.release, session.rollback_to):
        with pytest.raises(TransactionError, match="savepoint"):
            await call(name)
    await session.rollback()


async def test_db1_after_an_error_only_a_rollback_is_possible(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    await session.execute(DELETE, (1,))
    await session.savepoint("s")
    with pytest.raises(UniqueViolation) as first:
        await session.execute(ADD, (2, "again", 1))
    with pytest.raises(TransactionError, match="rolled back") as refused:
        await session.fetch(COUNT)
    assert refused.value.__cause__ is first.value
    await session.rollback_to("s")
    assert plain(await session.fetch(COUNT)) == [(19,)]
    with pytest.raises(CheckViolation):
        await session.execute(ADD, (50, "free", -1))
    with pytest.raises(TransactionError) as at_commit:
        await session.commit()
    assert isinstance(at_commit.value.__cause__, CheckViolation)
    assert await count(driver) == 20
    assert len(driver.pool.free) == driver.pool.size


async def test_a_deferred_constraint_fails_the_commit(driver: PostgreSQLDriver) -> None:
    await driver.execute(write("CREATE TABLE once (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
    session = await driver.begin(PLAIN)
    await session.execute(write("INSERT INTO once VALUES (1), (1)", "once"))
    with pytest.raises(UniqueViolation):
        await session.commit()
    assert not session.committed
    assert plain(await driver.fetch(read("SELECT * FROM once"))) == []


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
async def test_db1_isolation_and_read_only(driver: PostgreSQLDriver, level: Isolation) -> None:
    session = await driver.begin(TransactionOptions(isolation=level, read_only=True))
    shown = await session.fetch(
        read("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    )
    assert plain(shown) == [(level, "on")]
    with pytest.raises(ReadOnlyDatabase):
        await session.execute(DELETE, (1,))
    await session.rollback()


async def test_db1_transactions_that_met_are_told_to_run_again(driver: PostgreSQLDriver) -> None:
    options = TransactionOptions(isolation="serializable")
    one, two = await driver.begin(options), await driver.begin(options)
    total = read("SELECT sum(price) FROM item")
    for session, number in ((one, 100), (two, 101)):
        await session.fetch(total)
        await session.execute(ADD, (number, "n", 1))
    await one.commit()
    with pytest.raises(SerializationFailure):
        await two.commit()
    assert await count(driver) == 21


async def test_a_statement_that_ends_the_transaction_is_found_out(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    await session.execute(Statement(sql="COMMIT", writes=None))
    with pytest.raises(TransactionError, match="from inside"):
        await session.commit()
    session = await driver.begin(PLAIN)
    with pytest.raises(TransactionError, match="from inside"):
        await session.run_script("DELETE FROM item WHERE id = 1; COMMIT; SELECT 1")
    await session.rollback()
    assert len(driver.pool.free) <= driver.pool.size


async def test_a_table_changed_meanwhile_is_a_reason_to_run_again(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=2) as driver:
        await driver.execute(write("CREATE TABLE t AS SELECT 1 AS a"))
        everything = read("SELECT * FROM t")
        session = await driver.begin(PLAIN)
        await session.fetch(everything)
        await session.commit()
        other = await driver.begin(PLAIN)
        helper = await driver.begin(PLAIN)
        await helper.execute(write("ALTER TABLE t ADD b int", "t"))
        await helper.commit()
        with pytest.raises(SerializationFailure):
            await other.fetch(everything)
        await other.rollback()
        assert plain(await driver.fetch(everything)) == [(1, None)]


async def test_or11_many_rows_in_few_round_trips(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    await session.execute_many(ADD, [(number, f"n{number}", number) for number in range(100, 600)])
    assert plain(await session.fetch(COUNT)) == [(520,)]
    with pytest.raises(UniqueViolation):
        await session.execute_many(ADD, [(700, "a", 1), (700, "b", 1)])
    await session.rollback()
    assert await count(driver) == 20


async def test_or11_copy_writes_rows(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    rows = [(number, f'"q",\t{number}', None) for number in range(100, 1100)]
    assert await driver.copy_rows("item", ["id", "name", "price"], rows) == 1000
    assert told[0].tables == {"item"}

    async def some() -> AsyncIterator[tuple[int, str]]:
        for number in range(2000, 2003):
            yield number, "later"

    assert await driver.copy_rows("item", ["id", "name"], some(), schema="public") == 3
    assert await count(driver) == 1023
    with pytest.raises(UniqueViolation):
        await driver.copy_rows("item", ["id", "name"], [(1, "x")])
    with pytest.raises(ProgrammingError):
        await driver.copy_rows('item"; DROP TABLE item; --', ["id"], [(1,)])
    assert len(told) == 2


async def test_copy_from_a_broken_source_writes_nothing(driver: PostgreSQLDriver) -> None:
    async def broken() -> AsyncIterator[tuple[int, str]]:
        yield 5000, "first"
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="source broke"):
        await driver.copy_rows("item", ["id", "name"], broken())
    assert await count(driver) == 20


@pytest.mark.parametrize("chunk", [1, 7, 20, 1000])
async def test_db4_a_stream_yields_all_rows_in_chunks(driver: PostgreSQLDriver, chunk: int) -> None:
    sizes: list[int] = []
    seen: list[int] = []
    async for rows in driver.stream(read("SELECT id FROM item WHERE id > $1 ORDER BY id"), (3,), chunk=chunk):
        sizes.append(len(rows))
        seen += [row[0] for row in rows]
    assert seen == list(range(4, 21))
    assert max(sizes) <= chunk
    assert all(sizes)
    assert len(driver.pool.free) == driver.pool.size


async def test_db4_an_abandoned_stream_gives_its_connection_back(driver: PostgreSQLDriver) -> None:
    async with aclosing(driver.stream(read("SELECT id FROM item"), chunk=2)) as chunks:
        async for _ in chunks:
            break
    assert len(driver.pool.free) == driver.pool.size
    assert await count(driver) == 20


async def test_db4_streams_in_a_session_mix_with_statements(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    seen: list[int] = []
    async for rows in session.stream(read("SELECT id FROM item ORDER BY id"), chunk=8):
        seen += [row[0] for row in rows]
        await session.execute(DELETE, (rows[0][0],))
        async for inner in session.stream(read("SELECT 1 FROM item"), chunk=500):
            assert inner
    assert seen == list(range(1, 21))  # the cursor's snapshot
    cursors = await session.fetch(read("SELECT count(*) FROM pg_cursors WHERE name LIKE 'vivace%'"))
    assert plain(cursors) == [(0,)]
    await session.rollback()


async def test_a_stream_that_writes_is_committed(driver: PostgreSQLDriver) -> None:
    told = listen(driver)
    removed = [
        row[0]
        async for rows in driver.stream(write("DELETE FROM item WHERE id < 6 RETURNING id", "item"), chunk=2)
        for row in rows
    ]
    assert sorted(removed) == [1, 2, 3, 4, 5]
    assert await count(driver) == 15
    assert told[0].tables == {"item"}


async def test_a_wrong_stream_raises_our_error(driver: PostgreSQLDriver) -> None:
    with pytest.raises(DatabaseError):
        async for _ in driver.stream(read("SELECT 1 / (id - 5) FROM item ORDER BY id"), chunk=2):
            pass
    assert await count(driver) == 20


async def test_scripts_run_as_one(driver: PostgreSQLDriver) -> None:
    session = await driver.begin(PLAIN)
    await session.run_script(
        "CREATE TABLE a (x int); CREATE TABLE b (y int); SET lock_timeout = 5; INSERT INTO a VALUES (1)"
    )
    await session.commit()
    assert plain(await driver.fetch(read("SELECT x FROM a"))) == [(1,)]
    assert plain(await driver.fetch(read("SHOW lock_timeout"))) == [("0",)]
    session = await driver.begin(PLAIN)
    with pytest.raises(ProgrammingError):
        await session.run_script("CREATE TABLE c (x int); CREATE TABLE c (x int)")
    await session.rollback()
    assert plain(await driver.fetch(read("SELECT to_regclass('c')"))) == [(None,)]
