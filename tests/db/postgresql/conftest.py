"""Fixtures of the PostgreSQL tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.db.postgresql.support import opened
from vivace.db.postgresql import PostgreSQLDriver


@pytest.fixture
async def driver(postgresql_url: str) -> AsyncGenerator[PostgreSQLDriver]:
    """An open driver on a fresh database with a table ``item``."""
    async with opened(postgresql_url, max_connections=4) as driver:
        session = await driver.connect()
        await session.execute(
            "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price int CHECK (price >= 0)); "
            "INSERT INTO item SELECT i, 'item ' || i, i * 10 FROM generate_series(1, 20) i"
        )
        await session.close()
        yield driver
