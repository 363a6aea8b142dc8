"""One contract for all stores: each is compared, step by step, with a dictionary that knows the time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.cache.conftest import Lab
from vivace.cache import MISSING, Keep
from vivace.cache.store import NUMBERS

KEYS: Final = ("a", "b", "c", "ä key of more words\n")
TAGS: Final = ("t", "u")
LARGE: Final = NUMBERS.stop - 2
Step = tuple[Any, ...]


class _Kept(NamedTuple):
    value: Any
    fresh: float
    until: float
    tags: Mapping[str, int]


class Model:
    """What a store must do: a dictionary, the versions of tags, the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.kept: dict[str, _Kept] = {}
        self.versions: dict[str, int] = {}
        self._numbers = itertools.count(1)

    def _alive(self, key: str) -> _Kept | None:
        kept = self.kept.get(key)
        if kept is None or kept.until <= self.now or self.changed(kept.tags):
            return None
        return kept

    def changed(self, tags: Mapping[str, int]) -> bool:
        return any(self.versions.get(tag) != version for tag, version in tags.items())

    def find(self, key: str) -> tuple[Any, bool] | None:
        kept = self._alive(key)
        return None if kept is None else (kept.value, kept.fresh > self.now)

    def get(self, key: str) -> Any:
        found = self.find(key)
        return found[0] if found is not None and found[1] else MISSING

    def put(self, key: str, value: Any, keep: Keep) -> None:
        if keep.seconds is not None and keep.seconds <= 0:
            self.kept.pop(key, None)
            return
        fresh = float("inf") if keep.seconds is None else self.now + keep.seconds
        self.kept[key] = _Kept(value, fresh, fresh + keep.stale, keep.tags)

    def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        if self.changed(keep.tags):
            return False
        for key, value in values.items():
            self.put(key, value, keep)
        return True

    def add(self, key: str, value: Any, keep: Keep) -> bool:
        if self.get(key) is not MISSING or (keep.seconds is not None and keep.seconds <= 0):
            return False
        return self.keep({key: value}, keep)

    def incr(self, key: str, delta: int) -> Any:
        value = self.get(key)
        if value is MISSING:
            return MISSING
        if not isinstance(value, int):
            return TypeError
        if value + delta not in NUMBERS:
            return OverflowError
        self.kept[key] = self.kept[key]._replace(value=value + delta)
        return value + delta

    def touch(self, key: str, seconds: float | None, stale: float) -> bool:
        kept = self.kept.get(key)
        if kept is None or self.get(key) is MISSING:
            return False
        self.put(key, kept.value, Keep(seconds, stale, kept.tags))
        return True

    def delete(self, keys: tuple[str, ...]) -> int:
        count = sum(self.get(key) is not MISSING for key in keys)
        for key in keys:
            self.kept.pop(key, None)
        return count

    def ask_versions(self, tags: tuple[str, ...]) -> dict[str, int]:
        for tag in tags:
            if tag not in self.versions:
                self.versions[tag] = next(self._numbers)
        return {tag: self.versions[tag] for tag in tags}

    def delete_tags(self, tags: tuple[str, ...]) -> None:
        for tag in tags:
            self.versions.pop(tag, None)


