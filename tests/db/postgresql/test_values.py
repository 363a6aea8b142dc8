"""How values come and go, and that unknown types cost one look-up per pool."""

from __future__ import annotations

import ipaddress
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.db.postgresql.support import opened, plain, read, write
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import Statement, TransactionOptions
from vivace.errors import DataError

SOME = UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2026, 5, 4, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int8", 2**63 - 1),
        ("float8", 0.1),
        ("numeric", Decimal("1234567890.12345678901234567890")),
        ("bool", True),
        ("text", "ä€😀'\""),
        ("bytea", b"\x00\xff"),
        ("uuid", SOME),
        ("date", date(2026, 2, 28)),
        ("time", time(23, 59, 59, 999999)),
        ("timestamptz", NOON),
        ("timestamp", NOON.replace(tzinfo=None)),
        ("interval", timedelta(days=3, microseconds=5)),
        ("json", '{"a": 1}'),
        ("jsonb", '{"a": 1}'),
        ("int4[]", [1, None, 3]),
        ("text[]", ["a", '"', "", "NULL"]),
        ("uuid[]", [SOME]),
        ("inet", ipaddress.ip_address("::1")),
        ("cidr", ipaddress.ip_network("10.0.0.0/8")),
    ],
)
async def test_pg1_values_come_back_as_they_went(driver: PostgreSQLDriver, kind: str, value: Any) -> None:
    row = (await driver.fetch(read(f"SELECT $1::{kind}, NULL::{kind}"), (value,)))[0]
    assert row[0] == value
    assert isinstance(row[0], type(value))
    assert row[1] is None


async def test_pg1_instants_come_in_utc(driver: PostgreSQLDriver) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    value = (await driver.fetch(read("SELECT $1::timestamptz"), (there,)))[0][0]
    assert value.utcoffset() == timedelta(0)
    assert value == there
    assert plain(await driver.fetch(read("SELECT $1::inet"), ("10.0.0.1",))) == [
        (ipaddress.ip_address("10.0.0.1"),)
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int4", 2**31), ("int4", "secret"), ("uuid", "secret"), ("date", "secret"), ("text", 5), ("int4[]", 5)],
)
async def test_values_that_do_not_fit_are_not_shown(driver: PostgreSQLDriver, kind: str, value: Any) -> None:
    with pytest.raises(DataError, match=r"\$1") as caught:
        await driver.fetch(read(f"SELECT $1::{kind}"), (value,))
    assert caught.value.got == type(value).__name__
    assert "secret" not in str(caught.value)


async def test_pg1_extension_and_user_types_are_looked_up_once(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=3) as driver:
        for sql in (
            "CREATE EXTENSION citext",
            "CREATE EXTENSION hstore",
            "CREATE TYPE mood AS ENUM ('sad', 'happy')",
            "CREATE DOMAIN price AS numeric(10, 2) CHECK (VALUE >= 0)",
            "CREATE TABLE t (c citext, h hstore, m mood, ms mood[], p price)",
        ):
            await driver.execute(Statement(sql=sql, writes=None))
        row = ("Text", {"a": "1", "b": None}, "happy", ["sad", "happy"], Decimal("1.50"))
        await driver.execute(write("INSERT INTO t VALUES ($1, $2, $3, $4, $5)", "t"), row)
        everything = read("SELECT * FROM t WHERE c = $1 AND m = $2")
        assert plain(await driver.fetch(everything, ("TEXT", "happy"))) == [row]
        asked = await introspections(driver, 3, everything, ("TEXT", "happy"), row)
        assert asked == 0
        with pytest.raises(DataError) as caught:
            await driver.fetch(everything, ("x", "hunter2"))
        assert "hunter2" not in str(caught.value)


async def introspections(
    driver: PostgreSQLDriver,
    count: int,
    statement: Statement,
    parameters: tuple[Any, ...],
    row: tuple[Any, ...],
) -> int:
    """Run a statement on ``count`` connections at once, and return how many new types were asked for."""
    known = len(driver._types.rows)
    sessions = [await driver.begin(TransactionOptions()) for _ in range(count)]
    assert driver.pool.size == count
    for session in sessions:
        assert plain(await session.fetch(statement, parameters)) == [row]
        ran = await session.fetch(
            read("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1"), ("%typbasetype%",)
        )
        first = session is sessions[0]
        assert first or ran[0][0] == 0
        await session.rollback()
    return len(driver._types.rows) - known


async def test_a_type_that_was_changed_is_read_anew(postgresql_url: str) -> None:
    async with opened(postgresql_url, max_connections=2) as driver:
        await driver.execute(Statement(sql="CREATE TYPE pair AS (a int, b int)", writes=None))
        pair = read("SELECT ROW(1, 2)::pair")
        assert [tuple(row[0]) for row in await driver.fetch(pair)] == [(1, 2)]
        await driver.execute(Statement(sql="DROP TYPE pair", writes=None))
        await driver.execute(Statement(sql="CREATE TYPE pair AS (a int, b int, c int)", writes=None))
        rows = await driver.fetch(read("SELECT ROW(1, 2, 3)::pair"))
        assert tuple(rows[0][0]) == (1, 2, 3)
        await driver.execute(Statement(sql="ALTER TYPE pair ADD ATTRIBUTE d text", writes=None))
        rows = await driver.fetch(read("SELECT ROW(1, 2, 3, 'x')::pair"))
        assert tuple(rows[0][0]) == (1, 2, 3, "x")
