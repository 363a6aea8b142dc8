"""Database URLs: from ``DATABASE_URL`` to a driver.

``sqlite:///relative.sqlite3``, ``sqlite:////absolute.sqlite3``, ``sqlite://:memory:`` (or ``sqlite://``);
``postgresql://user:password@host:port/name`` (also ``postgres://``; ``?host=/run/postgresql`` for a Unix socket). What
follows ``?`` sets options of the driver by their names: ``?max_connections=20&pooler=transaction``. Errors never show
the password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from vivace.config.urls import URLReader
from vivace.errors import DatabaseURLInvalid

from .types import Driver

FORMS: Final = "sqlite:///file.sqlite3, sqlite://:memory: or postgresql://user:password@host:5432/name"
READER: Final = URLReader("database", FORMS, DatabaseURLInvalid)


def connect(url: str, *, root: Path | None = None) -> Driver:
    """Return the driver for a URL, not opened yet; relative SQLite paths start at ``root``.

    Raises ``DatabaseURLInvalid`` for what cannot be read, ``MissingExtra`` when the driver is not installed.
    """
    scheme = READER.scheme(url, _SCHEMES, bare="sqlite")
    return _SCHEMES[scheme](url, root or Path())


def _sqlite(url: str, root: Path) -> Driver:
    from .sqlite import SQLiteDriver, SQLiteOptions  # loads apsw: only who has such a database

    rest, _, query = url.partition(":")[2].partition("?")
    if not rest.startswith("//"):
        raise DatabaseURLInvalid(f"The database URL {url!r} has no // after its scheme.", expected=FORMS)
    name = unquote(rest[2:])
    path = name if name in ("", ":memory:", "/:memory:") else _file(name, root)
    if path in ("", "/:memory:"):
        path = ":memory:"
    return SQLiteDriver(SQLiteOptions(path=path, **READER.options(query, SQLiteOptions)))


def _file(name: str, root: Path) -> str:
    if not name.startswith("/"):
        raise DatabaseURLInvalid(
            f"The SQLite URL names a host, {name.partition('/')[0]!r}.",
            expected="three slashes before a relative path, four before an absolute one",
            fix=f"sqlite:///{name}",
        )
    return str(root / name[1:])


def _postgresql(url: str, root: Path) -> Driver:
    from .postgresql import PostgreSQLDriver, PostgreSQLOptions  # loads asyncpg

    parts = READER.split(url)
    given = READER.address(parts) | READER.options(parts.query, PostgreSQLOptions)
    return PostgreSQLDriver(PostgreSQLOptions(**given))


_SCHEMES: Final[Mapping[str, Callable[[str, Path], Driver]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "postgres": _postgresql,
}

__all__ = ["connect"]
