"""The pool: at most ``max_connections``, given last in first out, waited for first come first served.

Theory
------
- A slot is taken from the moment a connection begins to open until the server has let go of it. So the server never
  sees more of us than the cap, also while connections are being opened, cancelled, cleaned up or closed.
- Giving back goes to the oldest waiter directly; a connection lies in the free list only when nobody waits. So nobody
  can jump the queue, and taking a free one is ``list.pop``. Under load most callers wait, so waiting costs a future and no
  more: all share one timer.
- Opening happens in tasks of the pool: a waiter that is cancelled aborts nobody's connection. When opening fails, all
  who wait get the error, unless connections at work may still come back to them; then it is tried again with growing
  pauses (``BACKOFF``), and new callers are refused at once in between. The first success ends that.
- A connection whose statement was cancelled is in an unknown state. ``reclaim`` takes it, in a task of its own with a
  deadline: made whole (``Connection.recover``) or closed. The caller does not wait, and cannot cancel it.
- Which connections are idle is known without a clock: the low-water mark of the free list since the last sweep. What
  lies below it was not used (the list is last in, first out).

The pool knows nothing of statements. It belongs to one event loop, and is used by nobody else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeAlias

import msgspec

from vivace.errors import DatabaseUnavailable, PoolTimeout

from .connection import Connection
from .options import PostgreSQLOptions

Opener: TypeAlias = Callable[[], Awaitable[Connection]]
BACKOFF: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Seconds until connecting is tried again; the last one repeats."""
_GRAIN: Final = 0.002
"""How early a loop's timer may be, in seconds: uvloop's clock has milliseconds."""


