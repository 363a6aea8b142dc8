"""The caches of an app, by alias; made when they are first asked for.

``default`` is what ``VIVACE_CACHE`` says, unless the app was given one; without either it is the memory of the process. A
mounted app has those of the app it is mounted in, unless it was given its own. Two tiers need the broker: an app that has
them asks for it at the freeze, and connects them after the broker. In the test client what a URL makes is made anew, in
memory, so that no test finds what another one kept.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from vivace.cache import Cache, Store
from vivace.errors import BrokerError, Finding, UnknownCache, VivaceError, nearest

if TYPE_CHECKING:
    from .application import App

CacheSource: TypeAlias = "Cache | Store | str"
"""A cache, a store for one, or its URL (see ``vivace.cache.urls``)."""

logger: Final = logging.getLogger("vivace.app")
DEFAULT: Final = "default"
_IN_TESTS: Final = "sqlite://:memory:"  # for what is shared: it refuses what a shared store refuses


class Caches(Mapping[str, Cache]):
    """The caches of one app."""

    def __init__(self, app: App, given: Mapping[str, CacheSource] | None) -> None:
        self._app = app
        self._given: dict[str, CacheSource] = dict(given or {})
        self._own = bool(given)
        self._made: dict[str, Cache] = {}
        self._in_test = False

    @property
    def _lender(self) -> Caches | None:
        """The caches of the app that this one is mounted in, unless it was given its own."""
        outer = self._app.outer
        return None if self._own or outer is None else outer.caches

    def __getitem__(self, alias: str) -> Cache:
        lender = self._lender
        if lender is not None:
            return lender[alias]
        cache = self._made.get(alias)
        if cache is None:
            cache = self._made[alias] = self._make(alias)
        return cache

    def __iter__(self) -> Iterator[str]:
        lender = self._lender
        return iter(dict.fromkeys((DEFAULT, *self._given)) if lender is None else lender)

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def replace(self, alias: str, source: CacheSource) -> None:
        """Use another cache from now on."""
        self._given[alias] = source
        self._own = True
        self._made.pop(alias, None)

    # -- making ---------------------------------------------------------------------------------------------------

    def _make(self, alias: str) -> Cache:
        source = self._given.get(alias)
        if source is None:
            if alias != DEFAULT:
                raise UnknownCache(
                    f"The app has no cache {alias!r}.", expected=", ".join(self), fix=nearest(alias, self)
                )
            source = self._app.settings.cache.reveal()
        if isinstance(source, Cache):
            return source
        return self._at(source, alias) if isinstance(source, str) else Cache(source)

    def _at(self, url: str, alias: str) -> Cache:
        from vivace.cache.urls import Place, cache_at

        place = Place(alias, self._app.root, lambda name: self._app.databases[name])
        if not self._in_test:
            return cache_at(url, place)
        like = cache_at(url, place)  # a URL that is wrong is wrong in tests, too
        store = cache_at(_IN_TESTS if like.store.shared else "memory", place).store
        return Cache(store, timeout=like.timeout, stale=like.stale, prefix=like.prefix, version=like.version)

    @contextmanager
    def isolated(self) -> Generator[None]:
        """Make what URLs make anew for the block, in memory."""
        given = {alias: source for alias, source in self._given.items() if not isinstance(source, str)}
        before, self._made = self._made, {a: c for a, c in self._made.items() if a in given}
        self._in_test = True
        try:
            yield
        finally:
            self._in_test, self._made = False, before

    # -- life -----------------------------------------------------------------------------------------------------

    def freeze(self) -> list[Finding]:
        """Make all of them and return what is wrong with them; ask for the broker where one needs it."""
        if self._lender is not None:
            return []
        findings: list[Finding] = []
        for alias in self:
            try:
                if _tiers(self[alias]) is not None:
                    _ = self._app.broker
            except VivaceError as error:
                findings.append(Finding.from_error(error))
        return findings

    async def start(self) -> None:
        """Connect those that need the broker."""
        if self._lender is not None:
            return
        for cache in self._made.values():
            if (store := _tiers(cache)) is not None:
                try:
                    await store.start(self._app.broker)
                except BrokerError as error:
                    logger.error("A cache goes without its memory tier: %s", error)

    async def close(self) -> None:
        """Let go of what they hold; they open again when they are next used."""
        for cache in self._made.values():
            try:
                await cache.close()
            except Exception:
                logger.exception("A cache could not be closed: %r", cache)


def _tiers(cache: Cache) -> Any:
    """Return the store of a cache where it is one of two tiers."""
    return cache.store if hasattr(cache.store, "start") else None


__all__ = ["CacheSource", "Caches"]
