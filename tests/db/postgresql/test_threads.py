"""A request with reads, writes and a transaction starts no thread and calls no executor."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.db.postgresql.support import options, plain, read, write
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import TransactionOptions


def refuse(*arguments: object, **named: object) -> None:
    """Stand where a thread would be started."""
    raise AssertionError(f"a thread was asked for: {arguments}")


async def test_pn1_no_thread_is_used(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(asyncio.get_running_loop(), "run_in_executor", refuse)
    driver = PostgreSQLDriver(options(postgresql_url, max_connections=3))
    await driver.open()
    await driver.execute(write("CREATE TABLE session (key text PRIMARY KEY, data jsonb)"))

    async def request(key: str) -> None:
        await driver.execute(write("INSERT INTO session VALUES ($1, $2)", "session"), (key, "{}"))
        found = await driver.fetch(read("SELECT data FROM session WHERE key = $1"), (key,))
        assert plain(found) == [("{}",)]
        session = await driver.begin(TransactionOptions())
        await session.execute(
            write("UPDATE session SET data = $2 WHERE key = $1", "session"), (key, '{"user": 1}')
        )
        await session.savepoint("s")
        await session.rollback_to("s")
        await session.commit()
        async for rows in driver.stream(read("SELECT key FROM session")):
            assert rows

    await asyncio.gather(*(request(f"key {number}") for number in range(20)))
    await driver.close()
