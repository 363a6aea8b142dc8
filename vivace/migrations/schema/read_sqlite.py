"""Reads tables of SQLite: what PRAGMAs tell, and the rest from the CREATE statements that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import sqltext
from .live import Fetch, Live
from .names import quote
from .values import Check, Column, ForeignKey, Index, Table, Unique

_STARTS = ("constraint", "primary", "unique", "check", "foreign")


async def names(fetch: Fetch, *, views: bool = False) -> list[str]:
    """Return the names of all tables, SQLite's own left out."""
    kinds = "('table', 'view')" if views else "('table')"
    rows = await fetch(
        f"SELECT name FROM sqlite_master WHERE type IN {kinds} AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY name",
        (),
    )
    return [str(row[0]) for row in rows]


async def read(fetch: Fetch, name: str) -> Live | None:
    """Return one table or view, ``None`` when it is not there."""
    rows = await fetch(
        "SELECT type, name, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE", (bare(name),)
    )
    found = next((row for row in rows if row[0] in ("table", "view")), None)
    if found is None:
        return None
    kind, real, sql = found
    defined = _Definition(str(sql))
    info = await fetch(f"PRAGMA table_xinfo({quote(real)})", ())
    keys = await _foreign_keys(fetch, real)
    primary = [str(row[1]) for row in sorted((row for row in info if row[5]), key=lambda row: row[5])]
    table = Table(
        name=real,
        columns=tuple(_column(row, defined, primary) for row in info),
        primary=tuple(primary) if len(primary) > 1 else (),
        uniques=tuple(defined.uniques),
        checks=tuple(defined.checks),
        foreign_keys=keys,
        indexes=await _indexes(fetch, real),
    )
    return Live(table=table, view=kind == "view")


def bare(name: str) -> str:
    """Return a name without quotes."""
    return sqltext.unquoted(name) if name[:1] == '"' else name


class _Definition:
    """What only the text of CREATE TABLE tells, per column and for the table."""

    def __init__(self, sql: str) -> None:
        self.columns: dict[str, list[str]] = {}
        self.uniques: list[Unique] = []
        self.checks: list[Check] = []
        for part in (
            sqltext.split(sqltext.body(sql)) if sql.lstrip().upper().startswith("CREATE TABLE") else ()
        ):
            words = sqltext.words(part)
            if words and words[0].lower() in _STARTS:
                self._constraint(words)
            elif words:
                self.columns[sqltext.unquoted(words[0]).lower()] = words[1:]

    def _constraint(self, words: list[str]) -> None:
        name = ""
        if words[0].lower() == "constraint":
            name, words = sqltext.unquoted(words[1]), words[2:]
        kind = words[0].lower()
        if kind == "unique":
            columns = tuple(sqltext.unquoted(part.split()[0]) for part in sqltext.split(words[1][1:-1]))
            self.uniques.append(Unique(name=name, columns=columns))
        elif kind == "check":
            self.checks.append(Check(name=name, sql=sqltext.normal(words[1][1:-1])))

    def after(self, column: str, *keywords: str) -> str:
        """Return the word that follows keywords in a column's definition, ``""`` if they are not there."""
        words = self.columns.get(column.lower(), [])
        lower = [word.lower() for word in words]
        for position in range(len(words)):
            if tuple(lower[position : position + len(keywords)]) == keywords:
                end = position + len(keywords)
                return words[end] if end < len(words) else ""
        return ""

    def has(self, column: str, keyword: str) -> bool:
        """Say whether a keyword stands in a column's definition."""
        return keyword in (word.lower() for word in self.columns.get(column.lower(), []))


def _column(row: Sequence[Any], defined: _Definition, primary: list[str]) -> Column:
    _, name, kind, not_null, default, key, hidden = row[:7]
    generated = defined.after(name, "as") if hidden in (2, 3) else ""
    check = defined.after(name, "check")
    return Column(
        name=name,
        type=str(kind).lower(),
        null=not not_null and not key,
        primary=bool(key) and len(primary) == 1,
        unique=defined.has(name, "unique"),
        identity=defined.has(name, "autoincrement"),
        default=_bare(str(default)) if default is not None else "",
        generated=sqltext.normal(generated[1:-1]),
        stored=hidden == 3,
        collation=sqltext.unquoted(defined.after(name, "collate")),
        check=sqltext.normal(check[1:-1]),
    )


def _bare(default: str) -> str:
    """Return a default without the parentheses around it; NULL is none."""
    while default.startswith("(") and sqltext.closing(default, 0) == len(default) - 1:
        default = default[1:-1].strip()
    return "" if default.upper() == "NULL" else default


async def _foreign_keys(fetch: Fetch, table: str) -> tuple[ForeignKey, ...]:
    found: dict[int, list[Sequence[Any]]] = {}
    for row in await fetch(f"PRAGMA foreign_key_list({quote(table)})", ()):
        found.setdefault(row[0], []).append(row)
    return tuple([await _foreign_key(fetch, found[number]) for number in sorted(found, reverse=True)])


async def _foreign_key(fetch: Fetch, rows: list[Sequence[Any]]) -> ForeignKey:
    rows = sorted(rows, key=lambda row: row[1])
    target = str(rows[0][2])
    targets = tuple(str(row[4]) for row in rows if row[4] is not None)
    if not targets:
        info = await fetch(f"PRAGMA table_info({quote(target)})", ())
        targets = tuple(
            str(row[1]) for row in sorted((row for row in info if row[5]), key=lambda row: row[5])
        )
    rule = str(rows[0][6])
    return ForeignKey(
        columns=tuple(str(row[3]) for row in rows),
        table=target,
        targets=targets,
        on_delete="" if rule == "NO ACTION" else f"ON DELETE {rule}",
    )


async def _indexes(fetch: Fetch, table: str) -> tuple[Index, ...]:
    found: list[Index] = []
    for row in await fetch(f"PRAGMA index_list({quote(table)})", ()):
        _, name, unique, origin = row[:4]
        if origin == "c":
            found.append(await _index(fetch, str(name), bool(unique)))
    return tuple(sorted(found, key=lambda index: index.name))


async def _index(fetch: Fetch, name: str, unique: bool) -> Index:
    rows = await fetch("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (name,))
    sql = str(rows[0][0])
    start = sqltext.opening(sql)
    end = sqltext.closing(sql, start)
    where = sql[end + 1 :].strip()
    parts = tuple(sqltext.normal(part) for part in sqltext.split(sql[start + 1 : end]))
    keys = await fetch(f"PRAGMA index_xinfo({quote(name)})", ())
    columns = tuple(str(row[2]) for row in keys if row[5] and row[2] is not None)
    whole = len(columns) == len(parts)
    return Index(
        name=name,
        parts=parts,
        columns=columns if whole else (),
        unique=unique,
        condition=sqltext.normal(where[len("where") :]) if where.lower().startswith("where") else "",
    )


async def extras(fetch: Fetch, table: Table) -> tuple[str, ...]:
    """Return the CREATE statements of a table's triggers, and of indexes that are not described."""
    known = {index.name for index in table.indexes}
    rows = await fetch(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL "
        "AND type IN ('trigger', 'index') ORDER BY type, name",
        (bare(table.name),),
    )
    return tuple(str(sql) for kind, name, sql in rows if kind == "trigger" or name not in known)


__all__ = ["extras", "names", "read"]
