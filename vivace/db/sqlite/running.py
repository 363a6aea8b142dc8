"""Running one statement on a connection; in whichever thread has it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import apsw

from vivace.db.types import Parameters, Row, Statement


def rows_of(cursor: apsw.Cursor, statement: Statement, parameters: Parameters) -> Iterator[Row]:
    """Begin a statement and return its rows as they come: tuples, or dictionaries for ``named`` ones."""
    rows = cast("Iterator[tuple[Any, ...]]", cursor.execute(statement.sql, parameters))
    return _named(cursor, rows) if statement.named else rows


def _named(cursor: apsw.Cursor, rows: Iterator[tuple[Any, ...]]) -> Iterator[Row]:
    names: list[str] = []
    for row in rows:
        names = names or [column[0] for column in cursor.get_description()]  # told while there is a row
        yield cast("Row", dict(zip(names, row, strict=True)))


def fetch(connection: apsw.Connection, statement: Statement, parameters: Parameters) -> list[Row]:
    """Return the rows of a statement."""
    if statement.named:
        return list(rows_of(connection.cursor(), statement, parameters))
    return cast("list[Row]", connection.execute(statement.sql, parameters).fetchall())


def execute(connection: apsw.Connection, statement: Statement, parameters: Parameters) -> int:
    """Return the number of rows that a statement changed, without those of triggers and cascades."""
    before = connection.total_changes()
    for _ in connection.execute(statement.sql, parameters):
        pass
    # changes() still tells of the statement before when this one writes no rows (CREATE TABLE, PRAGMA)
    return connection.changes() if connection.total_changes() != before else 0


__all__ = ["execute", "fetch", "rows_of"]
