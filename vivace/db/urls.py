"""Database URLs: from ``DATABASE_URL`` to a driver.

``sqlite:///relative.sqlite3``, ``sqlite:////absolute.sqlite3``, ``sqlite://:memory:`` (or ``sqlite://``);
``postgresql://user:password@host:port/name`` (also ``postgres://``; ``?host=/run/postgresql`` for a Unix socket). What
follows ``?`` sets options of the driver by their names: ``?max_connections=20&pooler=transaction``. Errors never show
the password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from vivace.errors import DatabaseURLInvalid, nearest

from .types import Driver

FORMS: Final = "sqlite:///file.sqlite3, sqlite://:memory: or postgresql://user:password@host:5432/name"


def connect(url: str, *, root: Path | None = None) -> Driver:
    """Return the driver for a URL, not opened yet; relative SQLite paths start at ``root``.

    Raises ``DatabaseURLInvalid`` for what cannot be read, ``MissingExtra`` when the driver is not installed.
    """
    scheme, separator, _ = url.partition("://")
    if not separator and not url.lower().startswith("sqlite:"):  # it may be a password, or end in one
        raise DatabaseURLInvalid("A database URL has no scheme with :// behind it.", expected=FORMS)
    scheme = scheme.partition(":")[0].lower()
    make = _SCHEMES.get(scheme)
    if make is None:
        raise DatabaseURLInvalid(
            f"A database URL begins with {scheme!r}.",
            expected=FORMS,
            fix=nearest(scheme, _SCHEMES),
        )
    return make(url, root or Path())


def _sqlite(url: str, root: Path) -> Driver:
    from .sqlite import SQLiteDriver, SQLiteOptions  # loads apsw: only who has such a database

    rest, _, query = url.partition(":")[2].partition("?")
    if not rest.startswith("//"):
        raise DatabaseURLInvalid(f"The database URL {url!r} has no // after its scheme.", expected=FORMS)
    name = unquote(rest[2:])
    path = name if name in ("", ":memory:", "/:memory:") else _file(name, root)
    if path in ("", "/:memory:"):
        path = ":memory:"
    return SQLiteDriver(SQLiteOptions(path=path, **_options(query, SQLiteOptions)))


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

    parts = _split(url)
    address = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path[1:]) or None,
    }
    given: dict[str, Any] = {name: value for name, value in address.items() if value is not None}
    return PostgreSQLDriver(PostgreSQLOptions(**(given | _options(parts.query, PostgreSQLOptions))))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError:  # its text quotes what stands where a port should: a part of the password, mostly
        raise DatabaseURLInvalid(
            "The database URL cannot be read: its host or port is none.",
            expected=FORMS,
            fix="Write characters such as @ : / # in a password as %40 %3A %2F %23.",
        ) from None
    return parts


def _options(query: str, cls: type[Any]) -> dict[str, Any]:
    return _typed(dict(parse_qsl(query, keep_blank_values=True)), cls)


def _typed(given: Mapping[str, str], cls: type[Any]) -> dict[str, Any]:
    import msgspec

    types = {field.name: field.type for field in msgspec.structs.fields(cls)}
    options: dict[str, Any] = {}
    for name, text in given.items():
        if name not in types:
            raise DatabaseURLInvalid(
                f"A database URL has the unknown option {name!r}.",
                expected=", ".join(types),
                fix=nearest(name, types),
            )
        try:
            options[name] = msgspec.convert(text, types[name], strict=False)
        except msgspec.ValidationError as error:
            raise DatabaseURLInvalid(
                f"The option {name!r} of a database URL has a wrong value.", expected=str(error), got=text
            ) from None
    return options


_SCHEMES: Final[Mapping[str, Callable[[str, Path], Driver]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "postgres": _postgresql,
}

__all__ = ["connect"]
