"""Values by key: times, one computation at a time, room for so many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cache.conftest import Clock, SharedMemory
from vivace.cache import MISSING, Cache, Counts, MemoryStore
from vivace.errors import CacheKeyError, CacheValueError, ConfigurationError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "shared"])
def cache(request: pytest.FixtureRequest, clock: Clock) -> Cache:
    return Cache(MemoryStore(clock=clock) if request.param == "memory" else SharedMemory(clock=clock))


async def test_ca2_values_stay_for_their_time(cache: Cache, clock: Clock) -> None:
    await cache.set("short", 1, 10)
    await cache.set("usual", 2)
    await cache.set("ever", 3, None)
    await cache.set("never", 4, 0)
    assert await cache.get_many(["short", "usual", "ever", "never"]) == {"short": 1, "usual": 2, "ever": 3}
    clock.now += 10
    assert await cache.get("short", "gone") == "gone"
    assert await cache.get("short") is None
    clock.now += 290
    assert [await cache.has(key) for key in ("usual", "ever")] == [False, True]


async def test_ca2_none_is_a_value(cache: Cache) -> None:
    await cache.set("nothing", None)
    assert await cache.get("nothing", "default") is None
    assert await cache.get_or_set("nothing", 5) is None


async def test_ca2_add_touch_delete_clear(cache: Cache, clock: Clock) -> None:
    assert await cache.add("a", 1, 10)
    assert not await cache.add("a", 2, 10)
    assert await cache.touch("a", 50)
    assert not await cache.touch("b")
    clock.now += 20
    assert await cache.get("a") == 1
    assert [await cache.delete("a"), await cache.delete("a")] == [True, False]
    await cache.set_many({"x": 1, "y": 2}, 5)
    assert await cache.delete_many(["x", "z"]) == 1
    await cache.clear()
    assert await cache.get_many(["x", "y"]) == {}


async def test_ca2_numbers(cache: Cache, clock: Clock) -> None:
    await cache.set("hits", 1, 10)
    assert await cache.incr("hits", 4) == 5
    assert await cache.decr("hits") == 4
    clock.now += 11  # adding gives no new time
    with pytest.raises(CacheValueError, match="nothing"):
        await cache.incr("hits")
    await cache.set("text", "a")
    for key in ("text", "float"):
        await cache.set(key, {"text": "a", "float": 1.5}[key])
        with pytest.raises(CacheValueError, match="something else"):
            await cache.incr(key)
    assert await cache.get("text") == "a"
    await cache.set("large", 2**63 - 1)
    with pytest.raises(CacheValueError, match="64 bits"):
        await cache.incr("large")


async def test_ca2_counting_begins_where_it_is_told(cache: Cache, clock: Clock) -> None:
    counted = [await cache.incr("hits", default=0, timeout=10) for _ in range(3)]
    assert counted == [1, 2, 3]
    assert await cache.decr("left", default=5) == 4
    clock.now += 10
    assert await cache.incr("hits", default=0) == 1
    many = await asyncio.gather(*(cache.incr("many", default=0) for _ in range(20)))
    assert sorted(many) == list(range(1, 21))


async def test_ca2_versions_of_a_key(cache: Cache) -> None:
    await cache.set("k", "one")
    await cache.set("k", "two", version=2)
    assert [await cache.get("k"), await cache.get("k", version=2), await cache.get("k", version=3)] == [
        "one",
        "two",
        None,
    ]
    assert await cache.incr_version("k", version=2) == 3
    assert await cache.get("k", version=3) == "two"
    assert not await cache.has("k", version=2)
    assert await cache.decr_version("k", 2, version=3) == 1
    assert await cache.get("k") == "two"
    with pytest.raises(CacheValueError, match="another version"):
        await cache.incr_version("none")
    await cache.set_many({"x": 1, "y": 2}, version=2)
    assert await cache.get_many(["x", "y", "z"], version=2) == {"x": 1, "y": 2}
    assert await cache.get_many(["x", "y"]) == {}
    assert await cache.delete_many(["x", "y"], version=2) == 2


async def test_ca2_keys_are_made_by_a_function_of_the_program(cache: Cache) -> None:
    def make(key: str, prefix: str, version: int) -> str:
        return f"{prefix}/{version}/{key[::-1]}"

    own = Cache(cache.store, prefix="shop", version=4, key_function=make)
    await own.set("abc", 1)
    assert await own.get("abc") == 1
    assert own.key("abc") == "shop/4/cba"
    assert own.key("abc", 5) == "shop/5/cba"
    assert cache.key("abc") == ":1:abc"  # Django's
    assert Cache(prefix="shop", version=4).key("abc", 2) == "shop:2:abc"


async def test_ca2_a_tag_forgets_all_that_has_it(cache: Cache) -> None:
    await cache.set("a", 1, tags=["blog", "front"])
    await cache.set("b", 2, tags=["blog"])
    await cache.set_many({"c": 3, "d": 4}, tags=["front"])
    assert await cache.get_or_set("e", lambda: 5, tags=["front"]) == 5
    await cache.set("f", 6)
    await cache.delete_tag("front")
    assert await cache.get_many("abcdef") == {"b": 2, "f": 6}
    await cache.delete_tag("blog", "none")
    assert await cache.get_many("abcdef") == {"f": 6}
    await cache.set("a", 7, tags=["blog"])
    assert await cache.get("a") == 7
    with pytest.raises(CacheKeyError):
        await cache.delete_tag("")


async def test_ca2_what_was_computed_before_a_tag_was_deleted_is_not_kept(cache: Cache) -> None:
    async def compute() -> str:
        await cache.delete_tag("t")  # somebody does, while we compute
        return "old"

    assert await cache.get_or_set("k", compute, tags=["t"]) == "old"
    assert not await cache.has("k")
    assert await cache.get_or_set("k", lambda: "new", tags=["t"]) == "new"
    assert await cache.get("k") == "new"


@pytest.mark.parametrize("change", ["delete", "delete_many", "set", "set_many", "delete_tag", "clear"])
async def test_ca2_what_is_changed_while_it_is_computed_is_computed_anew(cache: Cache, change: str) -> None:
    gate, computed = asyncio.Event(), 0

    async def compute() -> str:
        nonlocal computed
        computed += 1
        if computed == 1:
            await gate.wait()
        return f"value {computed}"

    first = asyncio.create_task(cache.get_or_set("k", compute, tags=["t"]))
    while not computed:
        await asyncio.sleep(0)
    arguments = {"delete": ("k",), "delete_many": (["k"],), "delete_tag": ("t",), "clear": ()}
    written = {"set": ("k", "set"), "set_many": ({"k": "set"},)}
    await getattr(cache, change)(*(arguments | written)[change])
    later = asyncio.create_task(cache.get_or_set("k", compute, tags=["t"]))
    await asyncio.sleep(0)
    gate.set()
    assert (await first).startswith("value")
    assert await later == await cache.get("k") == ("set" if change in written else "value 2")


async def test_ca2_an_old_value_is_served_while_a_new_one_is_computed(cache: Cache, clock: Clock) -> None:
    gate, begun = asyncio.Event(), 0

    async def compute() -> str:
        nonlocal begun
        begun += 1
        await gate.wait()
        return f"value {begun}"

    gate.set()
    assert await cache.get_or_set("k", compute, 10, stale=60) == "value 1"
    clock.now += 10
    gate.clear()
    assert [await cache.get_or_set("k", compute, 10, stale=60) for _ in range(5)] == ["value 1"] * 5
    assert await cache.get("k") is None  # only who asks for it gets an old value
    gate.set()
    await cache.settle()
    assert begun == 2
    assert await cache.get_or_set("k", compute, 10, stale=60) == "value 2"
    clock.now += 70
    assert await cache.get_or_set("k", compute, 10, stale=60) == "value 3"  # too old to be served


async def test_ca2_the_old_value_stays_when_no_new_one_can_be_had(
    cache: Cache, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> str:
        raise LookupError("the service is away")

    await cache.set("k", "old", 10, stale=60)
    clock.now += 11
    for _ in range(3):
        assert await cache.get_or_set("k", fails, 10, stale=60) == "old"
        await cache.settle()
    assert "the service is away" in caplog.text
    clock.now += 60
    with pytest.raises(LookupError):
        await cache.get_or_set("k", fails, 10, stale=60)


async def test_ca2_what_runs_beside_a_request_ends_with_the_cache(cache: Cache, clock: Clock) -> None:
    cancelled, begun = False, asyncio.Event()

    async def endless() -> str:
        nonlocal cancelled
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise
        return "never"

    await cache.set("k", "old", 10, stale=60)
    clock.now += 11
    assert await cache.get_or_set("k", endless, stale=60) == "old"
    await begun.wait()
    await cache.close()
    assert cancelled


async def test_ca2_circles_through_others_are_told_too(cache: Cache) -> None:
    async def first() -> Any:
        return await cache.get_or_set("first", second)

    async def second() -> Any:
        async with asyncio.TaskGroup() as group:  # in another task, too
            task = group.create_task(cache.get_or_set("first", first))
        return task.result()

    with pytest.raises((CacheValueError, ExceptionGroup)) as caught:
        await cache.get_or_set("first", lambda: cache.get_or_set("second", second))
    found = caught.value.exceptions[0] if isinstance(caught.value, ExceptionGroup) else caught.value
    assert "is needed" in str(found)


async def test_ca2_two_that_need_each_other_do_not_wait_for_ever(cache: Cache) -> None:
    async def needs(other: str) -> Any:
        await asyncio.sleep(0)
        return await cache.get_or_set(other, lambda: needs("a" if other == "b" else "b"))

    asked = [cache.get_or_set("a", lambda: needs("b")), cache.get_or_set("b", lambda: needs("a"))]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(result, CacheValueError) for result in results)


async def test_the_cache_counts_what_it_does(clock: Clock) -> None:
    cache = Cache(MemoryStore(clock=clock))
    await cache.get("k")
    await cache.get_or_set("k", lambda: "text")
    await cache.get_many(["k", "x"])
    stats = await cache.stats()
    assert (stats.hits, stats.misses, stats.computed, stats.entries) == (1, 3, 1, 1)
    assert stats.bytes is not None
    assert 0 < stats.bytes < 1_000


@pytest.mark.parametrize("key", ["", "k" * 251, 5, None, b"x", "a\0b", "\ud800"])
async def test_ca2_a_wrong_key_is_refused(cache: Cache, key: Any) -> None:
    with pytest.raises(CacheKeyError):
        await cache.get(key)


async def test_prefixes_keep_programs_apart() -> None:
    store = MemoryStore()
    one, two = Cache(store, prefix="one"), Cache(store, prefix="two")
    await one.set("a", 1)
    assert await two.get("a") is None
    assert await store.get("one:1:a") == 1


async def test_ca2_get_or_set_takes_values_functions_and_coroutines(cache: Cache) -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        return "later"

    assert await cache.get_or_set("value", "value") == "value"
    assert await cache.get_or_set("function", lambda: "made") == "made"
    assert await cache.get_or_set("coroutine", later) == "later"
    assert await cache.get_or_set("coroutine", lambda: pytest.fail("it is there")) == "later"


async def test_ca2_one_computes_the_others_wait(cache: Cache) -> None:
    begun = 0
    gate = asyncio.Event()

    async def slow() -> int:
        nonlocal begun
        begun += 1
        await gate.wait()
        return 42

    asked = [asyncio.create_task(cache.get_or_set("k", slow)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*asked) == [42] * 50
    assert begun == 1


async def test_ca2_a_cancelled_computation_is_taken_up_by_the_next(cache: Cache) -> None:
    begun = 0
    gate = asyncio.Event()

    async def slow() -> int:
        nonlocal begun
        begun += 1
        await gate.wait()
        return begun

    asked = [asyncio.create_task(cache.get_or_set("k", slow)) for _ in range(5)]
    await asyncio.sleep(0)
    asked[0].cancel()
    asked[3].cancel()  # one of those who wait, which concerns nobody else
    for _ in range(5):
        await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert [result for result in results if isinstance(result, int)] == [2, 2, 2]


async def test_ca2_an_error_is_told_to_all_who_waited_and_not_kept(cache: Cache) -> None:
    gate = asyncio.Event()

    async def fails() -> int:
        await gate.wait()
        raise LookupError("no")

    asked = [asyncio.create_task(cache.get_or_set("k", fails)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 3
    assert await cache.get_or_set("k", 7) == 7


async def test_ca2_a_computation_that_needs_itself_is_told_instead_of_waiting_for_ever(cache: Cache) -> None:
    async def circle() -> Any:
        return await cache.get_or_set("k", circle)

    with pytest.raises(CacheValueError, match="is needed"):
        await cache.get_or_set("k", circle)


async def test_a_full_store_drops_what_was_not_asked_for_longest() -> None:
    store = MemoryStore(entries=200)
    for n in range(200):
        store.put(str(n), n, None)
    assert store.look("0") == 0
    store.put("200", 200, None)
    assert len(store) == 200
    assert store.look("0") == 0
    assert store.look("200") == 200
    assert store.look("1") is MISSING
    assert (await store.counts()).dropped == 1


async def test_a_store_has_room_for_so_many_bytes() -> None:
    store = MemoryStore(bytes=100_000)
    for n in range(50):
        store.put(str(n), "x" * 9_000, None, 0, ("all",))
    counts = await store.counts()
    assert counts.bytes is not None
    assert 80_000 < counts.bytes <= 100_000
    assert counts.entries == len(store) == 10
    assert [store.look(str(n)) is MISSING for n in (39, 40, 49)] == [True, False, False]
    store.put("giant", "x" * 200_000, None)
    assert store.look("giant") is MISSING
    assert len(store) == 10
    store.forget_tags(("all",))
    assert await store.counts() == Counts(0, 0, 41)


@pytest.mark.parametrize("room", [{"entries": 0}, {"bytes": 0}])
def test_a_store_without_room_is_refused(room: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="room"):
        MemoryStore(**room)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(("set", "get", "delete"))), max_size=60)
)
def test_a_store_is_a_dictionary_that_forgets(steps: list[tuple[str, str]]) -> None:
    store, model = MemoryStore(entries=4), dict[str, int]()

    async def run() -> None:
        for turn, (key, step) in enumerate(steps):
            if step == "set":
                store.put(key, turn, None)
                model[key] = turn
            elif step == "delete":
                await store.delete(key)
                model.pop(key, None)
            else:
                found = store.look(key)
                assert found is not None
                assert found == model.get(key) or not isinstance(found, int)
            assert len(store) <= 4

    asyncio.run(run())
