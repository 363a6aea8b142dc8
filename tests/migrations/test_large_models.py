"""The schema that we make of a large model set is the one that Django makes of the same file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.migrations import large_models
from tests.migrations.support import DIALECTS, differing, opened, tables, url_of
from vivace.db.urls import connect
from vivace.migrations.create import create_tables
from vivace.migrations.schema.values import Table
from vivace.models import Model
from vivace.models.registry import registry

HERE = Path(__file__).parent


def models() -> list[type[Model]]:
    """Return the models of the file."""
    return registry.get_models(app_label=large_models.Every._meta.app_label)


def run_django(dialect: str, place: str, folder: Path) -> None:
    """Let Django make its tables."""
    script, source = HERE / "django_schema.py", HERE / "large_models.py"
    result = subprocess.run(
        [sys.executable, str(script), str(source), dialect, place, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg1_schema_equals_djangos(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = url_of(dialect, tmp_path, request)
    other = str(tmp_path / "django.sqlite3")
    if dialect == "postgresql":
        other = await _second_database(url)
    run_django(dialect, other, tmp_path)
    async with opened(url) as database:
        await create_tables(database, models())
        ours = await tables(database)
    async with opened(other if dialect == "postgresql" else f"sqlite:///{other}") as database:
        theirs = await tables(database)
    assert len(ours) > 20
    assert "\n".join(differing(loosened(theirs), loosened(ours))) == ""


def loosened(found: dict[str, Table]) -> dict[str, Table]:
    """Return tables without the parentheses of expressions: SQLite keeps the text, where each has its own taste."""

    def loose(text: str) -> str:
        return text.replace("( ", "").replace(" )", "").replace("(", "").replace(")", "")

    change = msgspec.structs.replace
    return {
        name: change(
            table,
            checks=tuple(change(each, sql=loose(each.sql)) for each in table.checks),
            columns=tuple(
                change(each, default=loose(each.default), generated=loose(each.generated))
                for each in table.columns
            ),
            indexes=tuple(
                change(each, parts=tuple(map(loose, each.parts)), condition=loose(each.condition))
                for each in table.indexes
            ),
        )
        for name, table in found.items()
    }


async def _second_database(url: str) -> str:
    """Return the URL of another empty database on the same server."""
    name = url.rpartition("/")[2] + "_django"
    driver = connect(url)
    await driver.open()
    try:
        from vivace.db.types import Statement

        await driver.execute(Statement(sql=f'CREATE DATABASE "{name}"', writes=None))
    finally:
        await driver.close()
    return url.rpartition("/")[0] + "/" + name
