"""The cache that a program uses: keys, times, tags, and one computation at a time for each key.

It stands between programs and a ``Store``: it makes keys (prefix, version), turns values into what a shared store keeps and
back, sees to it that a store that is down is a cache that has nothing, and that what many want is computed once.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, overload

import msgspec

from vivace.changes import stop_recording
from vivace.errors import CacheKeyError, CacheValueError

from .guarded import guarded
from .memory import MemoryStore
from .stampede import Leases, Look, Stampede
from .store import MISSING, Keep, Store

T = TypeVar("T")
KeyFunction: TypeAlias = Callable[[str, str, int], str]
logger: Final = logging.getLogger("vivace.cache")
TIMEOUT: Final = 300.0  # seconds; Django's
_DEFAULT: Final[Any] = object()
_KEY_LENGTH: Final = 250  # memcached's; what works in memory shall work in any store
_TRIES: Final = 3  # of ``incr`` with a default, against others who delete and add at the same time


class CacheStats(msgspec.Struct, frozen=True):
    """What a cache did since the start of the process, and what its store has; ``None`` is what a store does not know.

    ``dropped`` counts values that went for want of room, ``failures`` calls of a store that could not be used.
    """

    hits: int
    misses: int
    computed: int
    served_stale: int
    failures: int
    entries: int | None
    bytes: int | None
    dropped: int | None


class Cache:
    """Keeps values by key: ``await cache.set("rates", rates, 60)``, ``await cache.get("rates")``.

    Times are in seconds; ``None`` is for ever, 0 not at all. ``timeout`` is for values that were not given a time; for
    ``stale`` seconds after it ``get_or_set`` serves the old value while a new one is computed. Keys become
    ``prefix:version:key``, or what ``key_function(key, prefix, version)`` makes of them. ``leases`` say how processes wait
    for each other.

    Values in a ``MemoryStore``, the default, are the very objects: do not change them. Shared stores keep plain data, and
    raise ``CacheValueError`` for anything else. ``memory`` is the store where it is one that can be asked without waiting.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        timeout: float | None = TIMEOUT,
        stale: float = 0.0,
        prefix: str = "",
        version: int = 1,
        key_function: KeyFunction | None = None,
        leases: Leases | None = None,
    ) -> None:
        self.store: Store = MemoryStore() if store is None else guarded(store)
        self.timeout, self.stale = timeout, stale
        self.prefix, self.version, self.key_function = prefix, version, key_function
        self.hits = self.misses = self.served_stale = 0
        self._head = f"{prefix}:{version}:"
        self._stampede = Stampede(self.store, leases)
        self._tasks: dict[str, asyncio.Task[Any]] = {}  # what is computed beside requests
        self._encode, self._restore = _codec() if self.store.shared else (_same, _same)
        self.memory = self.store if isinstance(self.store, MemoryStore) else None

    def __repr__(self) -> str:
        return f"<Cache on {self.store!r}>"

    def key(self, key: object, version: int | None = None) -> str:
        """Return the key under which the store has a value; raises ``CacheKeyError``."""
        if not isinstance(key, str) or not 0 < len(key) <= _KEY_LENGTH or not _is_text(key):
            raise _wrong_key(key)
        if self.key_function is not None:
            return self.key_function(key, self.prefix, self.version if version is None else version)
        return (self._head if version is None else f"{self.prefix}:{version}:") + key

    # -- one value ------------------------------------------------------------------------------------------------

    async def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the value of a key, else ``default``."""
        value = await self._look(self.key(key, version))
        return default if value is MISSING else value

    async def set(
        self,
        key: str,
        value: Any,
        timeout: float | None = _DEFAULT,
        version: int | None = None,
        *,
        stale: float | None = None,
        tags: Iterable[str] = (),
    ) -> None:
        """Keep a value for ``timeout`` seconds. ``delete_tag`` with one of its ``tags`` forgets it."""
        name = self.key(key, version)
        self._stampede.outdate((name,))
        if self.memory is not None and not tags:
            keep = self._keep(timeout, stale)
            self.memory.put(name, value, keep.seconds, keep.stale)
            return
        kept = {name: self._encode(value)}
        await self._store(kept, self._keep(timeout, stale), await self._versions(tuple(map(self._tag, tags))))

    async def add(
        self, key: str, value: Any, timeout: float | None = _DEFAULT, version: int | None = None
    ) -> bool:
        """Keep a value unless the key has one; returns whether it was kept."""
        return await self.store.add(self.key(key, version), self._encode(value), self._keep(timeout))

    async def has(self, key: str, version: int | None = None) -> bool:
        """Return whether a key has a value."""
        return await self.store.get(self.key(key, version)) is not MISSING

    async def touch(self, key: str, timeout: float | None = _DEFAULT, version: int | None = None) -> bool:
        """Give a value a new time; returns whether there is one."""
        keep = self._keep(timeout)
        return await self.store.touch(self.key(key, version), keep.seconds, keep.stale)

    async def delete(self, key: str, version: int | None = None) -> bool:
        """Forget a value; returns whether there was one."""
        name = self.key(key, version)
        self._stampede.outdate((name,))
        return await self.store.delete((name,)) > 0

    # -- computing ------------------------------------------------------------------------------------------------

    @overload
    async def get_or_set(
        self,
        key: str,
        default: Callable[[], Awaitable[T]],
        timeout: float | None = ...,
        version: int | None = ...,
        *,
        stale: float | None = ...,
        tags: Iterable[str] = ...,
    ) -> T: ...
    @overload
    async def get_or_set(
        self,
        key: str,
        default: Callable[[], T],
        timeout: float | None = ...,
        version: int | None = ...,
        *,
        stale: float | None = ...,
        tags: Iterable[str] = ...,
    ) -> T: ...
    @overload
    async def get_or_set(
        self,
        key: str,
        default: T,
        timeout: float | None = ...,
        version: int | None = ...,
        *,
        stale: float | None = ...,
        tags: Iterable[str] = ...,
    ) -> T: ...
    async def get_or_set(
        self,
        key: str,
        default: Any,
        timeout: float | None = _DEFAULT,
        version: int | None = None,
        *,
        stale: float | None = None,
        tags: Iterable[str] = (),
    ) -> Any:
        """Return the value of a key; where there is none, keep and return ``default``, or what it gives when called.

        ``default`` may be ``async``. Of all who ask at once one computes, in shared stores among all processes; the others
        wait for it. For ``stale`` seconds after its time the old value is returned while a new one is computed, and stays
        when that fails.
        """
        name = self.key(key, version)
        keep = self._keep(timeout, stale)
        value = await (self._find(name) if keep.stale else self._look(name))
        if value is not MISSING and type(value) is not _Old:
            return value
        names = tuple(map(self._tag, tags))

        async def compute() -> Any:
            return await self._compute(name, default, keep, names)

        async def look() -> Any:
            return await self._look(name)

        if type(value) is _Old:
            self._refresh(name, look, compute)
            return value.value
        return await self._stampede.once(name, look, compute, looked=True)

    async def _find(self, name: str) -> Any:
        """Return a value, perhaps an old one, or ``MISSING``."""
        found = await self.store.find(name)
        value = MISSING if found is None else self._opened(found.value)
        if value is MISSING or found is None:
            self.misses += 1
            return MISSING
        if found.fresh:
            self.hits += 1
            return value
        self.served_stale += 1
        return _Old(value)

    async def once(self, name: str, look: Look, compute: Look) -> Any:
        """Return what ``look()`` finds (``MISSING``: nothing), else what ``compute()`` gives, which must keep it itself.

        Of all who ask under the same ``name`` one computes, the others wait for it; nothing is kept under that name.
        """
        return await self._stampede.once(f"{self._head}{name}", look, compute)

    async def _compute(self, name: str, default: Any, keep: Keep, tags: tuple[str, ...]) -> Any:
        versions = await self._versions(tags)
        value = default() if callable(default) else default
        if inspect.isawaitable(value):
            value = await value
        kept = self._encode(value)  # what cannot be kept is told in any case
        if not self._stampede.outdated():
            await self._store({name: kept}, keep, versions)
        return value

    def _refresh(self, name: str, look: Look, compute: Look) -> None:
        """Compute beside the request, which has its answer: in no transaction of its, recording nothing for it."""
        loop, running = asyncio.get_running_loop(), self._tasks.get(name)
        if (running is not None and running.get_loop() is loop) or self._stampede.busy(name):
            return
        task = loop.create_task(
            self._stampede.refresh(name, look, compute), name=f"refresh {name}", context=_detached()
        )
        self._tasks[name] = task
        task.add_done_callback(partial(self._refreshed, name))

    def _refreshed(self, name: str, task: asyncio.Task[Any]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The cache goes on serving the old value of %r: %r", name, error, exc_info=error)

    # -- numbers --------------------------------------------------------------------------------------------------

    async def incr(
        self,
        key: str,
        delta: int = 1,
        version: int | None = None,
        *,
        default: int | None = None,
        timeout: float | None = _DEFAULT,
    ) -> int:
        """Add to a whole number that is kept, which keeps its time; returns the sum.

        Where there is none: begins with ``default``, kept for ``timeout``; without one raises ``CacheValueError``.
        """
        name = self.key(key, version)
        for _ in range(_TRIES):
            value = await self._incr(key, name, delta)
            if value is not MISSING:
                return int(value)
            if default is None:
                raise _no_number(key, "nothing")
            if await self.store.add(name, default + delta, self._keep(timeout)):
                break
        return default + delta if default is not None else delta

    async def _incr(self, key: str, name: str, delta: int) -> Any:
        try:
            return await self.store.incr(name, delta)
        except TypeError:
            raise _no_number(key, "something else") from None
        except OverflowError:
            raise _no_number(key, "a sum that has more than 64 bits") from None

    async def decr(
        self,
        key: str,
        delta: int = 1,
        version: int | None = None,
        *,
        default: int | None = None,
        timeout: float | None = _DEFAULT,
    ) -> int:
        """Subtract from a number that is kept; see ``incr``."""
        return await self.incr(key, -delta, version, default=default, timeout=timeout)

    async def incr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Give a value another version; returns that. Raises ``CacheValueError`` where there is no value."""
        old = self.version if version is None else version
        value = await self._look(self.key(key, old))
        if value is MISSING:
            raise CacheValueError(
                f"The cache has no value under {key!r} to give another version.",
                expected="a value that was kept before",
                got=f"nothing in version {old}",
            )
        await self.set(key, value, version=old + delta)
        await self.delete(key, version=old)
        return old + delta

    async def decr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Give a value an earlier version; see ``incr_version``."""
        return await self.incr_version(key, -delta, version)

    # -- several values -------------------------------------------------------------------------------------------

    async def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """Return the values that there are, by key."""
        names = {self.key(key, version): key for key in keys}
        kept = await self.store.get_many(names)
        opened = {names[name]: self._opened(value) for name, value in kept.items()}
        found = {key: opened[key] for key in names.values() if opened.get(key, MISSING) is not MISSING}
        self.hits += len(found)
        self.misses += len(names) - len(found)
        return found

    async def set_many(
        self,
        values: Mapping[str, Any],
        timeout: float | None = _DEFAULT,
        version: int | None = None,
        *,
        stale: float | None = None,
        tags: Iterable[str] = (),
    ) -> None:
        """Keep several values."""
        kept = {self.key(key, version): self._encode(value) for key, value in values.items()}
        self._stampede.outdate(kept)
        await self._store(kept, self._keep(timeout, stale), await self._versions(tuple(map(self._tag, tags))))

    async def delete_many(self, keys: Iterable[str], version: int | None = None) -> int:
        """Forget several values; returns how many there were."""
        names = {self.key(key, version) for key in keys}
        self._stampede.outdate(names)
        return await self.store.delete(names)

    async def clear(self) -> None:
        """Forget everything in the store, whatever its prefix."""
        self._stampede.outdate()
        await self.store.clear()

    # -- tags -----------------------------------------------------------------------------------------------------

    async def delete_tag(self, *tags: str) -> None:
        """Forget all values that have any of these tags, also those that are being computed."""
        names = {self._tag(tag) for tag in tags}
        self._stampede.outdate()  # which tags will be given to what is computed is not known here
        await self.store.delete_tags(names)

    def _tag(self, tag: str) -> str:
        if not 0 < len(tag) <= _KEY_LENGTH or not _is_text(tag):
            raise _wrong_key(tag)
        return f"{self.prefix}:{tag}"

    async def _versions(self, tags: tuple[str, ...]) -> dict[str, int] | None:
        """Return the versions of tags, ``None`` where the store could not tell."""
        if not tags:
            return {}
        found = await self.store.versions(tags)
        return found if len(found) == len(set(tags)) else None

    async def _store(self, kept: Mapping[str, Any], keep: Keep, versions: dict[str, int] | None) -> None:
        if versions is None:
            await self.store.delete(kept.keys())  # what is there is out of date
            return
        if versions:
            keep = msgspec.structs.replace(keep, tags=versions)
        await self.store.keep(kept, keep)

    # -- itself ---------------------------------------------------------------------------------------------------

    async def stats(self) -> CacheStats:
        """Return what it did and what there is."""
        counts = await self.store.counts()
        return CacheStats(
            hits=self.hits,
            misses=self.misses,
            computed=self._stampede.computed,
            served_stale=self.served_stale,
            failures=getattr(self.store, "failures", 0),
            entries=counts.entries,
            bytes=counts.bytes,
            dropped=counts.dropped,
        )

    async def settle(self) -> None:
        """Wait until old values that are being replaced are."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks.values()))

    async def close(self) -> None:
        """End what is being computed beside requests, and let go of the store; the next call opens it again."""
        tasks = [task for task in self._tasks.values() if task.get_loop() is asyncio.get_running_loop()]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.store.close()

    async def _look(self, name: str) -> Any:
        if self.memory is not None:
            value = self.memory.look(name)
        else:
            value = await self.store.get(name)
            if value is not MISSING:
                value = self._opened(value)
        if value is MISSING:
            self.misses += 1
        else:
            self.hits += 1
        return value

    def _opened(self, kept: Any) -> Any:
        """Return the value of what the store had; ``MISSING`` for what another version of the framework wrote."""
        try:
            return self._restore(kept)
        except Exception:
            logger.warning(
                "The cache has a value that cannot be read, which counts as missing", exc_info=True
            )
            return MISSING

    def _keep(
        self, timeout: float | None, stale: float | None = None, tags: Mapping[str, int] | None = None
    ) -> Keep:
        seconds = self.timeout if timeout is _DEFAULT else timeout
        return Keep(seconds, self.stale if stale is None else stale, tags or {})


