"""Tells a change the names that things have in the live database, where they differ from those that are expected.

Constraints written within a column have names that the database chose; a table that Django renamed kept the names of
its indexes. What is described is matched with what is there by structure, never by a guess at names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from . import introspect
from .change import TableChange
from .compare import Item
from .values import ForeignKey, Index, Table, Unique

if TYPE_CHECKING:
    from vivace.db.database import Database


async def adopted(database: Database, change: TableChange) -> TableChange:
    """Return the change with the names of the live table; as it is when the table is new or not there."""
    if change.old is None:
        return change
    live = await introspect.read(database, change.old.name)
    if live is None:
        return change
    if database.dialect == "sqlite":
        extras = await introspect.extras(database, change.old)
        return msgspec.structs.replace(change, old=with_live_names(change.old, live.table), extras=extras)
    return msgspec.structs.replace(change, old=with_live_names(change.old, live.table), live=live.chosen)


def with_live_names(table: Table, live: Table) -> Table:
    """Return a described table of which each constraint and index has its live name."""
    return msgspec.structs.replace(
        table,
        uniques=_named(table.uniques, live.uniques, _unique_shape),
        foreign_keys=_named(table.foreign_keys, live.foreign_keys, _key_shape),
        indexes=_named(table.indexes, live.indexes, _shape),
    )


def _unique_shape(unique: Unique) -> object:
    return unique.columns


def _key_shape(key: ForeignKey) -> object:
    return key.columns, key.table


def _shape(index: Index) -> object:
    like = any("pattern_ops" in part for part in index.parts)
    return index.columns, index.unique, like, bool(index.condition)


def _named(items: Sequence[Item], live: Sequence[Item], shape: Callable[[Item], object]) -> tuple[Item, ...]:
    names = {item.name for item in live}
    free = [item for item in live if item.name not in {each.name for each in items}]
    found: list[Item] = []
    for item in items:
        if item.name and item.name not in names:
            twin = next((other for other in free if shape(other) == shape(item)), None)
            if twin is not None:
                free.remove(twin)
                item = msgspec.structs.replace(item, name=twin.name)
        found.append(item)
    return tuple(found)


__all__ = ["adopted", "with_live_names"]
