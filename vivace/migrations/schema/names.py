"""Names of constraints and indexes by Django's scheme, so that a database which Django made is recognised.

``<table>_<columns>_<digest><suffix>``, the digest being the first eight hexadecimal digits of the MD5 of table and
columns. A name that the database would not keep whole is shortened evenly in table and columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from vivace.db.types import Dialect

LONGEST: Final[dict[Dialect, int]] = {"postgresql": 63, "sqlite": 200}


def quote(name: str) -> str:
    """Return an identifier in quotes; one that has quotes (``"schema"."table"``) stays as it is."""
    if name.startswith('"') and name.endswith('"'):
        return name
    return '"' + name.replace('"', '""') + '"'


def quote_all(names: Sequence[str]) -> str:
    """Return identifiers in quotes, separated by commas."""
    return ", ".join(quote(name) for name in names)


def digest(*parts: str, length: int = 8) -> str:
    """Return a short digest that keeps shortened names apart."""
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()[:length]


def bare(table: str) -> str:
    """Return a table's name without its schema and quotes."""
    return table.rpartition('"."')[2].strip('"')


def object_name(dialect: Dialect, table: str, columns: Sequence[str], suffix: str = "") -> str:
    """Return the name of an index or constraint over ``columns``."""
    table, joined = bare(table), "_".join(columns)
    tail = digest(table, *columns) + suffix
    longest = LONGEST[dialect]
    name = f"{table}_{joined}_{tail}"
    if len(name) <= longest:
        return name
    if len(tail) > longest / 3:
        tail = tail[: longest // 3]
    share = (longest - len(tail)) // 2 - 1
    name = f"{table[:share]}_{joined[:share]}_{tail}"
    return f"D{name[:-1]}" if name[0] == "_" or name[0].isdigit() else name


def foreign_key_name(dialect: Dialect, table: str, column: str, to_table: str, to_column: str) -> str:
    """Return the name of a foreign key's constraint."""
    return object_name(dialect, table, [column], f"_fk_{bare(to_table)}_{to_column}")


def shorten_table(name: str) -> str:
    """Return a generated table name that every database keeps whole: models have one name on all of them."""
    longest = LONGEST["postgresql"]
    if len(name) <= longest:
        return name
    return f"{name[: longest - 4]}{digest(name, length=4)}"


def chosen_name(table: str, columns: Sequence[str], kind: str) -> str:
    """Return the name that PostgreSQL chooses by itself for a constraint: ``key``, ``check``, ``pkey`` or ``seq``."""
    first, second = bare(table), "_".join(columns)
    room = LONGEST["postgresql"] - len(kind) - 1 - (1 if second else 0)
    while len(first.encode()) + len(second.encode()) > room:
        if len(first.encode()) > len(second.encode()):
            first = first[:-1]
        else:
            second = second[:-1]
    return "_".join(part for part in (first, second, kind) if part)


__all__ = [
    "LONGEST",
    "bare",
    "chosen_name",
    "digest",
    "foreign_key_name",
    "object_name",
    "quote",
    "quote_all",
    "shorten_table",
]
