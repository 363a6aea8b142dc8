"""Tables without migration files: for ``vivace dev`` and ``vivace shell`` on a single file, and for tests.

Only what loses nothing is done: tables that are missing are made, columns that may be empty or have a default in the
database are added. What else differs is told, with the command that settles it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from vivace.db.types import Dialect, TransactionOptions

from .classes import project_state
from .schema import introspect
from .schema.change import TableChange
from .schema.describe import describe_all
from .schema.editor import RENDERERS, Editor
from .schema.values import Column, Table
from .state import ProjectState

if TYPE_CHECKING:
    from vivace.db.database import Database


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What ``update_tables`` did, and what it left alone."""

    created: tuple[str, ...] = ()
    added: tuple[str, ...] = ()  # table.column
    left: tuple[str, ...] = ()  # sentences


def tables_sql(models: Iterable[type[Any]], dialect: Dialect) -> list[str]:
    """Return the statements that make the tables of models in an empty database."""
    return RENDERERS[dialect](_all_new(project_state(models), dialect))


async def create_tables(database: Database, models: Iterable[type[Any]]) -> list[str]:
    """Make the tables of models in an empty database; returns the statements."""
    return await create_state(database, project_state(models))


async def create_state(database: Database, state: ProjectState) -> list[str]:
    """Make all tables of a state in an empty database; returns the statements."""
    return await _carry_out(database, _all_new(state, database.dialect))


def _all_new(state: ProjectState, dialect: Dialect) -> list[TableChange]:
    return [TableChange(new=each.table) for each in describe_all(state, dialect).values()]


async def update_tables(database: Database, models: Iterable[type[Any]], *, command: str = "") -> Brought:
    """Make missing tables and add columns that may be empty or have a ``db_default``; drop and change nothing.

    ``command`` is what the sentences about other differences tell to run.
    """
    described = describe_all(project_state(models), database.dialect)
    wanted = {each.table.name: each.table for each in described.values()}
    altered: list[TableChange] = []
    left: list[str] = []
    added: list[str] = []
    for name, table in wanted.items():
        live = await introspect.read(database, name)
        if live is None:
            altered.append(TableChange(new=table))
            continue
        missing, others = _missing(table, live.table)
        left += [f"{name}: {other}. {command}".rstrip() for other in others]
        if missing:
            altered.append(_adding(table, missing))
            added += [f"{name}.{column.name}" for column in missing]
    if altered:
        await _carry_out(database, altered)
    created = tuple(change.new.name for change in altered if change.new is not None and change.old is None)
    return Brought(created=created, added=tuple(added), left=tuple(left))


async def _carry_out(database: Database, changes: list[TableChange]) -> list[str]:
    editor = Editor(database.dialect, database)
    async with database.transaction(TransactionOptions(place="making the tables", unchecked=True)):
        editor.in_transaction = True
        for sql in RENDERERS[database.dialect](changes):
            await editor.run(sql)
    return editor.statements


def _missing(table: Table, live: Table) -> tuple[list[Column], list[str]]:
    """Return the columns that can be added, and in sentences what else differs."""
    there = {column.name.lower(): column for column in live.columns}
    addable: list[Column] = []
    others: list[str] = []
    for column in table.columns:
        known = there.pop(column.name.lower(), None)
        if known is None and (column.null or column.default) and not column.primary and not column.unique:
            addable.append(column)
        elif known is None:
            others.append(f"the column {column.name!r} is missing, and rows that exist need a value for it")
        elif known.type.lower() != column.type.lower():
            others.append(f"the column {column.name!r} is {known.type}, not {column.type}")
        elif known.null != column.null and not column.generated:
            others.append(f"the column {column.name!r} {'may not' if column.null else 'may'} be empty")
    others += [f"the column {column.name!r} belongs to no field" for column in there.values()]
    return addable, others


def _adding(table: Table, missing: list[Column]) -> TableChange:
    """Return the change that adds columns, with the indexes and foreign keys that are theirs alone."""
    names = {column.name for column in missing}
    old = msgspec.structs.replace(
        table,
        columns=tuple(column for column in table.columns if column.name not in names),
        foreign_keys=tuple(key for key in table.foreign_keys if not names & set(key.columns)),
        indexes=tuple(index for index in table.indexes if not names & set(index.columns)),
    )
    return TableChange(old=old, new=table)


__all__ = ["Brought", "create_state", "create_tables", "tables_sql", "update_tables"]
