"""Fixtures of tests of users and sessions: an address of each kind of database in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.conftest import database_url as database_url
from tests.models.conftest import shared_postgresql_url as shared_postgresql_url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a fresh SQLite database: for what does not depend on the database."""
    return f"sqlite:///{tmp_path / 'test.sqlite3'}"