class _Old(NamedTuple):
    """A value that is not fresh any more."""

    value: Any


def _codec() -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    from .codec import decode, encode  # only who has a shared store pays for it

    return encode, decode


def _same(value: Any) -> Any:
    return value


def _detached() -> Context:
    """Return a copy of the context without the request's transaction, and without what records its reads."""
    context = copy_context()
    context.run(stop_recording)
    if "vivace.db.transactions" in sys.modules:
        from vivace.db.transactions import detach

        detach(context)
    return context


def _is_text(key: str) -> bool:
    """Whether every store can keep it: not with NUL (PostgreSQL), nor with half a character (UTF-8)."""
    if "\0" in key:
        return False
    try:
        return key.isascii() or bool(key.encode())
    except UnicodeEncodeError:
        return False


def _wrong_key(key: object) -> CacheKeyError:
    return CacheKeyError(
        "This is no key for a cache.",
        expected=f"a text of 1 to {_KEY_LENGTH} characters, none of them NUL",
        got=repr(key)[:60] if isinstance(key, str) else type(key).__name__,
        fix="Shorten it, or make a digest of what it is made of.",
    )


def _no_number(key: str, got: str) -> CacheValueError:
    return CacheValueError(
        f"The cache has no number under {key!r} to add to.",
        expected="a whole number that was kept before",
        got=got,
        fix=f"Begin with one: await cache.incr({key!r}, default=0).",
    )


__all__ = ["TIMEOUT", "Cache", "CacheStats", "KeyFunction"]
