"""Cancelled callers: the pool and the server are afterwards as they were before, and nobody gets another's rows."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import aclosing

import pytest

from tests.db.postgresql.support import activity, listen, opened, plain, read, until, write
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import Statement, TransactionOptions
from vivace.errors import DatabaseError

PLAIN = TransactionOptions()
SLOW = read("SELECT pg_sleep(30)")
# In CI a fifth of what was once run: 10,000.
REQUESTS = int(os.environ.get("VIVACE_CHAOS", "2000"))


async def whole(driver: PostgreSQLDriver, url: str) -> None:
    """Wait until all connections are free, and the server runs nothing of ours."""
    await until(lambda: len(driver.pool.free) == driver.pool.size and not driver.pool._tasks)
    await until(lambda: all(state == "idle" for state, _ in activity(url)))
    # The server hears later of connections that were closed, the one that asked just now among them.
    await until(lambda: len(activity(url)) == driver.pool.size)
    assert driver.pool.size <= driver.options.max_connections
    assert not driver.pool.waiters


async def running(url: str, part: str) -> None:
    """Wait until the server runs a statement."""
    await until(lambda: any(state == "active" and part in query for state, query in activity(url)))


async def test_pn4_a_cancelled_statement_is_stopped_on_the_server(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=2) as driver:
        task = asyncio.create_task(driver.fetch(SLOW))
        await running(postgresql_url, "pg_sleep")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await whole(driver, postgresql_url)
        assert plain(await driver.fetch(read("SELECT 5"))) == [(5,)]


async def test_pn4_a_cancelled_waiter_aborts_nobody_elses_connect(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=3) as driver:
        first = await driver.begin(PLAIN)
        waiters = [asyncio.create_task(driver.fetch(read("SELECT 1"))) for _ in range(20)]
        await asyncio.sleep(0)
        for task in waiters[::2]:
            task.cancel()
        answers = await asyncio.gather(*waiters, return_exceptions=True)
        assert sum(isinstance(answer, asyncio.CancelledError) for answer in answers) == 10
        assert all(plain(answer) == [(1,)] for answer in answers[1::2] if isinstance(answer, list))
        await first.rollback()
        await whole(driver, postgresql_url)


async def test_pn4_a_transaction_cancelled_within_is_rolled_back(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=2) as driver:
        await driver.execute(write("CREATE TABLE t (a int)"))
        session = await driver.begin(PLAIN)
        await session.execute(write("INSERT INTO t VALUES (1)", "t"))
        task = asyncio.create_task(session.fetch(SLOW))
        await running(postgresql_url, "pg_sleep")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.rollback()
        await whole(driver, postgresql_url)
        assert plain(await driver.fetch(read("SELECT a FROM t"))) == []


async def test_pn4_a_savepoint_outlives_a_cancelled_statement(postgresql_url: str) -> None:
    async with opened(postgresql_url) as driver:
        session = await driver.begin(PLAIN)
        await session.savepoint("s")
        task = asyncio.create_task(session.fetch(SLOW))
        await running(postgresql_url, "pg_sleep")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.rollback_to("s")
        assert plain(await session.fetch(read("SELECT 1"))) == [(1,)]
        await session.commit()


async def test_pn4_a_commit_under_way_cannot_be_cancelled(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=2) as driver:
        told = listen(driver)
        # A deferred trigger makes COMMIT slow.
        await driver.execute(write("CREATE TABLE t (a int)"))
        await driver.execute(
            write(
                "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$"
            )
        )
        await driver.execute(
            write(
                "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION wait()"
            )
        )
        session = await driver.begin(PLAIN)
        await session.execute(write("INSERT INTO t VALUES (1)", "t"))
        task = asyncio.create_task(session.commit())
        await running(postgresql_url, "COMMIT")
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.committed
        assert [each.tables for each in told] == [{"t"}]
        await whole(driver, postgresql_url)
        assert plain(await driver.fetch(read("SELECT a FROM t"))) == [(1,)]


async def test_pn4_a_cancelled_write_is_told_as_possible(postgresql_url: str) -> None:
    async with opened(postgresql_url) as driver:
        told = listen(driver)
        task = asyncio.create_task(driver.execute(write("SELECT pg_sleep(30)", "t")))
        await running(postgresql_url, "pg_sleep")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: bool(told))
        assert told[0].tables == {"t"}


async def test_pn4_a_stream_left_by_a_cancelled_reader_is_closed(postgresql_url: str) -> None:
    async with opened(postgresql_url) as driver:

        async def consume() -> None:
            async with aclosing(driver.stream(read("SELECT generate_series(1, 100000)"), chunk=10)) as chunks:
                async for _ in chunks:
                    await asyncio.sleep(0)

        task = asyncio.create_task(consume())
        await until(lambda: any("FETCH" in query for _, query in activity(postgresql_url)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await whole(driver, postgresql_url)


class Chaos:
    """Requests that check every value they get, cancelled at random awaits."""

    def __init__(self, driver: PostgreSQLDriver) -> None:
        self.driver = driver
        self.answered = 0
        self.random = random.Random(13)

    async def request(self, number: int) -> None:
        """Read, write and stream, each answer naming the request."""
        kind = number % 5
        if kind == 0:
            rows = await self.driver.fetch(read("SELECT $1::int, pg_sleep(0.003)"), (number,))
            self.check(rows[0][0], number)
        elif kind == 1:
            rows = await self.driver.fetch(read(f"SELECT {number} + $1::int AS a{number % 50}"), (1,))
            self.check(rows[0][0], number + 1)
        elif kind == 2:
            await self.driver.execute(write("UPDATE t SET n = $1 WHERE id = $2", "t"), (number, number % 10))
        elif kind == 3:
            await self.transaction(number)
        else:
            async with aclosing(
                self.driver.stream(read("SELECT $1::int FROM generate_series(1, 6)"), (number,), chunk=2)
            ) as chunks:
                async for rows in chunks:
                    self.check(rows[0][0], number)
        self.answered += 1

    async def transaction(self, number: int) -> None:
        """Write in a transaction with a savepoint."""
        session = await self.driver.begin(PLAIN)
        try:
            rows = await session.fetch(read("SELECT $1::int"), (number,))
            self.check(rows[0][0], number)
            await session.savepoint("s")
            await session.execute(write("INSERT INTO log VALUES ($1)", "log"), (number,))
            await session.rollback_to("s")
            await session.execute(write("INSERT INTO log VALUES ($1)", "log"), (-number,))
            await session.commit()
        except BaseException:
            if not session.committed and session._connection is not None:
                await session.rollback()
            raise

    def check(self, got: int, expected: int) -> None:
        """Fail loudly: somebody got another's row."""
        if got != expected:
            raise AssertionError(f"asked for {expected}, got {got}")

    async def one(self, number: int) -> None:
        """Run a request, cancelled after a random number of loop turns or a random time."""
        task = asyncio.create_task(self.request(number))
        if self.random.random() < 0.5:
            for _ in range(self.random.randrange(30)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(self.random.random() * 0.004)
        if number % 4:
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


async def test_pn4_random_cancellation_leaves_no_trace(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=6) as driver:
        for sql in (
            "CREATE TABLE t (id int PRIMARY KEY, n int)",
            "INSERT INTO t SELECT i, 0 FROM generate_series(0, 9) i",
            "CREATE TABLE log (n int)",
        ):
            await driver.execute(Statement(sql=sql, writes=None))
        chaos = Chaos(driver)
        turns = asyncio.Semaphore(9)

        async def bounded(number: int) -> None:
            async with turns:
                await chaos.one(number)

        async with asyncio.TaskGroup() as group:
            for number in range(1, REQUESTS + 1):
                group.create_task(bounded(number))
        await whole(driver, postgresql_url)
        # How many were cancelled in the middle of a statement depends on the machine; both kinds must have been many.
        assert chaos.answered >= REQUESTS / 20
        assert driver.pool.state.cleaned >= REQUESTS / 20
        assert plain(await driver.fetch(read("SELECT count(*) FROM log WHERE n > 0"))) == [(0,)]
        numbers = await asyncio.gather(*(driver.fetch(read("SELECT $1::int"), (n,)) for n in range(100)))
        assert [rows[0][0] for rows in numbers] == list(range(100))


async def test_pn4_an_error_of_the_caller_in_a_stream_is_its_own(postgresql_url: str) -> None:
    async with opened(postgresql_url) as driver:
        with pytest.raises(KeyError):
            async with aclosing(driver.stream(read("SELECT generate_series(1, 9)"), chunk=2)) as chunks:
                async for _ in chunks:
                    raise KeyError("mine")
        with pytest.raises(DatabaseError):
            await driver.fetch(read("SELECT 1 / 0"))
        await whole(driver, postgresql_url)
