"""Triggers that report what other programs write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.db.postgresql.support import opened, options, until, write
from vivace.changes import EVERYTHING, Change, WriteSet
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.postgresql.listener import Listener
from vivace.db.postgresql.triggers import ForeignChanges, install, remove
from vivace.db.types import TableColumns
from vivace.errors import ConfigurationError

TABLE = TableColumns(table="Odd \"name'", key=("id",), columns=("owner", "at", "amount"))
OWNER = UUID("12345678-1234-5678-1234-567812345678")
ODD = '"Odd ""name\'"'


class Reports:
    """A driver that hears, and another program that writes."""

    def __init__(self, driver: PostgreSQLDriver, url: str) -> None:
        self.driver = driver
        self.url = url
        self.told: list[WriteSet] = []
        self.changes = ForeignChanges(driver, self.told.append, heartbeat=0.2)

    async def write(self, *statements: str) -> None:
        """Write as another program, one transaction."""
        with psycopg.connect(self.url) as connection:
            for sql in statements:
                connection.execute(sql.encode())

    async def hear(self, count: int) -> list[WriteSet]:
        """Return what was told once there are ``count`` reports, and forget it."""
        await until(lambda: len(self.told) >= count)
        heard = list(self.told)
        self.told.clear()
        return heard


@pytest.fixture
async def reports(every_postgresql_url: str) -> AsyncGenerator[Reports]:
    """A table with triggers, and somebody who listens."""
    async with opened(every_postgresql_url) as driver:
        await driver.execute(
            write(
                f"CREATE TABLE {ODD} (id int PRIMARY KEY, owner uuid, at timestamptz, amount numeric, note text)"
            )
        )
        driver.watch([TABLE])
        await install(driver, driver.watched)
        await install(driver, driver.watched)  # again does no harm
        made = Reports(driver, every_postgresql_url)
        await made.changes.start()
        try:
            yield made
        finally:
            await made.changes.stop()


def values(**more: Any) -> dict[str, Any]:
    """Return what a report carries of the row; numeric is not carried."""
    return {"id": 1, "owner": OWNER, "at": datetime(2026, 1, 1, 10, tzinfo=UTC)} | more


async def test_ch1_rows_written_by_others_are_announced(reports: Reports) -> None:
    await reports.write(f"INSERT INTO {ODD} VALUES (1, '{OWNER}', '2026-01-01 12:00+02', 1.5, 'long')")
    await reports.write(f"UPDATE {ODD} SET owner = NULL")
    await reports.write(f"UPDATE {ODD} SET id = 2")
    await reports.write(f"DELETE FROM {ODD}")
    heard = await reports.hear(4)
    table = TABLE.table
    moved = [Change(table=table, operation="delete", key=(1,), old=values(owner=None), new={})]
    moved += [Change(table=table, operation="insert", key=(2,), old={}, new=values(id=2, owner=None))]
    assert [list(each.changes) for each in heard] == [
        [Change(table=table, operation="insert", key=(1,), old={}, new=values())],
        [Change(table=table, operation="update", key=(1,), old=values(), new=values(owner=None))],
        moved,
        [Change(table=table, operation="delete", key=(2,), old=values(id=2, owner=None), new={})],
    ]


async def test_ch1_large_statements_name_the_table(reports: Reports) -> None:
    await reports.write(f"INSERT INTO {ODD} SELECT i FROM generate_series(1, 101) i")
    await reports.write(
        f"UPDATE {ODD} SET owner = '{OWNER}', at = now() WHERE id <= 100"
    )  # more than 8,000 bytes
    await reports.write(f"TRUNCATE {ODD}")
    assert await reports.hear(3) == [WriteSet(tables=frozenset({TABLE.table}))] * 3


async def test_ch1_what_changes_nothing_or_is_rolled_back_is_not_told(reports: Reports) -> None:
    await reports.write(f"DELETE FROM {ODD} WHERE id = 77")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await reports.write(f"INSERT INTO {ODD} VALUES (5)", "SELECT 1/0")
    await reports.write(f"INSERT INTO {ODD} VALUES (6)")
    assert [each.changes[0].key for each in await reports.hear(1)] == [(6,)]


async def test_ch1_own_writes_are_skipped(reports: Reports) -> None:
    await reports.driver.execute(write(f"INSERT INTO {ODD} VALUES (1)"))
    await reports.write(f"INSERT INTO {ODD} VALUES (2)")
    assert [each.changes[0].key for each in await reports.hear(1)] == [(2,)]


async def test_ch1_a_value_that_cannot_be_read_is_left_out(reports: Reports) -> None:
    await reports.write(f"INSERT INTO {ODD} VALUES (1, NULL, 'infinity')")
    assert [each.changes[0].new for each in await reports.hear(1)] == [{"id": 1, "owner": None}]


async def test_ch1_after_a_gap_everything_may_have_changed(reports: Reports) -> None:
    await reports.write(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vivace'",
    )
    assert await reports.hear(1) == [EVERYTHING]
    await reports.write(f"INSERT INTO {ODD} VALUES (2)")
    assert [each.changes[0].key for each in await reports.hear(1)] == [(2,)]


async def test_ch1_removed_triggers_are_silent(reports: Reports) -> None:
    await remove(reports.driver, [TABLE], function=True)
    await reports.write(f"INSERT INTO {ODD} VALUES (2)")
    await reports.write("SELECT pg_notify('vivace_changes', 'not JSON')")
    assert await reports.hear(1) == [EVERYTHING]  # the second one


async def test_ch1_reports_of_unknown_tables_name_them(reports: Reports) -> None:
    read = reports.changes.read
    assert read('{"table": "x", "operation": "insert"}') == WriteSet(tables=frozenset({"x"}))
    assert read('{"table": "x", "operation": "insert", "columns": ["id"], "new": [[1]]}').tables == {"x"}
    assert read("[]") == EVERYTHING


async def test_a_listener_goes_on_after_a_failing_callback(
    postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []

    def hear(payload: str) -> None:
        heard.append(payload)
        if payload == "bad":
            raise ValueError(payload)

    async with opened(postgresql_url) as driver:
        listener = Listener(driver, "Some channel", on_payload=hear, on_gap=lambda: None, heartbeat=0.01)
        await listener.start()
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            for payload in ("bad", "good"):
                connection.execute("SELECT pg_notify('Some channel', %s)", (payload,))
        await until(lambda: heard == ["bad", "good"])
        await asyncio.sleep(0.05)  # heartbeats
        await listener.stop()
        await listener.stop()
    assert "A listener of Some channel failed" in caplog.text


def test_a_listener_refuses_a_pooler(postgresql_url: str) -> None:
    driver = PostgreSQLDriver(options(postgresql_url, pooler="transaction"))
    with pytest.raises(ConfigurationError, match="pooler"):
        Listener(driver, "x", on_payload=lambda _: None, on_gap=lambda: None)
