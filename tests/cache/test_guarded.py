"""A store that fails: misses, one line in the log, and nothing comes back that should be gone."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cache.conftest import PATIENCE, Clock, SharedMemory
from tests.servers import PostgreSQLServer, ValkeyServer
from vivace import App
from vivace.cache import MISSING, Cache, Guarded, Keep
from vivace.cache.guarded import OWED, PAUSES
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.errors import CacheValueError
from vivace.testing import Client

EVER: Final = Keep()


class Failing(SharedMemory):
    """A store that fails when it is told to: before it does what it is asked for, or after."""

    mode = "up"
    asked = 0

    async def _fail(self, when: str) -> None:
        if self.mode == "hangs":
            await asyncio.Event().wait()
        if self.mode == when:
            raise ConnectionResetError(f"{when} it was done")

    async def get(self, key: str) -> Any:
        self.asked += 1
        await self._fail("before")
        return self.look(key)

    async def keep(self, values: Any, keep: Keep) -> bool:
        await self._fail("before")
        kept = await super().keep(values, keep)
        await self._fail("after")
        return kept

    async def delete(self, keys: Any) -> int:
        await self._fail("before")
        count = await super().delete(keys)
        await self._fail("after")
        return count

    async def delete_tags(self, tags: Any) -> None:
        await self._fail("before")
        await super().delete_tags(tags)

    async def clear(self) -> None:
        await self._fail("before")
        await super().clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Failing:
    return Failing(clock=clock)


@pytest.fixture
def guarded(store: Failing, clock: Clock) -> Guarded:
    return Guarded(store, clock=clock, patience=PATIENCE)


async def test_a_store_that_is_down_is_a_miss_and_tried_again_later(
    store: Failing, guarded: Guarded, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "vivace.cache")
    await guarded.keep({"k": b"v"}, EVER)
    store.mode = "before"
    for _ in range(5):
        assert await guarded.get("k") is MISSING
    assert guarded.failures == 1
    assert store.asked == 1  # not tried again before its time
    for pause in (*PAUSES, PAUSES[-1]):
        asked = store.asked
        clock.now += pause * 0.99
        assert await guarded.get("k") is MISSING
        assert store.asked == asked
        clock.now += pause * 0.02
        assert await guarded.get("k") is MISSING
        assert store.asked == asked + 1
    store.mode = "up"
    clock.now += PAUSES[-1]
    assert await guarded.get("k") == b"v"
    assert not guarded.down
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "before it was done" in caplog.text
    assert guarded.failures == 6


async def test_one_finds_out_whether_it_is_back_the_others_do_not_wait(store: Failing, clock: Clock) -> None:
    guarded = Guarded(store, clock=clock, patience=PATIENCE)
    store.mode = "before"
    await guarded.get("k")
    clock.now += PAUSES[0]
    store.mode = "hangs"
    trying = asyncio.create_task(guarded.get("k"))
    await asyncio.sleep(0)
    assert await guarded.get("k") is MISSING
    assert store.asked == 2
    trying.cancel()
    await asyncio.wait([trying])
    store.mode = "up"
    assert await guarded.get("k") is MISSING  # who was cancelled has found out nothing: the next one tries
    assert not guarded.down


async def test_a_store_that_does_not_answer_costs_patience_once(store: Failing, clock: Clock) -> None:
    guarded = Guarded(store, clock=clock, patience=0.01)
    store.mode = "hangs"
    assert await guarded.get("k") is MISSING
    assert await guarded.get("k") is MISSING
    assert store.asked == 1


async def test_what_could_not_be_deleted_is_gone_before_anything_is_read(
    store: Failing, guarded: Guarded, clock: Clock
) -> None:
    versions = await guarded.versions(("t",))
    await guarded.keep({"deleted": b"old", "kept": b"old", "other": b"fine"}, EVER)
    await guarded.keep({"tagged": b"old"}, Keep(None, 0, versions))
    store.mode = "before"
    assert await guarded.delete(("deleted",)) == 0
    assert not await guarded.keep({"kept": b"new"}, EVER)
    await guarded.delete_tags(("t",))
    store.mode = "up"
    clock.now += PAUSES[0]
    assert await guarded.get("deleted") is MISSING
    assert await guarded.get_many(("deleted", "kept", "tagged", "other")) == {"other": b"fine"}


async def test_who_owes_too_much_empties_the_store(store: Failing, guarded: Guarded, clock: Clock) -> None:
    await guarded.keep({"other": b"fine"}, EVER)
    store.mode = "before"
    await guarded.delete(tuple(f"key {n}" for n in range(OWED + 1)))
    store.mode = "up"
    clock.now += PAUSES[0]
    assert await guarded.get("other") is MISSING
    await guarded.keep({"other": b"fine"}, EVER)
    store.mode = "before"
    await guarded.clear()
    store.mode = "up"
    clock.now += PAUSES[0]
    assert await guarded.get("other") is MISSING


async def test_a_write_that_was_cancelled_is_not_trusted(store: Failing, guarded: Guarded) -> None:
    await guarded.keep({"k": b"old"}, EVER)
    store.mode = "hangs"
    writing = asyncio.create_task(guarded.keep({"k": b"new"}, EVER))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing])
    store.mode = "up"
    assert await guarded.get("k") is MISSING


async def test_a_cache_goes_on_without_its_store(store: Failing, clock: Clock) -> None:
    cache = Cache(Guarded(store, clock=clock, patience=PATIENCE))
    await cache.set("k", "old", tags=["t"])
    for name in ("get", "versions", "add", "incr", "find", "touch", "get_many"):
        setattr(store, name, _broken)
    store.mode = "before"
    assert await cache.get("k", "default") == "default"
    assert await cache.get_or_set("k", lambda: "computed", tags=["t"]) == "computed"
    assert await cache.get_or_set("k", lambda: "computed", stale=10) == "computed"
    assert [
        await cache.has("k"),
        await cache.touch("k"),
        await cache.add("k", 1),
        await cache.delete("k"),
    ] == [False] * 4
    assert await cache.incr("n", default=10) == 11
    with pytest.raises(CacheValueError):
        await cache.incr("n")
    assert await cache.get_many(["k"]) == {}
    await cache.set("k", "new", tags=["t"])
    await cache.delete_tag("t")
    await cache.clear()
    assert (await cache.stats()).failures == 1


async def _broken(*_: Any, **__: Any) -> Any:
    raise ConnectionResetError


steps = st.one_of(
    st.tuples(st.just("mode"), st.sampled_from(["up", "before", "after", "up"])),
    st.tuples(st.sampled_from(["set", "set_tagged", "delete"]), st.sampled_from("ab")),
    st.tuples(st.sampled_from(["delete_tag", "clear", "wait"]), st.just("")),
)


@given(st.lists(steps, max_size=40))
def test_an_outage_brings_nothing_back(program: list[tuple[str, str]]) -> None:
    """Whatever fails, before or after it was done: a read gives the latest value that was set, or nothing."""

    async def run() -> None:
        clock = Clock()
        store = Failing(clock=clock)
        cache = Cache(Guarded(store, clock=clock, patience=PATIENCE))
        latest: dict[str, int] = {}
        tagged: set[str] = set()
        for number, (step, key) in enumerate(program):
            if step == "mode":
                store.mode = key
            elif step == "wait":
                clock.now += PAUSES[-1]
            elif step == "delete":
                await cache.delete(key)
                latest.pop(key, None)
            elif step in ("delete_tag", "clear"):
                await (cache.delete_tag("t") if step == "delete_tag" else cache.clear())
                for each in tuple(tagged if step == "delete_tag" else latest):
                    latest.pop(each, None)
            else:
                await cache.set(key, number, None, tags=["t"] if step == "set_tagged" else [])
                latest[key] = number
                (tagged.add if step == "set_tagged" else tagged.discard)(key)
            for each in "ab":
                assert await cache.get(each) in (None, latest.get(each))
        store.mode = "up"
        clock.now += PAUSES[-1]
        await cache.set("a", -1)
        await cache.get(
            "a"
        )  # the first call finds out that it is back, and may come too early for its own keeping
        await cache.set("a", -2)
        assert await cache.get("a") == -2

    asyncio.run(run())


async def test_a_store_that_is_full_is_read_on(
    valkey_server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    from vivace.cache.valkey import ValkeyStore

    cache = Guarded(ValkeyStore(valkey_server.url), patience=PATIENCE)
    try:
        versions = await cache.versions(("t",))
        await cache.keep({"k": b"kept", "other": b"old", "n": 1}, EVER)
        valkey_server.tell("CONFIG SET maxmemory 1")
        assert not await cache.keep({"other": b"new"}, EVER)
        assert not await cache.keep({"a": b"x"}, Keep(None, 0, versions))
        assert not await cache.add("a", b"x", EVER)
        assert not await cache.touch("k", 1_000)
        assert await cache.incr("n", 1) is MISSING
        assert await cache.versions(("new",)) == {}
        assert not cache.down
        assert await cache.get_many(("k", "other", "a")) == {"k": b"kept"}  # "other" was to be replaced
        assert caplog.text.count("keeps nothing more") == 1
        valkey_server.tell("CONFIG SET maxmemory 0")
        assert await cache.keep({"other": b"new"}, EVER)
        assert await cache.get("other") == b"new"
    finally:
        await cache.close()


@pytest.fixture(params=["valkey", "postgresql"])
def server(request: pytest.FixtureRequest) -> ValkeyServer | PostgreSQLServer:
    """A server of the test's own, which keeps a cache."""
    found: ValkeyServer | PostgreSQLServer = request.getfixturevalue(f"{request.param}_server")
    return found


async def test_a_cache_that_is_down_does_not_take_the_site_down(
    server: ValkeyServer | PostgreSQLServer,
) -> None:
    app = App(settings=Settings(cache=Secret(f"{server.url}?patience=30")))
    computed = 0

    async def compute() -> int:
        nonlocal computed
        computed += 1
        return computed

    @app.get("/")
    async def page() -> dict[str, int]:
        return {"value": await app.cache.get_or_set("k", compute, None)}

    async def value() -> int:
        number: int = (await client.get("/")).json()["value"]
        return number

    async with Client(app, isolate=False) as client:
        assert [await value(), await value()] == [1, 1]
        server.stop(signal.SIGKILL if isinstance(server, ValkeyServer) else signal.SIGQUIT)  # crashes
        down = [await value() for _ in range(20)]
        assert down == list(range(2, 22))
        server.start()
        async with asyncio.timeout(PATIENCE):
            while (again := await value()) != await value():
                await asyncio.sleep(0.02)
        assert again > 21
