"""The parts of asyncpg that have no promise: its statement cache and its protocol."""

from __future__ import annotations

import asyncio
import inspect

import asyncpg
import pytest

from tests.db.postgresql.support import opened, plain, read, until
from vivace.db.postgresql.connection import Connection, changed
from vivace.db.types import TransactionOptions


def refuse(*arguments: object) -> None:
    """Stand where asyncpg's slow way is."""
    raise AssertionError(f"called with {arguments}")


async def test_known_statements_are_bound_directly(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = read("SELECT $1::int")
    async with opened(postgresql_url, max_connections=1) as driver:
        assert plain(await driver.fetch(statement, (1,))) == [(1,)]
        for name in ("fetch", "_execute", "_get_statement"):
            monkeypatch.setattr(Connection, name, refuse)
        assert plain(await driver.fetch(statement, (2,))) == [(2,)]
        assert await driver.execute(statement, (3,)) == 1


async def test_statements_that_were_let_go_are_prepared_anew(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=1) as driver:
        connection = await driver.connect()
        try:
            await check_that_known_follows(connection)
        finally:
            connection.terminate()


async def check_that_known_follows(connection: Connection) -> None:
    """Run more statements than the cache holds, and drop it, with what is known of them at hand."""
    sql = "SELECT 1 + $1::int"
    for _ in range(2):
        assert plain(await connection.rows(sql, (1,))) == [(2,)]
    first = connection.known[sql]
    size = connection._stmt_cache.get_max_size()
    connection._stmt_cache.set_max_size(1)
    assert plain(await connection.rows("SELECT 7", ())) == [(7,)]
    assert first.closed
    for _ in range(2):
        assert plain(await connection.rows(sql, (2,))) == [(3,)]
    assert connection.known[sql] is not first
    assert len(connection.known) == 1
    connection._stmt_cache.set_max_size(size)
    connection.forget_statements()
    assert not connection.known
    assert plain(await connection.rows(sql, (3,))) == [(4,)]
    assert await connection.run(sql, (3,)) == b"SELECT 1"


def test_what_is_overridden_is_there() -> None:
    for name in (
        "_introspect_types",
        "_drop_global_type_cache",
        "_drop_local_statement_cache",
        "_execute",
        "_maybe_gc_stmt",  # marks closed what its cache lets go: what `known` rests on
    ):
        assert inspect.isfunction(getattr(asyncpg.Connection, name)), name


async def test_a_connection_in_the_middle_of_something_recovers(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=1) as driver:
        connection = await driver.connect()
        await connection.execute("BEGIN")
        task = asyncio.create_task(connection.fetchval("SELECT pg_sleep(30)"))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        assert await connection.recover()
        assert not connection.is_in_transaction()
        connection.spoiled = True
        assert not await connection.recover()
        connection.terminate()
        assert connection.unfit()
        assert not await connection.recover()


async def test_a_connection_that_cannot_be_recovered_is_closed(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(postgresql_url, max_connections=1, cleanup_timeout=0.05) as driver:

        async def never(self: Connection) -> bool:
            await asyncio.sleep(60)
            return True

        monkeypatch.setattr(Connection, "recover", never)
        session = await driver.begin(TransactionOptions())
        task = asyncio.create_task(session.fetch(read("SELECT pg_sleep(0.01)")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await session.rollback()
        assert driver.pool.size == 0
        await until(lambda: not driver.pool._tasks)
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]


@pytest.mark.parametrize(
    ("tag", "count"),
    [(b"UPDATE 3", 3), (b"INSERT 0 12", 12), (b"CREATE TABLE", 0), (b"SELECT 0", 0), (b"", 0)],
)
def test_counts_of_command_tags(tag: bytes, count: int) -> None:
    assert changed(tag) == count
