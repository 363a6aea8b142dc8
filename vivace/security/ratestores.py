"""Where hits are counted: in this process, or in the database that all processes share.

A store decides and counts in one step, so two requests at once cannot both have the last unit: in memory because
nothing is awaited between, in the database because it is one statement (``INSERT … ON CONFLICT DO UPDATE … WHERE …
RETURNING``), whose row is locked while it decides. A refused hit writes nothing; a flood costs reads only.

The table is the store's own and holds nothing of worth, so it is made when it is first missing, without a migration;
on PostgreSQL it is unlogged. A hit never belongs to the transaction around it, whose rollback would give it back; on
SQLite, which has one writer, a hit inside ``atomic()`` has to.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Protocol

from .rates import FRESH, Rate, State, Verdict

if TYPE_CHECKING:
    from vivace.db import Database, Statement

Clock = Callable[[], float]
TABLE: Final = "vivace_rate_limits"
CAPACITY: Final = 65_536  # keys in memory, some 20 MB; the one that was hit longest ago goes first
SWEEP_EVERY: Final = 1_000  # hits of a process between removals of rows that matter no more
_SWEPT: Final = 1_000  # rows at once
_LONGEST_KEY: Final = 128


class RateStore(Protocol):
    """Counts hits by key."""

    async def hit(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Take ``cost`` units, or none when there are not enough."""
        ...

    async def peek(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Say what a hit would come to, without taking anything."""
        ...

    async def reset(self, key: str) -> None:
        """Forget a key."""
        ...


class MemoryRates:
    """Counts in this process: each worker for itself. ``capacity`` bounds the keys that are known."""

    def __init__(self, *, capacity: int = CAPACITY, clock: Clock = time.monotonic) -> None:
        self.capacity = capacity
        self._clock = clock
        self._states: OrderedDict[str, State] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    async def hit(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Take ``cost`` units, or none when there are not enough."""
        now, states = self._clock(), self._states
        state = states.get(key, FRESH)
        taken = rate.take(state, now, cost)
        if taken is None:
            if key in states:
                states.move_to_end(key)  # whoever hammers is not the one to be forgotten
            return rate.verdict(state, now, cost, allowed=False)
        states[key] = taken
        states.move_to_end(key)
        if len(states) > self.capacity:
            states.popitem(last=False)
        return rate.verdict(taken, now, cost, allowed=True)

    async def peek(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Say what a hit would come to, without taking anything."""
        return _peeked(self._states.get(key, FRESH), rate, self._clock(), cost)

    async def reset(self, key: str) -> None:
        """Forget a key."""
        self._states.pop(key, None)


class DatabaseRates:
    """Counts in a database (its alias is ``using``), for all processes that share it; clocks must agree to the second."""

    def __init__(self, *, using: str = "default", clock: Clock = time.time) -> None:
        self.using = using
        self._clock = clock
        self._hits = 0

    async def hit(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Take ``cost`` units, or none when there are not enough."""
        from .ratesql import parameters, take

        now = self._clock()
        rows = await self._run(
            lambda dialect: take(dialect, rate.algorithm), parameters(key, rate, now, cost)
        )
        await self._sweep(now)
        if rows:
            return rate.verdict(_state(rows[0]), now, cost, allowed=True)
        return rate.verdict(await self._kept(key), now, cost, allowed=False)

    async def peek(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Say what a hit would come to, without taking anything."""
        return _peeked(await self._kept(key), rate, self._clock(), cost)

    async def reset(self, key: str) -> None:
        """Forget a key."""
        from .ratesql import forget

        await self._run(forget, (key,))

    async def _kept(self, key: str) -> State:
        from .ratesql import kept

        rows = await self._run(kept, (key,))
        return _state(rows[0]) if rows else FRESH

    async def _sweep(self, now: float) -> None:
        """Remove some of the rows that matter no more, every so often; the index on ``until`` finds them."""
        from .ratesql import sweep

        self._hits += 1
        if self._hits % SWEEP_EVERY == 0:
            await self._run(sweep, (now, _SWEPT))

    async def _run(self, statement: Callable[[str], Statement], parameters: tuple[Any, ...]) -> list[Any]:
        from vivace.db import database_for
        from vivace.errors import ProgrammingError

        database = database_for(using=self.using, write=True)
        with _apart(database):
            try:
                return list(await database.fetch(statement(database.dialect), parameters))
            except ProgrammingError:
                await _make_table(database)
            return list(await database.fetch(statement(database.dialect), parameters))


class FittingRates:
    """Counts in memory where one process serves, and in the database where ``vivace run`` has several workers.

    Four workers that each allow ten tries would allow forty. ``settle`` looks at the start how many there are.
    """

    def __init__(self) -> None:
        self._store: RateStore = MemoryRates()

    async def settle(self) -> None:
        """Choose: what was counted before is forgotten."""
        from vivace.engine.workers.heartbeat import current_superior

        superior = current_superior.get()
        if superior is not None and superior.workers > 1:
            self._store = DatabaseRates()

    @property
    def shared(self) -> bool:
        """Whether all workers count together."""
        return isinstance(self._store, DatabaseRates)

    async def hit(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Take ``cost`` units, or none when there are not enough."""
        return await self._store.hit(key, rate, cost)

    async def peek(self, key: str, rate: Rate, cost: int) -> Verdict:
        """Say what a hit would come to, without taking anything."""
        return await self._store.peek(key, rate, cost)

    async def reset(self, key: str) -> None:
        """Forget a key."""
        await self._store.reset(key)


async def _make_table(database: Database) -> None:
    from vivace.errors import IntegrityError, ProgrammingError

    from .ratesql import SCHEMA

    # PostgreSQL, when another worker makes it in this very moment, fails in three ways (its name, its type, its row in the
    # catalogue); then it is there, and who asked tries again.
    with suppress(IntegrityError, ProgrammingError):
        await database.run_script(SCHEMA[database.dialect])


def _apart(database: Database) -> AbstractContextManager[None]:
    from vivace.db import outside

    return outside() if database.dialect == "postgresql" else nullcontext()


def _state(row: Any) -> State:
    until, slot, count, previous = row
    return until, slot, count, previous


def _peeked(state: State, rate: Rate, now: float, cost: int) -> Verdict:
    return rate.verdict(state, now, cost, allowed=rate.take(state, now, cost) is not None)


def short_key(name: str, key: str) -> str:
    """Return the key of a limit as it is stored: what a client sends may be of any length."""
    whole = f"{name}:{key}"
    if len(whole) <= _LONGEST_KEY and whole.isprintable():
        return whole
    return f"{name[:64]}:{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=20).hexdigest()}"


__all__ = [
    "CAPACITY",
    "SWEEP_EVERY",
    "TABLE",
    "DatabaseRates",
    "FittingRates",
    "MemoryRates",
    "RateStore",
    "short_key",
]
