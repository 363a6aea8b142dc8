"""Names file and line of whatever blocks the event loop, and measures how late the loop is.

Theory
------
The loop sets a time stamp (``beat``) a few times per limit; a daemon thread looks at it. When the stamp is older than
the limit, whatever the loop's thread is executing right now is what blocks it: ``sys._current_frames`` shows it, and
the innermost frame that belongs to the user's code is named. A request costs nothing: there is one timer per loop.
Only what the loop has called counts; how the loop itself came to run (a script, a command) blocks nothing. Where the
loop has called nothing, it waits for events and is late because the machine is busy: nobody is to blame. Nor is anybody
while a template or an expression is compiled, or a module imported: that is done once, in dev at the first request
that needs it, and before the first one in production.

Code that holds the GIL for the whole time stops this thread, too; the supervisor then sees that heartbeats stay away
and asks for the stack by a signal (faulthandler).
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from vivace.errors.whose import is_our_file

logger = logging.getLogger("vivace.watchdog")

BEATS_PER_LIMIT: Final = 4
LONGEST_BEAT: Final = 0.25  # seconds: the precision of the lag in production
_MOST_FRAMES: Final = 12  # of a stack in the log
_LOOP: Final = tuple(
    str(Path(asyncio.__file__).with_name(name)) for name in ("runners.py", "base_events.py", "events.py")
)
_WAITING: Final = selectors.__file__
_ONCE: Final = frozenset({"compile", "_find_and_load"})  # functions of libraries


class Stall(msgspec.Struct, frozen=True):
    """The loop was blocked: for how long when it was seen (seconds), where, and how it got there."""

    seconds: float
    place: str
    stack: str

    def __str__(self) -> str:
        return (
            f"The event loop has been blocked for {self.seconds:.2f} s by {self.place}\n"
            "Fix: await an async version of the call, or hand it to offload().\n"
            f"{self.stack}"
        )


Report = Callable[[Stall], None]


class Watchdog:
    """Watches one loop; ``limit`` is in seconds. ``lag`` and ``stalls`` are the metrics.

    ``report`` gets each stall once, on the thread of the watchdog; by default it is logged. Without ``foreign`` only
    the user's own code is reported, not libraries that nothing of it has called.
    """

    def __init__(
        self,
        limit: float,
        report: Report | None = None,
        *,
        foreign: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit = limit
        self.foreign = foreign
        self.interval = min(limit / BEATS_PER_LIMIT, LONGEST_BEAT)
        self.stalls = 0
        self._report = report or _log
        self._clock = clock
        self._lag = self._last_lag = 0.0
        self._due = self._beaten = clock()
        self._reported = False
        self._thread_id = threading.get_ident()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch the running loop of this thread."""
        self._thread_id = threading.get_ident()
        self._due = self._clock()
        self._tick(asyncio.get_running_loop())
        threading.Thread(target=self._watch, name="vivace-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()

    def take_lag(self) -> float:
        """Return how late the loop was at worst since the last call, in seconds."""
        lag, self._lag = self._lag, 0.0
        return lag

    def peek_lag(self) -> float:
        """Return how late the loop was at its last beat, in seconds."""
        return self._last_lag

    def beat(self) -> None:
        """The loop is alive: note when, and how much later than due."""
        now = self._clock()
        self._last_lag = max(0.0, now - self._due)
        self._lag = max(self._lag, self._last_lag)
        self._beaten = now
        self._due = now + self.interval
        self._reported = False

    def check(self) -> Stall | None:
        """Return the stall that is under way, once; called by the thread."""
        late = self._clock() - self._beaten
        if self._reported or late < self.limit:
            return None
        frame = sys._current_frames().get(self._thread_id)
        if frame is None:
            return None
        self._reported = True
        frames = called(frame)
        users = [number for number, one in enumerate(frames) if is_users(one.f_code.co_filename)]
        if not frames or not (self.foreign or (users and not _is_done_once(frames[: users[0]]))):
            return None
        self.stalls += 1
        shown = frames[: users[-1] + 1] if users else frames
        return Stall(late, describe(blamed(frame)), _written(shown[:_MOST_FRAMES]))

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.beat()
        self._timer = loop.call_later(self.interval, self._tick, loop)

    def _watch(self) -> None:
        while not self._stopped.wait(self.interval):
            stall = self.check()
            if stall is not None:
                self._report(stall)


def _is_done_once(frames: Sequence[FrameType]) -> bool:
    """Return whether what the user's code waits for is not done again."""
    return any(one.f_code.co_name in _ONCE for one in frames)


def blamed(frame: FrameType) -> FrameType:
    """Return the innermost frame of the user's code; where there is none, the innermost at all."""
    return next((one for one in called(frame) if is_users(one.f_code.co_filename)), frame)


def called(frame: FrameType) -> list[FrameType]:
    """Return the frames that the running loop has called, the innermost first; none while it waits for events."""
    found: list[FrameType] = []
    current: FrameType | None = frame
    while current is not None and current.f_code.co_filename not in _LOOP:
        found.append(current)
        current = current.f_back
    return [] if current is not None and all(one.f_code.co_filename == _WAITING for one in found) else found


def _written(frames: Sequence[FrameType]) -> str:
    summary = traceback.StackSummary.extract((one, one.f_lineno) for one in reversed(frames))
    return "".join(summary.format()).rstrip()


@cache
def _python() -> tuple[str, ...]:
    """Return the folders of Python and of installed packages."""
    import sysconfig  # 5 ms, for a loop that is blocked

    return tuple({sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib")})


def is_users(filename: str) -> bool:
    """Return whether a file is neither Python's, nor a package's, nor ours."""
    return not filename.startswith(("<", *_python())) and not is_our_file(filename)


def describe(frame: FrameType) -> str:
    """Return ``file:line in function``."""
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"


def _log(stall: Stall) -> None:
    logger.warning("%s", stall)


__all__ = ["Stall", "Watchdog", "blamed", "called", "describe", "is_users"]
