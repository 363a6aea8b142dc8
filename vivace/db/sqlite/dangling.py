"""Which foreign key was broken: SQLite does not tell, but can be asked while the row is still there.

``PRAGMA foreign_key_check`` reads whole tables, and others wait for the writer meanwhile. So it is asked of the tables
that a statement wrote and of those that point to them, and only for ``_PATIENCE``; who has many rows gets the error as
SQLite gave it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

import apsw
import msgspec

from vivace.errors import ForeignKeyViolation

from .errors import deferred_violation

_PATIENCE: Final = 0.05
_MOST: Final = 100
"""Rows that are looked at."""

_KEYS: Final = """
SELECT tables.name, keys.id, keys."table", keys."from" FROM pragma_table_list AS tables
JOIN pragma_foreign_key_list(tables.name) AS keys WHERE tables.schema = 'main' AND tables.type = 'table'
ORDER BY tables.name, keys.id, keys.seq
"""


class Key(msgspec.Struct, frozen=True):
    """One foreign key."""

    table: str
    columns: tuple[str, ...]
    parent: str


def violation(
    connection: apsw.Connection, sql: str = "", tables: Iterable[str] | None = None
) -> ForeignKeyViolation:
    """Return the error for rows that point to nothing, with the place of the foreign key where it can be found.

    The connection is in the transaction of these rows; ``tables`` are those that were written, ``None``: any.
    """
    error = deferred_violation(sql)
    try:
        found = _broken(connection, None if tables is None else frozenset(tables))
    except apsw.Error:
        return error
    if found:
        _tell(error, found)
    return error


def _tell(error: ForeignKeyViolation, found: list[Key]) -> None:
    """Say in the error which keys name rows that are not there."""
    if len({key.table for key in found}) == 1:
        error.table = found[0].table
    if len(found) == 1:
        error.columns = found[0].columns
    told = (
        f"{key.table}.{', '.join(key.columns)} names a row of {key.parent} that is not there"
        for key in found[:3]
    )
    error.what = f"A rule of the schema was broken: {'; '.join(told)}."
    error.args = (error.what,)


def _broken(connection: apsw.Connection, written: frozenset[str] | None) -> list[Key]:
    parts: dict[tuple[str, int], tuple[str, list[str]]] = {}
    for table, number, parent, column in connection.execute(_KEYS):
        parts.setdefault((table, number), (parent, []))[1].append(column)
    keys = {
        place: Key(place[0], tuple(columns), parent)
        for place, (parent, columns) in parts.items()
        if written is None or place[0] in written or parent in written
    }
    dangling = islice(_dangling(connection, {key.table for key in keys.values()}), _MOST)
    return list({keys[place]: None for place in dangling if place in keys})


def _dangling(connection: apsw.Connection, tables: Iterable[str]) -> Iterator[tuple[str, int]]:
    deadline = time.monotonic() + _PATIENCE
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000, id=_dangling)
    try:
        for table in sorted(tables):
            rows: Any = connection.execute("SELECT * FROM pragma_foreign_key_check(?)", (table,))
            for name, _, _, number in rows:
                yield name, number
    finally:
        connection.set_progress_handler(None, id=_dangling)


__all__ = ["violation"]
