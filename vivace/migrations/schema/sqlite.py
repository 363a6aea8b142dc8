"""Differences of tables as statements for SQLite.

SQLite can rename tables and columns, and add and drop simple columns. Everything else rebuilds the table as its manual
says (lang_altertable.html, "Making Other Kinds Of Table Schema Changes"): make the new table under another name, copy
the rows, drop the old one, rename the new one; then make its indexes and triggers again.

Two switches matter. ``foreign_keys`` must be off around it (the run sees to that, as it has no effect within a
transaction), else dropping the old table would delete rows that refer to it. ``legacy_alter_table`` is on for the
last rename, so that views and other tables keep referring to the table by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .change import TableChange, differences, table_renames
from .columns import standard_definition
from .compare import Difference
from .literals import quoted
from .names import quote, quote_all
from .values import Column, ForeignKey, Index, Table


def render(changes: Sequence[TableChange]) -> list[str]:
    """Return the statements that make the changes, in the order in which they must run."""
    statements = list(_renames(changes))
    for change, difference in differences(changes):
        if difference:
            statements += _alter(change, difference)
    statements += [
        f"DROP TABLE {quote(change.old.name)}" for change in changes if change.old and not change.new
    ]
    for change in changes:
        if change.new is not None and change.old is None:
            statements.append(create_table(change.new))
            statements += [create_index(change.new.name, index) for index in change.new.indexes]
    return statements


def _renames(changes: Sequence[TableChange]) -> Iterator[str]:
    for old, new in table_renames(changes).items():
        if old.lower() == new.lower():  # SQLite finds a table in any case, so this one is "there already"
            yield f"ALTER TABLE {quote(old)} RENAME TO {quote(f'new__{new}')}"
            old = f"new__{new}"
        yield f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}"
    for change in changes:
        if change.new is not None:
            for old, new in change.columns.items():
                yield f"ALTER TABLE {quote(change.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"


# -- whole tables


def create_table(table: Table, name: str = "") -> str:
    """Return CREATE TABLE, under another name for a rebuild."""
    keys = {key.columns[0]: key for key in table.foreign_keys}
    body = [column_definition(column, keys.get(column.name)) for column in table.columns]
    body += [f"CONSTRAINT {quote(each.name)} UNIQUE ({quote_all(each.columns)})" for each in table.uniques]
    body += [f"CONSTRAINT {quote(each.name)} CHECK ({each.sql})" for each in table.checks]
    if table.primary:
        body.append(f"PRIMARY KEY ({quote_all(table.primary)})")
    return f"CREATE TABLE {quote(name or table.name)} ({', '.join(body)})"


def column_definition(column: Column, key: ForeignKey | None = None) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN have it."""
    parts = [standard_definition(column, column.default)]
    if column.identity:
        parts.append("AUTOINCREMENT")
    if key is not None:
        on_delete = f" {key.on_delete}" if key.on_delete else ""
        parts.append(
            f"REFERENCES {quote(key.table)} ({quote_all(key.targets)}){on_delete} DEFERRABLE INITIALLY DEFERRED"
        )
    return " ".join(parts)


def create_index(table: str, index: Index) -> str:
    """Return CREATE INDEX."""
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    condition = f" WHERE {index.condition}" if index.condition else ""
    return f"CREATE {kind} {quote(index.name)} ON {quote(table)} ({', '.join(index.parts)}){condition}"


# -- changes


def _alter(change: TableChange, difference: Difference) -> Iterator[str]:
    table, indexes = difference.new.name, difference.indexes
    gone = [*indexes.removed, *(before for before, _ in indexes.renamed)]
    fresh = [*(after for _, after in indexes.renamed), *indexes.added]
    if _needs_rebuild(change, difference):
        yield from _rebuild(change, difference)
        return
    for index in gone:
        yield f"DROP INDEX {quote(index.name)}"
    for column in difference.removed:
        yield f"ALTER TABLE {quote(table)} DROP COLUMN {quote(column.name)}"
    keys = {key.columns[0]: key for key in difference.foreign_keys.added}
    for column in difference.added:
        definition = column_definition(column, keys.get(column.name))
        yield f"ALTER TABLE {quote(table)} ADD COLUMN {definition}"
    for index in fresh:
        yield create_index(table, index)


def _needs_rebuild(change: TableChange, difference: Difference) -> bool:
    added = {column.name for column in difference.added}
    keys = difference.foreign_keys
    return bool(
        difference.changed
        or difference.uniques
        or difference.checks
        or difference.primary_changed
        or keys.removed
        or any(key.columns[0] not in added for key in keys.added)
        or any(not _can_be_added(column, change) for column in difference.added)
        or any(not _can_be_dropped(column, difference) for column in difference.removed)
    )


def _can_be_added(column: Column, change: TableChange) -> bool:
    """Say whether ADD COLUMN takes it: no key, a constant default, and NULL or that default for rows that exist."""
    if column.primary or column.unique or column.name in change.fills:
        return False
    if column.generated:
        return not column.stored
    return not column.default.startswith("(") and (column.null or bool(column.default))


def _can_be_dropped(column: Column, difference: Difference) -> bool:
    """Say whether DROP COLUMN takes it: nothing else in the table may name it."""
    if column.primary or column.unique or column.check:
        return False
    old, name = difference.old, quote(column.name)
    kept = [index for index in old.indexes if index in difference.new.indexes]
    named = [
        *(each.sql for each in old.checks),
        *(each.generated for each in old.columns),
        *(part for index in kept for part in (*index.parts, index.condition)),
    ]
    return not any(name in sql for sql in named)


def _rebuild(change: TableChange, difference: Difference) -> Iterator[str]:
    old, new = difference.old, difference.new
    interim = f"new__{new.name.strip(chr(34))}"
    copied = dict(_copied(change, difference))
    yield create_table(new, interim)
    if copied:
        yield (
            f"INSERT INTO {quote(interim)} ({quote_all(list(copied))}) SELECT {', '.join(copied.values())} "
            f"FROM {quote(new.name)}"
        )
    if _has_counter(old) and _has_counter(new):  # keys of deleted rows are not given out again
        yield f"DELETE FROM sqlite_sequence WHERE name = {quoted(interim)}"
        yield (
            f"INSERT INTO sqlite_sequence (name, seq) SELECT {quoted(interim)}, seq FROM sqlite_sequence "
            f"WHERE name = {quoted(new.name)}"
        )
    yield f"DROP TABLE {quote(new.name)}"
    yield "PRAGMA legacy_alter_table = ON"
    yield f"ALTER TABLE {quote(interim)} RENAME TO {quote(new.name)}"
    yield "PRAGMA legacy_alter_table = OFF"
    for index in new.indexes:
        yield create_index(new.name, index)
    yield from change.extras


def _has_counter(table: Table) -> bool:
    return any(column.identity for column in table.columns)


def _copied(change: TableChange, difference: Difference) -> Iterator[tuple[str, str]]:
    """Yield each column that gets values, and what it gets: of the old row, or what fills it."""
    for column in difference.new.columns:
        if column.generated:
            continue
        before = difference.old.column(column.name)
        fill = column.default or change.fills.get(column.name, "")
        if before is None:
            if fill and not column.identity:
                yield column.name, fill
        elif before.null and not column.null and fill:
            yield column.name, f"coalesce({quote(column.name)}, {fill})"
        else:
            yield column.name, quote(column.name)


__all__ = ["column_definition", "create_index", "create_table", "render"]
