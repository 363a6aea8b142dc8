"""What the PostgreSQL tests share: drivers for a URL, statements, and a look at the server from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

from vivace.changes import WriteSet
from vivace.db.postgresql import PostgreSQLDriver, PostgreSQLOptions
from vivace.db.types import Capture, Row, Statement


def options(url: str, **settings: Any) -> PostgreSQLOptions:
    """Return options for a URL of the test servers."""
    parts = urlsplit(url)
    return PostgreSQLOptions(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.path[1:],
        **settings,
    )


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncGenerator[PostgreSQLDriver]:
    """Yield an open driver."""
    driver = PostgreSQLDriver(options(url, **settings))
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()


def read(sql: str) -> Statement:
    """Return a statement that changes nothing."""
    return Statement(sql=sql)


def write(sql: str, *tables: str, capture: Capture | None = None) -> Statement:
    """Return a statement that writes these tables."""
    return Statement(sql=sql, writes=frozenset(tables), capture=capture)


def listen(driver: PostgreSQLDriver) -> list[WriteSet]:
    """Make the driver tell what it writes, and return the list that grows."""
    told: list[WriteSet] = []
    driver.listening = True
    driver.announce = told.append
    return told


def plain(rows: list[Row]) -> list[tuple[Any, ...]]:
    """Return rows as tuples."""
    return [tuple(row) for row in rows]


def activity(url: str) -> list[tuple[Any, ...]]:
    """Return (state, query) of the server's connections to the database of ``url``, except the one that asks."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(
            "SELECT state, query FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until a condition holds; fails after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
