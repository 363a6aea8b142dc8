"""Statements outside of transactions, life and death of the driver."""

from __future__ import annotations

import asyncio

import pytest

from tests.db.postgresql.support import activity, opened, options, plain, read, until, write
from tests.servers import free_port
from vivace.db.postgresql import PoolState, PostgreSQLDriver
from vivace.db.types import Statement, TransactionOptions
from vivace.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    DataError,
    LockTimeout,
    PoolTimeout,
    ProgrammingError,
    StatementTimeout,
    TransactionError,
)

ITEM = read("SELECT id, name, price FROM item WHERE id = $1")
RENAME = write("UPDATE item SET name = $1 WHERE id <= $2", "item")


async def test_rows_come_as_sequences(driver: PostgreSQLDriver) -> None:
    rows = await driver.fetch(ITEM, (3,))
    assert plain(rows) == [(3, "item 3", 30)]
    assert rows[0][1] == "item 3"
    assert len(rows[0]) == 3
    assert plain(await driver.fetch(ITEM, [4])) == [(4, "item 4", 40)]


async def test_execute_counts_changed_rows(driver: PostgreSQLDriver) -> None:
    for _ in range(2):  # prepared, then from the statement cache
        assert await driver.execute(RENAME, ("x", 5)) == 5
    assert await driver.execute(write("DELETE FROM item WHERE id > 15", "item")) == 5
    assert await driver.execute(write("CREATE TABLE other (a int)")) == 0


async def test_the_server_version_is_known_once_connected(every_postgresql_url: str) -> None:
    async with opened(every_postgresql_url) as driver:
        assert driver.server_version is not None
        assert driver.server_version >= (15, 0)


async def test_the_time_zone_is_utc_and_the_name_is_told(driver: PostgreSQLDriver) -> None:
    rows = await driver.fetch(read("SELECT current_setting('TimeZone'), current_setting('application_name')"))
    assert plain(rows) == [("UTC", "vivace")]


async def test_a_wrong_statement_leaves_the_connection_whole(driver: PostgreSQLDriver) -> None:
    with pytest.raises(ProgrammingError, match=r"relation .*nothing.* does not exist") as caught:
        await driver.fetch(read("SELECT 1 FROM nothing"))
    assert caught.value.got == "SELECT 1 FROM nothing"
    assert caught.value.sqlstate == "42P01"
    with pytest.raises(DataError) as wrong:
        await driver.fetch(ITEM, ("hunter2",))
    assert "hunter2" not in str(wrong.value)
    assert wrong.value.got == "str"
    with pytest.raises(ProgrammingError, match="expects 1 argument"):
        await driver.fetch(ITEM, ())
    assert plain(await driver.fetch(ITEM, (1,))) == [(1, "item 1", 10)]
    assert driver.pool.size == 1


@pytest.mark.parametrize(
    "sql", ["CREATE INDEX CONCURRENTLY i ON item (price)", "VACUUM item", "SHOW search_path"]
)
async def test_statements_that_want_no_transaction_have_none(driver: PostgreSQLDriver, sql: str) -> None:
    for _ in range(2):
        assert await driver.execute(Statement(sql=sql.replace(" i ", f" i{_} "), writes=None)) == 0


async def test_a_changed_table_is_read_with_a_fresh_plan(driver: PostgreSQLDriver) -> None:
    everything = read("SELECT * FROM item WHERE id = $1")
    assert len((await driver.fetch(everything, (1,)))[0]) == 3
    await driver.execute(write("ALTER TABLE item ADD COLUMN extra int DEFAULT 7", "item"))
    assert plain(await driver.fetch(everything, (1,))) == [(1, "item 1", 10, 7)]


async def test_settings_and_transactions_of_raw_sql_do_not_reach_the_next_user(
    driver: PostgreSQLDriver,
) -> None:
    raw = Statement(sql="SET lock_timeout = 1234", writes=None)
    await driver.execute(raw)
    assert plain(await driver.fetch(read("SHOW lock_timeout"))) == [("0",)]
    await driver.execute(Statement(sql="BEGIN", writes=None))
    await until(lambda: not any("in transaction" in state for state, _ in activity(_url(driver))))
    assert plain(await driver.fetch(ITEM, (1,))) == [(1, "item 1", 10)]


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    port = free_port()
    driver = PostgreSQLDriver(options(f"postgresql://me:hunter2@127.0.0.1:{port}/shop"))
    for _ in range(2):  # the second time is refused at once, while the pause lasts
        with pytest.raises(DatabaseUnavailable, match=f"127.0.0.1:{port}/shop") as caught:
            await driver.fetch(read("SELECT 1"))
        assert caught.value.status == 503
        assert "hunter2" not in str(caught.value)
        assert caught.value.got
    with pytest.raises(DatabaseUnavailable):
        await driver.open()
    assert driver.pool.size == 0
    assert "hunter2" not in repr(driver.options)
    await driver.close()


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"R\0\0\0\x08\0\0\0\x63", b"\xff" * 64]
)
async def test_what_is_no_postgresql_is_unreachable(reply: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(reply)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = PostgreSQLDriver(options(f"postgresql://me@127.0.0.1:{port}/shop", connect_timeout=0.5))
    with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
        await driver.open()
    await driver.close()
    server.close()
    await server.wait_closed()


async def test_a_server_that_is_silent_is_given_up(postgresql_url: str) -> None:
    accepted = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = PostgreSQLDriver(options(f"postgresql://me@127.0.0.1:{port}/shop", connect_timeout=0.05))
    with pytest.raises(DatabaseUnavailable) as caught:
        await driver.fetch(read("SELECT 1"))
    assert accepted.is_set()
    assert "connect_timeout" in caught.value.got
    await driver.close()
    server.close()
    await server.wait_closed()


async def test_a_database_that_does_not_exist_says_how_to_mend_it(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(f"{postgresql_url}_no"))
    with pytest.raises(DatabaseUnavailable, match="cannot be reached") as caught:
        await driver.open()
    assert "does not exist" in caught.value.got
    assert caught.value.sqlstate == "3D000"
    await driver.close()


async def test_db4_a_statement_that_runs_too_long_is_stopped(postgresql_url: str) -> None:
    async with opened(postgresql_url, statement_timeout=0.05) as driver:
        with pytest.raises(StatementTimeout):
            await driver.fetch(read("SELECT pg_sleep(5)"))
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]


