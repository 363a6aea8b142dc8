"""Tables as plain values: what a database has, or should have, told the same way for both.

Everything that the schema room does is a function of such values:

* ``describe`` makes them from a project state, for one dialect; no database and no model class is needed;
* ``introspect`` makes them from a live database;
* ``compare`` tells the difference of two;
* a renderer turns a difference into statements.

So a migration run, ``sqlmigrate``, the drift report, ``inspectdb`` and the tables of ``vivace dev`` cannot disagree.

An empty ``name`` means that the database chose, or will choose, the name: constraints written within a column.
SQL texts (types, expressions, conditions) are in the dialect for which the value was made.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Deferrable = Literal["", "deferred", "immediate"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column. ``default``, ``generated`` and ``check`` are SQL; ``primary``: it alone is the primary key."""

    name: str
    type: str
    null: bool = False
    primary: bool = False
    unique: bool = False
    identity: bool = False
    default: str = ""
    generated: str = ""
    stored: bool = False
    collation: str = ""
    check: str = ""
    comment: str = ""


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """A reference to rows of another table, checked at commit. ``on_delete`` is SQL: what the database itself does."""

    name: str = ""
    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    on_delete: str = ""


class Unique(msgspec.Struct, frozen=True, kw_only=True):
    """A UNIQUE constraint over columns; unique indexes are indexes."""

    name: str = ""
    columns: tuple[str, ...]
    deferrable: Deferrable = ""
    nulls_distinct: bool | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A CHECK constraint; ``valid`` is false while old rows have not been looked at (PostgreSQL)."""

    name: str
    sql: str
    valid: bool = True


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """An EXCLUDE constraint (PostgreSQL)."""

    name: str
    sql: str


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """An index. ``parts`` are the SQL of its keys in order, ``columns`` the columns that are keys as they stand."""

    name: str = ""
    parts: tuple[str, ...]
    columns: tuple[str, ...] = ()
    unique: bool = False
    method: str = ""
    condition: str = ""
    include: tuple[str, ...] = ()
    nulls_distinct: bool | None = None
    options: str = ""
    tablespace: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table. ``primary`` names the columns of a composite primary key."""

    name: str
    columns: tuple[Column, ...] = ()
    primary: tuple[str, ...] = ()
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    indexes: tuple[Index, ...] = ()
    comment: str = ""
    tablespace: str = ""

    def column(self, name: str) -> Column | None:
        """Return the column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the primary key, one or several."""
        return self.primary or tuple(column.name for column in self.columns if column.primary)


__all__ = ["Check", "Column", "Deferrable", "Exclusion", "ForeignKey", "Index", "Table", "Unique"]
