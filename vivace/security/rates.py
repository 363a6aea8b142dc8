"""How much is allowed, and the two ways of counting it, as pure functions of numbers.

*Bucket* (token bucket, kept as one time: GCRA, ITU-T I.371): a bucket of ``limit`` units that fills evenly over
``seconds``. After a pause the whole limit may be spent at once; then it trickles. One number: when it will be full.

*Window* (sliding window counter): the units of this window, plus those of the last one as far as it still overlaps
the last ``seconds``. Never more than about ``limit`` in any span of that length: for logins. Three numbers.

Both states are the tuple ``(until, slot, count, previous)``: after ``until`` nothing of it matters. The database store
says the same in SQL (``ratestores``); a test runs both against each other.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal, TypeAlias

import msgspec

from vivace.errors import ConfigurationError, nearest

Algorithm: TypeAlias = Literal["bucket", "window"]
State: TypeAlias = "tuple[float, int, float, float]"
FRESH: Final[State] = (0.0, 0, 0.0, 0.0)
EPSILON: Final = 1e-6  # seconds, units: what sums of floats are off by

_UNITS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_SHORT: Final = {"s": "second", "sec": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day"}
_TEXT: Final = r"(\d+)\s*(?:/|per|in)\s*(\d+(?:\.\d+)?)?\s*([a-z]+)"


class Verdict(msgspec.Struct, frozen=True):
    """What came of a hit: ``remaining`` units now, ``reset`` seconds until all are back, ``retry_after`` if refused."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    retry_after: float = 0.0


class Rate(msgspec.Struct, frozen=True):
    """``limit`` units in ``seconds``."""

    limit: int
    seconds: float
    algorithm: Algorithm = "bucket"

    def take(self, state: State, now: float, cost: int) -> State | None:
        """Return the state after a hit of ``cost`` units, ``None`` when it is refused."""
        if self.algorithm == "bucket":
            until = max(state[0], now) + cost * self.seconds / self.limit
            return (until, 0, 0.0, 0.0) if until <= now + self.seconds + EPSILON else None
        slot, count, previous = self._slid(state, now)
        if previous * self.overlap(now) + count + cost > self.limit + EPSILON:
            return None
        return ((slot + 2) * self.seconds, slot, count + cost, previous)

    def verdict(self, state: State, now: float, cost: int, *, allowed: bool) -> Verdict:
        """Return what to tell of a state: the one after an allowed hit, the one that refused another."""
        used, reset, retry_after = (
            self._bucket(state, now, cost) if self.algorithm == "bucket" else self._window(state, now, cost)
        )
        remaining = max(0, math.floor(self.limit - used + EPSILON))
        return Verdict(
            allowed, self.limit, remaining, max(0.0, reset), 0.0 if allowed else max(0.0, retry_after)
        )

    def _bucket(self, state: State, now: float, cost: int) -> tuple[float, float, float]:
        interval = self.seconds / self.limit
        ahead = max(0.0, state[0] - now)
        return ahead / interval, ahead, ahead + cost * interval - self.seconds

    def _window(self, state: State, now: float, cost: int) -> tuple[float, float, float]:
        slot, count, previous = self._slid(state, now)
        overlap, left = self.overlap(now), (slot + 1) * self.seconds - now
        used = previous * overlap + count
        reset = left + self.seconds if count else left if previous else 0.0
        if count + cost <= self.limit:  # it is the last window that is in the way
            wait = (overlap - (self.limit - count - cost) / previous) * self.seconds if previous else 0.0
        else:
            wait = left + (1 - (self.limit - cost) / count) * self.seconds
        return used, reset, wait

    def slot(self, now: float) -> int:
        """Return the number of the window that ``now`` lies in."""
        return math.floor(now / self.seconds)

    def overlap(self, now: float) -> float:
        """Return which part of the last window lies within the last ``seconds``."""
        return 1 - (now / self.seconds - self.slot(now))

    def _slid(self, state: State, now: float) -> tuple[int, float, float]:
        """Return the window of ``now``, its count and that of the one before it."""
        slot = self.slot(now)
        if state[1] == slot:
            return slot, state[2], state[3]
        return slot, 0.0, state[2] if state[1] == slot - 1 else 0.0


def parse_rate(text: str, algorithm: Algorithm = "bucket") -> Rate:
    """Return the rate in ``"100/minute"``, ``"10 per 15 minutes"``, ``"5/10s"``; raises ``ConfigurationError``."""
    match = re.fullmatch(_TEXT, text.strip().lower())
    word = match[3] if match else ""
    unit = _SHORT.get(word) or word.removesuffix("s")
    seconds = float(match[2] or 1) * _UNITS.get(unit, 0) if match else 0
    if match is None or not int(match[1]) or not seconds:
        raise ConfigurationError(
            f"{text!r} is not a rate.",
            expected='a number of requests in a time, such as "100/minute", "10 per 15 minutes" or "5/10s"',
            got=text,
            fix=nearest(unit, _UNITS) if match else "",
        )
    return Rate(int(match[1]), seconds, algorithm)


__all__ = ["FRESH", "Algorithm", "Rate", "State", "Verdict", "parse_rate"]