async def test_pn3_nobody_waits_longer_than_the_timeout(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=1, acquire_timeout=0.05) as driver:
        session = await driver.begin(TransactionOptions())
        with pytest.raises(PoolTimeout, match=r"0.05 s") as caught:
            await driver.fetch(read("SELECT 1"))
        assert caught.value.status == 503
        assert "1 of 1" in caught.value.got
        assert driver.pool.state == PoolState(
            size=1, free=0, waiting=0, opened=1, failed=0, timeouts=1, cleaned=0
        )
        await session.rollback()
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]


async def test_pn3_a_thousand_requests_never_take_more_than_the_cap(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=10) as driver:
        seen = read("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vivace'")

        async def request(number: int) -> tuple[int, int]:
            own = await driver.fetch(read("SELECT $1::int"), (number,))
            rows = await driver.fetch(seen)
            return own[0][0], rows[0][0]

        answers = await asyncio.gather(*(request(number) for number in range(1000)))
        assert [number for number, _ in answers] == list(range(1000))
        assert max(count for _, count in answers) <= 10
        assert driver.pool.size <= 10


async def test_pn13_a_request_that_sleeps_holds_no_connection(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=5) as driver:
        gate = asyncio.Event()

        async def request() -> None:
            await driver.fetch(read("SELECT 1"))
            await gate.wait()

        tasks = [asyncio.create_task(request()) for _ in range(200)]
        await until(lambda: len(driver.pool.free) == driver.pool.size and not driver.pool.waiters)
        assert plain(await driver.fetch(read("SELECT 2"))) == [(2,)]
        gate.set()
        await asyncio.gather(*tasks)


async def test_closing_waits_for_what_runs_and_refuses_the_rest(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=1) as driver:
        running = asyncio.create_task(driver.fetch(read("SELECT pg_sleep(0.1), 7")))
        await until(lambda: not driver.pool.free)
        waiting = asyncio.create_task(driver.fetch(read("SELECT 1")))
        await asyncio.sleep(0)
        await driver.close()
        assert (await running)[0][1] == 7
        with pytest.raises(DatabaseUnavailable):
            await waiting
    await until(lambda: not activity(postgresql_url))


async def test_closing_cuts_off_what_does_not_end(postgresql_url: str) -> None:
    async with opened(postgresql_url, close_timeout=0.05) as driver:
        session = await driver.begin(TransactionOptions())
        await driver.close()
        with pytest.raises(DatabaseUnavailable):
            await session.fetch(read("SELECT 1"))
        await session.rollback()
    await until(lambda: not activity(postgresql_url))


async def test_a_closed_driver_opens_again(driver: PostgreSQLDriver) -> None:
    await driver.close()
    with pytest.raises(DatabaseUnavailable, match="closed"):
        await driver.fetch(ITEM, (1,))
    await driver.open()
    assert plain(await driver.fetch(ITEM, (1,))) == [(1, "item 1", 10)]


def test_a_driver_moves_to_another_loop(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(postgresql_url))

    async def use(*, close: bool) -> None:
        await driver.open()
        assert plain(await driver.fetch(read("SELECT 1"))) == [(1,)]
        if close:
            await driver.close()

    asyncio.run(use(close=True))
    asyncio.run(use(close=True))


async def test_or12_one_holder_of_an_advisory_lock(driver: PostgreSQLDriver) -> None:
    async with driver.advisory_lock("migrate") as lock:
        assert lock.held
        for wait in (0.0, 0.05):
            with pytest.raises(LockTimeout):
                async with driver.advisory_lock("migrate", wait=wait):
                    raise AssertionError
        async with driver.advisory_lock("another", wait=0):
            pass
    async with driver.advisory_lock("migrate", wait=0):
        pass


async def test_pn4_who_waits_for_a_lock_can_be_cancelled(driver: PostgreSQLDriver) -> None:
    async def hold() -> None:
        async with driver.advisory_lock(7):
            raise AssertionError

    async with driver.advisory_lock(7):
        task = asyncio.create_task(hold())
        await until(lambda: any("advisory" in query for _, query in activity(_url(driver))))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with driver.advisory_lock(7, wait=0):
        pass


def _url(driver: PostgreSQLDriver) -> str:
    at = driver.options
    return f"postgresql://{at.user}@{at.host}:{at.port}/{at.database}"


@pytest.mark.parametrize(
    "wrong",
    [{"max_connections": 0}, {"min_connections": 11}, {"acquire_timeout": -1.0}, {"statement_timeout": 0.0}],
)
def test_options_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        options("postgresql://me@127.0.0.1:5432/x", **wrong)


async def test_an_unknown_isolation_level_leases_nothing(driver: PostgreSQLDriver) -> None:
    with pytest.raises(TransactionError, match="isolation"):
        await driver.begin(TransactionOptions(isolation="chaos"))  # type: ignore[arg-type]
    assert len(driver.pool.free) == driver.pool.size
