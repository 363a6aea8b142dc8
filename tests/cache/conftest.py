"""Every store on a loop of its own, with a clock that tests move: the server's clock moves with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from vivace.brokers.exchange import Exchange
from vivace.brokers.memory import MemoryBroker
from vivace.cache import MemoryStore, Store
from vivace.cache.database import DatabaseStore
from vivace.cache.twotier import TwoTierStore
from vivace.db import Database
from vivace.db.urls import connect

T = TypeVar("T")
PATIENCE: Final = 30.0  # seconds, on a busy machine
LATER: Final = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then
    if left <= tonumber(ARGV[1]) then redis.call('DEL', key)
    else redis.call('PEXPIRE', key, left - tonumber(ARGV[1])) end
  end
end
"""


class Clock:
    """A clock that stands until somebody moves it."""

    def __init__(self, now: float = 1_000_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SharedMemory(MemoryStore):
    """Memory that passes for a shared store: what reaches it is bytes and numbers, and computations take leases."""

    shared: Any = True

    def put(self, key: str, value: Any, *arguments: Any, **options: Any) -> None:
        assert type(value) in (bytes, int)
        super().put(key, value, *arguments, **options)


class Lab:
    """A store to try things with, and the loop it lives on."""

    def __init__(self, kind: str, clock: Clock) -> None:
        self.kind = kind
        self.clock = clock
        self.runner = asyncio.Runner()
        self.store: Store = MemoryStore(clock=clock)
        self.later: list[Callable[[float], Coroutine[Any, Any, None]]] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.runner.run(work)

    async def advance(self, seconds: float) -> None:
        """Let time pass, here and at the server."""
        self.clock.now += seconds
        for later in self.later:
            await later(seconds)

    def close(self) -> None:
        """Close the store and its loop."""
        with self.runner:
            self.run(self.store.close())


def database_store(url: str, clock: Clock, **options: Any) -> DatabaseStore:
    """Return a store on a database of its own."""
    return DatabaseStore(Database("cache", connect(url, root=Path("/"))), clock=clock, **options)


def valkey_store(lab: Lab, url: str) -> Store:
    """Return a store on a Valkey server whose time the lab moves."""
    from vivace.brokers.valkey import script
    from vivace.cache.valkey import ValkeyStore

    store = ValkeyStore(url, clock=lab.clock)
    later = script(LATER)

    async def pass_time(seconds: float) -> None:
        await store._client.run(later, [], [int(seconds * 1000)])

    lab.later.append(pass_time)
    return store


async def two_tiers(back: Store, clock: Clock) -> TwoTierStore:
    """Return a store with memory in front of ``back``, connected to a broker of this process."""
    exchange = Exchange()
    await exchange.start(MemoryBroker())
    store = TwoTierStore(back, MemoryStore(clock=clock), front_seconds=1e9, patience=PATIENCE)
    await store.start(exchange)
    return store


KINDS: Final = ("memory", "sqlite", "postgresql", "valkey", "two-tier on sqlite", "two-tier on valkey")


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A store of each kind."""
    kind, clock = str(request.param), Clock()
    lab = Lab(kind, clock)
    if "sqlite" in kind:
        lab.store = database_store(f"sqlite:///{tmp_path / 'cache.sqlite3'}", clock)
    elif kind == "postgresql":
        lab.store = database_store(request.getfixturevalue("postgresql_url"), clock)
    elif "valkey" in kind:
        lab.store = valkey_store(lab, request.getfixturevalue("valkey_url"))
    if "two-tier" in kind:
        lab.store = lab.run(two_tiers(lab.store, clock))
    try:
        yield lab
    finally:
        lab.close()
