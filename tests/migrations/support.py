"""Databases of both kinds, and runs of operations on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from vivace.db import Database
from vivace.db.types import Statement, TransactionOptions
from vivace.db.urls import connect
from vivace.migrations.operations.base import Operation
from vivace.migrations.schema import introspect
from vivace.migrations.schema.editor import Editor
from vivace.migrations.schema.values import Table
from vivace.migrations.state import ProjectState

DIALECTS: Final = ("sqlite", "postgresql")
APP: Final = "shop"


def url_of(dialect: str, folder: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a fresh database; skips where there is no server."""
    if dialect == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return f"sqlite:///{folder / 'test.sqlite3'}"


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    """Run the body with an open database."""
    database = Database("default", connect(url, root=Path("/")))
    try:
        yield database
    finally:
        await database.close()


async def fetch(database: Database, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return [tuple(row) for row in await database.fetch(Statement(sql=sql))]


async def execute(database: Database, sql: str) -> None:
    """Run a statement."""
    await database.execute(Statement(sql=sql, writes=None))


class Bench:
    """A database with a state that goes with it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.states = [ProjectState()]
        self.done: list[Operation] = []

    @property
    def state(self) -> ProjectState:
        return self.states[-1]

    @asynccontextmanager
    async def editor(self) -> AsyncGenerator[Editor]:
        """Run the body in a migration's transaction."""
        async with self.database.transaction(TransactionOptions(place="a test", unchecked=True)):
            editor = Editor(self.database.dialect, self.database)
            editor.in_transaction = True
            yield editor

    async def forwards(self, *operations: Operation) -> list[str]:
        """Run operations; returns the statements."""
        statements: list[str] = []
        for operation in operations:
            after = self.state.clone()
            operation.state_forwards(APP, after)
            async with self.editor() as editor:
                await operation.database_forwards(APP, editor, self.state, after)
            statements += editor.statements
            self.states.append(after)
            self.done.append(operation)
        return statements

    async def backwards(self, count: int = 1) -> None:
        """Undo the last operations."""
        for _ in range(count):
            operation, after = self.done.pop(), self.states.pop()
            async with self.editor() as editor:
                await operation.database_backwards(APP, editor, after, self.state)

    async def tables(self) -> dict[str, Table]:
        """Return all tables, comparable."""
        return await tables(self.database)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return await fetch(self.database, sql)

    async def execute(self, *statements: str) -> None:
        """Run statements."""
        for sql in statements:
            await execute(self.database, sql)


async def tables(database: Database) -> dict[str, Table]:
    """Return all tables of a database as values whose order does not depend on how they came about."""
    found = await introspect.read_all(database)
    return {name: ordered(live.table) for name, live in found.items() if not name.startswith("vivace_")}


def ordered(table: Table) -> Table:
    """Return a table with its parts in order of their names: columns that were added stand at the end."""
    import msgspec

    return msgspec.structs.replace(
        table,
        columns=_sorted(table.columns),
        uniques=_sorted(table.uniques),
        checks=_sorted(table.checks),
        foreign_keys=tuple(sorted(table.foreign_keys, key=lambda key: (key.name, key.columns))),
        indexes=_sorted(table.indexes),
    )


def _sorted(parts: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(parts, key=lambda part: (part.name, str(part))))


def differing(first: dict[str, Table], second: dict[str, Table]) -> Sequence[str]:
    """Return what differs, part by part, for a message that can be read."""
    lines = [f"only in one: {name}" for name in sorted(first.keys() ^ second.keys())]
    for name in sorted(first.keys() & second.keys()):
        for part in Table.__struct_fields__:
            one: Any = getattr(first[name], part)
            other: Any = getattr(second[name], part)
            if one != other and not isinstance(one, str):
                lines += [f"{name}: - {each}" for each in one if each not in other]
                lines += [f"{name}: + {each}" for each in other if each not in one]
            elif one != other:
                lines.append(f"{name}.{part}: {one!r} ≠ {other!r}")
    return lines
