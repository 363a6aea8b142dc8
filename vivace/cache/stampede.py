"""One computes, the others wait: in this process by a future, across processes by a lease in the shared store.

A value that many want and nobody has is computed once, or else the first second after it went is when the database gets
all of its readers at once.

1. Who computes may go away. A cancelled computation is taken up by the next who waits. The lease of a process that died
   ends after ``Leases.seconds``; one that computes for longer renews it.
2. An error is everybody's who waited, and is not kept.
3. Waiting ends: who waited ``Leases.patience`` for another process computes, too. The lease spares work; nothing is wrong
   when two compute, and what they keep is the same.
4. What is deleted or set while it is computed is not what will be kept: ``outdate``. Who asks after that computes anew, and
   ``outdated`` tells the computation not to keep its result. Other processes learn this from the versions of tags alone.
5. A computation that needs its own result would wait for itself for ever, directly or through others: it gets an error.
   The context tells which computations the running code is part of, also in tasks that it started.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextvars import ContextVar
from typing import Any, Final

import msgspec

from vivace.errors import CacheValueError

from .store import MISSING, Keep, Store

Look = Callable[[], Awaitable[Any]]
LEASE: Final = "~computing~"
"""What the keys of leases begin with."""


class Leases(msgspec.Struct, frozen=True):
    """How processes wait for each other. Times in seconds.

    ``seconds`` is how long others wait for a process that died; ``patience`` for one that works.
    """

    seconds: float = 5.0
    patience: float = 30.0
    first_pause: float = 0.01
    longest_pause: float = 0.25


class _Flight:
    """One computation under way: its outcome, and the ones that its code waits for."""

    __slots__ = ("name", "needs", "outcome", "outdated")

    def __init__(self, name: Hashable, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.outcome: asyncio.Future[Any] = loop.create_future()
        self.outcome.add_done_callback(_seen)
        self.needs: list[_Flight] = []
        self.outdated = False

    def leads_to(self, others: tuple[_Flight, ...]) -> bool:
        """Whether this one waits, perhaps through more of them, for one of ``others``."""
        todo, seen = [self], set[_Flight]()
        while todo:
            flight = todo.pop()
            if flight in others:
                return True
            if flight not in seen:
                seen.add(flight)
                todo += flight.needs
        return False


_inside: ContextVar[tuple[_Flight, ...]] = ContextVar("vivace_cache_computing", default=())


class Stampede:
    """The guard of one cache; without a ``store`` that is shared it knows this process alone."""

    __slots__ = ("_clock", "_flying", "_leases", "_sleep", "_store", "computed")

    def __init__(
        self,
        store: Store | None,
        leases: Leases | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._leases = leases or Leases()
        self._clock = clock
        self._sleep = sleep
        self._flying: dict[Hashable, _Flight] = {}
        self.computed = 0

    async def once(self, name: Hashable, look: Look, compute: Look, *, looked: bool = False) -> Any:
        """Return what ``look`` finds (``MISSING``: nothing), else what ``compute`` gives, which keeps it.

        ``name`` says which computations are the same one; nothing is kept under it. ``looked``: just now, and found nothing.
        """
        while True:
            value = MISSING if looked else await look()
            if value is not MISSING:
                return value
            looked = False
            flight = self._running(name)
            if flight is None:
                return await self._lead(name, look, compute, wait=True)
            outcome = await self._follow(flight)
            if outcome is not MISSING:
                return outcome

    async def refresh(self, name: Hashable, look: Look, compute: Look) -> None:
        """Compute, unless somebody does."""
        if self._running(name) is None:
            await self._lead(name, look, compute, wait=False)

    def busy(self, name: Hashable) -> bool:
        """Whether this process computes it."""
        return self._running(name) is not None

    def outdate(self, names: Iterable[Hashable] | None = None) -> None:
        """Let nobody join the computations of these names that are under way, nor their results be kept; ``None``: of all."""
        for name in tuple(self._flying) if names is None else names:
            flight = self._flying.pop(name, None)
            if flight is not None:
                flight.outdated = True

    def outdated(self) -> bool:
        """Whether what the running code computes shall not be kept."""
        inside = _inside.get()
        return bool(inside) and inside[-1].outdated

    def _running(self, name: Hashable) -> _Flight | None:
        flight = self._flying.get(name)
        if flight is not None and flight.outcome.get_loop() is not asyncio.get_running_loop():
            return None  # of a loop that was closed under it
        return flight

    async def _follow(self, flight: _Flight) -> Any:
        inside = _inside.get()
        if inside and flight.leads_to(inside):
            raise CacheValueError(
                f"To compute {flight.name!r} for the cache, {flight.name!r} is needed.",
                expected="a computation that does not ask for its own result",
                fix="Ask for another key inside, or compute it there without the cache.",
            )
        for each in inside:
            each.needs.append(flight)
        try:
            return await asyncio.shield(flight.outcome)  # who waits may be cancelled, and the others wait on
        finally:
            for each in inside:
                each.needs.remove(flight)

    async def _lead(self, name: Hashable, look: Look, compute: Look, *, wait: bool) -> Any:
        """Compute and tell those who wait; ``MISSING`` tells them to try themselves."""
        flight = _Flight(name, asyncio.get_running_loop())
        self._flying[name] = flight
        inside = _inside.get()
        for each in inside:
            each.needs.append(flight)
        token = _inside.set((*inside, flight))
        try:
            if self._store is not None and self._store.shared:
                lease = _Lease(self._store, f"{LEASE}{name}", self._leases.seconds, self._clock)
                value = await self._compute_leased(lease, look, compute, wait=wait)
            else:
                value = await self._compute(compute)
        except Exception as error:
            flight.outcome.set_exception(error)
            raise
        except BaseException:
            flight.outcome.set_result(MISSING)
            raise
        else:
            flight.outcome.set_result(value)
        finally:
            _inside.reset(token)
            for each in inside:
                each.needs.remove(flight)
            if self._flying.get(name) is flight:
                del self._flying[name]
        return value

    async def _compute(self, compute: Look) -> Any:
        self.computed += 1
        return await compute()

    # -- across processes -----------------------------------------------------------------------------------------

    async def _compute_leased(self, lease: _Lease, look: Look, compute: Look, *, wait: bool) -> Any:
        done, value = await self._wait_for_turn(lease, look, wait=wait)
        if done:
            return value
        lease.renew_while_held()
        try:
            return await self._compute(compute)
        finally:
            await lease.give_back()

    async def _wait_for_turn(self, lease: _Lease, look: Look, *, wait: bool) -> tuple[bool, Any]:
        """Return whether nothing is left to do, and what another process made meanwhile."""
        pause, until = self._leases.first_pause, self._clock() + self._leases.patience
        while True:
            taken = await lease.take()
            value = await look()  # it may have come since we looked last
            if value is not MISSING:
                await lease.give_back()
                return True, value
            if taken or lease.store_is_down or self._clock() >= until:
                return False, MISSING
            if not wait:
                return True, MISSING
            await self._sleep(pause * (0.5 + random.random()))
            pause = min(pause * 1.5, self._leases.longest_pause)


class _Lease:
    """The right to compute, held by one process for so many seconds, and for longer while it renews it."""

    __slots__ = ("_clock", "_key", "_renewing", "_seconds", "_store", "_timer", "_until")

    def __init__(self, store: Store, key: str, seconds: float, clock: Callable[[], float]) -> None:
        self._store, self._key, self._seconds, self._clock = store, key, seconds, clock
        self._until: float | None = None  # ``None``: it is not ours
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def store_is_down(self) -> bool:
        """Whether there is nobody to ask."""
        return bool(getattr(self._store, "down", False))

    async def take(self) -> bool:
        """Take it if nobody has it."""
        asked = self._clock()
        if not await self._store.add(self._key, 1, Keep(self._seconds)):
            return False
        self._until = asked + self._seconds
        return True

    def renew_while_held(self) -> None:
        """Renew it in time, again and again, until it is given back."""
        if self._until is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds / 3, self._begin_to_renew)

    def _begin_to_renew(self) -> None:
        self._renewing = asyncio.get_running_loop().create_task(self._renew(), name="renew a cache lease")

    async def _renew(self) -> None:
        asked = self._clock()
        if await self._store.touch(self._key, self._seconds):
            self._until = asked + self._seconds
        if self._until is not None and self._clock() < self._until:  # else it may be another's
            self.renew_while_held()

    async def give_back(self) -> None:
        """Let others compute; a lease that has run out is another's by now, and left alone."""
        if self._timer is not None:
            self._timer.cancel()
        if self._renewing is not None:
            self._renewing.cancel()
        until, self._until = self._until, None
        if until is not None and self._clock() < until:
            await self._store.delete((self._key,))


def _seen(outcome: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waited for: who computed has raised it."""
    if not outcome.cancelled():
        outcome.exception()


__all__ = ["LEASE", "Leases", "Stampede"]
