"""What shall become of a table, as the renderers are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from .compare import Difference, compare, rename_columns, rename_table, rename_targets
from .names import chosen_name
from .values import Table


class TableChange(msgspec.Struct, kw_only=True):
    """From ``old`` to ``new``: created when there is no old table, dropped when there is no new one.

    ``columns`` maps old names to new names of renamed columns. ``fills`` are literals for rows that exist, by new
    column name. ``live`` are names that the database itself chose, by kind and columns. ``extras`` are statements
    for what belongs to the table but to no model (triggers, hand-made indexes): to be run again after a rebuild.
    """

    old: Table | None = None
    new: Table | None = None
    columns: dict[str, str] = {}
    fills: dict[str, str] = {}
    live: dict[tuple[str, tuple[str, ...]], str] = {}
    extras: tuple[str, ...] = ()

    def chosen(self, kind: str, columns: Iterable[str]) -> str:
        """Return the name that the database chose for a constraint: as it is there, else as PostgreSQL would choose."""
        back = {new: old for old, new in self.columns.items()}
        before = tuple(back.get(name, name) for name in columns)
        known = self.live.get((kind, before))
        if known or self.old is None:
            return known or ""
        return chosen_name(self.old.name, () if kind == "pkey" else before, kind)


def table_renames(changes: Sequence[TableChange]) -> dict[str, str]:
    """Return the new names of renamed tables."""
    return {
        change.old.name: change.new.name
        for change in changes
        if change.old is not None and change.new is not None and change.old.name != change.new.name
    }


def differences(changes: Sequence[TableChange]) -> list[tuple[TableChange, Difference]]:
    """Return what differs in each table that stays, once tables and columns have their new names."""
    renames = table_renames(changes)
    columns = {change.new.name: change.columns for change in changes if change.new and change.old}
    found: list[tuple[TableChange, Difference]] = []
    for change in changes:
        if change.old is not None and change.new is not None:
            old = _renamed(change.old, change, renames, columns)
            found.append((change, compare(old, change.new)))
    return found


def _renamed(
    table: Table,
    change: TableChange,
    tables: Mapping[str, str],
    columns: Mapping[str, Mapping[str, str]],
) -> Table:
    table = rename_table(rename_columns(table, change.columns), tables)
    for target, renamed in columns.items():
        if renamed:
            table = rename_targets(table, target, renamed)
    return table


__all__ = ["TableChange", "differences", "table_renames"]
