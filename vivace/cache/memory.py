"""A store in the memory of one process: bounded, the least recently used goes first.

Values are kept as they are, not copied or pickled: that is what makes a hit cost a look into a dictionary, and it means
that who changes what was kept changes it for everybody. A dictionary remembers the order of insertion; a hit moves its
entry to the end, so that the front is what was not asked for the longest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from vivace.errors import ConfigurationError

ENTRIES: Final = 50_000
MISSING: Final[Any] = object()
"""What a store returns where it has nothing: ``None`` is a value like any other."""


class MemoryStore:
    """Keeps at most ``entries`` values. ``clock`` tells seconds, and only their differences count."""

    def __init__(self, entries: int = ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        if entries < 1:
            raise ConfigurationError(
                "A cache in memory needs room for something.",
                expected="entries of at least 1",
                got=str(entries),
                fix=f"The default is {ENTRIES:,}.",
            )
        self._entries = entries
        self._clock = clock
        self._kept: dict[str, tuple[Any, float | None]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, key: str) -> Any:
        """Return the value, or ``MISSING``."""
        return self.look(key)

    def look(self, key: str) -> Any:
        """Return the value, or ``MISSING``, without waiting."""
        entry = self._kept.pop(key, None)
        if entry is None:
            return MISSING
        until = entry[1]
        if until is not None and until <= self._clock():
            return MISSING
        self._kept[key] = entry
        return entry[0]

    async def set(self, key: str, value: Any, seconds: float | None) -> None:
        """Keep a value for so many seconds, ``None``: for ever."""
        self.put(key, value, seconds)

    def put(self, key: str, value: Any, seconds: float | None) -> None:
        """Keep a value, without waiting."""
        kept = self._kept
        kept.pop(key, None)
        if seconds is not None and seconds <= 0:
            return
        kept[key] = (value, None if seconds is None else self._clock() + seconds)
        if len(kept) > self._entries:
            self._make_room()

    def _make_room(self) -> None:
        """Drop what nobody asked for: a hundredth at once, so that a full store does not do it each time."""
        count = max(1, self._entries // 100)
        for key in list(islice(self._kept, count)):
            del self._kept[key]

    async def add(self, key: str, value: Any, seconds: float | None) -> bool:
        """Keep a value unless there is one; returns whether it was kept."""
        if self.look(key) is not MISSING:
            return False
        self.put(key, value, seconds)
        return True

    async def incr(self, key: str, delta: int) -> Any:
        """Add to a number, which keeps its time; returns the sum, or ``MISSING``."""
        if self.look(key) is MISSING:
            return MISSING
        value, until = self._kept[key]
        self._kept[key] = (value + delta, until)
        return value + delta

    async def touch(self, key: str, seconds: float | None) -> bool:
        """Give a value a new time; returns whether there is one."""
        value = self.look(key)
        if value is not MISSING:
            self.put(key, value, seconds)
        return value is not MISSING

    async def delete(self, key: str) -> bool:
        """Forget a value; returns whether there was one."""
        there = self.look(key) is not MISSING
        self._kept.pop(key, None)
        return there

    async def clear(self) -> None:
        """Forget all."""
        self._kept.clear()


__all__ = ["ENTRIES", "MISSING", "MemoryStore"]
