"""A database with the tables of some models, for tests of queries and objects on both databases."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from vivace.db import Database, Databases, current_databases
from vivace.db.urls import connect

DIALECTS: Final = ("sqlite", "postgresql")


def url_of(dialect: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a database that ``opened`` empties; skips where there is no server."""
    if dialect == "postgresql":
        url: str = request.getfixturevalue("shared_postgresql_url")
        return url
    return f"sqlite:///{folder / 'test.sqlite3'}"


@asynccontextmanager
async def opened(url: str, models: Iterable[Any]) -> AsyncGenerator[Database]:
    """Run the body with an open database that is the current default and has the models' tables."""
    database = Database("default", connect(url, root=Path("/")))
    token = current_databases.set(Databases({"default": database}))
    try:
        if database.dialect == "postgresql":
            await database.run_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await database.run_script("\n".join(tables_of(models, database.dialect)))
        yield database
    finally:
        current_databases.reset(token)
        await database.close()


def tables_of(models: Iterable[Any], dialect: str) -> Iterator[str]:
    """Yield CREATE TABLE statements for models and their automatic many-to-many tables, in the order given."""
    given = list(models)
    through = [f.remote_field.through for m in given for f in m._meta.local_many_to_many]
    for model in [*given, *(t for t in through if t._meta.auto_created)]:
        meta = model._meta
        lines = [_column(field, dialect) for field in meta.local_concrete_fields]
        groups = [*meta.unique_together, *(c.fields for c in meta.total_unique_constraints)]
        for names in groups:
            columns = ", ".join(f'"{meta.get_field(name).column}"' for name in names)
            lines.append(f"UNIQUE ({columns})")
        if meta.is_composite_pk:
            lines.append("PRIMARY KEY (" + ", ".join(f'"{field.column}"' for field in meta.pk_fields) + ")")
        yield f'CREATE TABLE "{meta.db_table}" ({", ".join(lines)});'


def _column(field: Any, dialect: str) -> str:
    parts = [f'"{field.column}"', field.db_type(dialect)]
    if field.primary_key:
        parts.append("PRIMARY KEY")
    suffix = field.db_type_suffix(dialect)
    if suffix:
        parts.append(suffix)
    if field.has_db_default():
        value = field.db_default
        parts.append(f"DEFAULT {value!r}" if isinstance(value, (int, str)) else "DEFAULT CURRENT_TIMESTAMP")
    if not field.null:
        parts.append("NOT NULL")
    if field.unique and not field.primary_key:
        parts.append("UNIQUE")
    if field.is_relation and field.db_constraint:
        target = field.target_field
        parts.append(
            f'REFERENCES "{target.model._meta.db_table}" ("{target.column}") DEFERRABLE INITIALLY DEFERRED'
        )
    return " ".join(parts)
