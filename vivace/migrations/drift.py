"""Whether a live database is what the state says.

Databases print expressions in their own way, so the described tables are made too, where nobody sees them (SQLite: in
memory; PostgreSQL: in a schema that is rolled back), and both are read and compared as values.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any

import msgspec

from vivace.db.database import Database
from vivace.db.types import Statement, TransactionOptions
from vivace.db.urls import connect

from .recorder import OWN
from .schema import introspect
from .schema.change import TableChange
from .schema.compare import Item, Items, compare, nameless
from .schema.describe import describe_all
from .schema.editor import RENDERERS
from .schema.values import Column, Table
from .state import ProjectState


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs. ``kind``: ``missing``, ``unknown`` or ``different``."""

    table: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.table}: {self.text}"


async def drift(database: Database, state: ProjectState, *, unknown: bool = True) -> list[Drift]:
    """Return what differs between a database and a state; ``unknown``: also tables that belong to no model."""
    described = [each.table for each in describe_all(state, database.dialect).values()]
    wanted = await expected(database, described)
    named = {table.name: _given_names(table) for table in described}
    found: list[Drift] = []
    there = await introspect.table_names(database)
    for name, table in sorted(wanted.items()):
        live = await introspect.read(database, name)
        if live is None:
            found.append(Drift(table=name, kind="missing", text="the table is missing"))
        else:
            found += differences(table, live.table, named[name])
    if unknown:
        known = {*wanted, *OWN}
        found += [
            Drift(table=name, kind="unknown", text="the table belongs to no model")
            for name in there
            if name not in known
        ]
    return found


async def expected(database: Database, tables: list[Table]) -> dict[str, Table]:
    """Return tables as the database itself would print them."""
    names = [table.name for table in tables]
    async with _shadow(database) as shadow:
        for sql in RENDERERS[database.dialect]([TableChange(new=table) for table in tables]):
            await shadow.execute(Statement(sql=sql, writes=frozenset(("",))))
        found = [(name, await introspect.read(shadow, name)) for name in names]
    return {name: live.table for name, live in found if live is not None}


@contextlib.asynccontextmanager
async def _shadow(database: Database) -> AsyncGenerator[Database]:
    if database.dialect == "sqlite":
        shadow = Database("shadow", connect("sqlite://:memory:"))
        try:
            yield shadow
        finally:
            await shadow.close()
        return
    with contextlib.suppress(_Undo):
        async with database.transaction(TransactionOptions(place="the drift report")):
            for sql in ("CREATE SCHEMA vivace_shadow", "SET LOCAL search_path = vivace_shadow, public"):
                await database.execute(Statement(sql=sql, writes=frozenset(("",))))
            yield database
            raise _Undo


class _Undo(Exception):
    """Leaves the transaction in which the shadow was made."""


def _given_names(table: Table) -> set[str]:
    """Return the names of constraints that somebody chose, not the database."""
    return {rule.name for rules in (table.uniques, table.checks) for rule in rules}


def differences(wanted: Table, live: Table, named: Collection[str] = ()) -> list[Drift]:
    """Return what differs between two tables that were both read from databases; only ``named`` names count."""
    found = compare(live, _with_names(wanted, live, named))
    name = wanted.name
    lines = [
        *(
            Drift(table=name, kind="missing", text=f"the column {column.name!r} is missing")
            for column in found.added
        ),
        *(
            Drift(table=name, kind="unknown", text=f"the column {column.name!r} belongs to no field")
            for column in found.removed
        ),
        *(Drift(table=name, kind="different", text=_column(old, new)) for old, new in found.changed),
    ]
    if found.primary_changed:
        lines.append(Drift(table=name, kind="different", text="the primary key is over other columns"))
    if wanted.comment != live.comment:
        lines.append(Drift(table=name, kind="different", text="the comment is another"))
    kinds: Mapping[str, Items[Any]] = {
        "unique constraint": found.uniques,
        "check constraint": found.checks,
        "exclusion constraint": found.exclusions,
        "foreign key": found.foreign_keys,
        "index": found.indexes,
    }
    for kind, items in kinds.items():
        lines += _items(name, kind, items)
    return lines


def _column(old: Column, new: Column) -> str:
    parts = [
        f"{part} {getattr(old, part)!r} instead of {getattr(new, part)!r}"
        for part in Column.__struct_fields__
        if getattr(old, part) != getattr(new, part)
    ]
    return f"the column {new.name!r} has {', '.join(parts)}"


def _items(table: str, kind: str, items: Items[Any]) -> list[Drift]:
    lines = [
        Drift(table=table, kind="missing", text=f"the {kind} {_told(each)} is missing")
        for each in items.added
    ]
    lines += [
        Drift(table=table, kind="unknown", text=f"the {kind} {_told(each)} belongs to no model")
        for each in items.removed
    ]
    lines += [
        Drift(
            table=table,
            kind="different",
            text=f"the {kind} {_told(new)} is called {getattr(old, 'name', '')!r}",
        )
        for old, new in items.renamed
    ]
    return lines


def _told(item: object) -> str:
    columns = ", ".join(getattr(item, "columns", ()))
    name = getattr(item, "name", "")
    return f"{name!r} ({columns})" if columns else repr(name)


def _with_names(wanted: Table, live: Table, named: Collection[str]) -> Table:
    """Return a table with the live names of what nobody named: foreign keys, and what is written within columns."""
    return msgspec.structs.replace(
        wanted,
        foreign_keys=_renamed(wanted.foreign_keys, live.foreign_keys, ()),
        uniques=_renamed(wanted.uniques, live.uniques, named),
        checks=_renamed(wanted.checks, live.checks, named),
    )


def _renamed(wanted: Sequence[Item], live: Sequence[Item], named: Collection[str]) -> tuple[Item, ...]:
    left = [each for each in live if each.name not in named]
    found: list[Item] = []
    for item in wanted:
        twin = None
        if item.name not in named:
            twin = next((each for each in left if nameless(each) == nameless(item)), None)
        if twin is not None:
            left.remove(twin)
        found.append(twin or item)
    return tuple(found)


__all__ = ["Drift", "differences", "drift", "expected"]
