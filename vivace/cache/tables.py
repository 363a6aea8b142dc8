"""The two tables of the database store, and its statements, as SQLite and PostgreSQL want them.

A statement is written once, with ``:name`` for its parameters and with the few words that differ in ``{braces}``.
"""

# ruff: noqa: S608 - the names are those of this module, and values are parameters
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vivace.db import Statement
from vivace.db.types import Dialect

TABLE: Final = "vivace_cache"
TAGS: Final = "vivace_cache_tag"

MAKE: Final[Mapping[Dialect, str]] = {
    "sqlite": f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    space TEXT NOT NULL, key TEXT NOT NULL, value BLOB, number INTEGER, fresh REAL NOT NULL, until REAL NOT NULL,
    tags TEXT, PRIMARY KEY (space, key));
CREATE TABLE IF NOT EXISTS {TAGS} (
    space TEXT NOT NULL, tag TEXT NOT NULL, version INTEGER NOT NULL, until REAL NOT NULL, PRIMARY KEY (space, tag));
""",
    # Unlogged: a crash of the server empties them, which a cache may be. Room in each page lets an update stay in it.
    "postgresql": f"""
CREATE UNLOGGED TABLE IF NOT EXISTS {TABLE} (
    space TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL, value BYTEA, number BIGINT,
    fresh DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, tags TEXT,
    PRIMARY KEY (space, key)) WITH (fillfactor = 80);
CREATE UNLOGGED TABLE IF NOT EXISTS {TAGS} (
    space TEXT COLLATE "C" NOT NULL, tag TEXT COLLATE "C" NOT NULL, version BIGINT NOT NULL,
    until DOUBLE PRECISION NOT NULL, PRIMARY KEY (space, tag)) WITH (fillfactor = 80);
