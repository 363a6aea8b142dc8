"""What the SQLite tests share: drivers on a fresh file, statements."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.db.contract import prepare
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions
from vivace.db.types import Statement, TransactionOptions

PLAIN = TransactionOptions()
READING = TransactionOptions(read_only=True)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(
    path: Path | str, *, clock: Clock | None = None, tables: bool = False, **settings: Any
) -> AsyncGenerator[SQLiteDriver]:
    """Yield an open driver; with ``tables``, those of the contract are made.

    Short reads may take long: which of them run on the loop shall not depend on what else the machine does.
    """
    settings.setdefault("inline_limit", 10.0)
    options = SQLiteOptions(str(path), **settings)
    driver = SQLiteDriver(options) if clock is None else SQLiteDriver(options, clock=clock)
    await driver.open()
    try:
        if tables:
            await prepare(driver)
        yield driver
    finally:
        await driver.close()


def read(sql: str, *, short: bool = False) -> Statement:
    """Return a statement that changes nothing."""
    return Statement(sql=sql, short=short)


def write(sql: str, *tables: str) -> Statement:
    """Return a statement that writes these tables; without any, one that does not say."""
    return Statement(sql=sql, writes=frozenset(tables) or None)
