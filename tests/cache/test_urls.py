"""Cache URLs: which store, with which options, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from vivace.cache import Cache, Guarded, MemoryStore
from vivace.cache.database import DatabaseStore
from vivace.cache.dummy import DummyStore
from vivace.cache.twotier import TwoTierStore
from vivace.cache.urls import Place, cache_at
from vivace.cache.valkey import ValkeyStore
from vivace.db import Database
from vivace.db.urls import connect
from vivace.errors import CacheURLInvalid, DatabaseURLInvalid, UnknownDatabase, ValkeyURLInvalid

PLACE: Final = Place(
    "pages",
    Path("/srv/shop"),
    lambda alias: Database(alias, connect("sqlite:///data/shop.sqlite3", root=Path("/srv"))),
)


def at(url: str, place: Place = PLACE) -> Cache:
    return cache_at(url, place)


def inner(cache: Cache) -> Any:
    """Return the store that has the values."""
    store: Any = cache.store
    store = store.back if isinstance(store, TwoTierStore) else store
    return store.store if isinstance(store, Guarded) else store


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("", MemoryStore),
        ("memory", MemoryStore),
        ("memory://", MemoryStore),
        ("dummy", DummyStore),
        ("dummy://", DummyStore),
        ("database", DatabaseStore),
        ("database://", DatabaseStore),
        ("database://default", DatabaseStore),
        ("sqlite:///cache.sqlite3", DatabaseStore),
        ("sqlite://:memory:", DatabaseStore),
        ("postgresql://me:secret@db/shop?max_connections=2", DatabaseStore),
        ("valkey://localhost:6379/3", ValkeyStore),
        ("redis://localhost", ValkeyStore),
        ("rediss://localhost?client_name=shop", ValkeyStore),
    ],
)
def test_ca1_a_url_names_a_store(url: str, kind: type[Any]) -> None:
    cache = at(url)
    assert isinstance(inner(cache), kind)
    assert isinstance(cache.store, Guarded) == cache.store.shared


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("two-tier", DatabaseStore),
        ("two-tier+database://", DatabaseStore),
        ("two-tier+valkey://localhost", ValkeyStore),
        ("two-tier+sqlite:///x", DatabaseStore),
    ],
)
def test_ca1_two_tiers_are_memory_in_front_of_a_store(url: str, kind: type[Any]) -> None:
    cache = at(url)
    assert isinstance(cache.store, TwoTierStore)
    assert isinstance(cache.store.front, MemoryStore)
    assert isinstance(inner(cache), kind)


def test_ca1_options_stand_in_the_url() -> None:
    cache = at("memory://?timeout=none&stale=10&prefix=shop&version=2&entries=5&bytes=4096")
    assert (cache.timeout, cache.stale, cache.key("k")) == (None, 10, "shop:2:k")
    assert cache.memory is not None
    assert (cache.memory._entries, cache.memory._room) == (5, 4096)
    tiers = at(
        "two-tier+valkey://h:1/2?timeout=5&front_seconds=7&namespace=shop&patience=3&entries=9&client_name=me"
    )
    assert isinstance(tiers.store, TwoTierStore)
    assert (tiers.timeout, tiers.store._front_seconds, tiers.store.back._patience) == (5, 7, 3)
    assert tiers.store.front._entries == 9
    assert tiers.store._topic == "cache/shop"
    store = inner(tiers)
    assert (store._namespace, store._client.options.client_name, store._client.options.database) == (
        "vivace:cache:shop:",
        "me",
        2,
    )
    table = inner(at("database://?entries=7"))
    assert (table._space, table._entries) == ("pages", 7)


def test_ca1_a_cache_beside_sqlite_has_a_file_of_its_own() -> None:
    store = inner(at("database://"))
    options = store._database.driver.options
    assert (options.path, options.synchronous) == ("/srv/data/shop-cache.sqlite3", "off")
    in_memory = Place("x", Path("/"), lambda alias: Database(alias, connect("sqlite://:memory:")))
    assert inner(at("database://", in_memory))._database.driver.options.path == ":memory:"
    relative = inner(at("sqlite:///cache.sqlite3"))
    assert relative._database.driver.options.path == "/srv/shop/cache.sqlite3"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memry://", "memory"),
        ("valky://localhost", "valkey"),
        ("secret-password", "no scheme"),
        ("memory://something", "no use for"),
        ("dummy://?entires=5", "no use for"),
        ("two-tier+memory://", "cannot stand in front"),
        ("two-tier+dummy://", "cannot stand in front"),
        ("two-tier+two-tier+valkey://h", "two-tier"),
        ("two-tier://", "two-tier"),
        ("memory://?timeout=soon", "timeout"),
        ("memory://?timeout=-1", "below 0"),
        ("memory://?entries=-5", "below 0"),
        ("memory://?patience=0&stale=-3", "below 0"),
        ("database://?entires=5", "entires"),
    ],
)
def test_ca1_a_wrong_url_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(CacheURLInvalid) as caught:
        at(url)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("valkey://:secret@h:port", ValkeyURLInvalid),
        ("valkey://:secret@h/name", ValkeyURLInvalid),
        ("valkey://:secret@h?entires=5", ValkeyURLInvalid),
        ("postgresql://me:secret@h:port/x", DatabaseURLInvalid),
    ],
)
def test_ca1_servers_and_databases_read_their_own_part(url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        at(url)
    assert "secret" not in str(caught.value)


def test_ca1_a_database_that_is_not_there_is_told() -> None:
    from vivace.db import Databases

    with pytest.raises(UnknownDatabase):
        at("database://archive", Place("x", Path("/"), lambda alias: Databases({})[alias]))
