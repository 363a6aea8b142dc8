"""Through PgBouncer in transaction mode, and what is said when the driver was not told of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.db.postgresql.support import activity, opened, options, plain, read, until, write
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import Statement, TransactionOptions
from vivace.errors import DatabaseUnavailable, LockTimeout, PoolerDetected, StatementTimeout


async def test_pn36_many_clients_share_few_servers(pgbouncer_url: str, postgresql_url: str) -> None:
    async with opened(pgbouncer_url, pooler="transaction", max_connections=20) as driver:

        async def request(number: int) -> list[tuple[int, str]]:
            session = await driver.begin(TransactionOptions())
            rows = await session.fetch(read("SELECT $1::int, $2::text"), (number, str(number)))
            await session.commit()
            rows += await driver.fetch(read("SELECT $1::int, $2::text"), (number, str(number)))
            return plain(rows)

        answers = await asyncio.gather(*(request(number) for number in range(300)))
        assert answers == [[(number, str(number))] * 2 for number in range(300)]
        assert len(activity(postgresql_url)) <= 5


async def test_pn36_types_that_the_server_must_explain(pgbouncer_url: str) -> None:
    async with opened(pgbouncer_url, pooler="transaction") as driver:
        await driver.execute(Statement(sql="CREATE TYPE mood AS ENUM ('sad')", writes=None))
        rows = await driver.fetch(read("SELECT $1::mood, ARRAY['sad'::mood]"), ("sad",))
        assert plain(rows) == [("sad", ["sad"])]


async def test_pn36_copy_and_streams(pgbouncer_url: str) -> None:
    async with opened(pgbouncer_url, pooler="transaction") as driver:
        await driver.execute(write("CREATE TABLE t (a int)"))
        assert await driver.copy_rows("t", ["a"], [(number,) for number in range(500)]) == 500
        streams = [_sum(driver, number) for number in range(20)]
        assert await asyncio.gather(*streams) == [sum(range(number, 500)) for number in range(20)]


async def _sum(driver: PostgreSQLDriver, start: int) -> int:
    total = 0
    async for rows in driver.stream(read("SELECT a FROM t WHERE a >= $1"), (start,), chunk=50):
        total += sum(row[0] for row in rows)
    return total


async def test_pn36_the_time_out_is_kept_on_our_side(pgbouncer_url: str, postgresql_url: str) -> None:
    async with opened(pgbouncer_url, pooler="transaction", statement_timeout=0.5) as driver:
        with pytest.raises(StatementTimeout):
            await driver.fetch(read("SELECT pg_sleep(30)"))
        session = await driver.begin(TransactionOptions())
        with pytest.raises(StatementTimeout):
            await session.fetch(read("SELECT pg_sleep(30)"))
        await session.rollback()
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]
        await until(lambda: not any(state == "active" for state, _ in activity(postgresql_url)))


async def test_pn36_locks_belong_to_a_transaction(pgbouncer_url: str) -> None:
    async with opened(pgbouncer_url, pooler="transaction") as driver:
        async with driver.advisory_lock("migrate"):
            for wait in (0.0, 0.05):
                with pytest.raises(LockTimeout):
                    async with driver.advisory_lock("migrate", wait=wait):
                        raise AssertionError
        async with driver.advisory_lock("migrate", wait=0):
            pass


async def test_pn36_a_pooler_nobody_told_of_is_named(pgbouncer_url: str) -> None:
    driver = PostgreSQLDriver(options(pgbouncer_url))
    with pytest.raises(PoolerDetected, match="pooler") as refused:
        await driver.fetch(read("SELECT 1"))
    assert "pooler=transaction" in refused.value.fix
    await driver.close()


async def test_pn36_lost_prepared_statements_tell_of_a_pooler(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=1) as driver:
        statement = read("SELECT 1")
        await driver.fetch(statement)
        session = await driver.begin(TransactionOptions())
        await session.run_script("DEALLOCATE ALL")  # as if another server answered
        with pytest.raises(PoolerDetected) as caught:
            await session.fetch(statement)
        assert "pooler=transaction" in caught.value.fix
        await session.rollback()


async def test_a_pooler_that_goes_away_is_unavailable(pgbouncer_url: str) -> None:
    driver = PostgreSQLDriver(options(pgbouncer_url.replace("test_", "gone_"), pooler="transaction"))
    with pytest.raises(DatabaseUnavailable):
        await driver.open()
    await driver.close()
