"""The PostgreSQL driver keeps the contract of drivers, on each version of the server and through a pooler."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.db.contract import SHORT, DriverContract, prepare
from tests.db.postgresql.support import opened
from vivace.db.postgresql import PostgreSQLDriver
from vivace.db.types import Driver


@asynccontextmanager
async def prepared(url: str, **settings: object) -> AsyncGenerator[PostgreSQLDriver]:
    """Yield a driver on a database with the tables of the contract."""
    async with opened(url) as driver:
        await prepare(driver)
    async with opened(url, **settings) as driver:
        yield driver


class TestPostgreSQL(DriverContract):
    @pytest.fixture
    async def driver(self, every_postgresql_url: str) -> AsyncGenerator[Driver]:
        async with prepared(every_postgresql_url) as driver:
            yield driver

    @pytest.fixture
    async def scarce(self, postgresql_url: str) -> AsyncGenerator[Driver]:
        async with prepared(postgresql_url, max_connections=1, acquire_timeout=SHORT) as driver:
            yield driver


class TestPgBouncer(DriverContract):
    @pytest.fixture
    async def driver(self, postgresql_url: str, pgbouncer_url: str) -> AsyncGenerator[Driver]:
        async with prepared(postgresql_url), opened(pgbouncer_url, pooler="transaction") as driver:
            yield driver

    @pytest.fixture
    async def scarce(self, postgresql_url: str, pgbouncer_url: str) -> AsyncGenerator[Driver]:
        settings = {"pooler": "transaction", "max_connections": 1, "acquire_timeout": SHORT}
        async with prepared(postgresql_url), opened(pgbouncer_url, **settings) as driver:
            yield driver
