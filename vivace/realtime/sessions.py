"""When the session ends on which the rights of a connection rest: by the clock, which is no write."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from vivace.http.request import Request

T = TypeVar("T", bound=Hashable)
SURELY: Final = 0.01  # seconds: what ends at a moment is over then, whatever clocks do


class Endings(Generic[T]):
    """Calls a function when the session ends on which something rests; what is later than a recheck, that one finds.

    ``recheck`` tells how many seconds that takes at most.
    """

    __slots__ = ("_recheck", "_timers")

    def __init__(self, recheck: Callable[[], float]) -> None:
        self._recheck = recheck
        self._timers: dict[T, asyncio.TimerHandle] = {}

    def expect(self, item: T, seconds: float, then: Callable[[], object]) -> None:
        """Call a function when so many seconds are over, in place of what was expected of this item before."""
        self.forget(item)
        if seconds <= self._recheck():
            self._timers[item] = asyncio.get_running_loop().call_later(seconds + SURELY, then)

    def forget(self, item: T) -> None:
        """Expect nothing any more."""
        timer = self._timers.pop(item, None)
        if timer is not None:
            timer.cancel()


def session_lasts(request: Request) -> float:
    """Return how many seconds the session of a request lasts; without end where nobody asked for it."""
    lasts: Callable[[Request], float | None] | None = getattr(request.app, "session_lasts", None)
    seconds = lasts(request) if lasts is not None and request.known_part("session") is not None else None
    return math.inf if seconds is None else max(seconds, 0.0)


__all__ = ["SURELY", "Endings", "session_lasts"]
