"""The pool: turns, age, idleness, errors of connecting."""

from __future__ import annotations

import asyncio

import pytest

from tests.db.postgresql.support import options, read, until
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.postgresql.connection import Connection
from vivace.db.postgresql.pool import BACKOFF, Pool
from vivace.db.types import TransactionOptions
from vivace.errors import DatabaseUnavailable

PLAIN = TransactionOptions()


class Clock:
    """A clock that tests move."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def spread(driver: PostgreSQLDriver, count: int) -> None:
    """Open ``count`` connections by using them at once."""
    sessions = [await driver.begin(PLAIN) for _ in range(count)]
    for session in sessions:
        await session.rollback()


async def test_turns_are_first_come_first_served(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(postgresql_url, max_connections=1))
    session = await driver.begin(PLAIN)
    order: list[int] = []

    async def request(number: int) -> None:
        await driver.fetch(read("SELECT 1"))
        order.append(number)

    tasks: list[asyncio.Task[None]] = []
    for number in range(20):
        tasks.append(asyncio.create_task(request(number)))
        await asyncio.sleep(0)
    await session.rollback()
    late = asyncio.create_task(request(20))
    await asyncio.gather(*tasks, late)
    assert order == list(range(21))
    await driver.close()


async def test_the_connection_used_last_is_used_next(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(postgresql_url, max_connections=3))
    await spread(driver, 3)
    pids = {(await driver.fetch(read("SELECT pg_backend_pid()")))[0][0] for _ in range(20)}
    assert len(pids) == 1
    await driver.close()


async def test_what_was_not_needed_is_closed_but_not_the_last_ones(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(postgresql_url, max_connections=6, min_connections=2))
    await spread(driver, 6)
    driver.pool.sweep()  # the first look: until now all were needed
    assert driver.pool.size == 6
    await spread(driver, 3)
    driver.pool.sweep()
    await until(lambda: driver.pool.size == 3)
    driver.pool.sweep()
    await until(lambda: driver.pool.size == 2)
    driver.pool.sweep()
    assert driver.pool.size == 2
    await driver.close()


async def test_old_connections_go_also_when_they_are_never_idle(postgresql_url: str) -> None:
    clock = Clock()
    driver = PostgreSQLDriver(options(postgresql_url, max_lifetime=60.0), clock=clock)
    session = await driver.begin(PLAIN)
    await driver.fetch(read("SELECT 1"))
    assert driver.pool.size == 2
    clock.now += 61
    driver.pool.sweep()
    await until(lambda: driver.pool.size == 1)
    await session.rollback()
    await until(lambda: driver.pool.size == 0)
    await driver.fetch(read("SELECT 1"))
    driver.pool.sweep()
    assert driver.pool.size == 1
    await driver.close()


async def test_the_sweeper_runs_by_itself(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(postgresql_url, idle_lifetime=0.02, min_connections=1))
    await spread(driver, 4)
    await until(lambda: driver.pool.size == 1)
    await driver.close()


async def test_pauses_grow_while_connecting_fails_and_end_with_success(postgresql_url: str) -> None:
    clock = Clock()
    settings = options(postgresql_url, max_connections=2)
    real = PostgreSQLDriver(settings)
    tries = 0
    down = True

    async def opener() -> Connection:
        nonlocal tries
        tries += 1
        if down:
            raise DatabaseUnavailable("down")
        return await real.connect()

    pool = Pool(opener, settings, clock)
    for number, pause in enumerate((*BACKOFF, BACKOFF[-1]), 1):
        with pytest.raises(DatabaseUnavailable):
            await pool.acquire()
        assert tries == number
        with pytest.raises(DatabaseUnavailable):
            await pool.acquire()
        assert tries == number  # refused at once
        clock.now += pause + 0.001
    down = False
    connection = await pool.acquire()
    pool.give(connection)
    assert pool.size == 1
    await pool.close()


async def test_waiters_stay_while_others_work(postgresql_url: str) -> None:
    """The server takes no more connections: who waits gets those that come back."""
    settings = options(postgresql_url, max_connections=3)
    real = PostgreSQLDriver(settings)
    opened = 0

    async def opener() -> Connection:
        nonlocal opened
        opened += 1
        if opened > 1:
            raise DatabaseUnavailable("too many connections")
        return await real.connect()

    pool = Pool(opener, settings, Clock())
    first = await pool.acquire()
    waiting = [asyncio.create_task(pool.acquire()) for _ in range(2)]
    await until(lambda: opened >= 2)
    pool.give(first)
    assert await waiting[0] is first
    pool.give(first)
    assert await waiting[1] is first
    pool.give(first)
    await pool.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await pool.acquire()
