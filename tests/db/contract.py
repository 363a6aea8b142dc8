"""What every driver must do, as one class of tests; a module for a driver subclasses it.

The subclass gives two fixtures: ``driver``, open, on a fresh database with the tables of ``SCHEMA``, and ``scarce``, the
same with one connection for transactions and an ``acquire_timeout`` of ``SHORT`` seconds. Statements are written with
``?`` for parameters. What only one database can do is tested with that database.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec
import pytest

from vivace.changes import NOTHING, WriteSet
from vivace.db.types import Driver, Row, Session, Statement, TransactionOptions
from vivace.errors import (
    CheckViolation,
    DatabaseError,
    DataError,
    ForeignKeyViolation,
    IntegrityError,
    NotNullViolation,
    PoolTimeout,
    ProgrammingError,
    ReadOnlyDatabase,
    TransactionError,
    UniqueViolation,
)

SHORT: Final = 0.2
SCHEMA: Final = (
    "CREATE TABLE owner (id integer PRIMARY KEY)",
    """CREATE TABLE item (
        id integer PRIMARY KEY, name text NOT NULL UNIQUE, price integer CONSTRAINT price_is_positive CHECK (price >= 0),
        owner_id integer REFERENCES owner (id) DEFERRABLE INITIALLY DEFERRED)""",
)
PLAIN: Final = TransactionOptions()
READING: Final = TransactionOptions(read_only=True)
ITEM: Final = frozenset({"item"})
ADD: Final = "INSERT INTO item (id, name, price) VALUES (?, ?, ?)"
CHAOS: Final = 150


def sql(driver: Driver, text: str, *tables: str, short: bool = False) -> Statement:
    """Return a statement that writes ``tables``, with the dialect's placeholders for ``?``."""
    if driver.dialect == "postgresql":
        pieces = text.split("?")
        text = "".join(f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1)) + pieces[-1]
    return Statement(sql=text, reads=ITEM, writes=frozenset(tables), short=short)


async def prepare(driver: Driver) -> None:
    """Make the tables of the contract, with twenty items in them."""
    session = await driver.begin(PLAIN)
    for statement in SCHEMA:
        await session.execute(Statement(sql=statement, writes=None))
    rows = [(key, f"item {key}", key * 10) for key in range(1, 21)]
    await session.execute_many(sql(driver, ADD, "item"), rows)
    await session.commit()


async def add(target: Driver | Session, driver: Driver, key: int, price: int = 0) -> int:
    """Insert an item and return the number of rows."""
    return await target.execute(sql(driver, ADD, "item"), (key, f"item {key}", price))


async def keys(target: Driver | Session, driver: Driver) -> list[int]:
    """Return the ids of all items, in order."""
    return [row[0] for row in await target.fetch(sql(driver, "SELECT id FROM item ORDER BY id"))]


