"""What a store of cached values must be able to do; everything that programs see of a cache is built on it by ``Cache``.

Theory
------
1. A store is a dictionary that forgets. It may drop anything at any time, and must not return what was deleted.
2. An entry is *fresh* for ``Keep.seconds``, then *stale* for ``Keep.stale`` seconds, then gone. To all but ``find`` a stale
   entry is not there: ``add`` replaces it, ``incr`` and ``touch`` do not see it.
3. *Tags.* A tag has a version while anybody needs it; ``delete_tags`` takes it away, and the next one is another (versions
   are never used twice). An entry is kept with the versions that its tags had **before** its value was computed, and is
   there only while these are their versions: so what was computed from data that changed meanwhile is never returned, and
   ``keep`` does not even replace anything by it. A version that a store has lost counts as changed.
4. ``shared`` stores are seen by other processes. Values reach them as ``bytes`` or ``int`` (64 bits, so that ``incr`` is
   theirs to do) and come back so; other stores keep the objects themselves.
5. A shared store may fail: whatever it raises beside ``TypeError`` and ``OverflowError`` of ``incr`` means that it cannot be
   used now, ``Refused`` that it does not take this, but can be read: it is full. ``Guarded`` makes a miss of both.
6. Every call is atomic in each key, ``keep`` with tags in the comparison and the storing too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec

NUMBERS: Final = range(-(2**63), 2**63)
"""The numbers that every store can count with."""


class _Missing:
    """The type of ``MISSING``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final[Any] = _Missing()
"""What a store returns where it has nothing: ``None`` is a value like any other."""


class Keep(msgspec.Struct, frozen=True):
    """How long a value is kept, and for which versions of which tags. ``seconds`` of ``None``: for ever; 0 or less: not at all.

    ``stale`` is for how many seconds after that it may be served while another one is computed.
    """

    seconds: float | None = None
    stale: float = 0.0
    tags: Mapping[str, int] = {}

    @property
    def total(self) -> float | None:
        """Seconds until it is gone; ``None``: never."""
        return None if self.seconds is None else self.seconds + self.stale


FOR_EVER: Final = Keep()


class Found(NamedTuple):
    """A value, whether it is fresh, for how many seconds from now, and its tags."""

    value: Any
    fresh: bool
    seconds: float
    tags: Collection[str]


class Counts(msgspec.Struct, frozen=True):
    """What a store can tell of itself; ``None`` is what it does not know. ``dropped``: for want of room."""

    entries: int | None = None
    bytes: int | None = None
    dropped: int | None = None


class Refused(Exception):
    """A store did not take a value, and can be used all the same."""


class Store(Protocol):
    """Where values are kept; see the module's rules."""

    @property
    def shared(self) -> bool:
        """Whether other processes see it, too: then it keeps ``bytes`` and ``int``."""
        ...

    async def get(self, key: str) -> Any:
        """Return the fresh value, or ``MISSING``."""
        ...

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """Return the fresh values that there are."""
        ...

    async def find(self, key: str) -> Found | None:
        """Return the value, fresh or stale."""
        ...

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """Keep values; returns ``False``, and changes nothing, where a tag's version is not that in ``keep.tags``."""
        ...

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """Keep a value unless there is a fresh one; returns whether it was kept."""
        ...

    async def incr(self, key: str, delta: int) -> Any:
        """Add to a number, which keeps its time; returns the sum, or ``MISSING``.

        Raises ``TypeError`` where the value is none, ``OverflowError`` where the sum is not one of ``NUMBERS``.
        """
        ...

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """Give a value a new time; returns whether there is one."""
        ...

    async def delete(self, keys: Collection[str]) -> int:
        """Forget values; returns how many of them were there, fresh."""
        ...

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """Return the versions of tags; those that have none get one."""
        ...

    async def delete_tags(self, tags: Collection[str]) -> None:
        """Forget all that was, or is being, computed for any of these tags."""
        ...

    async def clear(self) -> None:
        """Forget all, also all versions."""
        ...

    async def counts(self) -> Counts:
        """Return how much there is; may take long in a large store."""
        ...

    async def close(self) -> None:
        """Let go of connections; the next call opens them again."""
        ...


__all__ = ["FOR_EVER", "MISSING", "NUMBERS", "Counts", "Found", "Keep", "Refused", "Store"]
