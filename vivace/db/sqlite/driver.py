"""``SQLiteDriver``: SQLite with the manners of a database server.

Where a statement runs:

- a short read (the compiler proves it): on the event loop, ``inline``;
- any other read: in a few threads, ``readers``;
- a write: in the one writer thread, many in one transaction, ``writer``;
- a transaction: on the writer, alone, ``session``; a read-only one on a connection of its own.

Reads never wait for writes (write-ahead log), writes wait for each other in a line on the loop and never in SQLite.
Other processes may use the same file: the writer thread waits for them, the loop does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import apsw
import msgspec

from vivace.changes import WriteSet
from vivace.db.types import (
    Dialect,
    Listening,
    Parameters,
    Row,
    Session,
    Statement,
    TableColumns,
    TransactionOptions,
)
from vivace.errors import DatabaseUnavailable

from .backup import copy
from .connection import Home, Link, opening
from .hook import Hook
from .inline import InlineReader
from .lanes import Job, Lane, Mailbox, finish
from .options import SQLiteOptions
from .readers import Leases, Pool
from .session import Held, SQLiteSession
from .writer import Writer

_TICK: Final = 0.25


class Counters(msgspec.Struct, frozen=True):
    """How statements ran: on the loop, given to threads because busy or stopped, in groups of writes."""

    inline: int
    busy: int
    stopped: int
    groups: int
    grouped: int
    repeated: int


class _Running:
    """What a driver has while it is open on a loop."""

    def __init__(self, home: Home, hook: Hook, clock: Callable[[], float]) -> None:
        self.loop = asyncio.get_running_loop()
        mailbox = Mailbox(self.loop)
        lane = Lane(home, "write", SimpleQueue(), mailbox, "vivace-sqlite-writer")
        self.writer = Writer(home, lane, hook, clock)
        self.pool = Pool(home, mailbox, clock)
        self.leases = Leases(home, mailbox, clock)
        self.snapshots: set[SQLiteSession] = set()


class SQLiteDriver:
    """A ``Driver`` for one SQLite database. Nothing is opened before ``open``.

    ``clock`` (seconds) is asked for time-outs of connections and transactions; ``tick`` applies them, which a timer on
    the loop calls while there is something to watch.
    """

    dialect: Dialect = "sqlite"

    def __init__(
        self, options: SQLiteOptions | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.options = options or SQLiteOptions()
        self.listening: bool = False
        self.reporting: Listening = True  # the preupdate hook tells, whatever the statement
        self.announce: Callable[[WriteSet], None] = lambda written: None
        self._clock = clock
        self._home = Home(self.options)
        self._hook = Hook()
        self._inline = InlineReader(self._home, later=self._later)
        self._running: _Running | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<SQLiteDriver {self.options.path!r}>"

    def begin_as(self, file: bytes) -> None:
        """Let an in-memory database begin as a copy of a file, such as ``backup`` writes. Before ``open``."""
        self._home.settle()
        Path(self._home.path).write_bytes(file)

    # -- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the file, making it when it is not there. Raises ``DatabaseUnavailable``."""
        if self._running is not None:
            if self._running.loop is asyncio.get_running_loop():
                return
            self._abandon(self._running)  # its loop is gone, or will never come back to it
        self._home.settle()
        running = _Running(self._home, self._hook, self._clock)
        try:
            await finish(running.writer.lane.put(Job(self._connect, running.loop)))
        except BaseException:
            running.writer.lane.jobs.put(None)
            raise
        running.writer.announce = self._announce
        running.writer.inline = self._inline if self.options.inline else None
        running.writer.listening = lambda: self.listening
        self._running = running

    def _connect(self, link: Link) -> None:
        opening(link)
        if self.options.inline:
            self._inline.warm()

    def _later(self, seconds: float, call: Callable[[], object]) -> None:
        if self._running is not None:
            self._running.loop.call_later(seconds, call)

    def _abandon(self, running: _Running) -> None:
        self._running = None
        self._inline.close()
        self._stop_timer()
        for lane in (running.writer.lane, *running.leases.lanes):
            lane.jobs.put(None)
        running.pool.close()

    async def close(self) -> None:
        """Wait for statements under way, roll back open transactions, fold the log into the file and close it."""
        running, self._running = self._running, None
        if running is None:
            self._home.leave()
            return
        self._inline.close()
        for session in tuple(running.snapshots):
            session.abandon()
        lanes = running.pool.close()
        lanes += await running.leases.close()
        await running.writer.close()
        await finish(running.writer.lane.put(Job(_fold, running.loop)))
        running.writer.lane.jobs.put(None)
        for lane in (*lanes, running.writer.lane):
            await _ended(lane)
        self._stop_timer()
        self._home.leave()

    def _opened(self) -> _Running:
        if self._running is None:
            raise DatabaseUnavailable(
                f"The SQLite database {self.options.path!r} is not open.", fix="await driver.open() first"
            )
        if self._timer is None:
            self._timer = self._running.loop.call_later(_TICK, self._tick)
        return self._running

    def watch(self, tables: Sequence[TableColumns]) -> None:
        """Name the columns to report of each table; of others only that they were written."""
        self._hook.watch(tables)

    def _announce(self, written: WriteSet) -> None:
        self.announce(written)

    # -- statements -------------------------------------------------------------------------------------------------

    async def fetch(self, statement: Statement, parameters: Parameters = ()) -> list[Row]:
        """Run a statement as its own transaction and return its rows."""
        if not statement.is_read:
            rows: list[Row] = await self._opened().writer.write(statement, parameters, rows=True)
            return rows
        if statement.short and not statement.named and self.options.inline and self._running is not None:
            found = self._inline.fetch(statement.sql, parameters)
            if found is not None:
                return found
        found, seconds = await self._opened().pool.fetch(statement, parameters)
        if statement.short:
            self._inline.trust.judge(statement.sql, seconds, self._inline.ran)
        return found

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int:
        """Run a statement as its own transaction and return the number of rows that it changed."""
        count: int = await self._opened().writer.write(statement, parameters, rows=False)
        return count

    def stream(
        self, statement: Statement, parameters: Parameters = (), *, chunk: int = 2000
    ) -> AsyncGenerator[list[Row]]:
        """Yield the rows of a read in chunks; the connection is given back when the iterator is closed."""
        return self._opened().leases.stream(statement, parameters, chunk)

    async def begin(self, options: TransactionOptions) -> Session:
        """Begin a transaction, or a snapshot with ``read_only``. Raises ``PoolTimeout``.

        ``unchecked`` is for migrations: SQLite rebuilds a table by dropping it, which must not delete what points to its
        rows. Foreign keys are then neither enforced nor acted upon, COMMIT checks all of them, and no time limit applies.
        """
        if options.read_only:
            return await self._snapshot(options)
        return await self._opened().writer.begin(options)

    async def _snapshot(self, options: TransactionOptions) -> SQLiteSession:
        running = self._opened()
        lane = await running.leases.take()

        def release(session: SQLiteSession, written: WriteSet | None) -> None:
            running.snapshots.discard(session)
            running.leases.give(lane)

        session = SQLiteSession(Held(lane, running.loop, release, lambda: False), options, self._clock)
        running.snapshots.add(session)
        try:
            await finish(lane.put(Job(_begin_reading, running.loop)))
        except BaseException:
            session.abandon()
            raise
        return session

    async def backup(self, path: str | Path) -> None:
        """Write a copy of the database, as it is now, to a file, while it is in use."""
        running = self._opened()
        lane = await running.leases.take()
        job = Job(
            lambda link: copy(opening(link), Path(path)),
            running.loop,
            then=lambda job: running.leases.give(lane),
        )
        await finish(lane.put(job))

    # -- time and counts --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Apply time-outs."""
        running = self._running
        if running is not None:
            now = self._clock()
            running.writer.tick(now)
            running.pool.tick(now)
            running.leases.tick(now)

    def _tick(self) -> None:
        self._timer = None
        self.tick()
        running = self._running
        if running is not None and (running.writer.busy or running.pool.busy or running.leases.busy):
            self._timer = running.loop.call_later(_TICK, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def counters(self) -> Counters:
        """How statements ran since the driver was made (reads) or opened (writes)."""
        inline, writer = self._inline, self._running.writer if self._running is not None else None
        writes = (writer.groups, writer.grouped, writer.repeated) if writer is not None else (0, 0, 0)
        return Counters(inline.ran, inline.busy, inline.stopped, *writes)


def _begin_reading(link: Link) -> None:
    opening(link).execute("BEGIN")


def _fold(link: Link) -> None:
    connection = link.current
    if connection is not None:
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:  # another process reads, or the file is gone: the log stays valid as it is
            pass


async def _ended(lane: Lane) -> None:
    while lane.thread.is_alive():
        lane.thread.join(0.001)
        await asyncio.sleep(0)


__all__ = ["Counters", "SQLiteDriver"]
