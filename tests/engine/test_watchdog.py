"""The watchdog on a clock of its own, and on a loop that is really blocked."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import jinja2
import pytest

from vivace.crypto.signing import Signer
from vivace.engine.workers.watchdog import Stall, Watchdog, called, is_users


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


async def _until_stopped(
    watchdogs: list[Watchdog], clock: Clock, ends: Ends, code: str, filename: str
) -> None:
    watchdogs.append(Watchdog(0.1, foreign=False, clock=clock))
    namespace: dict[str, Any] = {"blocked": ends.begun, "go_on": ends.stopped}
    exec(compile(LIBRARY, jinja2.environment.__file__, "exec"), namespace)
    exec(compile(code, filename, "exec"), namespace)
    asyncio.get_running_loop().call_soon(namespace["callback"])
    await asyncio.Event().wait()


class Ends:
    """When the other thread has got there, and when it may go on."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.stopped = threading.Event()


def seen(code: str, filename: str) -> Stall | None:
    """Return what is seen of a loop that runs ``callback`` of this code."""
    clock, ends, watchdogs = Clock(), Ends(), list[Watchdog]()

    def run() -> None:
        with suppress(TimeoutError):
            asyncio.run(asyncio.wait_for(_until_stopped(watchdogs, clock, ends, code, filename), 0.1))

    thread = threading.Thread(target=run)
    thread.start()
    assert ends.begun.wait(10)
    clock.now += 1
    try:
        return watchdogs[0].check()
    finally:
        ends.stopped.set()
        thread.join()


LIBRARY = (
    "def wait():\n    blocked.set()\n    go_on.wait(10)\n"
    "def compile():\n    wait()\n"
    "def render():\n    wait()\n"
)
BLOCKS = "def callback():\n    blocked.set()\n    go_on.wait(10)\n"


def test_rt2_stack_begins_behind_the_loop() -> None:
    stall = seen(BLOCKS, "/home/ada/site/app.py")
    assert stall is not None
    assert stall.place.startswith("/home/ada/site/app.py:")
    assert stall.stack.lstrip().startswith('File "/home/ada/site/app.py", line ')
    assert "runners.py" not in stall.stack


def test_rt2_code_that_nothing_of_the_users_called_is_not_blamed_in_dev() -> None:
    assert seen(BLOCKS, asyncio.__file__) is None


@pytest.mark.parametrize(("calls", "blamed"), [("render", True), ("compile", False)])
def test_rt2_what_a_library_does_once_is_nobodys_fault_in_dev(calls: str, blamed: bool) -> None:
    stall = seen(f"def callback():\n    {calls}()\n", "/home/ada/site/page.html")
    assert (stall is not None) is blamed


def test_rt2_loop_that_waits_has_called_nothing() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    frames = [sys._getframe()]
    while frames:  # until it waits
        time.sleep(0.001)
        frames = called(sys._current_frames()[thread.ident or 0])
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_users_files() -> None:
    assert is_users(__file__)
    assert not is_users(asyncio.__file__)
    assert not is_users(Watchdog.check.__code__.co_filename)
    assert not is_users(Signer.__init__.__code__.co_filename)
    assert not is_users("<string>")