def tuples(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return rows as tuples."""
    return [tuple(row) for row in rows]


def listen(driver: Driver) -> list[WriteSet]:
    """Make the driver tell what it writes, and return the list that grows."""
    told: list[WriteSet] = []
    driver.announce = told.append
    driver.listening = True
    return told


class DriverContract:
    """The tests."""

    # -- single statements ------------------------------------------------------------------------------------------

    async def test_a_statement_returns_its_rows(self, driver: Driver) -> None:
        one = sql(driver, "SELECT id, name FROM item WHERE id = ?", short=True)
        assert tuples(await driver.fetch(one, (3,))) == [(3, "item 3")]
        assert tuples(await driver.fetch(one, (99,))) == []
        many = sql(driver, "SELECT id FROM item WHERE id > ? AND price < ? ORDER BY id DESC")
        assert tuples(await driver.fetch(many, (5, 80))) == [(7,), (6,)]

    async def test_execute_counts_the_rows_it_changed(self, driver: Driver) -> None:
        assert await driver.execute(sql(driver, "UPDATE item SET price = 1 WHERE id < ?", "item"), (4,)) == 3
        assert await driver.execute(sql(driver, "DELETE FROM item WHERE id = ?", "item"), (99,)) == 0
        assert await driver.execute(Statement(sql="CREATE TABLE other (id integer)", writes=None)) == 0
        assert await driver.execute(sql(driver, "DELETE FROM item", "item")) == 20

    async def test_a_write_can_return_rows(self, driver: Driver) -> None:
        statement = sql(
            driver, "UPDATE item SET price = price + 1 WHERE id IN (?, ?) RETURNING id, price", "item"
        )
        assert sorted(tuples(await driver.fetch(statement, (1, 2)))) == [(1, 11), (2, 21)]

    async def test_named_rows_know_their_columns(self, driver: Driver) -> None:
        def named(text: str, *tables: str) -> Statement:
            return msgspec.structs.replace(sql(driver, text, *tables, short=True), named=True)

        one = named("SELECT id, name AS title FROM item WHERE id = ?")
        change = named("UPDATE item SET price = 1 WHERE id = ? RETURNING id, name AS title", "item")
        session = await driver.begin(PLAIN)
        found: list[Any] = [*await session.fetch(one, (3,))]
        found += [row async for rows in session.stream(one, (3,)) for row in rows]
        await session.rollback()
        found += await driver.fetch(one, (3,))
        found += await driver.fetch(change, (3,))
        found += [row async for rows in driver.stream(one, (3,)) for row in rows]
        assert [dict(row.items()) for row in found] == [{"id": 3, "title": "item 3"}] * 5
        assert await driver.fetch(one, (99,)) == []

    async def test_what_is_written_is_read_at_once(self, driver: Driver) -> None:
        read = sql(driver, "SELECT price FROM item WHERE id = ?", short=True)
        for price in range(30):
            await driver.execute(sql(driver, "UPDATE item SET price = ? WHERE id = 1", "item"), (price,))
            assert tuples(await driver.fetch(read, (1,))) == [(price,)]

    async def test_several_statements_in_one_call_are_refused(self, driver: Driver) -> None:
        with pytest.raises(ProgrammingError):
            await driver.execute(sql(driver, "DELETE FROM item WHERE id = 1; DELETE FROM item", "item"))
        with pytest.raises(ProgrammingError):
            await driver.fetch(sql(driver, "SELECT 1; SELECT 2"))
        assert len(await keys(driver, driver)) == 20

    async def test_values_come_back(self, driver: Driver) -> None:
        texts = ["", "ü", "it's", "a\\b", "?", "$1", "%s", "☃" * 1000]
        for key, text in enumerate(texts, 100):
            await driver.execute(sql(driver, ADD, "item"), (key, text, None))
        found = await driver.fetch(sql(driver, "SELECT name, price FROM item WHERE id >= 100 ORDER BY id"))
        assert tuples(found) == [(text, None) for text in texts]

    # -- transactions -----------------------------------------------------------------------------------------------

    async def test_db1_a_commit_keeps_and_a_rollback_undoes(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await add(session, driver, 21)
        assert 21 not in await keys(driver, driver)  # nobody else sees it yet
        assert 21 in await keys(session, driver)
        await session.commit()
        assert 21 in await keys(driver, driver)
        session = await driver.begin(PLAIN)
        await add(session, driver, 22)
        await session.rollback()
        assert 22 not in await keys(driver, driver)

    async def test_db1_an_ended_session_refuses_further_use(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await session.commit()
        with pytest.raises(TransactionError, match="ended"):
            await add(session, driver, 21)
        for end in (session.commit, session.rollback):
            with pytest.raises(TransactionError, match="ended"):
                await end()

    async def test_db1_savepoints_undo_their_part(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await add(session, driver, 21)
        await session.savepoint("outer")
        await add(session, driver, 22)
        await session.savepoint("inner")
        await add(session, driver, 23)
        await session.release("inner")
        await session.rollback_to("outer")
        await add(session, driver, 24)
        await session.release("outer")
        await session.commit()
        assert (await keys(driver, driver))[20:] == [21, 24]

    async def test_db1_after_an_error_only_a_rollback_is_possible(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await session.savepoint("before")
        with pytest.raises(UniqueViolation):
            await add(session, driver, 1)
        with pytest.raises(TransactionError):
            await keys(session, driver)
        await session.rollback_to("before")
        await add(session, driver, 21)
        await session.commit()
        assert 21 in await keys(driver, driver)

    async def test_db1_a_broken_transaction_is_not_committed(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await add(session, driver, 21)
        with pytest.raises(UniqueViolation):
            await add(session, driver, 1)
        with pytest.raises(TransactionError):
            await session.commit()
        assert 21 not in await keys(driver, driver)
        await add(driver, driver, 21)

    async def test_db1_a_read_only_transaction_refuses_writes(self, driver: Driver) -> None:
        session = await driver.begin(READING)
        assert len(await keys(session, driver)) == 20
        with pytest.raises(ReadOnlyDatabase):
            await add(session, driver, 21)
        await session.rollback()
        await add(driver, driver, 21)

    async def test_db1_a_read_only_transaction_sees_one_moment(self, driver: Driver) -> None:
        options = TransactionOptions(read_only=True, isolation="repeatable read")
        session = await driver.begin(options)
        assert len(await keys(session, driver)) == 20
        await add(driver, driver, 21)
        assert len(await keys(session, driver)) == 20
        await session.commit()
        assert len(await keys(driver, driver)) == 21

    async def test_execute_many_and_scripts(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        statement = sql(driver, ADD, "item")
        await session.execute_many(statement, [(key, f"item {key}", 1) for key in range(100, 1100)])
        await session.execute_many(statement, [])
        await session.run_script(
            "CREATE TABLE made (id integer); INSERT INTO made VALUES (1); INSERT INTO made VALUES (2);"
        )
        await session.commit()
        assert len(await keys(driver, driver)) == 1020
        assert tuples(await driver.fetch(sql(driver, "SELECT id FROM made ORDER BY id"))) == [(1,), (2,)]

    async def test_execute_many_is_all_or_nothing(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        with pytest.raises(UniqueViolation):
            await session.execute_many(sql(driver, ADD, "item"), [(50, "x", 1), (51, "y", 1), (50, "z", 1)])
        await session.rollback()
        assert len(await keys(driver, driver)) == 20

    # -- streams ----------------------------------------------------------------------------------------------------

    async def test_or1_a_stream_comes_in_chunks(self, driver: Driver) -> None:
        statement = sql(driver, "SELECT id FROM item WHERE id > ? ORDER BY id")
        chunks = [tuples(rows) async for rows in driver.stream(statement, (2,), chunk=5)]
        assert [len(chunk) for chunk in chunks] == [5, 5, 5, 3]
        assert [row[0] for chunk in chunks for row in chunk] == list(range(3, 21))
        assert [rows async for rows in driver.stream(statement, (99,))] == []

    async def test_or1_a_stream_in_a_transaction_sees_its_writes(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await add(session, driver, 21)
        statement = sql(driver, "SELECT id FROM item ORDER BY id")
        found: list[int] = []
        async for rows in session.stream(statement, chunk=4):
            found += [row[0] for row in rows]
            await session.execute(sql(driver, "UPDATE item SET price = 7 WHERE id = ?", "item"), (found[-1],))
        await session.commit()
        assert found == list(range(1, 22))
        sevens = await driver.fetch(sql(driver, "SELECT id FROM item WHERE price = 7 ORDER BY id"))
        assert [row[0] for row in sevens] == [4, 8, 12, 16, 20, 21]

    async def test_or1_a_stream_left_early_gives_its_connection_back(self, scarce: Driver) -> None:
        statement = sql(scarce, "SELECT id FROM item ORDER BY id")
        for _ in range(10):
            async with aclosing(scarce.stream(statement, chunk=2)) as stream:
                async for rows in stream:
                    assert len(rows) == 2
                    break
        assert len(await keys(scarce, scarce)) == 20

    async def test_a_stream_that_fails_raises_and_gives_back(self, scarce: Driver) -> None:
        for _ in range(10):
            with pytest.raises(DatabaseError):
                async for _rows in scarce.stream(sql(scarce, "SELECT missing FROM item")):
                    pass
        assert len(await keys(scarce, scarce)) == 20

    # -- errors -----------------------------------------------------------------------------------------------------

    async def test_violations_name_what_was_broken(self, driver: Driver) -> None:
        async def broken(kind: type[IntegrityError], text: str, *parameters: object) -> IntegrityError:
            with pytest.raises(kind) as caught:
                await driver.execute(sql(driver, text, "item"), parameters)
            assert type(caught.value) is kind
            return caught.value

        error = await broken(UniqueViolation, ADD, 50, "item 1", 1)
        assert (error.table, error.columns) == ("item", ("name",)) or "name" in error.constraint
        error = await broken(NotNullViolation, ADD, 50, None, 1)
        assert (error.table, error.columns) == ("item", ("name",))
        error = await broken(CheckViolation, ADD, 50, "x", -1)
        assert error.constraint == "price_is_positive"
        error = await broken(ForeignKeyViolation, "UPDATE item SET owner_id = 77 WHERE id = ?", 1)
        assert (error.table, error.columns) == ("item", ("owner_id",))

    async def test_a_deferred_foreign_key_is_looked_at_by_the_commit(self, driver: Driver) -> None:
        point = sql(driver, "UPDATE item SET owner_id = 5 WHERE id = 1", "item")
        session = await driver.begin(PLAIN)
        await session.execute(point)
        await session.execute(sql(driver, "INSERT INTO owner (id) VALUES (5)", "owner"))
        await session.commit()
        session = await driver.begin(PLAIN)
        await session.execute(sql(driver, "UPDATE item SET owner_id = 6 WHERE id = 1", "item"))
        with pytest.raises(ForeignKeyViolation) as caught:
            await session.commit()
        assert (caught.value.table, caught.value.columns) == ("item", ("owner_id",))
        found = await driver.fetch(sql(driver, "SELECT owner_id FROM item WHERE id = 1"))
        assert tuples(found) == [(5,)]
        await add(driver, driver, 21)

    async def test_wrong_sql_and_wrong_values(self, driver: Driver) -> None:
        for text in ("SELEC 1", "SELECT missing FROM item", "SELECT * FROM nowhere"):
            with pytest.raises(ProgrammingError):
                await driver.fetch(sql(driver, text))
        with pytest.raises(DataError):
            await driver.fetch(sql(driver, "SELECT id FROM item WHERE id = ?"), (2**80,))
        with pytest.raises(DataError):
            await driver.fetch(sql(driver, "SELECT id FROM item WHERE name = ?"), ("\ud800",))
        with pytest.raises(DatabaseError):
            await driver.fetch(sql(driver, "SELECT id FROM item WHERE id = ?"), (1, 2))
        assert len(await keys(driver, driver)) == 20

    async def test_or12_a_pool_that_is_used_up_is_a_503(self, scarce: Driver) -> None:
        session = await scarce.begin(PLAIN)
        with pytest.raises(PoolTimeout) as caught:
            await scarce.begin(PLAIN)
        assert caught.value.status == 503
        await session.rollback()
        await (await scarce.begin(PLAIN)).rollback()

    # -- many at once -----------------------------------------------------------------------------------------------

    async def test_pn35_read_then_write_transactions_meet_without_errors(self, driver: Driver) -> None:
        lock = "" if driver.dialect == "sqlite" else " FOR UPDATE"
        read = sql(driver, f"SELECT price FROM item WHERE id = ?{lock}")
        write = sql(driver, "UPDATE item SET price = ? WHERE id = ?", "item")

        async def once() -> None:
            session = await driver.begin(PLAIN)
            price = (await session.fetch(read, (1,)))[0][0]
            await session.execute(write, (price + 1, 1))
            await session.commit()

        await asyncio.gather(*(once() for _ in range(50)))
        assert tuples(await driver.fetch(read, (1,))) == [(60,)]

    async def test_autocommit_writes_at_once_fail_alone(self, driver: Driver) -> None:
        wanted = [(key if key % 5 else 1) for key in range(100, 200)]
        done = await asyncio.gather(*(add(driver, driver, key) for key in wanted), return_exceptions=True)
        for key, outcome in zip(wanted, done, strict=True):
            assert isinstance(outcome, UniqueViolation) if key == 1 else outcome == 1
        assert (await keys(driver, driver))[20:] == sorted({key for key in wanted if key != 1})

    async def test_reads_go_on_while_a_transaction_is_open(self, driver: Driver) -> None:
        session = await driver.begin(PLAIN)
        await session.execute(sql(driver, "UPDATE item SET price = 5", "item"))
        found = await asyncio.gather(
            *(driver.fetch(sql(driver, "SELECT sum(price) FROM item")) for _ in range(20))
        )
        assert {row[0][0] for row in found} == {2100}
        await session.rollback()

    # -- cancellation -----------------------------------------------------------------------------------------------

    async def test_pn4_a_cancelled_begin_leaves_nothing_behind(self, scarce: Driver) -> None:
        session = await scarce.begin(PLAIN)
        waiting = [asyncio.create_task(scarce.begin(PLAIN)) for _ in range(5)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert all(task.cancelled() for task in waiting)
        await session.rollback()
        await (await scarce.begin(PLAIN)).rollback()

    async def test_pn4_cancelled_at_any_moment_the_driver_stays_whole(self, driver: Driver) -> None:
        chance = random.Random(4)
        works: list[Callable[[int], Awaitable[object]]] = [
            lambda key: add(driver, driver, key),
            lambda key: keys(driver, driver),
            lambda key: _transaction(driver, key),
            lambda key: _stream(driver),
        ]

        async def cancelled(key: int) -> bool:
            task = asyncio.ensure_future(chance.choice(works)(key))
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(chance.choice((0, 0, 0.0005)))
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                return True
            return False

        outcomes = [
            outcome
            for start in range(1000, 1000 + CHAOS, 10)
            for outcome in await asyncio.gather(*(cancelled(key) for key in range(start, start + 10)))
        ]
        assert any(outcomes)
        sessions = [await driver.begin(READING) for _ in range(2)]
        for session in sessions:
            await session.rollback()
        session = await driver.begin(PLAIN)
        await add(session, driver, 21)
        await session.commit()
        assert 21 in await keys(driver, driver)

    async def test_pn4_a_commit_under_way_is_not_cancelled(self, driver: Driver) -> None:
        told = listen(driver)
        for key in range(100, 110):
            session = await driver.begin(PLAIN)
            await add(session, driver, key)
            assert not session.committed
            task = asyncio.create_task(session.commit())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert session.committed == (key in await keys(driver, driver))
            assert len(told) == session.committed
            told.clear()
        session = await driver.begin(PLAIN)
        await session.commit()
        assert session.committed
        session = await driver.begin(PLAIN)
        await session.rollback()
        assert not session.committed

    # -- the change feed --------------------------------------------------------------------------------------------

    async def test_nobody_listens_nothing_is_collected(self, driver: Driver) -> None:
        told = listen(driver)
        driver.listening = False
        await add(driver, driver, 21)
        session = await driver.begin(PLAIN)
        await add(session, driver, 22)
        assert await session.commit() == NOTHING
        assert told == []

    async def test_ch1_a_commit_tells_what_it_wrote(self, driver: Driver) -> None:
        told = listen(driver)
        await add(driver, driver, 21)
        assert [written.touched() for written in told] == [ITEM]
        session = await driver.begin(PLAIN)
        await add(session, driver, 22)
        assert len(told) == 1
        assert (await session.commit()).touched() == ITEM
        assert len(told) == 1  # the session's caller announces that

    async def test_ch1_what_is_undone_is_not_told(self, driver: Driver) -> None:
        told = listen(driver)
        session = await driver.begin(PLAIN)
        await session.savepoint("a")
        await add(session, driver, 21)
        await session.rollback_to("a")
        await session.execute(sql(driver, "INSERT INTO owner (id) VALUES (1)", "owner"))
        assert (await session.commit()).touched() == {"owner"}
        session = await driver.begin(PLAIN)
        await add(session, driver, 22)
        await session.rollback()
        with pytest.raises(UniqueViolation):
            await add(driver, driver, 1)
        assert told == []

    async def test_ch1_undeclared_writes_are_told_as_well(self, driver: Driver) -> None:
        told = listen(driver)
        await driver.execute(Statement(sql="DELETE FROM item WHERE id = 1", writes=None))
        assert len(told) == 1
        assert told[0].everything or told[0].touched() == ITEM
        session = await driver.begin(PLAIN)
        await session.run_script("CREATE TABLE more (id integer); DROP TABLE more;")
        assert (await session.commit()).everything

    async def test_te6_writes_can_be_taken_before_the_commit(self, driver: Driver) -> None:
        listen(driver)
        session = await driver.begin(PLAIN)
        await add(session, driver, 21)
        assert session.take_writes().touched() == ITEM
        assert not session.take_writes()
        await session.savepoint("a")
        await session.execute(sql(driver, "INSERT INTO owner (id) VALUES (1)", "owner"))
        assert session.take_writes().touched() == {"owner"}
        await add(session, driver, 22)
        await session.rollback_to("a")
        assert not session.take_writes()
        await session.rollback()

    # -- life -------------------------------------------------------------------------------------------------------

    async def test_a_closed_driver_opens_again(self, driver: Driver) -> None:
        assert len(await keys(driver, driver)) == 20
        await driver.close()
        await driver.close()
        await driver.open()
        assert len(await keys(driver, driver)) == 20


async def _transaction(driver: Driver, key: int) -> None:
    session = await driver.begin(PLAIN)
    try:
        await keys(session, driver)
        await add(session, driver, key)
    except BaseException:
        await session.rollback()
        raise
    await session.commit()


async def _stream(driver: Driver) -> None:
    async with aclosing(driver.stream(sql(driver, "SELECT id FROM item"), chunk=3)) as stream:
        async for _ in stream:
            pass
