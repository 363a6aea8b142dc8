"""Tables without migration files: for ``vivace dev`` and ``vivace shell`` on a single file, and for tests.

Only what loses nothing is done: tables that are missing are made, columns that may be empty or have a constant default
are added. What else differs is told.

A constant default of a field (``default=0``, ``list``, ``dict``, the empty text of ``blank=True``) fills the rows that
exist. PostgreSQL forgets it again; in SQLite it stays in the table, since to be rid of it the table would have to be
copied, and the copy would lose what belongs to no field. The default of a function is another one for each row: no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from vivace.db.types import Dialect, TransactionOptions

from .classes import project_state
from .references import AnyField, points
from .schema import defaults, introspect
from .schema.change import TableChange
from .schema.describe import Described, Slot, describe_all
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


async def update_tables(database: Database, models: Iterable[type[Any]]) -> Brought:
    """Make missing tables and add columns that rows without a value can have; drop and change nothing."""
    state = project_state(models)
    described = describe_all(state, database.dialect)
    wanted = {each.table.name: each.table for each in described.values()}
    fills = {each.table.name: _fills(state, slot, each, database.dialect) for slot, each in described.items()}
    altered: list[TableChange] = []
    left: list[str] = []
    added: list[str] = []
    for name, table in wanted.items():
        live = await introspect.read(database, name)
        if live is None:
            altered.append(TableChange(new=table))
            continue
        missing, others = _missing(table, live.table, fills[name])
        if others and database.dialect == "sqlite":
            missing, copied = _without_copies(missing)
            others += copied
        left += [f"{name}: {other}." for other in others]
        if missing:
            altered.append(_adding(table, missing, fills[name], database.dialect))
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


def _fills(state: ProjectState, slot: Slot, described: Described, dialect: Dialect) -> dict[str, str]:
    """Return the literals that columns of a table may be filled with, by column."""
    fields = {} if slot[2] else state.model(slot[0], slot[1]).fields
    found = {
        column: _fill(name, fields[name], dialect)
        for name, column in described.fields.items()
        if name in fields
    }
    return {column: text for column, text in found.items() if text}


def _fill(name: str, field: AnyField, dialect: Dialect) -> str:
    given = field.default if field.has_default() else None
    varies = (callable(given) and given not in (list, dict)) or getattr(field, "auto_now_add", False)
    if varies or getattr(field, "auto_now", False) or points(field):  # SQLite adds no key with a default
        return ""
    text = defaults.fill(name, field, dialect)
    return "" if text.startswith("(") else text  # SQLite adds no column with an expression


def _missing(table: Table, live: Table, fills: Mapping[str, str]) -> tuple[list[Column], list[str]]:
    """Return the columns that can be added, and in sentences what else differs."""
    there = {column.name.lower(): column for column in live.columns}
    addable: list[Column] = []
    others: list[str] = []
    for column in table.columns:
        known = there.pop(column.name.lower(), None)
        given = column.null or column.default or column.name in fills
        if known is None and given and not column.primary and not column.unique:
            addable.append(column)
        elif known is None:
            others.append(f"the column {column.name!r} is missing, and rows that exist need a value for it")
        elif known.type.lower() != column.type.lower():
            others.append(f"the column {column.name!r} is {known.type}, not {column.type}")
        elif known.null != column.null and not column.generated:
            others.append(f"the column {column.name!r} {'may not' if column.null else 'may'} be empty")
    others += [f"the column {column.name!r} belongs to no field" for column in there.values()]
    return addable, others


def _without_copies(missing: list[Column]) -> tuple[list[Column], list[str]]:
    """Return the columns that ADD COLUMN takes, and sentences for the others: the copy has only what the model has."""
    copied = [column for column in missing if column.default.startswith("(") or column.stored]
    why = "is missing, and to add it the table would be copied without what belongs to no field"
    return (
        [column for column in missing if column not in copied],
        [f"the column {column.name!r} {why}" for column in copied],
    )


def _adding(table: Table, missing: list[Column], fills: Mapping[str, str], dialect: Dialect) -> TableChange:
    """Return the change that adds columns, with the indexes and foreign keys that are theirs alone."""
    filled = {column.name: fills[column.name] for column in missing if not column.null and not column.default}
    if dialect == "sqlite":
        columns = (
            msgspec.structs.replace(column, default=filled.get(column.name, column.default))
            for column in table.columns
        )
        table, filled = msgspec.structs.replace(table, columns=tuple(columns)), {}
    names = {column.name for column in missing}
    old = msgspec.structs.replace(
        table,
        columns=tuple(column for column in table.columns if column.name not in names),
        foreign_keys=tuple(key for key in table.foreign_keys if not names & set(key.columns)),
        indexes=tuple(index for index in table.indexes if not names & set(index.columns)),
    )
    return TableChange(old=old, new=table, fills=filled)


__all__ = ["Brought", "create_state", "create_tables", "tables_sql", "update_tables"]
