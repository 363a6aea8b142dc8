"""What goes first when there is no more room for results; races, functions and pages have tests of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vivace.cache.dependent import DependentCache, Site
from vivace.changes import ReadSet, WriteSet

SITE = Site("a test")


class Quiet:
    """A feed in which nobody commits."""

    sequence = 0
    started = True

    def subscribe(self, callback: Callable[[WriteSet], None], /) -> Callable[[], None]:
        return lambda: None

    def on_reset(self, callback: Callable[[int], None], /) -> Callable[[], None]:
        return lambda: None

    def met_since(self, sequence: int, reads: ReadSet, /) -> bool:
        return False


def kept(cache: DependentCache, name: str) -> bool:
    return cache.look((SITE, name)) is not None


def keep(cache: DependentCache, *names: str) -> None:
    for name in names:
        with cache.alone((SITE, name), None, SITE) as computation:
            computation.done(name, 1)


@pytest.fixture
def cache() -> DependentCache:
    return DependentCache(Quiet, entries=4)


def test_ca5_what_was_used_outlives_what_was_not(cache: DependentCache) -> None:
    keep(cache, "a", "b", "c", "d", "e")  # whose room is that of the oldest
    assert len(cache) == 4
    assert cache.look((SITE, "a")) is None
    assert kept(cache, "b")
    keep(cache, "f")
    assert [name for name in "bcdef" if kept(cache, name)] == ["b", "d", "e", "f"]
    assert cache.report().evicted == 2


def test_ca5_no_room_is_made_by_looking_at_everything_that_is_used() -> None:
    names = [f"{number:03}" for number in range(100)]
    cache = DependentCache(Quiet, entries=100)
    keep(cache, *names)
    assert all(kept(cache, name) for name in names)
    keep(cache, "new")  # the first 16 are spared
    assert [name for name in names if not kept(cache, name)] == ["016"]
    assert kept(cache, "new")


def test_ca5_a_result_that_lives_on_is_used_by_whoever_asks_often(cache: DependentCache) -> None:
    keep(cache, "often")
    for number in range(200):
        assert kept(cache, "often")
        keep(cache, f"once {number}")
    assert kept(cache, "often")
