"""Databases that are there already: drift, inspectdb, tables that ``vivace dev`` brings up to date."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.migrations.support import DIALECTS, differing, execute, fetch, opened, tables, url_of
from tests.migrations.test_large_models import models as large
from vivace import models
from vivace.migrations.classes import project_state
from vivace.migrations.create import create_state, create_tables, update_tables
from vivace.migrations.drift import drift
from vivace.migrations.inspectdb import field_name, inspect
from vivace.migrations.state import ModelState, ProjectState
from vivace.models.registry import registry

KEY = models.BigAutoField(primary_key=True)
STATE = ProjectState(
    [
        ModelState("shop", "Author", {"id": KEY, "name": models.CharField(max_length=40, unique=True)}),
        ModelState(
            "shop",
            "Book",
            {
                "id": KEY,
                "title": models.CharField(max_length=40, db_index=True),
                "pages": models.PositiveIntegerField(null=True),
                "price": models.DecimalField(max_digits=7, decimal_places=2, db_default=1),
                "made": models.DateTimeField(null=True),
                "author": models.ForeignKey("shop.author", models.DO_NOTHING),
                "fans": models.ManyToManyField("shop.author", related_name="+"),
            },
            {
                "unique_together": {("title", "author")},
                "indexes": [models.Index(fields=["-pages", "title"], name="two_idx")],
                "constraints": [models.UniqueConstraint(fields=["pages", "made"], name="once")],
            },
        ),
    ]
)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg7_drift_is_told(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await create_state(database, STATE)
        assert await drift(database, STATE) == []
        for sql in (
            'DROP INDEX "two_idx"',
            "CREATE INDEX by_hand ON shop_book (made)",
            "ALTER TABLE shop_author ADD COLUMN extra integer NULL",
            "CREATE TABLE stranger (id integer)",
            "DROP TABLE shop_book_fans",
        ):
            await execute(database, sql)
        assert [str(each) for each in await drift(database, STATE)] == [
            "shop_author: the column 'extra' belongs to no field",
            "shop_book: the index 'two_idx' (pages, title) is missing",
            "shop_book: the index 'by_hand' (made) belongs to no model",
            "shop_book_fans: the table is missing",
            "stranger: the table belongs to no model",
        ]
        assert await fetch(database, "SELECT count(*) FROM shop_book") == [(0,)]  # looking changed nothing


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_large_models_do_not_drift(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await create_tables(database, large())
        assert await drift(database, project_state(large())) == []


def loaded(source: str, folder: Path, name: str) -> list[Any]:
    """Return the models of a source file."""
    path = folder / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [model for model in registry.get_models() if model.__module__ == name]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_mg6_inspected_models_migrate_to_no_difference(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with opened(url_of(dialect, tmp_path, request)) as database:
        await create_state(database, STATE)
        before = await tables(database)
        source = await inspect(database)
        found = loaded(source, tmp_path, f"inspected_{dialect}")
        assert await drift(database, project_state(found)) == [], source
        for name in ("shop_book_fans", "shop_book", "shop_author"):
            await execute(database, f"DROP TABLE {name}")
        await create_tables(database, found)
        assert "\n".join(differing(before, await tables(database))) == ""


async def test_mg6_a_serial_key_is_an_auto_field(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with opened(url_of("postgresql", tmp_path, request)) as database:
        await execute(database, "CREATE SEQUENCE shared")
        await execute(
            database, "CREATE TABLE old (id serial PRIMARY KEY, number integer DEFAULT nextval('shared'))"
        )
        source = await inspect(database)
        assert "id = models.AutoField(primary_key=True)" in source
        assert "number = models.IntegerField(null=True)" in source
        left = await drift(database, project_state(loaded(source, tmp_path, "inspected_serial")))
        assert [each.text for each in left if "'id'" in each.text] == []


def test_names_of_fields() -> None:
    assert field_name("Author_ID", foreign=True) == "author"
    assert field_name("2nd value") == "number_2nd_value"
    assert field_name("class") == "class_field"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_dev_makes_tables_adds_columns_and_drops_nothing(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = loaded(
        "from vivace import models\n\n\nclass Note(models.Model):\n    text = models.TextField()\n    old = models.IntegerField(null=True)\n",
        tmp_path,
        f"first_{dialect}",
    )
    second = loaded(
        "from vivace import models\n\n\nclass Note(models.Model):\n    text = models.CharField(max_length=9)\n"
        "    added = models.IntegerField(null=True, db_index=True)\n    needed = models.IntegerField()\n"
        "    given = models.IntegerField(db_default=7)\n"
        f"    class Meta:\n        app_label = 'first_{dialect}'\n\n\n"
        f"class Tag(models.Model):\n    class Meta:\n        app_label = 'first_{dialect}'\n",
        tmp_path,
        f"second_{dialect}",
    )
    table = first[0]._meta.db_table
    async with opened(url_of(dialect, tmp_path, request)) as database:
        brought = await update_tables(database, first)
        assert brought.created == (table,)
        again = await update_tables(database, first)
        assert (again.created, again.added, again.left) == ((), (), ())
        brought = await update_tables(database, second, command="Run: vivace migrate")
        assert brought.added == (f"{table}.added", f"{table}.given")
        assert len(brought.created) == 1
        told = "\n".join(brought.left)
        assert "'needed' is missing" in told
        assert "'text' is text, not varchar(9)" in told
        assert "'old' belongs to no field" in told
        assert told.count("Run: vivace migrate") == 3
        columns = {column.name for column in (await tables(database))[table].columns}
        assert columns == {"id", "text", "old", "added", "given"}
