"""A server that stops, crashes and comes back; connections that are killed."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from tests.db.postgresql.support import activity, listen, opened, plain, read, until, write
from tests.servers import PostgreSQLServer
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import TransactionOptions
from vivace.errors import CommitUnknown, DatabaseUnavailable, TransactionError

PLAIN = TransactionOptions()
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vivace'"


def kill_all(server: PostgreSQLServer) -> None:
    """Cut off all connections of drivers."""
    with server.connect() as connection:
        connection.execute(KILL)


async def test_pn3_idle_connections_that_died_are_not_handed_out(postgresql_server: PostgreSQLServer) -> None:
    async with opened(postgresql_server.url, min_connections=4) as driver:
        assert driver.pool.size == 4
        kill_all(postgresql_server)  # the loop did not see it yet: the read below goes into a dead socket
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]
        kill_all(postgresql_server)
        await asyncio.sleep(0.02)  # now it has
        assert await driver.execute(write("CREATE TABLE t (a int)")) == 0
        kill_all(postgresql_server)
        session = await driver.begin(PLAIN)
        await session.commit()


async def test_a_write_on_a_lost_connection_is_never_run_again(postgresql_server: PostgreSQLServer) -> None:
    async with opened(postgresql_server.url, max_connections=1) as driver:
        told = listen(driver)
        await driver.execute(write("CREATE TABLE t (a int)"))
        slow = write("INSERT INTO t SELECT 1 FROM pg_sleep(30)", "t")
        task = asyncio.create_task(driver.execute(slow))
        await until(lambda: any("pg_sleep" in query for _, query in activity(postgresql_server.url)))
        kill_all(postgresql_server)
        with pytest.raises(CommitUnknown, match="may have taken place"):
            await task
        assert told[-1].tables == {"t"}
        assert plain(await driver.fetch(read("SELECT count(*) FROM t"))) == [(0,)]


async def test_a_transaction_on_a_lost_connection_is_rolled_back(postgresql_server: PostgreSQLServer) -> None:
    async with opened(postgresql_server.url, max_connections=1) as driver:
        await driver.execute(write("CREATE TABLE t (a int)"))
        session = await driver.begin(PLAIN)
        await session.execute(write("INSERT INTO t VALUES (1)", "t"))
        kill_all(postgresql_server)
        with pytest.raises(DatabaseUnavailable, match="rolled back"):
            await session.fetch(read("SELECT 1"))
        with pytest.raises(TransactionError):
            await session.fetch(read("SELECT 1"))
        await session.rollback()
        assert plain(await driver.fetch(read("SELECT count(*) FROM t"))) == [(0,)]


async def test_a_connection_lost_in_commit_leaves_the_outcome_open(
    postgresql_server: PostgreSQLServer,
) -> None:
    async with opened(postgresql_server.url, max_connections=1) as driver:
        told = listen(driver)
        await driver.execute(write("CREATE TABLE t (a int)"))
        session = await driver.begin(PLAIN)
        await session.execute(write("INSERT INTO t VALUES (1)", "t"))
        kill_all(postgresql_server)
        with pytest.raises(CommitUnknown, match="during COMMIT"):
            await session.commit()
        assert told[-1].tables == {"t"}
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_pn3_a_server_restarted_five_times_under_load(
    postgresql_server: PostgreSQLServer, how: signal.Signals
) -> None:
    async with opened(postgresql_server.url, max_connections=5) as driver:
        await driver.execute(write("CREATE TABLE t (n int)"))
        load = Load(driver)
        tasks = [asyncio.create_task(load.run(number)) for number in range(12)]
        for _ in range(5):
            await load.progress()
            await asyncio.to_thread(postgresql_server.restart, how)
        await load.progress()
        load.stop = True
        await asyncio.gather(*tasks)
        await until(lambda: len(driver.pool.free) == driver.pool.size)
        await until(lambda: len(activity(postgresql_server.url)) == driver.pool.size <= 5)
        rows = {row[0] for row in await driver.fetch(read("SELECT n FROM t"))}
        assert load.written <= rows
        assert rows <= load.written | load.in_doubt
        assert load.failed  # the restarts were felt


class Load:
    """Requests that check what they read, and remember what they wrote."""

    def __init__(self, driver: PostgreSQLDriver) -> None:
        self.driver = driver
        self.stop = False
        self.answered = 0
        self.failed: list[DatabaseUnavailable] = []
        self.written: set[int] = set()
        self.in_doubt: set[int] = set()

    async def progress(self) -> None:
        """Wait for fifty more answers."""
        goal = self.answered + 50
        await until(lambda: self.answered >= goal)

    async def run(self, worker: int) -> None:
        """Ask until told to stop; unavailability is the only error allowed."""
        number = worker * 1_000_000
        while not self.stop:
            number += 1
            try:
                await self.request(number)
            except CommitUnknown as error:
                self.in_doubt.add(number)
                self.failed.append(error)
            except DatabaseUnavailable as error:
                self.failed.append(error)
                await asyncio.sleep(0.01)
            else:
                self.answered += 1

    async def request(self, number: int) -> None:
        """Read, write, and write in a transaction."""
        rows = await self.driver.fetch(read("SELECT $1::int"), (number,))
        if rows[0][0] != number:
            raise AssertionError(f"asked for {number}, got {rows[0][0]}")
        if number % 3 == 0:
            await self.driver.execute(write("INSERT INTO t VALUES ($1)", "t"), (number,))
            self.written.add(number)
        if number % 3 == 1:
            await self.transaction(number)
            self.written.add(number)

    async def transaction(self, number: int) -> None:
        """Write in a transaction."""
        session = await self.driver.begin(PLAIN)
        try:
            await session.execute(write("INSERT INTO t VALUES ($1)", "t"), (number,))
        except BaseException:
            await session.rollback()
            raise
        await session.commit()


async def test_a_loss_noticed_before_the_commit_is_certain(postgresql_server: PostgreSQLServer) -> None:
    async with opened(postgresql_server.url, max_connections=1) as driver:
        session = await driver.begin(PLAIN)
        kill_all(postgresql_server)
        await until(lambda: not activity(postgresql_server.url))
        await asyncio.sleep(0.02)
        with pytest.raises(DatabaseUnavailable, match="rolled back") as caught:
            await session.commit()
        assert not isinstance(caught.value, CommitUnknown)
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]


async def test_waiters_are_refused_when_the_server_is_gone(postgresql_server: PostgreSQLServer) -> None:
    async with opened(postgresql_server.url, max_connections=2) as driver:
        postgresql_server.stop()
        answers: list[Any] = await asyncio.gather(
            *(driver.fetch(read("SELECT 1")) for _ in range(50)), return_exceptions=True
        )
        assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)
        assert driver.pool.size == 0
        postgresql_server.start()

        async def back() -> None:
            while True:
                try:
                    await driver.fetch(read("SELECT 1"))
                except DatabaseUnavailable:
                    await asyncio.sleep(0.02)
                else:
                    return

        await asyncio.wait_for(back(), 5)