class PoolState(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool looks like now, and what it has done since it was made: for metrics."""

    size: int  # slots taken, at most max_connections
    free: int
    waiting: int
    opened: int  # connections opened so far
    failed: int  # attempts to connect that failed
    timeouts: int  # callers that waited longer than acquire_timeout
    cleaned: int  # connections taken back in an unknown state, after a cancelled statement


class Pool:
    """Connections made by ``opener``, used by one statement or transaction at a time."""

    def __init__(self, opener: Opener, options: PostgreSQLOptions, clock: Callable[[], float]) -> None:
        self.opener = opener
        self.options = options
        self.clock = clock
        self._loop = asyncio.get_running_loop()
        self.free: list[Connection] = []
        self.waiters: OrderedDict[asyncio.Future[Connection], float] = OrderedDict()  # until when
        self._expiry: asyncio.TimerHandle | None = None
        self._members: set[Connection] = set()
        self._retiring: set[Connection] = set()
        self._opening = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._low = 0
        self._failures = 0
        self._retry_at = 0.0
        self._refusal: Exception | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None
        self.closed = False
        self._counts = {"opened": 0, "failed": 0, "timeouts": 0, "cleaned": 0}

    def __repr__(self) -> str:
        return (
            f"<Pool {self.options.address}: {self.size} of {self.options.max_connections} connections, "
            f"{len(self.free)} free, {len(self.waiters)} waiting>"
        )

    @property
    def size(self) -> int:
        """How many slots are taken."""
        return len(self._members) + self._opening

    @property
    def state(self) -> PoolState:
        """What it looks like now."""
        return PoolState(size=self.size, free=len(self.free), waiting=len(self.waiters), **self._counts)

    # -- the hot path ---------------------------------------------------------------------------------------------

    def take(self) -> Connection | None:
        """Return a free connection, or ``None``: then ``acquire``."""
        free = self.free
        while free:
            connection = free.pop()
            if len(free) < self._low:
                self._low = len(free)
            if connection.works():  # whether it is unfit was asked when it was given back
                return connection
            self._dispose(connection)
        return None

    def give(self, connection: Connection) -> None:
        """Give a connection back."""
        if (
            self.waiters
            or self._retiring
            or self.closed
            or connection.spoiled
            or connection.transacts()
            or not connection.works()
        ):
            self._give_with_care(connection)
        else:
            self.free.append(connection)

    # -- waiting --------------------------------------------------------------------------------------------------

    async def acquire(self) -> Connection:
        """Return a connection, waiting for one if need be. Raises ``PoolTimeout`` and ``DatabaseUnavailable``."""
        return self.take() or await self.wait()

    async def wait(self) -> Connection:
        """Wait for a connection, none being free. Raises ``PoolTimeout`` and ``DatabaseUnavailable``."""
        if self.closed:
            raise DatabaseUnavailable(f"The connections to {self.options.address} are closed.")
        if self._refusal is not None and not self._members and self.clock() < self._retry_at:
            raise self._refused()
        loop = self._loop  # which costs no call to the system, as to ask for it does
        waiter: asyncio.Future[Connection] = loop.create_future()
        self.waiters[waiter] = loop.time() + self.options.acquire_timeout
        if self._expiry is None:
            self._expiry = loop.call_later(self.options.acquire_timeout, self._expire)
        if self.size < self.options.max_connections:
            self._open_more()
        try:
            return await waiter
        except BaseException:
            self.waiters.pop(waiter, None)
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result())  # it became ours in the moment that we were cancelled
            raise

    def _expire(self) -> None:
        """Give up on who waited too long: one timer for all, as the first to come is the first to give up on."""
        self._expiry = None
        loop = self._loop
        now = loop.time() + _GRAIN
        while self.waiters:
            waiter, until = next(iter(self.waiters.items()))
            if until > now:
                self._expiry = loop.call_later(until - now + _GRAIN, self._expire)
                return
            del self.waiters[waiter]
            if not waiter.done():
                self._counts["timeouts"] += 1
                waiter.set_exception(self._timed_out())

    def _timed_out(self) -> PoolTimeout:
        return PoolTimeout(
            f"No connection to {self.options.address} came free within {self.options.acquire_timeout:g} s.",
            got=f"{len(self._members)} of {self.options.max_connections} connections in use, "
            f"{len(self.waiters)} others waiting",
            fix="Keep transactions short, or raise max_connections.",
        )

    def _give_with_care(self, connection: Connection) -> None:
        if self.closed or connection in self._retiring or connection.unfit():
            self._dispose(connection)
            return
        while self.waiters:
            waiter, _ = self.waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(connection)
                return
        self.free.append(connection)

    # -- opening --------------------------------------------------------------------------------------------------

    async def fill(self, count: int) -> None:
        """Open connections until there are ``count``. Raises what opening raises."""
        while self.size < min(count, self.options.max_connections):
            self._opening += 1
            await self._open()
        self._arm_sweeper()

    def _open_more(self) -> None:
        if self.closed:
            return
        if self._refusal is not None and self.clock() < self._retry_at:
            self._arm_retry()
            return
        while self._opening < len(self.waiters) and self.size < self.options.max_connections:
            self._opening += 1
            self._spawn(self._open_for_waiters())

    async def _open_for_waiters(self) -> None:
        try:
            await self._open()
        except Exception as error:
            self._failed(error)

    async def _open(self) -> None:
        try:
            connection = await self.opener()
        finally:
            self._opening -= 1
        self._members.add(connection)
        self._counts["opened"] += 1
        self._failures, self._refusal = 0, None
        self.give(connection)
        self._arm_sweeper()

    def _failed(self, error: Exception) -> None:
        self._counts["failed"] += 1
        if self._refusal is None or self.clock() >= self._retry_at:  # not each of several that failed at once
            self._retry_at = self.clock() + BACKOFF[min(self._failures, len(BACKOFF) - 1)]
            self._failures += 1
        self._refusal = error
        if self._members:
            self._open_more()
            return
        while self.waiters:
            waiter, _ = self.waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_exception(self._refused())

    def _refused(self) -> Exception:
        error = self._refusal
        if not isinstance(error, DatabaseUnavailable):
            return error or DatabaseUnavailable(f"The database at {self.options.address} cannot be reached.")
        copy = type(error)(error.what, expected=error.expected, got=error.got, fix=error.fix)
        copy.sqlstate = error.sqlstate
        return copy  # each caller its own: a traceback belongs to one

    def _arm_retry(self) -> None:
        if self._retry is None and self.waiters:
            delay = max(0.0, self._retry_at - self.clock())
            self._retry = self._loop.call_later(delay + 0.001, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._open_more()

    # -- cleaning up ----------------------------------------------------------------------------------------------

    def reclaim(self, connection: Connection) -> asyncio.Task[None]:
        """Take back a connection in an unknown state; the task ends when it is whole and free, or closed."""
        self._counts["cleaned"] += 1
        return self._spawn(self._reclaim(connection))

    async def _reclaim(self, connection: Connection) -> None:
        whole = False
        try:
            async with asyncio.timeout(self.options.cleanup_timeout):
                whole = self.options.pooler == "none" and await connection.recover()
        except Exception:
            whole = False
        finally:
            if whole:
                self.give(connection)
            else:
                await self._close(connection)

    def discard(self, connection: Connection) -> None:
        """Forget a connection that is lost."""
        connection.terminate()
        self._forget(connection)

    def retire_idle(self) -> None:
        """Close all free connections: the server was restarted, and they are as dead as the one that told."""
        while self.free:
            self._dispose(self.free.pop())
        self._low = 0

    def _dispose(self, connection: Connection) -> None:
        if connection.is_closed():
            self._forget(connection)
        else:
            self._spawn(self._close(connection))

    async def _close(self, connection: Connection) -> None:
        try:
            await connection.leave(self.options.cleanup_timeout)
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._members.discard(connection)
        self._retiring.discard(connection)
        if self._empty is not None and not self._members and not self._empty.done():
            self._empty.set_result(None)
        if self.waiters:
            self._open_more()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=f"pool of {self.options.address}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- growing old ----------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Close connections that were not needed since the last sweep, or are older than ``max_lifetime``."""
        spare = max(0, min(self._low, self.size - self.options.min_connections))
        for connection in self.free[:spare]:
            self._dispose(connection)
        del self.free[:spare]
        now = self.clock()
        old = {each for each in self._members if now - each.opened_at > self.options.max_lifetime}
        for connection in [each for each in self.free if each in old]:
            self.free.remove(connection)
            self._dispose(connection)
            old.discard(connection)
        self._retiring |= old  # closed when they are given back
        self._low = len(self.free)

    def _arm_sweeper(self) -> None:
        if self._sweeper is None and not self.closed:
            interval = min(self.options.idle_lifetime, self.options.max_lifetime)
            self._sweeper = self._loop.call_later(interval, self._swept)

    def _swept(self) -> None:
        self._sweeper = None
        self.sweep()
        if self.size:
            self._arm_sweeper()

    # -- the end --------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Wait ``close_timeout`` seconds for connections at work, then cut them off; who waits for one is refused."""
        self.closed = True
        for timer in (self._sweeper, self._retry, self._expiry):
            if timer is not None:
                timer.cancel()
        self._sweeper = self._retry = self._expiry = None
        while self.waiters:
            waiter, _ = self.waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_exception(
                    DatabaseUnavailable(f"The connections to {self.options.address} are being closed.")
                )
        self.retire_idle()
        if self._members:
            await self._wait_until_empty()
        for connection in list(self._members):
            self.discard(connection)
        deadline = self._loop.time() + self.options.cleanup_timeout
        while self._tasks and (left := deadline - self._loop.time()) > 0:
            await asyncio.wait(list(self._tasks), timeout=left)  # one that opens may start one that closes

    def abandon(self) -> None:
        """Forget everything: the event loop is gone, and nothing can be awaited on it."""
        self.closed = True
        for connection in self._members:
            with suppress(RuntimeError):
                connection.terminate()
        self.free.clear()
        self._members.clear()

    async def _wait_until_empty(self) -> None:
        self._empty = self._loop.create_future()
        try:
            await asyncio.wait([self._empty], timeout=self.options.close_timeout)
        finally:
            self._empty = None


__all__ = ["BACKOFF", "Opener", "Pool", "PoolState"]
