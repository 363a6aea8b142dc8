"""The SQLite driver does what every driver must, on a file and in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.db.contract import SHORT, DriverContract
from tests.db.sqlite.support import opened
from vivace.db.types import Driver


class TestFile(DriverContract):
    """A database in a file."""

    @pytest.fixture
    async def driver(self, tmp_path: Path) -> AsyncGenerator[Driver]:
        async with opened(tmp_path / "test.sqlite3", tables=True) as driver:
            yield driver

    @pytest.fixture
    async def scarce(self, tmp_path: Path) -> AsyncGenerator[Driver]:
        async with opened(tmp_path / "test.sqlite3", tables=True, readers=1, acquire_timeout=SHORT) as driver:
            yield driver
