"""The difference of two tables, as a value.

The old table is first told what was renamed, so that what remains is a matter of names and structure: a column of the
same name is the same column; a constraint or index of the same structure is the same one, and if only its name differs
it is renamed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from .values import Check, Column, Exclusion, ForeignKey, Index, Table, Unique

Item = TypeVar("Item", Unique, Check, Exclusion, ForeignKey, Index)


class Items(msgspec.Struct, Generic[Item]):
    """What became of the constraints or indexes of one kind."""

    removed: list[Item] = []
    added: list[Item] = []
    renamed: list[tuple[Item, Item]] = []

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.renamed)


class Difference(msgspec.Struct, kw_only=True):
    """All that differs between ``old`` (after renames) and ``new``."""

    old: Table
    new: Table
    added: list[Column]
    removed: list[Column]
    changed: list[tuple[Column, Column]]
    uniques: Items[Unique]
    checks: Items[Check]
    exclusions: Items[Exclusion]
    foreign_keys: Items[ForeignKey]
    indexes: Items[Index]

    @property
    def primary_changed(self) -> bool:
        """Whether the primary key is over other columns."""
        return self.old.key_columns != self.new.key_columns

    @property
    def constraints_changed(self) -> bool:
        """Whether anything differs that SQLite keeps within CREATE TABLE."""
        return bool(self.uniques or self.checks or self.foreign_keys or self.primary_changed)

    def __bool__(self) -> bool:
        return bool(
            self.added
            or self.removed
            or self.changed
            or self.constraints_changed
            or self.exclusions
            or self.indexes
            or self.old.comment != self.new.comment
        )


def compare(old: Table, new: Table) -> Difference:
    """Return what must change for ``old`` to become ``new``; both under the same table name."""
    olds = {column.name: column for column in old.columns}
    news = {column.name: column for column in new.columns}
    return Difference(
        old=old,
        new=new,
        added=[column for column in new.columns if column.name not in olds],
        removed=[column for column in old.columns if column.name not in news],
        changed=[
            (olds[column.name], column)
            for column in new.columns
            if column.name in olds and olds[column.name] != column
        ],
        uniques=_items(old.uniques, new.uniques),
        checks=_items(old.checks, new.checks),
        exclusions=_items(old.exclusions, new.exclusions),
        foreign_keys=_items(old.foreign_keys, new.foreign_keys),
        indexes=_items(old.indexes, new.indexes),
    )


def _items(olds: Sequence[Item], news: Sequence[Item]) -> Items[Item]:
    """Pair what is equal, then what is equal but for its name."""
    removed, added = list(olds), list(news)
    for item in list(added):
        if item in removed:
            removed.remove(item)
            added.remove(item)
    renamed: list[tuple[Item, Item]] = []
    for item in list(added):
        twin = next((other for other in removed if nameless(other) == nameless(item)), None)
        if twin is not None:
            removed.remove(twin)
            added.remove(item)
            renamed.append((twin, item))
    return Items(removed=removed, added=added, renamed=renamed)


def nameless(item: Item) -> Item:
    """Return a constraint or index without its name: its structure."""
    return msgspec.structs.replace(item, name="")


def rename_table(table: Table, renames: Mapping[str, str]) -> Table:
    """Return a table after the tables of ``renames`` got new names: its own, and those that it refers to."""
    keys = tuple(
        msgspec.structs.replace(key, table=renames.get(key.table, key.table)) for key in table.foreign_keys
    )
    return msgspec.structs.replace(table, name=renames.get(table.name, table.name), foreign_keys=keys)


def rename_columns(table: Table, renames: Mapping[str, str]) -> Table:
    """Return a table after its columns got new names: as a database does, in every constraint and index."""
    if not renames:
        return table

    def names(given: Sequence[str]) -> tuple[str, ...]:
        return tuple(renames.get(name, name) for name in given)

    def sql(text: str) -> str:
        return rename_in_sql(text, renames)

    change = msgspec.structs.replace
    return change(
        table,
        columns=tuple(
            change(
                each,
                name=renames.get(each.name, each.name),
                check=sql(each.check),
                generated=sql(each.generated),
            )
            for each in table.columns
        ),
        primary=names(table.primary),
        uniques=tuple(change(each, columns=names(each.columns)) for each in table.uniques),
        checks=tuple(change(each, sql=sql(each.sql)) for each in table.checks),
        exclusions=tuple(change(each, sql=sql(each.sql)) for each in table.exclusions),
        foreign_keys=tuple(change(each, columns=names(each.columns)) for each in table.foreign_keys),
        indexes=tuple(_rename_in_index(each, renames) for each in table.indexes),
    )


def _rename_in_index(index: Index, renames: Mapping[str, str]) -> Index:
    def names(given: Sequence[str]) -> tuple[str, ...]:
        return tuple(renames.get(name, name) for name in given)

    return msgspec.structs.replace(
        index,
        parts=tuple(rename_in_sql(part, renames) for part in index.parts),
        columns=names(index.columns),
        condition=rename_in_sql(index.condition, renames),
        include=names(index.include),
    )


def rename_targets(table: Table, target: str, renames: Mapping[str, str]) -> Table:
    """Return a table after columns of the table ``target``, to which it may refer, got new names."""
    keys = tuple(
        msgspec.structs.replace(key, targets=tuple(renames.get(name, name) for name in key.targets))
        if key.table == target
        else key
        for key in table.foreign_keys
    )
    return msgspec.structs.replace(table, foreign_keys=keys)


_TOKEN = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")*)\"""")


def rename_in_sql(text: str, renames: Mapping[str, str]) -> str:
    """Return SQL with quoted identifiers renamed; string literals are left alone."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return f'"{renames[name]}"' if name in renames else match.group(0)

    return _TOKEN.sub(replace, text) if text else text


__all__ = [
    "Difference",
    "Items",
    "compare",
    "nameless",
    "rename_columns",
    "rename_in_sql",
    "rename_table",
    "rename_targets",
]
