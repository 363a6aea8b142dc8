"""Differences of tables as statements for PostgreSQL.

All tables that one operation changes are changed together, in phases, so that no step meets a constraint of another
table in its way:

1. tables and columns get their new names;
2. constraints and indexes that end are dropped: foreign keys first, and those over columns whose type changes;
3. tables, then columns, are dropped;
4. columns change and are added; tables are created;
5. constraints and indexes are renamed and added: keys before the foreign keys that need them; comments.

Constraints written within a column have names that PostgreSQL chooses; ``TableChange.chosen`` knows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .change import TableChange, differences, table_renames
from .columns import standard_definition
from .compare import Difference
from .literals import quoted
from .names import quote, quote_all
from .values import Check, Column, Exclusion, ForeignKey, Index, Table, Unique

CHECK_DEFERRED = (
    "SET CONSTRAINTS ALL IMMEDIATE"  # pending checks would forbid ALTER TABLE in the same transaction
)
_DEFERRABLE = {
    "": "",
    "deferred": " DEFERRABLE INITIALLY DEFERRED",
    "immediate": " DEFERRABLE INITIALLY IMMEDIATE",
}


def render(changes: Sequence[TableChange]) -> list[str]:
    """Return the statements that make the changes, in the order in which they must run."""
    statements = list(_renames(changes))
    pairs = differences(changes)
    _retype_keys(pairs)
    for _, difference in pairs:
        statements += _drop_keys(difference)
    for change, difference in pairs:
        statements += _drop_rules(change, difference)
    statements += [
        f"DROP TABLE {quote(change.old.name)} CASCADE" for change in changes if change.old and not change.new
    ]
    for change, difference in pairs:
        statements += _change_columns(change, difference)
    created = [change.new for change in changes if change.new and not change.old]
    statements += [create_table(table) for table in created]
    for change, difference in pairs:
        statements += _add_rules(change, difference)
    for table in created:
        statements += _table_rules(table)
    for _, difference in pairs:
        statements += [add_foreign_key(difference.new.name, key) for key in difference.foreign_keys.added]
    for table in created:
        statements += [add_foreign_key(table.name, key) for key in table.foreign_keys]
    for table in created:
        statements += [create_index(table.name, index) for index in table.indexes]
    return statements


def _renames(changes: Sequence[TableChange]) -> Iterator[str]:
    for old, new in table_renames(changes).items():
        yield f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}"
    for change in changes:
        if change.new is not None:
            for old, new in change.columns.items():
                yield f"ALTER TABLE {quote(change.new.name)} RENAME COLUMN {quote(old)} TO {quote(new)}"


def _retype_keys(pairs: Sequence[tuple[TableChange, Difference]]) -> None:
    """Let foreign keys be made anew where a column of either end changes its type or its key."""
    touched = {
        (difference.new.name, new.name)
        for _, difference in pairs
        for old, new in difference.changed
        if old.type != new.type or old.collation != new.collation or _is_key(old) != _is_key(new)
    } | {
        (difference.new.name, name)
        for _, difference in pairs
        if difference.primary_changed
        for name in (*difference.old.key_columns, *difference.new.key_columns)
    }
    for _, difference in pairs:
        for key in difference.new.foreign_keys:
            ends = {(difference.new.name, name) for name in key.columns} | {
                (key.table, name) for name in key.targets
            }
            if key in difference.old.foreign_keys and not ends.isdisjoint(touched):
                difference.foreign_keys.removed.append(key)
                difference.foreign_keys.added.append(key)


def _is_key(column: Column) -> bool:
    return column.primary or column.unique


# -- whole tables


def create_table(table: Table) -> str:
    """Return CREATE TABLE with all that belongs into it; foreign keys, indexes and comments come after."""
    body = [column_definition(column) for column in table.columns]
    body += [f"CONSTRAINT {quote(each.name)} {unique_sql(each)}" for each in table.uniques]
    body += [f"CONSTRAINT {quote(each.name)} CHECK ({each.sql})" for each in table.checks if each.valid]
    body += [f"CONSTRAINT {quote(each.name)} {each.sql}" for each in table.exclusions]
    if table.primary:
        body.append(f"PRIMARY KEY ({quote_all(table.primary)})")
    return f"CREATE TABLE {quote(table.name)} ({', '.join(body)})"


def column_definition(column: Column, fill: str = "") -> str:
    """Return a column as CREATE TABLE and ADD COLUMN have it; ``fill`` is a default for rows that exist."""
    identity = " GENERATED BY DEFAULT AS IDENTITY" if column.identity else ""
    return standard_definition(column, column.default or fill) + identity


def _table_rules(table: Table) -> Iterator[str]:
    for check in table.checks:
        if not check.valid:
            yield _add_check(table.name, check)
    yield from _comments(Table(name=table.name), table)


def _comments(old: Table, new: Table) -> Iterator[str]:
    if old.comment != new.comment:
        yield f"COMMENT ON TABLE {quote(new.name)} IS {_text_or_null(new.comment)}"
    for column in new.columns:
        before = old.column(column.name)
        if (before.comment if before else "") != column.comment:
            place = f"{quote(new.name)}.{quote(column.name)}"
            yield f"COMMENT ON COLUMN {place} IS {_text_or_null(column.comment)}"


def _text_or_null(text: str) -> str:
    return quoted(text) if text else "NULL"


# -- what ends


def _drop_keys(difference: Difference) -> Iterator[str]:
    for key in difference.foreign_keys.removed:
        yield CHECK_DEFERRED
        yield drop_constraint(difference.new.name, key.name)


def drop_constraint(table: str, name: str) -> str:
    """Return the statement that drops a constraint of any kind."""
    return f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(name)}"


def _drop_rules(change: TableChange, difference: Difference) -> Iterator[str]:
    table = difference.new.name
    ended: list[Check | Unique | Exclusion] = [
        *difference.checks.removed,
        *difference.uniques.removed,
        *difference.exclusions.removed,
    ]
    for rule in ended:
        yield drop_constraint(table, rule.name)
    for index in difference.indexes.removed:
        yield f"DROP INDEX IF EXISTS {quote(index.name)}"
    for old, new in difference.changed:
        if old.check and old.check != new.check:
            yield drop_constraint(table, change.chosen("check", [new.name]))
        if old.unique and not new.unique:
            yield drop_constraint(table, change.chosen("key", [new.name]))
    if difference.primary_changed and difference.old.key_columns:
        yield f"{drop_constraint(table, change.chosen('pkey', difference.old.key_columns))} CASCADE"


# -- columns


def _change_columns(change: TableChange, difference: Difference) -> Iterator[str]:
    table = quote(difference.new.name)
    for column in difference.removed:
        yield f"ALTER TABLE {table} DROP COLUMN {quote(column.name)} CASCADE"
    for old, new in difference.changed:
        yield from _change_column(change, table, old, new)
    for column in difference.added:
        yield from _add_column(change, table, column)


def _add_column(change: TableChange, table: str, column: Column) -> Iterator[str]:
    fill = "" if column.default or column.generated or column.identity else change.fills.get(column.name, "")
    yield f"ALTER TABLE {table} ADD COLUMN {column_definition(column, fill)}"
    if fill:
        yield f"ALTER TABLE {table} ALTER COLUMN {quote(column.name)} DROP DEFAULT"


def _change_column(change: TableChange, table: str, old: Column, new: Column) -> Iterator[str]:
    if new.generated and (old.generated, old.stored, old.type) != (new.generated, new.stored, new.type):
        yield f"ALTER TABLE {table} DROP COLUMN {quote(old.name)} CASCADE"  # its values follow from others
        yield f"ALTER TABLE {table} ADD COLUMN {column_definition(new)}"
        return
    alter = f"ALTER TABLE {table} ALTER COLUMN {quote(new.name)}"
    if old.generated and not new.generated:
        yield f"{alter} DROP EXPRESSION"
    if old.identity and not new.identity:
        yield f"{alter} DROP IDENTITY IF EXISTS"
    if old.default and old.default != new.default:
        yield f"{alter} DROP DEFAULT"
    if (old.type, old.collation) != (new.type, new.collation):
        yield _retype(alter, old, new)
        if old.identity and new.identity:
            yield f"ALTER SEQUENCE IF EXISTS {quote(change.chosen('seq', [new.name]))} AS {new.type}"
    if new.default and old.default != new.default:
        yield f"{alter} SET DEFAULT {new.default}"
    yield from _change_null(change, table, alter, old, new)
    if new.identity and not old.identity:
        yield f"{alter} ADD GENERATED BY DEFAULT AS IDENTITY"
        yield _restart(table, new.name)


def _retype(alter: str, old: Column, new: Column) -> str:
    collation = f" COLLATE {quote(new.collation or 'default')}" if new.collation != old.collation else ""
    using = f" USING {quote(new.name)}::{new.type}" if _base(old.type) != _base(new.type) else ""
    return f"{alter} TYPE {new.type}{collation}{using}"


def _base(kind: str) -> str:
    return kind.partition("(")[0]


def _change_null(change: TableChange, table: str, alter: str, old: Column, new: Column) -> Iterator[str]:
    if new.generated or old.null == new.null:
        return
    if new.null:
        yield f"{alter} DROP NOT NULL"
        return
    fill = new.default or change.fills.get(new.name, "")
    if fill:
        yield f"UPDATE {table} SET {quote(new.name)} = {fill} WHERE {quote(new.name)} IS NULL"
        yield CHECK_DEFERRED
    yield f"{alter} SET NOT NULL"


def _restart(table: str, column: str) -> str:
    sequence = f"pg_get_serial_sequence({quoted(table)}, {quoted(column)})"
    return f"SELECT setval({sequence}, coalesce(max({quote(column)}), 0) + 1, false) FROM {table}"


# -- what begins


def _add_rules(change: TableChange, difference: Difference) -> Iterator[str]:
    table = difference.new.name
    alter = f"ALTER TABLE {quote(table)}"
    if difference.primary_changed and difference.new.key_columns:
        fresh = [column.name for column in difference.added if column.primary]
        if not fresh:
            yield f"{alter} ADD PRIMARY KEY ({quote_all(difference.new.key_columns)})"
    for old, new in difference.changed:
        if new.unique and not old.unique:
            yield f"{alter} ADD UNIQUE ({quote(new.name)})"
        if new.check and old.check != new.check:
            yield f"{alter} ADD CHECK ({new.check})"
    for rules in (difference.uniques, difference.checks, difference.exclusions, difference.foreign_keys):
        for before, after in rules.renamed:
            yield f"{alter} RENAME CONSTRAINT {quote(before.name)} TO {quote(after.name)}"
    for index_before, index_after in difference.indexes.renamed:
        yield f"ALTER INDEX {quote(index_before.name)} RENAME TO {quote(index_after.name)}"
    for unique in difference.uniques.added:
        yield f"{alter} ADD CONSTRAINT {quote(unique.name)} {unique_sql(unique)}"
    for check in difference.checks.added:
        yield _add_check(table, check)
    for exclusion in difference.exclusions.added:
        yield f"{alter} ADD CONSTRAINT {quote(exclusion.name)} {exclusion.sql}"
    for index in difference.indexes.added:
        yield create_index(table, index)
    yield from _comments(difference.old, difference.new)


def _add_check(table: str, check: Check) -> str:
    valid = "" if check.valid else " NOT VALID"
    return f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(check.name)} CHECK ({check.sql}){valid}"


def unique_sql(unique: Unique) -> str:
    """Return a UNIQUE constraint without its name."""
    nulls = (
        "" if unique.nulls_distinct is None else f" NULLS {'' if unique.nulls_distinct else 'NOT '}DISTINCT"
    )
    return f"UNIQUE{nulls} ({quote_all(unique.columns)}){_DEFERRABLE[unique.deferrable]}"


def add_foreign_key(table: str, key: ForeignKey) -> str:
    """Return the statement that adds a foreign key."""
    on_delete = f" {key.on_delete}" if key.on_delete else ""
    return (
        f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(key.name)} FOREIGN KEY ({quote_all(key.columns)}) "
        f"REFERENCES {quote(key.table)} ({quote_all(key.targets)}){on_delete} DEFERRABLE INITIALLY DEFERRED"
    )


def create_index(table: str, index: Index, *, concurrently: bool = False) -> str:
    """Return CREATE INDEX."""
    parts = ["CREATE UNIQUE INDEX" if index.unique else "CREATE INDEX"]
    parts += ["CONCURRENTLY"] if concurrently else []
    parts += [quote(index.name), "ON", quote(table)]
    parts += [f"USING {index.method}"] if index.method else []
    parts.append(f"({', '.join(index.parts)})")
    parts += [f"INCLUDE ({quote_all(index.include)})"] if index.include else []
    if index.nulls_distinct is not None:
        parts.append("NULLS DISTINCT" if index.nulls_distinct else "NULLS NOT DISTINCT")
    parts += [f"WITH ({index.options})"] if index.options else []
    parts += [f"WHERE {index.condition}"] if index.condition else []
    return " ".join(parts)


__all__ = [
    "CHECK_DEFERRED",
    "add_foreign_key",
    "column_definition",
    "create_index",
    "create_table",
    "drop_constraint",
    "render",
    "unique_sql",
]
