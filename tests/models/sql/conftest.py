"""The oracle's database, one of each kind for all tests: filled once, and only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models import oracle
from tests.models.backing import DIALECTS
from tests.models.sql.worlds import django_settings


@pytest.fixture(params=DIALECTS, scope="session")
def oracle_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database with the oracle's tables and rows."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('oracle') / 'oracle.sqlite3'}"
        _fill(url)
        yield url
        return
    with request.getfixturevalue("postgresql_databases").fresh() as fresh:
        _fill(fresh)
        yield fresh


def _fill(url: str) -> None:
    world = oracle.django_world(django_settings(url))
    oracle.create_tables(world)
    oracle.fill(world)
    oracle.disconnect_django()
