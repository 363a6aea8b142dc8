"""The SQL functions that we add."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.db.sqlite.support import opened, read, write
from vivace.db.sqlite import UserAggregate, UserFunction
from vivace.db.sqlite.functions import register
from vivace.db.sqlite.moments import datetime_add, datetime_diff, datetime_extract, datetime_trunc


@pytest.fixture(scope="module")
def connection() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    register(connection)
    yield connection
    connection.close()


M = "'2024-02-29 23:30:45.678901'"
CASES: list[tuple[str, object]] = [
    ("'abc' REGEXP 'B'", 0),
    ("'abc' REGEXP '(?i)^B?'", 1),
    ("12 REGEXP '^1'", 1),
    ("NULL REGEXP 'a'", None),
    ("LPAD('a', 4, 'xy')", "xyxa"),
    ("LPAD('abc', 2, 'x')", "ab"),
    ("LPAD('abc', -1, 'x')", ""),
    ("LPAD('a', 3, '')", "a"),
    ("LPAD(NULL, 3, 'x')", None),
    ("RPAD('a', 4, 'xy')", "axyx"),
    ("RPAD('abc', 2, 'x')", "ab"),
    ("RPAD('a', 3, NULL)", None),
    ("REPEAT('ab', 3)", "ababab"),
    ("REPEAT('ab', -1)", ""),
    ("REPEAT('ab', NULL)", None),
    ("REVERSE('aß')", "ßa"),
    ("REVERSE(NULL)", None),
    ("COT(1)", 1 / math.tan(1)),
    ("COT(0)", None),
    ("BITXOR(5, 3)", 6),
    ("BITXOR(5, NULL)", None),
    ("MD5('x')", hashlib.md5(b"x").hexdigest()),
    ("SHA1(x'00')", hashlib.sha1(b"\0").hexdigest()),
    ("SHA224('ü')", hashlib.sha224("ü".encode()).hexdigest()),
    ("SHA256('x')", hashlib.sha256(b"x").hexdigest()),
    ("SHA384('x')", hashlib.sha384(b"x").hexdigest()),
    ("SHA512('x')", hashlib.sha512(b"x").hexdigest()),
    ("SHA512(NULL)", None),
    ("LOG(2, 8)", 3.0),
    ("POWER(2, 3)", 8.0),
    ("SIGN(-2)", -1),
    ("vivace_date_extract('year', '2024-02-29', NULL)", 2024),
    ("vivace_date_extract('week_day', '2024-02-25', NULL)", 1),
    ("vivace_date_extract('iso_week_day', '2024-02-25', NULL)", 7),
    ("vivace_date_extract('iso_year', '2024-12-30', NULL)", 2025),
    ("vivace_date_extract('week', '2024-12-30', NULL)", 1),
    ("vivace_date_extract('quarter', '2024-12-30', NULL)", 4),
    ("vivace_date_extract('year_day', '2024-12-31', NULL)", 366),
    (f"vivace_datetime_extract('hour', {M}, NULL)", 23),
    (f"vivace_datetime_extract('hour', {M}, 'Europe/Berlin')", 0),
    (f"vivace_datetime_extract('day', {M}, 'Europe/Berlin')", 1),
    (f"vivace_datetime_extract('minute', {M}, 'UTC+05:45')", 15),
    (f"vivace_datetime_extract('hour', {M}, '-0330')", 20),
    (f"vivace_datetime_extract('microsecond', {M}, NULL)", 678901),
    ("vivace_datetime_extract('epoch', '1970-01-02', 'UTC')", 86400),
    ("vivace_datetime_extract('hour', 'no date', NULL)", None),
    ("vivace_datetime_extract('hour', NULL, NULL)", None),
    ("vivace_time_extract('second', '10:11:12.5')", 12),
    ("vivace_time_extract('second', NULL)", None),
    ("vivace_date_trunc('quarter', '2024-05-29', NULL)", "2024-04-01"),
    (f"vivace_date_trunc('month', {M}, 'Europe/Berlin')", "2024-03-01"),
    (f"vivace_datetime_trunc('week', {M}, NULL)", "2024-02-26 00:00:00"),
    (f"vivace_datetime_trunc('second', {M}, NULL)", "2024-02-29 23:30:45"),
    ("vivace_time_trunc('minute', '10:11:12.5', NULL)", "10:11:00"),
    (f"vivace_time_trunc('hour', {M}, 'Europe/Berlin')", "00:00:00"),
    (f"vivace_datetime_date({M}, 'Europe/Berlin')", "2024-03-01"),
    (f"vivace_datetime_time({M}, 'Europe/Berlin')", "00:30:45.678901"),
    ("vivace_datetime_diff('2024-01-02', '2024-01-01 12:00:00')", 43_200_000_000),
    ("vivace_time_diff('10:00:00', '10:00:01')", -1_000_000),
    ("vivace_datetime_add('2024-01-01', 86400000001)", "2024-01-02 00:00:00.000001"),
    ("vivace_datetime_add('9999-12-31', 86400000000)", None),
    ("vivace_duration_text(93784500000)", "1 day, 2:03:04.500000"),
]


@pytest.mark.parametrize(("expression", "value"), CASES)
def test_or8_functions(connection: apsw.Connection, expression: str, value: object) -> None:
    assert connection.execute(f"SELECT {expression}").fetchall() == [(value,)]


def test_or8_unknown_parts_name_the_known_ones(connection: apsw.Connection) -> None:
    for function in ("extract", "trunc"):
        with pytest.raises(LookupError, match="year"):
            connection.execute(f"SELECT vivace_datetime_{function}('yaer', '2024-01-01', NULL)").fetchall()
    with pytest.raises(LookupError):
        connection.execute("SELECT vivace_datetime_extract('year', '2024-01-01', 'Mars/Base')").fetchall()


def test_or8_chance(connection: apsw.Connection) -> None:
    rows = cast(
        "list[Any]",
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20) "
            "SELECT vivace_random(), vivace_uuid4(), vivace_uuid7() FROM n"
        ).fetchall(),
    )
    assert all(0 <= row[0] < 1 for row in rows)
    assert len(set(rows)) == 20
    assert {(UUID(row[1]).version, UUID(row[2]).version) for row in rows} == {(4, 7)}
    assert {UUID(row[2]).variant for row in rows} == {UUID(int=0x8 << 60).variant}


@given(st.lists(st.none() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_or7_spread(values: list[float | None]) -> None:
    connection = apsw.Connection(":memory:")
    register(connection)
    connection.execute("CREATE TABLE t (a)")
    connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    row: Any = connection.execute(
        "SELECT var_pop(a), var_samp(a), stddev_pop(a), stddev_samp(a) FROM t"
    ).fetchone()
    there = [value for value in values if value is not None]

    def near(value: float) -> object:
        return pytest.approx(value, rel=1e-6, abs=1e-6)

    assert row[0] == (near(statistics.pvariance(there)) if there else None)
    assert row[2] == (near(statistics.pstdev(there)) if there else None)
    assert row[1] == (near(statistics.variance(there)) if len(there) > 1 else None)
    assert row[3] == (near(statistics.stdev(there)) if len(there) > 1 else None)
    connection.close()


def test_or7_spread_over_a_window(connection: apsw.Connection) -> None:
    rows = cast(
        "list[Any]",
        connection.execute(
            "WITH t(a) AS (VALUES (1), (2), (4), (8)) "
            "SELECT var_pop(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t"
        ).fetchall(),
    )
    assert rows == [(0.0,), (0.25,), (1.0,), (4.0,)]


def test_or7_any_value(connection: apsw.Connection) -> None:
    assert connection.execute(
        "WITH t(a) AS (VALUES (NULL), (7), (8)) SELECT any_value(a) FROM t"
    ).fetchall() == [(7,)]


@given(
    st.datetimes(min_value=datetime(1000, 1, 1)), st.timedeltas(timedelta(days=-9000), timedelta(days=9000))
)
def test_or8_moments_agree_with_python(moment: datetime, duration: timedelta) -> None:
    text = moment.isoformat(" ")
    microseconds = duration // timedelta(microseconds=1)
    try:
        moved = moment + duration
    except OverflowError:
        assert datetime_add(text, microseconds) is None
        return
    assert datetime_add(text, microseconds) == str(moved)
    assert datetime_diff(str(moved), text) == microseconds
    assert datetime_extract("month", text, None) == moment.month
    assert datetime_trunc("day", text, None) == str(datetime(moment.year, moment.month, moment.day))


async def test_db5_users_may_add_functions(tmp_path: Path) -> None:
    class Longest:
        def __init__(self) -> None:
            self.found = ""

        def step(self, *values: str) -> None:
            self.found = max(self.found, values[0], key=len)

        def final(self) -> str:
            return self.found

    def double(value: int) -> int:
        return value * 2

    def mine(value: str) -> str:
        return f"mine: {value}"

    functions = (
        UserFunction("double", 1, double),
        UserFunction("REVERSE", 1, mine),
        UserAggregate("longest", 1, Longest),
    )
    async with opened(tmp_path / "a.db", tables=True, functions=functions) as driver:
        for statement in (read("SELECT double(21), REVERSE('x')"), write("SELECT double(21), REVERSE('x')")):
            assert await driver.fetch(statement) == [(42, "mine: x")]
        assert await driver.fetch(read("SELECT longest(name) FROM item WHERE id IN (1, 12)")) == [
            ("item 12",)
        ]
        await driver.execute(write("CREATE INDEX doubled ON item (double(price))"))
        await driver.execute(write("UPDATE item SET price = 3 WHERE double(price) = 20", "item"))
        assert await driver.fetch(read("SELECT id FROM item WHERE double(price) = 6")) == [(1,)]