class Compared:
    """A store and its model, which are told the same and must say the same."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.store = lab.store
        self.model = Model()
        self.seen: list[tuple[dict[str, int], dict[str, int]]] = [({}, {})]  # versions here and in the model

    async def do(self, step: Step) -> None:
        name, *arguments = step
        await getattr(self, name)(*arguments)

    async def check(self) -> None:
        """Compare all there is."""
        for key in KEYS:
            value, found = await self.store.get(key), await self.store.find(key)
            assert value == self.model.get(key)
            assert (None if found is None else (found.value, found.fresh)) == self.model.find(key)
            assert type(value) in (bytes, int) or value is MISSING
        many = {key: value for key in KEYS if (value := self.model.get(key)) is not MISSING}
        assert await self.store.get_many(KEYS) == many

    def _keeps(self, seconds: float | None, stale: float, tagged: int) -> tuple[Keep, Keep]:
        ours, models = self.seen[tagged % len(self.seen)]
        return Keep(seconds, stale, ours), Keep(seconds, stale, models)

    async def keep(self, values: dict[str, Any], seconds: float | None, stale: float, tagged: int) -> None:
        ours, models = self._keeps(seconds, stale, tagged)
        assert await self.store.keep(values, ours) == self.model.keep(values, models)

    async def add(self, key: str, value: Any, seconds: float | None, stale: float, tagged: int) -> None:
        ours, models = self._keeps(seconds, stale, tagged)
        assert await self.store.add(key, value, ours) == self.model.add(key, value, models)

    async def incr(self, key: str, delta: int) -> None:
        outcome: Any
        try:
            outcome = await self.store.incr(key, delta)
        except (TypeError, OverflowError) as error:
            outcome = type(error)
        assert outcome == self.model.incr(key, delta)

    async def touch(self, key: str, seconds: float | None, stale: float) -> None:
        assert await self.store.touch(key, seconds, stale) == self.model.touch(key, seconds, stale)

    async def delete(self, keys: tuple[str, ...]) -> None:
        assert await self.store.delete(keys) == self.model.delete(keys)

    async def versions(self, tags: tuple[str, ...]) -> None:
        ours, models = await self.store.versions(tags), self.model.ask_versions(tags)
        assert ours.keys() == models.keys()
        for before, known in self.seen:
            for tag in tags:
                if tag in before:  # a version is the same as before exactly where it should be
                    assert (before[tag] == ours[tag]) == (known[tag] == models[tag])
        self.seen.append((ours, models))

    async def delete_tags(self, tags: tuple[str, ...]) -> None:
        await self.store.delete_tags(tags)
        self.model.delete_tags(tags)

    async def clear(self) -> None:
        await self.store.clear()
        self.model.kept.clear()
        self.model.versions.clear()

    async def advance(self, seconds: float) -> None:
        await self.lab.advance(seconds)
        self.model.now += seconds


key = st.sampled_from(KEYS)
keys = st.lists(key, unique=True, max_size=4).map(tuple)
tags = st.lists(st.sampled_from(TAGS), unique=True, max_size=2).map(tuple)
value = st.sampled_from([b"", b"x", b"5", b"p", b"f\0\0", b"y" * 3_000, 0, 7, -3, LARGE])
seconds = st.sampled_from([None, 1_000.0, 2_000.0, 0.0, -1.0])
stale = st.sampled_from([0.0, 0.0, 1_000.0])
tagged = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("keep"), st.dictionaries(key, value, min_size=1, max_size=3), seconds, stale, tagged),
    st.tuples(st.just("keep"), st.dictionaries(key, value, min_size=1, max_size=1), seconds, stale, tagged),
    st.tuples(st.just("add"), key, value, seconds, stale, tagged),
    st.tuples(st.just("incr"), key, st.sampled_from([1, -5, 2, 10**18])),
    st.tuples(st.just("touch"), key, seconds, stale),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("versions"), tags),
    st.tuples(st.just("versions"), st.just(TAGS)),
    st.tuples(st.just("delete_tags"), tags),
    st.tuples(st.just("advance"), st.sampled_from([500.0, 1_000.0])),
    st.tuples(st.just("clear")),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(program=st.lists(steps, max_size=25))
@example(
    program=[
        ("versions", ("t",)),
        ("keep", {"a": 1}, 1000.0, 1000.0, 1),
        ("incr", "a", 1),
        ("delete", ("a",)),
    ]
)
@example(program=[("versions", ("t",)), ("delete_tags", ("t",)), ("add", "a", b"x", None, 0.0, 1)])
@example(
    program=[
        ("versions", ("t", "u")),
        ("keep", {"a": b"old", "b": 1}, None, 0.0, 1),
        ("keep", {"c": b"old"}, None, 0.0, 0),
        ("delete_tags", ("u",)),
        ("keep", {"c": b"new", "a": 2}, None, 0.0, 1),
        ("keep", {"c": b"new"}, None, 0.0, 1),
        ("keep", {"c": b"new"}, 0.0, 0.0, 1),
    ]
)
@example(
    program=[("keep", {"a": 7}, 1000.0, 1000.0, 0), ("advance", 1000.0), ("add", "a", b"x", None, 0.0, 0)]
)
@example(program=[("keep", {"a": b""}, 1000.0, 1000.0, 0), ("advance", 1000.0), ("touch", "a", 0.0, 0.0)])
def test_ca1_a_store_is_a_dictionary_that_knows_the_time(lab: Lab, program: list[Step]) -> None:
    async def run() -> None:
        both = Compared(lab)
        await both.clear()
        for step in program:
            await both.do(step)
            await both.check()

    lab.run(run())


def test_ca1_many_values_at_once(lab: Lab) -> None:
    async def run() -> None:
        values = {f"key {n}": b"%d" % n for n in range(2_500)}
        assert await lab.store.keep(values, Keep(1_000))
        assert await lab.store.get_many(list(values)) == values
        assert await lab.store.delete(values.keys()) == 2_500
        assert await lab.store.get_many(list(values)) == {}

    lab.run(run())


def test_ca1_numbers_that_many_add_to_at_once(lab: Lab) -> None:
    async def run() -> None:
        versions = await lab.store.versions(("t",))
        await lab.store.keep({"plain": 0}, Keep(1_000))
        await lab.store.keep({"tagged": 0}, Keep(1_000, 10, versions))
        sums = await asyncio.gather(
            *(lab.store.incr(key, 1) for _ in range(50) for key in ("plain", "tagged"))
        )
        assert sorted(sums) == sorted([*range(1, 51), *range(1, 51)])
        assert await lab.store.get_many(("plain", "tagged")) == {"plain": 50, "tagged": 50}

    lab.run(run())


def test_ca1_one_of_many_adds(lab: Lab) -> None:
    async def run() -> None:
        versions = await lab.store.versions(("t",))
        await lab.store.keep({"k": b"old"}, Keep(1_000, 0, versions))
        await lab.store.delete_tags(("t",))
        added = await asyncio.gather(*(lab.store.add("k", b"%d" % n, Keep(1_000)) for n in range(20)))
        assert added.count(True) == 1
        assert await lab.store.get("k") == b"%d" % added.index(True)

    lab.run(run())


def test_ca1_what_is_found_tells_how_long_and_what_for(lab: Lab) -> None:
    async def run() -> None:
        versions = await lab.store.versions(("t",))
        await lab.store.keep({"k": b"v"}, Keep(1_000, 500, versions))
        await lab.store.keep({"ever": b"v"}, Keep())
        await lab.advance(400)
        found, ever = await lab.store.find("k"), await lab.store.find("ever")
        assert found is not None
        assert found.seconds == pytest.approx(600, abs=60)  # a server's clock goes on
        assert list(found.tags) == ["t"]
        assert ever is not None
        assert ever.seconds == float("inf")
        await lab.advance(700)
        found = await lab.store.find("k")
        assert found is not None
        assert (found.fresh, found.seconds) == (False, 0)

    lab.run(run())


def test_ca1_a_store_opens_again_after_it_was_closed(lab: Lab) -> None:
    async def run() -> None:
        await lab.store.keep({"k": b"v"}, Keep(1_000))
        await lab.store.close()
        assert await lab.store.get("k") == b"v"
        assert (await lab.store.counts()).entries == 1

    lab.run(run())
