"""Reads that do not run on the loop: threads for single statements, and lanes that are leased for longer.

Single statements go into one queue, from which a few threads take them. Streams, read-only transactions and backups
lease a lane of their own, so that slow consumers never keep single statements waiting.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from itertools import islice
from queue import SimpleQueue
from typing import Any

import apsw

from vivace.db.types import Parameters, Row, Statement
from vivace.errors import DatabaseUnavailable, PoolTimeout

from .connection import Home, Link, opening
from .effort import Effort
from .lanes import Job, Jobs, Lane, Mailbox, finish
from .running import fetch, rows_of
from .sniffing import kind_of


class Pool:
    """Threads that take single reads from one queue; started when they are first needed."""

    def __init__(self, home: Home, mailbox: Mailbox, clock: Callable[[], float]) -> None:
        self._home = home
        self._mailbox = mailbox
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._jobs: Jobs = SimpleQueue()
        self._lanes: list[Lane] = []
        self._open = 0
        self._waiting: deque[tuple[float, Job[Any]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether reads wait for a thread."""
        return bool(self._waiting)

    async def fetch(self, statement: Statement, parameters: Parameters) -> tuple[list[Row], float]:
        """Run a read in a thread; return its rows, and the seconds that the statement itself took."""
        sql = statement.sql
        kind_of(sql)

        def work(link: Link) -> tuple[list[Row], float]:
            connection = opening(link)
            effort = Effort()
            return fetch(connection, statement, parameters), effort.seconds()

        job = Job(work, self._loop, sql=sql)
        options = self._home.options
        if self._open >= len(self._lanes):
            if len(self._lanes) < options.readers:
                self._start()
            else:
                while self._waiting and self._waiting[0][1].taken:  # they hold rows
                    self._waiting.popleft()
                self._waiting.append((self._clock() + options.acquire_timeout, job))
        self._open += 1
        self._jobs.put(job)
        try:
            return await finish(job)
        finally:
            self._open -= 1

    def _start(self) -> None:
        name = f"vivace-sqlite-reader-{len(self._lanes)}"
        self._lanes.append(Lane(self._home, "read", self._jobs, self._mailbox, name))

    def tick(self, now: float) -> None:
        """Give up reads that no thread took in time."""
        while self._waiting and (self._waiting[0][1].taken or now > self._waiting[0][0]):
            _, job = self._waiting.popleft()
            if job.claim():
                job.fail(_no_connection("reader thread", self._home.options.acquire_timeout))

    def close(self) -> list[Lane]:
        """Stop the threads once their statements have ended."""
        lanes, self._lanes = self._lanes, []
        for _ in lanes:
            self._jobs.put(None)
        return lanes


class Leases:
    """Lanes for whoever needs a connection over several statements. At most ``readers`` of them."""

    def __init__(self, home: Home, mailbox: Mailbox, clock: Callable[[], float]) -> None:
        self._home = home
        self._mailbox = mailbox
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count()
        self._free: list[Lane] = []
        self._lanes: list[Lane] = []
        self._waiting: deque[tuple[float, asyncio.Future[Lane]]] = deque()
        self._idle: asyncio.Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a lane."""
        return bool(self._waiting)

    @property
    def used(self) -> int:
        """How many lanes are leased now."""
        return len(self._lanes) - len(self._free)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All lanes, leased or free."""
        return tuple(self._lanes)

    async def take(self) -> Lane:
        """Lease a lane. Raises ``PoolTimeout``."""
        if self._free:
            return self._free.pop()
        if len(self._lanes) < self._home.options.readers:
            return self._start()
        turn: asyncio.Future[Lane] = self._loop.create_future()
        self._waiting.append((self._clock() + self._home.options.acquire_timeout, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self.give(turn.result())  # it became ours in the moment that we were cancelled
            raise

    def _start(self) -> Lane:
        jobs: Jobs = SimpleQueue()
        name = f"vivace-sqlite-lease-{next(self._numbers)}"
        lane = Lane(self._home, "read", jobs, self._mailbox, name)
        self._lanes.append(lane)
        return lane

    def give(self, lane: Lane) -> None:
        """Give a lane back, with nothing open on it."""
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(lane)
                return
        self._free.append(lane)
        if self._idle is not None and not self.used and not self._idle.done():
            self._idle.set_result(None)

    def tick(self, now: float) -> None:
        """Give up who waited too long."""
        while self._waiting and (self._waiting[0][1].done() or now > self._waiting[0][0]):
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(_no_connection("connection", self._home.options.acquire_timeout))

    async def stream(
        self, statement: Statement, parameters: Parameters, chunk: int
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows of one statement in chunks, each when it is asked for."""
        kind_of(statement.sql)
        lane = await self.take()
        cursors: list[apsw.Cursor] = []

        def begin(link: Link) -> Iterator[Row]:
            cursors.append(opening(link).cursor())
            return rows_of(cursors[0], statement, parameters)

        def close(link: Link) -> None:
            for cursor in cursors:
                cursor.close(True)

        try:
            found = await finish(lane.put(Job(begin, self._loop, sql=statement.sql)))
            more: Callable[[Link], list[Row]] = lambda link: list(islice(found, chunk))  # noqa: E731
            while rows := await finish(lane.put(Job(more, self._loop, sql=statement.sql))):
                yield rows
        finally:  # nothing is awaited here: a cancelled or closed iterator gives its connection back as well
            lane.put(Job(close, self._loop, then=lambda job: self.give(lane)))

    async def close(self) -> list[Lane]:
        """Wait until the lanes are given back, and stop them."""
        for _, turn in self._waiting:
            if not turn.done():
                turn.set_exception(DatabaseUnavailable("The database is being closed."))
        if self.used:
            self._idle = self._loop.create_future()
            await self._idle
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.jobs.put(None)
        return lanes


def _no_connection(what: str, seconds: float) -> PoolTimeout:
    return PoolTimeout(
        f"No {what} of the SQLite database came free in {seconds:g} s.",
        fix="Raise SQLiteOptions.readers, or close streams and read-only transactions sooner.",
    )


__all__ = ["Leases", "Pool"]
