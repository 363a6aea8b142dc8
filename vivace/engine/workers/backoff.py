"""How long to wait before something that keeps failing is tried again."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

FIRST: Final = 0.5  # seconds
LONGEST: Final = 30.0
CALM: Final = 30.0  # what lived that long did not fail at its start: counting begins anew


class Backoff:
    """Doubles from ``FIRST`` to ``LONGEST`` seconds; the first failure after a calm time costs no wait."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._last = -CALM

    def failed(self) -> float:
        """Note a failure; return how many seconds to wait."""
        now = self._clock()
        if now - self._last >= CALM + self._delay():
            self._failures = 0
        self._last = now
        self._failures += 1
        return self._delay()

    def _delay(self) -> float:
        return min(LONGEST, FIRST * 2.0 ** (self._failures - 2)) if self._failures > 1 else 0.0


__all__ = ["CALM", "FIRST", "LONGEST", "Backoff"]