""",
}
_WORDS: Final[Mapping[Dialect, Mapping[str, str]]] = {
    "sqlite": {
        "in_keys": "IN (SELECT value FROM json_each(:keys))",
        "each": "SELECT key AS tag, value AS version FROM json_each",
        "json": "",
        "in_order": "",
    },
    "postgresql": {
        "in_keys": "= ANY(:keys)",
        "each": "SELECT key AS tag, value::bigint AS version FROM jsonb_each_text",
        "json": "::jsonb",
        "in_order": "ORDER BY key FOR UPDATE",  # who locks several rows does it in one order, or they wait in a circle
    },
}
_TYPES: Final[Mapping[str, str]] = {  # PostgreSQL cannot always tell those of parameters
    **dict.fromkeys(("space", "key", "tag", "tags", "after"), "text"),
    **dict.fromkeys(("number", "delta", "low", "high", "version", "rows"), "bigint"),
    **dict.fromkeys(("fresh", "until", "now"), "float8"),
    "value": "bytea",
    "keys": "text[]",
}
_PARAMETER: Final = re.compile(r"(?<!:):(\w+)")
_COLUMNS: Final = ("space", "key", "value", "number", "fresh", "until", "tags")


def _changed(tags: str) -> str:
    """Return the condition that a tag has another version than in this JSON, or none."""
    return (
        f"EXISTS (SELECT 1 FROM ({{each}}({tags}{{json}})) AS wanted LEFT JOIN {TAGS} AS known "
        "ON known.space = :space AND known.tag = wanted.tag AND known.version = wanted.version "
        "WHERE known.tag IS NULL)"
    )


# SQLite's RETURNING does not know aliases, so the table keeps its name
_ALIVE: Final = f"({TABLE}.tags IS NULL OR NOT {_changed(f'{TABLE}.tags')})"
_FRESH: Final = f"{TABLE}.fresh > :now AND {_ALIVE}"
_HERE: Final = f"WHERE {TABLE}.space = :space AND {TABLE}.key = :key AND {_FRESH}"
_NAMES: Final = ", ".join(_COLUMNS)
_VALUES: Final = ", ".join(f":{name}" for name in _COLUMNS)
_UPSERT: Final = "ON CONFLICT (space, key) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _COLUMNS[2:]
)
_THOSE: Final = f"WHERE space = :space AND key IN (SELECT key FROM {TABLE} WHERE space = :space AND key {{in_keys}} {{in_order}})"
_READS: Final[Mapping[str, str]] = {
    "get": f"SELECT value, number FROM {TABLE} {_HERE}",
    "get_many": (
        f"SELECT key, value, number FROM {TABLE} WHERE {TABLE}.space = :space AND {TABLE}.key {{in_keys}} AND {_FRESH}"
    ),
    "find": (
        f"SELECT value, number, fresh, tags FROM {TABLE} "
        f"WHERE {TABLE}.space = :space AND {TABLE}.key = :key AND {TABLE}.until > :now AND {_ALIVE}"
    ),
    "changed": f"SELECT {_changed(':tags')}",
    "versions": f"SELECT tag, version, until FROM {TAGS} WHERE space = :space AND tag {{in_keys}} AND until > :now",
    "count": f"SELECT count(*), coalesce(sum(coalesce(length(value), 8)), 0) FROM {TABLE} WHERE space = :space",
    "window": (
        f"SELECT key, until FROM {TABLE} WHERE space = :space AND key > :after ORDER BY space, key LIMIT :rows"
    ),
}
_WRITES: Final[Mapping[str, str]] = {
    "keep": f"INSERT INTO {TABLE} ({_NAMES}) VALUES ({_VALUES}) {_UPSERT}",
    "keep_tagged": f"INSERT INTO {TABLE} ({_NAMES}) SELECT {_VALUES} WHERE NOT {_changed(':tags')} {_UPSERT}",
    "add": f"INSERT INTO {TABLE} ({_NAMES}) VALUES ({_VALUES}) {_UPSERT} WHERE NOT ({_FRESH})",
    "add_tagged": (
        f"INSERT INTO {TABLE} ({_NAMES}) SELECT {_VALUES} WHERE NOT {_changed(':tags')} "
        f"{_UPSERT} WHERE NOT ({_FRESH})"
    ),
    "incr": (
        f"UPDATE {TABLE} SET number = {TABLE}.number + :delta "
        f"{_HERE} AND {TABLE}.number BETWEEN :low AND :high RETURNING {TABLE}.number"
    ),
    "touch": f"UPDATE {TABLE} SET fresh = :fresh, until = :until {_HERE}",
    "forget": f"DELETE FROM {TABLE} {_HERE}",
    "delete": f"DELETE FROM {TABLE} {_THOSE} RETURNING {_FRESH}",
    "clear": f"DELETE FROM {TABLE} WHERE space = :space",
    "clear_tags": f"DELETE FROM {TAGS} WHERE space = :space",
    # the version that is there stays while it lives
    "make_version": (
        f"INSERT INTO {TAGS} AS t (space, tag, version, until) VALUES (:space, :tag, :version, :until) "
        "ON CONFLICT (space, tag) DO UPDATE SET until = excluded.until, "
        "version = CASE WHEN t.until > :now THEN t.version ELSE excluded.version END"
    ),
    "delete_tags": f"DELETE FROM {TAGS} WHERE space = :space AND tag {{in_keys}}",
    "sweep": f"DELETE FROM {TABLE} {_THOSE} AND until <= :until",
    "sweep_tags": f"DELETE FROM {TAGS} WHERE space = :space AND until <= :now",
}
_SHORT: Final = frozenset({"get", "find", "versions"})  # few rows by the key: SQLite runs them on the loop


class Prepared(msgspec.Struct, frozen=True):
    """A statement, and the names of its parameters in their order."""

    statement: Statement
    names: tuple[str, ...]

    def parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what the statement is run with."""
        return tuple(values[name] for name in self.names)


def statements(dialect: Dialect) -> dict[str, Prepared]:
    """Return all statements by name."""
    reads = {name: _prepared(text, dialect, name in _SHORT) for name, text in _READS.items()}
    writes = {name: _prepared(text, dialect, False, TABLE, TAGS) for name, text in _WRITES.items()}
    return reads | writes


def _prepared(text: str, dialect: Dialect, short: bool, *writes: str) -> Prepared:
    for word, meaning in _WORDS[dialect].items():
        text = text.replace(f"{{{word}}}", meaning)
    names = tuple(dict.fromkeys(_PARAMETER.findall(text)))

    def place(match: re.Match[str]) -> str:
        number = names.index(match[1]) + 1
        return f"?{number}" if dialect == "sqlite" else f"${number}::{_TYPES[match[1]]}"

    sql = _PARAMETER.sub(place, text)
    # no page depends on what a cache has: what its values were computed from is what was read
    return Prepared(Statement(sql=sql, reads=frozenset(), writes=frozenset(writes), short=short), names)


__all__ = ["MAKE", "TABLE", "TAGS", "Prepared", "statements"]
