"""A shared store that may fail, made into one that at worst has nothing: a cache that is down must not take the site down.

1. No call takes longer than ``patience`` seconds. One that fails is a miss, is logged once, and the store counts as *down*:
   then calls are misses without being tried, but for one now and then (``PAUSES``) that finds out whether it is back.
2. What could not be deleted or replaced would come back as a value that is out of date. It is *owed*, and paid before
   anything else is asked of a store that is back; who owes too much (``OWED``) empties the store instead.
3. A store that takes nothing more because it is full (``Refused``) is not down: what it has is good.
4. Other processes that reach the store meanwhile do see old values: a store that only some can reach is no better than that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Literal, TypeVar

from .store import MISSING, Counts, Found, Keep, Refused, Store

T = TypeVar("T")
logger: Final = logging.getLogger("vivace.cache")
PATIENCE: Final = 2.0
PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
"""Seconds until a store that is down is tried again; the last one repeats."""
OWED: Final = 10_000
COMPLAIN_EVERY: Final = 60.0  # seconds
_LOUD: Final = (TypeError, OverflowError)  # what ``incr`` says of a value


class Guarded:
    """A store in front of another one, which may fail; see the module.

    ``patience`` and ``clock`` are in seconds. ``paid(keys, tags, everything)`` is told what was deleted belatedly.
    """

    shared: Literal[True] = True
    safe: Literal[True] = True

    def __init__(
        self,
        store: Store,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        paid: Callable[[Collection[str], Collection[str], bool], None] | None = None,
    ) -> None:
        self.store = store
        self.failures = 0
        self._patience = patience
        self._clock = clock
        self._paid = paid
        self._retry_at: float | None = None  # ``None``: it is up
        self._retries = 0
        self._trying = False
        self._complain_at = float("-inf")
        self._keys: set[str] = set()
        self._tags: set[str] = set()
        self._all = False

    def __repr__(self) -> str:
        return f"<Guarded {self.store!r}>"

    @property
    def down(self) -> bool:
        """Whether it could not be used when it was last tried."""
        return self._retry_at is not None

    # -- whether to try -------------------------------------------------------------------------------------------

    async def _ask(self, make: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """Return what a call gives, ``otherwise`` where the store cannot be used."""
        trying, paid = self._retry_at is not None, False
        if self._retry_at is not None:
            if self._trying or self._clock() < self._retry_at:
                return otherwise
            self._trying = True
        try:
            async with asyncio.timeout(self._patience):
                if self._owes:
                    await self._pay()
                paid = True
                answer = await make()
        except _LOUD:
            raise
        except Refused as error:
            if paid:
                self._refused(error)
            else:
                self._failed(error)
            return otherwise
        except Exception as error:
            self._failed(error)
            return otherwise
        finally:
            if trying:
                self._trying = False
        if self._retry_at is not None:
            self._recovered()
        return answer

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if self._retry_at is None:
            logger.error(
                "The cache %r cannot be used: everything is computed until it is back: %s", self.store, error
            )
            self._retries = 0
        self._retry_at = self._clock() + PAUSES[min(self._retries, len(PAUSES) - 1)]
        self._retries += 1

    def _refused(self, error: Refused) -> None:
        self.failures += 1
        if self._complain_at <= (now := self._clock()):
            self._complain_at = now + COMPLAIN_EVERY
            logger.error("The cache %r keeps nothing more: %s", self.store, error)

    def _recovered(self) -> None:
        self._retry_at = None
        logger.warning("The cache %r is back.", self.store)

    # -- what could not be deleted --------------------------------------------------------------------------------

    @property
    def _owes(self) -> bool:
        return bool(self._all or self._keys or self._tags)

    def _owe(
        self, keys: Collection[str] = (), tags: Collection[str] = (), *, everything: bool = False
    ) -> None:
        self._keys.update(keys)
        self._tags.update(tags)
        if everything or len(self._keys) + len(self._tags) > OWED:
            self._all = True
            self._keys.clear()
            self._tags.clear()

    async def _pay(self) -> None:
        keys, tags, everything = tuple(self._keys), tuple(self._tags), self._all
        if everything:
            await self.store.clear()
            self._all = False
        if tags:
            await self.store.delete_tags(tags)
            self._tags.difference_update(tags)
        if keys:
            await self.store.delete(keys)
            self._keys.difference_update(keys)
        if self._paid is not None:
            self._paid(keys, tags, everything)

    async def _write(self, make: Callable[[], Awaitable[T]], otherwise: T, **owed: Any) -> T:
        """Make a call after which old values must not be there any more."""
        done = False

        async def write() -> T:
            nonlocal done
            answer = await make()
            done = True
            return answer

        try:
            return await self._ask(write, otherwise)
        finally:  # also when it was cancelled: nobody knows then how far it came
            if not done:
                self._owe(**owed)

    # -- as any store ---------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Any:
        """See ``Store``."""
        return await self._ask(lambda: self.store.get(key), MISSING)

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """See ``Store``."""
        return await self._ask(lambda: self.store.get_many(keys), {})

    async def find(self, key: str) -> Found | None:
        """See ``Store``."""
        return await self._ask(lambda: self.store.find(key), None)

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """See ``Store``."""
        return await self._write(lambda: self.store.keep(values, keep), False, keys=tuple(values))

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """See ``Store``."""
        return await self._ask(lambda: self.store.add(key, value, keep), False)

    async def incr(self, key: str, delta: int) -> Any:
        """See ``Store``."""
        return await self._ask(lambda: self.store.incr(key, delta), MISSING)

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """See ``Store``."""
        return await self._ask(lambda: self.store.touch(key, seconds, stale), False)

    async def delete(self, keys: Collection[str]) -> int:
        """See ``Store``."""
        return await self._write(lambda: self.store.delete(keys), 0, keys=tuple(keys))

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """See ``Store``; a store that is down has no versions, and keeps nothing that has tags."""
        return await self._ask(lambda: self.store.versions(tags), {})

    async def delete_tags(self, tags: Collection[str]) -> None:
        """See ``Store``."""
        await self._write(lambda: self.store.delete_tags(tags), None, tags=tuple(tags))

    async def clear(self) -> None:
        """See ``Store``."""
        await self._write(lambda: self.store.clear(), None, everything=True)

    async def counts(self) -> Counts:
        """See ``Store``."""
        return await self._ask(lambda: self.store.counts(), Counts())

    async def close(self) -> None:
        """See ``Store``."""
        await self.store.close()


def guarded(store: Store) -> Store:
    """Return a store that at worst has nothing."""
    return store if not store.shared or getattr(store, "safe", False) else Guarded(store)


__all__ = ["OWED", "PATIENCE", "PAUSES", "Guarded", "guarded"]
