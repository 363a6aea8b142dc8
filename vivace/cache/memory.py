"""A store in the memory of one process: bounded in entries and bytes, the least recently used goes first.

Values are kept as they are, not copied or pickled: that is what makes a hit cost a look into a dictionary, and it means
that who changes what was kept changes it for everybody. What nobody asked for the longest is at the front.

``look``, ``put`` and ``forget`` are the same without waiting, for code that cannot wait or counts nanoseconds.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import Any, Final, Literal

from vivace.errors import ConfigurationError

from .sizes import size_of
from .store import MISSING, NUMBERS, Counts, Found, Keep

ENTRIES: Final = 50_000
BYTES: Final = 134_217_728
_NEVER: Final = float("inf")
_ENTRY_BYTES: Final = 300  # measured on 3.11: what an entry costs beside its key and its value
_VERSIONS: Final = 100_000  # of tags; the oldest are forgotten, and what is computed for them is not kept

_Entry = tuple[Any, float, float, int, Collection[str]]  # value, fresh until, there until, bytes, tags


class MemoryStore:
    """Keeps at most ``entries`` values of together about ``bytes`` bytes (128 MiB).

    Texts and bytes are measured, the size of other objects is estimated by walking their first thousand parts. A value
    larger than the room is not kept. ``clock`` tells seconds, and only their differences count.
    """

    shared: Literal[False] = False

    def __init__(
        self, entries: int = ENTRIES, clock: Callable[[], float] = time.monotonic, *, bytes: int = BYTES
    ) -> None:
        if entries < 1 or bytes < 1:
            raise ConfigurationError(
                "A cache in memory needs room for something.",
                expected="entries and bytes of at least 1",
                got=f"entries={entries}, bytes={bytes}",
                fix=f"The defaults are {ENTRIES:,} and {BYTES:,}.",
            )
        self._entries, self._room = entries, bytes
        self._clock = clock
        self._kept: OrderedDict[str, _Entry] = OrderedDict()
        self._tagged: dict[str, set[str]] = {}
        self._versions: OrderedDict[str, int] = OrderedDict()
        self._numbers = count(1)
        self._bytes = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._kept)

    # -- without waiting ------------------------------------------------------------------------------------------

    def look(self, key: str) -> Any:
        """Return the fresh value, or ``MISSING``."""
        entry = self._kept.get(key)
        if entry is None:
            return MISSING
        if entry[1] != _NEVER and entry[1] <= (now := self._clock()):
            if entry[2] <= now:
                self._remove(key)
            return MISSING
        self._kept.move_to_end(key)
        return entry[0]

    def put(
        self,
        key: str,
        value: Any,
        seconds: float | None,
        stale: float = 0.0,
        tags: Collection[str] = (),
    ) -> None:
        """Keep a value; see ``Keep``."""
        if key in self._kept:
            self._remove(key)
        if seconds is not None and seconds <= 0:
            return
        size = size_of(value) + len(key) + _ENTRY_BYTES
        if size > self._room:
            self._dropped += 1
            return
        fresh = _NEVER if seconds is None else self._clock() + seconds
        self._kept[key] = (value, fresh, fresh + stale, size, tags)
        self._bytes += size
        for tag in tags:
            self._tagged.setdefault(tag, set()).add(key)
        while self._bytes > self._room or len(self._kept) > self._entries:
            self._remove(next(iter(self._kept)))
            self._dropped += 1

    def forget(self, key: str) -> bool:
        """Forget a value; returns whether there was one."""
        there = self.look(key) is not MISSING
        if key in self._kept:
            self._remove(key)
        return there

    def forget_tags(self, tags: Iterable[str]) -> None:
        """Forget all that was, or is being, computed for any of these tags."""
        for tag in tags:
            self._versions.pop(tag, None)
            for key in tuple(self._tagged.get(tag, ())):
                self._remove(key)

    def forget_all(self) -> None:
        """Forget all, also all versions."""
        self._kept.clear()
        self._tagged.clear()
        self._versions.clear()
        self._bytes = 0

    def keep_if(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """Keep values, unless a tag's version is not that in ``keep.tags``."""
        versions = self._versions
        for tag, version in keep.tags.items():
            if versions.get(tag) != version:
                return False
        for key, value in values.items():
            self.put(key, value, keep.seconds, keep.stale, tuple(keep.tags))
        return True

    def versions_of(self, tags: Iterable[str]) -> dict[str, int]:
        """Return the versions of tags; those that have none get one."""
        known = self._versions
        found: dict[str, int] = {}
        for tag in tags:
            if tag not in known:
                known[tag] = next(self._numbers)
            known.move_to_end(tag)
            found[tag] = known[tag]
        while len(known) > _VERSIONS:
            known.popitem(last=False)
        return found

    def _remove(self, key: str) -> None:
        _, _, _, size, tags = self._kept.pop(key)
        self._bytes -= size
        for tag in tags:
            keys = self._tagged.get(tag)
            if keys is not None:  # a tag may be named twice
                keys.discard(key)
                if not keys:
                    del self._tagged[tag]

    # -- as any store ---------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Any:
        """See ``Store``."""
        return self.look(key)

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """See ``Store``."""
        found = {key: self.look(key) for key in keys}
        return {key: value for key, value in found.items() if value is not MISSING}

    async def find(self, key: str) -> Found | None:
        """See ``Store``."""
        fresh = self.look(key) is not MISSING
        entry = self._kept.get(key)
        if entry is None:
            return None
        return Found(entry[0], fresh, entry[1] - self._clock() if fresh else 0.0, entry[4])

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """See ``Store``."""
        return self.keep_if(values, keep)

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """See ``Store``."""
        if self.look(key) is not MISSING or (keep.seconds is not None and keep.seconds <= 0):
            return False
        return self.keep_if({key: value}, keep)

    async def incr(self, key: str, delta: int) -> Any:
        """See ``Store``."""
        value = self.look(key)
        if value is MISSING:
            return MISSING
        if type(value) is not int:
            raise TypeError(type(value).__name__)
        if value + delta not in NUMBERS:
            raise OverflowError
        self._kept[key] = (value + delta, *self._kept[key][1:])
        return value + delta

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """See ``Store``."""
        value = self.look(key)
        if value is MISSING:
            return False
        self.put(key, value, seconds, stale, self._kept[key][4])
        return True

    async def delete(self, keys: Collection[str]) -> int:
        """See ``Store``."""
        return sum(map(self.forget, keys))

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """See ``Store``."""
        return self.versions_of(tags)

    async def delete_tags(self, tags: Collection[str]) -> None:
        """See ``Store``."""
        self.forget_tags(tags)

    async def clear(self) -> None:
        """See ``Store``."""
        self.forget_all()

    async def counts(self) -> Counts:
        """See ``Store``."""
        return Counts(len(self._kept), self._bytes, self._dropped)

    async def close(self) -> None:
        """See ``Store``; what is kept stays."""


__all__ = ["BYTES", "ENTRIES", "MISSING", "MemoryStore"]
