"""Cache URLs: which store, and how it is used, in one line.

Where values are kept:

- ``memory://``: in the memory of each process.
- ``database://``, ``database://alias``: in a table, with one of the app's databases on PostgreSQL, in a file beside it on SQLite.
- ``sqlite:///cache.sqlite3``, ``postgresql://user:password@host/name``: in a table of that database.
- ``valkey://host:6379/0``: on a Valkey or Redis server; also ``valkeys://``, ``redis://``, ``rediss://``.
- ``two-tier+valkey://…``, ``two-tier+database://`` …: in memory, in front of one of the shared stores above.
- ``dummy://``: nowhere.

``memory``, ``database``, ``two-tier`` (in front of the database) and ``dummy`` are URLs as they are. What follows ``?`` are the
fields of ``CacheURLOptions``; any other option is one of the database or the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec

from vivace.config.urls import URLReader
from vivace.errors import CacheURLInvalid

from .cache import TIMEOUT, Cache
from .guarded import PATIENCE, Guarded
from .memory import BYTES, ENTRIES, MemoryStore
from .store import Store

if TYPE_CHECKING:
    from vivace.db import Database

FORMS: Final = "memory://, database://, valkey://host:6379/0, two-tier+valkey://…, postgresql://…, sqlite:///file or dummy://"
TWO_TIER: Final = "two-tier"
_READER: Final = URLReader("cache", FORMS, CacheURLInvalid)
_BARE: Final[Mapping[str, str]] = {
    "": "memory://",
    "memory": "memory://",
    "database": "database://",
    "dummy": "dummy://",
    TWO_TIER: f"{TWO_TIER}+database://",
}


class CacheURLOptions(msgspec.Struct, frozen=True):
    """What a cache URL may say behind its ``?``. Times in seconds; ``timeout=none`` is for ever.

    ``entries`` and ``bytes`` bound what is in memory; ``entries`` alone what is in a table. ``front_seconds`` is how long memory in
    front of a shared store keeps what it read. ``namespace`` keeps apps on one server or in one table apart. No call of a
    shared store takes longer than ``patience``.
    """

    timeout: float | None = TIMEOUT
    stale: float = 0.0
    prefix: str = ""
    version: int = 1
    entries: int = 0  # 0: the store's own default
    bytes: int = BYTES
    front_seconds: float = 30.0
    namespace: str = ""
    patience: float = PATIENCE


class Place(msgspec.Struct, frozen=True):
    """Where a cache URL is read: the cache's ``alias``, the folder that paths begin at, the app's databases by alias."""

    alias: str
    root: Path
    database: Callable[[str], Database]


def cache_at(url: str, place: Place) -> Cache:
    """Return the cache of a URL; nothing is opened yet. Raises ``CacheURLInvalid``, which never shows a password."""
    url = _BARE.get(url, url)
    tiers = url.startswith(f"{TWO_TIER}+")
    url = url.removeprefix(f"{TWO_TIER}+")
    scheme = _READER.scheme(url, {**_SCHEMES, TWO_TIER: None})
    rest, options = _split(url)
    if scheme == TWO_TIER or (tiers and scheme in _LOCAL):
        raise CacheURLInvalid(
            f"Memory cannot stand in front of {scheme}://.",
            expected="two-tier+ and the URL of a shared store",
            fix="two-tier+database:// or two-tier+valkey://localhost:6379/0",
        )
    store = _SCHEMES[scheme](rest, options, place)
    if tiers:
        from .twotier import TwoTierStore

        front = MemoryStore(options.entries or ENTRIES, bytes=options.bytes)
        store = TwoTierStore(
            store,
            front,
            name=options.namespace or place.alias,
            front_seconds=options.front_seconds,
            patience=options.patience,
        )
    elif store.shared:
        store = Guarded(store, patience=options.patience)
    return Cache(
        store, timeout=options.timeout, stale=options.stale, prefix=options.prefix, version=options.version
    )


def _split(url: str) -> tuple[str, CacheURLOptions]:
    """Return the URL without the options that are ours, and those."""
    address, _, query = url.partition("?")
    given = parse_qsl(query, keep_blank_values=True)
    names = CacheURLOptions.__struct_fields__
    ours = {name: "null" if value.lower() == "none" else value for name, value in given if name in names}
    others = [(name, value) for name, value in given if name not in names]
    options = CacheURLOptions(**_READER.options(urlencode(ours), CacheURLOptions))
    for name, value in msgspec.structs.asdict(options).items():
        if isinstance(value, int | float) and value < 0:
            raise CacheURLInvalid(f"The option {name!r} of a cache URL is below 0.", got=str(value))
    return (f"{address}?{urlencode(others)}" if others else address), options


def _memory(url: str, options: CacheURLOptions, place: Place) -> Store:
    _refuse_rest(url)
    return MemoryStore(options.entries or ENTRIES, bytes=options.bytes)


def _dummy(url: str, options: CacheURLOptions, place: Place) -> Store:
    from .dummy import DummyStore

    _refuse_rest(url)
    return DummyStore()


def _refuse_rest(url: str) -> None:
    scheme, _, rest = url.partition("://")
    if rest:
        raise CacheURLInvalid(
            f"The cache URL {scheme}:// has something behind it that it has no use for.",
            expected=f"{scheme}://, or {scheme}://?" + "=…&".join(CacheURLOptions.__struct_fields__) + "=…",
        )


def _table(url: str, options: CacheURLOptions, place: Place) -> Store:
    from vivace.db import Database
    from vivace.db.urls import connect

    return _table_of(Database("cache", connect(url, root=place.root)), options, place)


def _app_table(url: str, options: CacheURLOptions, place: Place) -> Store:
    from vivace.db import Database

    alias = url.partition("://")[2].rstrip("/") or "default"
    if "?" in alias:
        raise CacheURLInvalid(
            "A cache URL has an unknown option.",
            expected=", ".join(CacheURLOptions.__struct_fields__),
            got=alias.partition("?")[2].partition("=")[0],
        )
    driver: Any = place.database(alias).driver
    return _table_of(Database("cache", type(driver)(_beside(driver.options))), options, place)


def _beside(options: Any) -> Any:
    """Return the options of a connection that is the cache's alone; see ``vivace.cache.database``."""
    path = getattr(options, "path", None)
    if path is None:
        return msgspec.structs.replace(options, max_connections=min(4, options.max_connections))
    if not options.in_memory:
        file = Path(path)
        path = str(file.with_name(f"{file.stem}-cache{file.suffix}"))
    return msgspec.structs.replace(options, path=path, synchronous="off", functions=())


def _table_of(database: Database, options: CacheURLOptions, place: Place) -> Store:
    from .database import ENTRIES, DatabaseStore

    space = options.namespace or place.alias
    return DatabaseStore(database, space=space, entries=options.entries or ENTRIES)


def _valkey(url: str, options: CacheURLOptions, place: Place) -> Store:
    from .valkey import NAMESPACE, ValkeyStore

    return ValkeyStore(url, namespace=f"{NAMESPACE}{options.namespace or place.alias}:")


_LOCAL: Final = frozenset({"memory", "dummy"})
_SCHEMES: Final[Mapping[str, Callable[[str, CacheURLOptions, Place], Store]]] = {
    "memory": _memory,
    "dummy": _dummy,
    "database": _app_table,
    "sqlite": _table,
    "postgresql": _table,
    "postgres": _table,
    "valkey": _valkey,
    "valkeys": _valkey,
    "redis": _valkey,
    "rediss": _valkey,
}

__all__ = ["CacheURLOptions", "Place", "cache_at"]
