"""The caches of an app: by alias, from URLs, shared with mounted apps, anew in each test, joined by the broker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from vivace import App
from vivace.cache import Cache, Guarded, MemoryStore
from vivace.cache.database import DatabaseStore
from vivace.cache.twotier import TwoTierStore
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import AppInvalid, CacheValueError, UnknownCache
from vivace.testing import Client


def app_with(cache: str = "", **options: Any) -> App:
    return App(settings=Settings(cache=Secret(cache)), **options)


def test_ca1_without_a_word_it_is_memory(tmp_path: Path) -> None:
    app = app_with()
    assert app.cache is app.caches["default"]
    assert app.cache.memory is not None
    assert list(app.caches) == ["default"]


def test_ca1_several_caches_by_name(tmp_path: Path) -> None:
    pages = Cache(prefix="pages")
    given = {"pages": pages, "objects": MemoryStore(entries=5), "files": "sqlite:///files.sqlite3"}
    app = app_with("memory://?entries=7", root=tmp_path, caches=given)
    assert list(app.caches) == ["default", "pages", "objects", "files"]
    assert len(app.caches) == 4
    assert app.caches["pages"] is pages
    objects = app.caches["objects"].memory
    assert objects is not None
    assert objects._entries == 5
    store = app.caches["files"].store
    assert isinstance(store, Guarded)
    assert isinstance(store.store, DatabaseStore)
    with pytest.raises(UnknownCache, match="pages"):
        app.caches["page"]


def test_ca1_the_default_can_be_given_and_assigned() -> None:
    app = app_with("dummy://", caches={"default": "memory://?prefix=shop"})
    assert app.cache.prefix == "shop"
    own = Cache(MemoryStore(entries=1_000), timeout=None)
    app.cache = own
    assert app.cache is own
    assert app.caches["default"] is own


def test_ca1_what_is_wrong_is_told_at_the_start() -> None:
    app = app_with("valky://localhost", caches={"pages": "database://?entires=3"})
    with pytest.raises(AppInvalid, match="valky") as caught:
        app.compile()
    assert "entires" in str(caught.value)
    assert [finding.id for finding in app.check() if "cache" in finding.id] == ["cache-url", "cache-url"]


def test_ca1_a_mounted_app_has_the_caches_around_it_unless_it_has_its_own() -> None:
    outer, inner, own = app_with(), app_with(), app_with(caches={"default": "memory://"})
    outer.mount("/inner", inner)
    outer.mount("/own", own)
    assert inner.cache is not outer.cache
    outer.compile()
    assert inner.cache is outer.cache
    assert list(inner.caches) == ["default"]
    assert own.cache is not outer.cache


async def test_ca1_no_test_finds_what_another_one_kept(tmp_path: Path) -> None:
    app = app_with("sqlite:///cache.sqlite3", root=tmp_path)

    @app.get("/{value}")
    async def page(value: str) -> dict[str, Any]:
        return {"value": await app.cache.get_or_set("k", value)}

    @app.get("/refused")
    async def refused() -> None:
        await app.cache.set("k", object())

    async def value(client: Client, text: str) -> Any:
        return (await client.get(f"/{text}")).json()["value"]

    for text in ("one", "two"):
        async with Client(app) as client:
            assert [await value(client, text), await value(client, "other")] == [text, text]
            with pytest.raises(CacheValueError):  # as it would in production
                await client.get("/refused")
    assert not (tmp_path / "cache.sqlite3").exists()
    async with Client(app, isolate=False) as client:
        assert await value(client, "three") == "three"
    async with Client(app, isolate=False) as client:
        assert await value(client, "four") == "three"
    assert (tmp_path / "cache.sqlite3").exists()


async def test_ca1_two_tiers_are_joined_by_the_broker(tmp_path: Path, valkey_url: str) -> None:
    """Two apps on one broker and one file are two processes: what one changes is gone from the memory of the other."""
    settings = Settings(
        cache=Secret("two-tier+sqlite:///cache.sqlite3?patience=30&front_seconds=9999"),
        broker=Secret(valkey_url),
    )
    one, two = (App(settings=settings, root=tmp_path) for _ in range(2))
    async with one, two:
        await one.cache.set("k", "old", None)
        assert [await app.cache.get("k") for app in (one, two)] == ["old", "old"]
        store = two.cache.store
        assert isinstance(store, TwoTierStore)
        async with asyncio.timeout(30):
            while not len(store.front):  # the first change may be told after it was read
                await two.cache.get("k")
                await asyncio.sleep(0.01)
        await one.cache.set("k", "new", None)
        async with asyncio.timeout(30):
            while await two.cache.get("k") != "new":
                await asyncio.sleep(0.01)


async def test_ca1_all_that_have_two_tiers_are_joined(tmp_path: Path) -> None:
    app = App(
        settings=Settings(broker=Secret("memory")),
        root=tmp_path,
        caches=dict.fromkeys("ab", "two-tier+sqlite:///c"),
    )
    async with app:
        for alias in "ab":
            await app.caches[alias].set("k", alias)
            assert await app.caches[alias].get("k") == alias
            store = app.caches[alias].store
            assert isinstance(store, TwoTierStore)
            assert len(store.front) == 1


async def test_ca2_what_is_computed_beside_a_request_is_in_no_transaction_and_recorded_nowhere(
    tmp_path: Path,
) -> None:
    from vivace.changes import ReadSet, current_reads, recording
    from vivace.db import Database, Databases, atomic, current_databases, in_transaction
    from vivace.db.urls import connect

    found: list[Any] = []

    async def compute() -> str:
        found.append((in_transaction(), current_reads(), current_databases.get() is databases))
        return "new"

    cache = Cache()
    databases = Databases({"default": Database("default", connect("sqlite://:memory:"))})
    token = current_databases.set(databases)
    try:
        await cache.set("k", "old", -1)
        await cache.set("k", "old", 1e-9, stale=60)
        with recording(ReadSet()):
            async with atomic():
                assert await cache.get_or_set("k", compute, stale=60) == "old"
                await cache.settle()
        assert found == [(False, None, True)]
    finally:
        current_databases.reset(token)
        await databases.close()


async def test_ca1_an_app_that_stops_closes_its_caches_and_opens_them_again(tmp_path: Path) -> None:
    app = app_with("sqlite:///cache.sqlite3", root=tmp_path)
    for expected in (None, "kept"):
        async with app:
            assert await app.cache.get("k") == expected
            await app.cache.set("k", "kept")
    store = app.cache.store
    assert isinstance(store, Guarded)
    assert store.failures == 0
