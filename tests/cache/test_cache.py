"""Values by key: times, one computation at a time, room for so many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.cache import Cache, MemoryStore
from vivace.errors import CacheKeyError, CacheValueError, ConfigurationError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(MemoryStore(clock=clock))


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
    with pytest.raises(CacheValueError, match="something else"):
        await cache.incr("text")
    assert await cache.get("text") == "a"


@pytest.mark.parametrize("key", ["", "k" * 251, 5, None, b"x"])
async def test_ca2_a_wrong_key_is_refused(cache: Cache, key: Any) -> None:
    with pytest.raises(CacheKeyError):
        await cache.get(key)


async def test_prefixes_keep_programs_apart() -> None:
    store = MemoryStore()
    one, two = Cache(store, prefix="one:"), Cache(store, prefix="two:")
    await one.set("a", 1)
    assert await two.get("a") is None
    assert await store.get("one:a") == 1


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
    assert len(store) <= 200
    assert store.look("0") == 0
    assert store.look("200") == 200
    assert store.look("1") is not store.look("0")


def test_a_store_without_room_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="room"):
        MemoryStore(entries=0)


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
