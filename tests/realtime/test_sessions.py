"""When sessions end on which something rests: what is called then, and what is not."""

from __future__ import annotations

import asyncio
from functools import partial

from vivace.realtime.sessions import Endings


async def called(*expected: tuple[str, float], recheck: float = 60.0, forgotten: str = "") -> list[str]:
    """Return which of the expected ends came before one that is later than all of them."""
    endings: Endings[str] = Endings(lambda: recheck)
    heard: list[str] = []
    for index, (item, seconds) in enumerate(expected):
        endings.expect(item, seconds, partial(heard.append, f"{item}{index}"))
    endings.forget(forgotten)
    last = asyncio.Event()
    Endings[str](lambda: 60.0).expect("last", 0.005, last.set)
    async with asyncio.timeout(30):
        await last.wait()
    return heard


async def test_an_end_is_told_for_each_item() -> None:
    assert await called(("a", 0.0), ("b", 0.001)) == ["a0", "b1"]


async def test_what_is_expected_later_takes_the_place_of_what_was_expected_before() -> None:
    assert await called(("a", 0.0), ("a", 0.001), ("b", 0.0), ("b", 50.0)) == ["a1"]


async def test_a_recheck_finds_what_ends_after_it() -> None:
    assert await called(("a", 0.0), ("b", 0.001), recheck=0.0) == ["a0"]
    assert await called(("a", 0.0), ("a", float("inf"))) == []


async def test_the_recheck_is_asked_each_time() -> None:
    rechecks = iter([-1.0, 0.0])
    endings: Endings[str] = Endings(lambda: next(rechecks))
    heard = asyncio.Event()
    endings.expect("a", 0.0, lambda: None)
    endings.expect("a", 0.0, heard.set)
    async with asyncio.timeout(30):
        await heard.wait()


async def test_nothing_is_told_of_what_is_forgotten() -> None:
    assert await called(("a", 0.0), ("b", 0.0), forgotten="a") == ["b1"]
