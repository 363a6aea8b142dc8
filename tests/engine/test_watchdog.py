"""The watchdog on a clock of its own, and on a loop that is really blocked."""

from __future__ import annotations

import asyncio
import sys
import threading

from vivace.engine.workers.watchdog import Stall, Watchdog, is_users


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rt2_stall_is_seen_once_with_file_and_line() -> None:
    clock = Clock()
    watchdog = Watchdog(0.1, clock=clock)
    watchdog.beat()
    clock.now += 0.09
    assert watchdog.check() is None
    clock.now += 0.02
    stall, line = watchdog.check(), sys._getframe().f_lineno
    assert stall is not None
    assert f"{__file__}:{line} in test_rt2_stall_is_seen_once_with_file_and_line" in stall.place
    assert stall.place in str(stall)
    assert watchdog.check() is None
    watchdog.beat()
    clock.now += 1
    assert watchdog.check() is not None
    assert watchdog.stalls == 2


def test_rt2_lag_is_how_late_beats_come() -> None:
    clock = Clock()
    watchdog = Watchdog(0.4, clock=clock)
    for late in (0.0, 0.7, 0.2):
        clock.now += watchdog.interval + late
        watchdog.beat()
    assert round(watchdog.peek_lag(), 3) == 0.2
    assert round(watchdog.take_lag(), 3) >= 0.7
    assert watchdog.take_lag() == 0.0


async def test_rt2_blocked_loop_is_reported_from_another_thread() -> None:
    stalls: list[Stall] = []
    seen = threading.Event()

    def report(stall: Stall) -> None:
        stalls.append(stall)
        seen.set()

    watchdog = Watchdog(0.05, report)
    watchdog.start()
    await asyncio.sleep(0)
    assert seen.wait(10)  # this blocks the loop
    watchdog.stop()
    assert f"{__file__}:" in stalls[0].place
    assert "test_rt2_blocked_loop_is_reported" in stalls[0].place
    assert "threading.py" in stalls[0].stack


async def test_rt2_idle_loop_is_not_reported() -> None:
    stalls: list[Stall] = []
    watchdog = Watchdog(5.0, stalls.append)
    watchdog.start()
    await asyncio.sleep(0.02)
    watchdog.stop()
    assert stalls == []


def test_users_files() -> None:
    assert is_users(__file__)
    assert not is_users(asyncio.__file__)
    assert not is_users(Watchdog.check.__code__.co_filename)
    assert not is_users("<string>")
