"""From a live database to tables: the same values that ``describe`` makes.

SQL texts are as the database tells them, which is not as they were written; tables that were both read from a
database can be compared exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vivace.db.types import Statement

from . import read_postgresql, read_sqlite
from .live import Fetch, Live, Rows
from .values import Table

if TYPE_CHECKING:
    from vivace.db.database import Database


def fetcher(database: Database) -> Fetch:
    """Return how the readers ask a database."""

    async def fetch(sql: str, parameters: Sequence[Any] = ()) -> Rows:
        return await database.fetch(Statement(sql=sql), parameters)

    return fetch


async def read(database: Database, name: str) -> Live | None:
    """Return one table, ``None`` when it is not there."""
    if database.dialect == "sqlite":
        return await read_sqlite.read(fetcher(database), name)
    return await read_postgresql.read(fetcher(database), name)


async def table_names(database: Database, *, views: bool = False) -> list[str]:
    """Return the names of all tables, and of views if wanted."""
    if database.dialect == "sqlite":
        return await read_sqlite.names(fetcher(database), views=views)
    return await read_postgresql.names(fetcher(database), views=views)


async def read_all(database: Database) -> dict[str, Live]:
    """Return all tables by name."""
    found: dict[str, Live] = {}
    for name in await table_names(database):
        live = await read(database, name)
        if live is not None:
            found[name] = live
    return found


async def extras(database: Database, table: Table) -> tuple[str, ...]:
    """Return the statements of triggers and indexes that belong to a table but to no model (SQLite)."""
    return await read_sqlite.extras(fetcher(database), table)


__all__ = ["Live", "extras", "fetcher", "read", "read_all", "table_names"]
