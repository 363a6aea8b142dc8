"""A database of each kind, with one table to work on, for tests of what is above the drivers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from vivace.db import Database, Databases, Statement, current_databases
from vivace.db.types import TableColumns
from vivace.db.urls import connect

DIALECTS: Final = ("sqlite", "postgresql")
TABLE: Final = {
    "sqlite": "CREATE TABLE item (id integer PRIMARY KEY, name text UNIQUE, owner integer)",
    "postgresql": "CREATE TABLE item (id bigint PRIMARY KEY, name text UNIQUE, owner bigint)",
}


def url_of(dialect: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh database; skips where there is no server."""
    if dialect == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return f"sqlite:///{folder / 'test.sqlite3'}".replace("sqlite:////", "sqlite:////")


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncGenerator[Database]:
    """Run the body with an open database that is the current default, with the table ``item``."""
    database = Database("default", connect(url, root=Path("/")), **options)
    token = current_databases.set(Databases({"default": database}))
    try:
        await database.run_script(TABLE[database.dialect])
        database.watch([TableColumns(table="item", key=("id",), columns=("owner",))])
        yield database
    finally:
        current_databases.reset(token)
        await database.close()


def sql(database: Database, text: str, *, writes: Sequence[str] = ()) -> Statement:
    """Return a statement with ``?`` for its parameters, in the dialect's own spelling."""
    if database.dialect == "postgresql":
        pieces = text.split("?")
        text = "".join(f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1)) + pieces[-1]
    return Statement(sql=text, reads=frozenset({"item"}), writes=frozenset(writes))


async def add(database: Database, key: int, name: str = "", owner: int = 0) -> int:
    """Insert a row."""
    statement = sql(database, "INSERT INTO item (id, name, owner) VALUES (?, ?, ?)", writes=["item"])
    return await database.execute(statement, (key, name or f"item {key}", owner))


async def keys(database: Database) -> list[int]:
    """Return the ids of all rows, in order."""
    return [row[0] for row in await database.fetch(sql(database, "SELECT id FROM item ORDER BY id"))]
