"""Memory in front of a shared store: whatever happens at the same time, no process is left with something old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cache.conftest import PATIENCE, Clock, SharedMemory
from vivace.brokers.board import Board
from vivace.brokers.exchange import Exchange
from vivace.brokers.memory import MemoryBroker
from vivace.cache import MISSING, Keep, MemoryStore
from vivace.cache.twotier import TwoTierStore
from vivace.errors import BrokerUnavailable

EVER: Final = Keep()


class Slow(SharedMemory):
    """A shared store that takes some turns of the loop to hear, and some to answer."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.turns: list[int] = []
        self.reads = 0

    async def _turn(self) -> None:
        for _ in range(self.turns.pop() if self.turns else 0):
            await asyncio.sleep(0)

    async def find(self, key: str) -> Any:
        self.reads += 1
        await self._turn()
        found = await super().find(key)
        await self._turn()
        return found

    async def keep(self, values: Any, keep: Keep) -> bool:
        await self._turn()
        kept = await super().keep(values, keep)
        await self._turn()
        return kept

    async def delete(self, keys: Any) -> int:
        await self._turn()
        count = await super().delete(keys)
        await self._turn()
        return count

    async def delete_tags(self, tags: Any) -> None:
        await self._turn()
        await super().delete_tags(tags)
        await self._turn()


