"""The cache that a program uses: keys, times, and one computation at a time for each key.

A value that many want and nobody has is computed once (the others wait for it), or else the first second after it went is
when the database gets all of its readers at once. Who computes may go away: a cancelled computation is taken up by the
next who waits. An error is everybody's who waited, and is not kept.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol, TypeVar, overload

from vivace.errors import CacheKeyError, CacheValueError

from .memory import MISSING, MemoryStore

T = TypeVar("T")
TIMEOUT: Final = 300.0  # seconds; Django's
_DEFAULT: Final[Any] = object()
_KEY_LENGTH: Final = 250  # memcached's; what works in memory shall work in any store


class Store(Protocol):
    """Where values are kept. Seconds of ``None`` are for ever, of 0 or less not at all."""

    async def get(self, key: str) -> Any:
        """Return the value, or ``MISSING``."""
        ...

    async def set(self, key: str, value: Any, seconds: float | None) -> None:
        """Keep a value."""
        ...

    async def add(self, key: str, value: Any, seconds: float | None) -> bool:
        """Keep a value unless there is one; returns whether it was kept."""
        ...

    async def incr(self, key: str, delta: int) -> Any:
        """Add to a number; returns the sum, or ``MISSING``."""
        ...

    async def touch(self, key: str, seconds: float | None) -> bool:
        """Give a value a new time; returns whether there is one."""
        ...

    async def delete(self, key: str) -> bool:
        """Forget a value; returns whether there was one."""
        ...

    async def clear(self) -> None:
        """Forget all."""
        ...


class Cache:
    """Keeps values by key: ``await cache.set("rates", rates, 60)``, ``await cache.get("rates")``.

    ``timeout`` is how many seconds a value stays that was not given a time: 300, ``None`` for ever. ``prefix`` keeps the
    keys of several programs in one store apart. Values in a ``MemoryStore`` are the very objects, so do not change them.
    """

    def __init__(
        self, store: Store | None = None, *, timeout: float | None = TIMEOUT, prefix: str = ""
    ) -> None:
        self.store: Store = MemoryStore() if store is None else store
        self.timeout = timeout
        self.prefix = prefix
        self._computing: dict[str, tuple[asyncio.Future[Any], asyncio.Task[Any] | None]] = {}

    async def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, else ``default``."""
        value = await self.store.get(self._key(key))
        return default if value is MISSING else value

    async def set(self, key: str, value: Any, timeout: float | None = _DEFAULT) -> None:
        """Keep a value for ``timeout`` seconds; ``None`` is for ever, 0 not at all."""
        await self.store.set(self._key(key), value, self._seconds(timeout))

    async def add(self, key: str, value: Any, timeout: float | None = _DEFAULT) -> bool:
        """Keep a value unless the key has one; returns whether it was kept."""
        return await self.store.add(self._key(key), value, self._seconds(timeout))

    @overload
    async def get_or_set(
        self, key: str, default: Callable[[], Awaitable[T]], timeout: float | None = ...
    ) -> T: ...
    @overload
    async def get_or_set(self, key: str, default: Callable[[], T], timeout: float | None = ...) -> T: ...
    @overload
    async def get_or_set(self, key: str, default: T, timeout: float | None = ...) -> T: ...
    async def get_or_set(self, key: str, default: Any, timeout: float | None = _DEFAULT) -> Any:
        """Return the value of a key; where there is none, keep and return ``default``, or what it gives when called.

        ``default`` may be ``async``. Of all who ask at once in this process one computes, the others wait for it.
        """
        name, seconds = self._key(key), self._seconds(timeout)
        while True:
            value = await self.store.get(name)
            if value is not MISSING:
                return value
            running = self._computing.get(name)
            if running is None:
                return await self._compute(name, default, seconds)
            self._refuse_circle(key, running[1])
            # Shielded: who waits may be cancelled, and the others wait on.
            outcome = await asyncio.shield(running[0])
            if outcome is not MISSING:
                return outcome

    async def _compute(self, name: str, default: Any, seconds: float | None) -> Any:
        """Compute, keep and return a value, and tell those who wait; ``MISSING`` tells them to try themselves."""
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(_seen)
        self._computing[name] = outcome, asyncio.current_task()
        try:
            value = default() if callable(default) else default
            if inspect.isawaitable(value):
                value = await value
            await self.store.set(name, value, seconds)
        except Exception as error:
            outcome.set_exception(error)
            raise
        except BaseException:
            outcome.set_result(MISSING)
            raise
        else:
            outcome.set_result(value)
        finally:
            del self._computing[name]
        return value

    def _refuse_circle(self, key: str, computing: asyncio.Task[Any] | None) -> None:
        if computing is not None and computing is asyncio.current_task():
            raise CacheValueError(
                f"To compute {key!r} for the cache, {key!r} is needed.",
                expected="a computation that does not ask for its own result",
                fix="Ask for another key inside, or compute it there without the cache.",
            )

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values that there are, by key."""
        found = {key: await self.store.get(self._key(key)) for key in keys}
        return {key: value for key, value in found.items() if value is not MISSING}

    async def set_many(self, values: Mapping[str, Any], timeout: float | None = _DEFAULT) -> None:
        """Keep several values."""
        for key, value in values.items():
            await self.set(key, value, timeout)

    async def delete(self, key: str) -> bool:
        """Forget a value; returns whether there was one."""
        return await self.store.delete(self._key(key))

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Forget several values; returns how many there were."""
        return sum([await self.delete(key) for key in keys])

    async def has(self, key: str) -> bool:
        """Return whether a key has a value."""
        return await self.store.get(self._key(key)) is not MISSING

    async def incr(self, key: str, delta: int = 1) -> Any:
        """Add to a number that is kept; returns the sum. Raises ``CacheValueError`` where there is none."""
        try:
            value = await self.store.incr(self._key(key), delta)
        except TypeError:
            value = None
        if value is MISSING or not isinstance(value, (int, float)):
            raise CacheValueError(
                f"The cache has no number under {key!r} to add to.",
                expected="a number that was kept before",
                got="nothing" if value is MISSING else "something else",
                fix=f"Begin with it: await cache.add({key!r}, 0).",
            )
        return value

    async def decr(self, key: str, delta: int = 1) -> Any:
        """Subtract from a number that is kept; see ``incr``."""
        return await self.incr(key, -delta)

    async def touch(self, key: str, timeout: float | None = _DEFAULT) -> bool:
        """Give a value a new time; returns whether there is one."""
        return await self.store.touch(self._key(key), self._seconds(timeout))

    async def clear(self) -> None:
        """Forget everything in the store, whatever its prefix."""
        await self.store.clear()

    def _seconds(self, timeout: Any) -> float | None:
        seconds: float | None = self.timeout if timeout is _DEFAULT else timeout
        return seconds

    def _key(self, key: object) -> str:
        if not isinstance(key, str) or not 0 < len(key) <= _KEY_LENGTH:
            raise CacheKeyError(
                "This is no key for a cache.",
                expected=f"a text of 1 to {_KEY_LENGTH} characters",
                got=repr(key)[:60] if isinstance(key, str) else type(key).__name__,
                fix="Shorten it, or make a digest of what it is made of.",
            )
        return self.prefix + key if self.prefix else key


def _seen(outcome: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waited for: who computed has raised it."""
    if not outcome.cancelled():
        outcome.exception()


__all__ = ["TIMEOUT", "Cache", "Store"]
