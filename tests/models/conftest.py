"""Fixtures of tests of models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.models.backing import DIALECTS, url_of

if TYPE_CHECKING:
    from tests.servers import Databases


@pytest.fixture(scope="session")
def shared_postgresql_url(postgresql_databases: Databases) -> Iterator[str]:
    """A database that the tests of a worker share: making one takes longer than most of them."""
    with postgresql_databases.fresh() as url:
        yield url


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database of each kind in turn."""
    return url_of(request.param, tmp_path, request)