@asynccontextmanager
async def processes(
    back: SharedMemory, clock: Clock, count: int = 2, **options: Any
) -> AsyncGenerator[list[TwoTierStore]]:
    """Run the body with stores of several processes on one shared store, joined by a broker."""
    board, options = Board(), {"front_seconds": 1e9, "patience": PATIENCE} | options
    async with AsyncExitStack() as stack:
        stores: list[TwoTierStore] = []
        for _ in range(count):
            exchange = Exchange()
            await exchange.start(MemoryBroker(board))
            stack.push_async_callback(exchange.stop)
            store = TwoTierStore(back, MemoryStore(clock=clock), **options)
            await store.start(exchange)
            stack.push_async_callback(store.stop)
            stores.append(store)
        yield stores


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something."""
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.001)


async def told(stores: list[TwoTierStore]) -> None:
    """Wait until all have heard what there is to hear: messages of one topic arrive in order."""
    await until(lambda: all(store._telling is None or store._telling.done() for store in stores))
    marks = [f"mark {id(store)}" for store in stores]
    for store, mark in zip(stores, marks, strict=True):
        for other in stores:
            other.front.put(mark, b"", None)
        store._drop((mark,))
    await until(lambda: all(other.front.look(mark) is MISSING for other in stores for mark in marks))


async def test_ca1_a_hit_asks_nobody_and_a_change_reaches_all() -> None:
    clock = Clock()
    back = Slow(clock)
    async with processes(back, clock, 3) as stores:
        one, two, three = stores
        await one.keep({"k": b"old"}, EVER)
        assert [await store.get("k") for store in stores for _ in range(5)] == [b"old"] * 15
        assert back.reads == 3
        await two.keep({"k": b"new"}, EVER)
        assert await two.get("k") == b"new"  # at once where it was written
        await told(stores)
        assert [await store.get("k") for store in stores] == [b"new"] * 3
        await three.delete(("k",))
        await told(stores)
        assert [await store.get("k") for store in stores] == [MISSING] * 3


async def test_ca1_numbers_tags_and_times_reach_all() -> None:
    clock = Clock()
    async with processes(SharedMemory(clock=clock), clock) as stores:
        one, two = stores
        await one.keep({"n": 1}, EVER)
        await one.keep({"tagged": b"x"}, Keep(None, 0, await one.versions(("t",))))

        async def seen() -> list[Any]:
            await told(stores)
            return [await store.get(key) for store in stores for key in ("n", "tagged")]

        assert await seen() == [1, b"x"] * 2
        assert await two.incr("n", 4) == 5
        assert await seen() == [5, b"x"] * 2
        await two.delete_tags(("t",))
        assert await seen() == [5, MISSING] * 2
        await one.touch("n", 10)
        assert await seen() == [5, MISSING] * 2
        clock.now += 10
        assert await seen() == [MISSING] * 4
        await one.keep({"n": 1}, EVER)
        assert await seen() == [1, MISSING] * 2
        await two.clear()
        assert await seen() == [MISSING] * 4


async def test_ca1_the_front_keeps_nothing_for_longer_than_it_may() -> None:
    clock = Clock()
    back = Slow(clock)
    async with processes(back, clock, front_seconds=30) as [one, _]:
        await one.keep({"short": b"x", "long": b"y"}, EVER)
        await one.keep({"short": b"x"}, Keep(10))
        for _ in range(3):
            assert await one.get_many(("short", "long")) == {"short": b"x", "long": b"y"}
            assert [await one.get("short"), await one.get("long")] == [b"x", b"y"]
        assert back.reads == 2
        clock.now += 10
        assert await one.get("short") is MISSING
        assert await one.get("long") == b"y"
        assert back.reads == 3
        clock.now += 20
        assert await one.get("long") == b"y"
        assert back.reads == 4


async def test_ca1_messages_that_may_have_been_missed_empty_the_front() -> None:
    clock = Clock()
    back = SharedMemory(clock=clock)
    board = Board()
    exchange, other = Exchange(), Exchange()
    await exchange.start(MemoryBroker(board))
    await other.start(MemoryBroker(board))
    store = TwoTierStore(back, MemoryStore(clock=clock), patience=PATIENCE)
    await store.start(exchange)
    try:
        await store.keep({"k": b"old"}, EVER)
        assert await store.get("k") == b"old"
        await back.keep({"k": b"new"}, EVER)  # by a process that died before it could tell
        assert await store.get("k") == b"old"
        await other.stop(goodbye=False)
        await until(lambda: store.front.look("k") is MISSING)
        assert await store.get("k") == b"new"
    finally:
        await store.close()
        await exchange.stop()


async def test_ca1_without_a_broker_there_is_no_front() -> None:
    clock = Clock()
    back = Slow(clock)
    store = TwoTierStore(back, patience=PATIENCE)
    await store.keep({"k": b"v"}, EVER)
    assert [await store.get("k"), await store.get("k")] == [b"v", b"v"]
    assert back.reads == 2
    with pytest.raises(BrokerUnavailable):
        await store.start(Exchange())
    assert await store.get("k") == b"v"
    assert back.reads == 3


async def test_ca1_what_the_broker_did_not_take_is_told_later() -> None:
    clock = Clock()
    async with processes(SharedMemory(clock=clock), clock) as stores:
        one, two = stores
        await one.keep({"k": b"old", "l": b"old"}, EVER)
        await told(stores)
        assert [await two.get("k"), await two.get("l")] == [b"old", b"old"]
        assert one._exchange is not None
        publish, failures = one._exchange.publish, 0

        async def fails(topic: str, payload: bytes) -> int:
            nonlocal failures
            failures += 1
            raise BrokerUnavailable("cut off")

        one._exchange.publish = fails  # type: ignore[method-assign]
        await one.keep({"k": b"new"}, EVER)
        await until(lambda: failures > 0)
        await one.keep({"l": b"new"}, EVER)
        one._exchange.publish = publish  # type: ignore[method-assign]
        await until(lambda: two.front.look("k") is MISSING and two.front.look("l") is MISSING)
        assert [await two.get("k"), await two.get("l")] == [b"new", b"new"]


class Broken(SharedMemory):
    broken = False

    async def delete(self, keys: Any) -> int:
        if self.broken:
            raise ConnectionResetError
        return await super().delete(keys)


async def test_ca1_what_is_deleted_late_is_told_late_as_well() -> None:
    clock = Clock()
    back = Broken(clock=clock)
    async with processes(back, clock) as stores:
        one, two = stores
        one.back._clock = clock
        await one.keep({"k": b"old"}, EVER)
        back.broken = True
        assert await one.delete(("k",)) == 0
        await told(stores)
        assert await two.get("k") == b"old"  # which reaches the store, and reads it again
        back.broken = False
        clock.now += 10
        assert await one.get("k") is MISSING
        await told(stores)
        assert await two.get("k") is MISSING


key = st.sampled_from("ab")
step = st.one_of(
    st.tuples(st.just("get"), key),
    st.tuples(st.just("get"), key),
    st.tuples(st.just("keep"), key),
    st.tuples(st.just("keep_tagged"), key),
    st.tuples(st.sampled_from(["delete", "delete_tags"]), key),
)


@given(
    programs=st.lists(st.lists(step, max_size=8), min_size=2, max_size=4),
    turns=st.lists(st.sampled_from([0, 0, 1, 3, 20, 60]), min_size=20, max_size=60),
)
@example(programs=[[("get", "a")], [("keep", "a")]], turns=[0, 0, 60, 0])
@example(programs=[[("get", "a")], [("delete_tags", "")]], turns=[0, 0, 60, 0])
@example(programs=[[("get", "a")], [], [("keep", "a")]], turns=[0, 0, 60, 0])
def test_ca1_whatever_happens_at_once_all_agree_in_the_end(
    programs: list[list[tuple[str, str]]], turns: list[int]
) -> None:
    """Programs run at the same time, two in each process. Then every process has what the shared store has."""

    async def run() -> None:
        clock = Clock()
        back = Slow(clock)
        async with processes(back, clock) as stores:
            tags = await back.versions(("t",))
            await back.keep({"a": b"first", "b": b"first"}, Keep(None, 0, tags))
            back.turns = list(turns)
            work = [_play(stores[n % 2], program, n) for n, program in enumerate(programs)]
            await asyncio.gather(*work)
            back.turns = []
            await told(stores)
            for each in "ab":
                truth = back.look(each)
                for store in stores:
                    assert await store.get(each) == truth

    asyncio.run(run())


async def _play(store: TwoTierStore, program: list[tuple[str, str]], number: int) -> None:
    for count, (name, argument) in enumerate(program):
        if name == "get":
            await store.get(argument)
        elif name == "delete":
            await store.delete((argument,))
        elif name == "delete_tags":
            await store.delete_tags(("t",))
        else:
            versions = await store.versions(("t",)) if name == "keep_tagged" else {}
            await store.keep({argument: b"%d/%d" % (number, count)}, Keep(None, 0, versions))
        await asyncio.sleep(0)
