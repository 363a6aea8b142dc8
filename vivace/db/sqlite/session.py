"""A transaction on one connection: statements, savepoints, and what they wrote.

A session holds its lane (the writer's, or a reader's for ``read_only``) from BEGIN to its end, and gives it back when
COMMIT or ROLLBACK has run in the lane's thread, whether or not somebody still waits for that. So a cancelled caller
never leaves a transaction open: the work that ends it is queued without a wait in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

import apsw
import msgspec

from vivace.changes import EVERYTHING, NOTHING, WriteSet
from vivace.db.types import Parameters, Row, Statement, TransactionOptions
from vivace.errors import TransactionError, TransactionTimeout, VivaceError

from .connection import Link
from .dangling import violation
from .hook import Hook, Mark
from .inline import InlineReader
from .lanes import Job, Lane, finish
from .options import SQLiteOptions
from .running import execute, fetch, rows_of
from .sniffing import Kind, kind_of

logger: Final = logging.getLogger("vivace.db")
T = TypeVar("T")


class Held(msgspec.Struct, frozen=True):
    """A lane in use, and how it is given back; the second argument is a write set that nobody took."""

    lane: Lane
    loop: asyncio.AbstractEventLoop
    release: Callable[[SQLiteSession, WriteSet | None], None]
    listening: Callable[[], bool]
    hook: Hook | None = None  # the writer's; without one the session reads a snapshot
    inline: InlineReader | None = None  # runs short reads on the loop


class SQLiteSession:
    """A transaction: ``Session`` of ``vivace.db.types``."""

    def __init__(self, held: Held, options: TransactionOptions, clock: Callable[[], float]) -> None:
        self.committed = False
        self._over: asyncio.Future[None] = held.loop.create_future()
        self.place = options.place or "(unknown place)"
        self._held = held
        self._unchecked = options.unchecked
        self._hook = held.hook
        self._clock = clock
        self._began = clock()
        self._warned = False
        self._ended: VivaceError | None = None
        self._undone = False  # rolled back by us: who used it may still ask for that
        self._failed: BaseException | None = None
        self._running: Job[Any] | None = None
        self._marks: list[tuple[str, Mark]] = []
        self._cursors: set[apsw.Cursor] = set()

    # -- statements -------------------------------------------------------------------------------------------------

    async def fetch(self, statement: Statement, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return its rows; a short read runs on the loop, for the transaction has its locks."""
        inline = self._held.inline
        if statement.short and statement.is_read and inline is not None and self._held.lane.idle:
            rows = None if statement.named else self._fetch_inline(inline, statement.sql, parameters)
            if rows is not None:
                return rows
        return await self._run(statement, lambda connection: fetch(connection, statement, parameters))

    def _fetch_inline(self, inline: InlineReader, sql: str, parameters: Parameters) -> list[Row] | None:
        self._check_usable()
        kind_of(sql)
        connection = self._held.lane.link.current
        if connection is None or connection.get_autocommit():
            return None
        try:
            return inline.fetch_on(connection, sql, parameters)
        except BaseException as error:
            self._failed = error
            raise

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int:
        """Run a statement and return the number of rows that it changed."""
        return await self._run(statement, lambda connection: execute(connection, statement, parameters))

    async def execute_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Run a statement once for each row of parameters."""

        def work(connection: apsw.Connection) -> None:
            for _ in connection.executemany(statement.sql, rows):
                pass

        await self._run(statement, work)

    async def run_script(self, sql: str) -> None:
        """Run statements separated by semicolons; a script that begins or ends transactions is an error."""

        def work(connection: apsw.Connection) -> None:
            connection.set_authorizer(_no_transactions)
            try:
                for _ in connection.execute(sql, can_cache=False):
                    pass
            except apsw.AuthError as error:
                raise TransactionError(
                    "A script would begin or end the transaction that it runs in.",
                    fix="Take BEGIN, COMMIT and ROLLBACK out of it.",
                ) from error
            finally:
                connection.set_authorizer(None)
            if self._hook is not None:
                self._hook.after_schema_change()

        await self._do(work, sql)

    async def stream(
        self, statement: Statement, parameters: Parameters = (), *, chunk: int = 2000
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows in chunks; other statements may run between two of them."""

        def begin(connection: apsw.Connection) -> tuple[apsw.Cursor, Iterator[Row]]:
            cursor = connection.cursor()
            self._cursors.add(cursor)
            return cursor, rows_of(cursor, statement, parameters)

        def close(link: Link) -> None:
            self._cursors.discard(cursor)
            cursor.close(True)

        cursor, found = await self._run(statement, begin)
        try:
            while rows := await self._do(lambda connection: list(islice(found, chunk)), statement.sql):
                yield rows
        finally:
            if self._ended is None:
                self._held.lane.put(Job(close, self._held.loop))

    async def _run(self, statement: Statement, work: Callable[[apsw.Connection], T]) -> T:
        kind = kind_of(statement.sql)

        def recorded(connection: apsw.Connection) -> T:
            result = work(connection)
            if self._hook is not None:
                if kind is Kind.SCHEMA:
                    self._hook.after_schema_change()
                else:
                    self._hook.after(statement)
            return result

        return await self._do(recorded, statement.sql)

    async def _do(self, work: Callable[[apsw.Connection], T], sql: str = "") -> T:
        self._check_usable()
        return await self._queue(work, sql)

    async def _queue(self, work: Callable[[apsw.Connection], T], sql: str = "") -> T:
        self._running = job = Job(lambda link: self._in_transaction(link, work), self._held.loop, sql=sql)
        self._held.lane.put(job)
        try:
            return await finish(job)
        except BaseException as error:
            self._failed = error
            if isinstance(self._ended, TransactionTimeout):
                raise self._ended from error
            raise
        finally:
            self._running = None
            del job  # see ``finish``

    def _in_transaction(self, link: Link, work: Callable[[apsw.Connection], T]) -> T:
        connection = link.current
        if connection is None or connection.get_autocommit():
            raise self._gone()
        if self._hook is None:
            return work(connection)
        mark = self._hook.mark()
        try:
            return work(connection)
        except BaseException:
            self._hook.undo(mark)
            raise

    def _check_usable(self) -> None:
        if self._ended is not None:
            raise self._ended
        if self._failed is not None:
            raise TransactionError(
                f"The transaction begun at {self.place} met an error and can only be rolled back.",
                got=f"{type(self._failed).__name__}: {self._failed}",
            ) from self._failed

    # -- savepoints -------------------------------------------------------------------------------------------------

    async def savepoint(self, name: str) -> None:
        """Begin a part that can be undone by itself."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(f"SAVEPOINT {quoted(name)}")
            if self._hook is not None:
                self._marks.append((name, self._hook.mark()))

        await self._do(work)

    async def release(self, name: str) -> None:
        """Keep what came after the savepoint, and forget the savepoint."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(f"RELEASE {quoted(name)}")
            del self._marks[self._place_of(name) :]

        await self._do(work)

    async def rollback_to(self, name: str) -> None:
        """Undo what came after the savepoint, which stays; also possible after an error."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(f"ROLLBACK TO {quoted(name)}")
            if self._hook is not None:
                place = self._place_of(name)
                self._hook.undo(self._marks[place][1])
                del self._marks[place + 1 :]

        if self._ended is not None:
            raise self._ended
        await self._queue(work)
        self._failed = None

    def _place_of(self, name: str) -> int:
        places = [place for place, (each, _) in enumerate(self._marks) if each == name]
        return places[-1] if places else len(self._marks)

    def take_writes(self) -> WriteSet:
        """Return what was written since the last call, and forget it."""
        written = self._written()
        if self._hook is not None:
            self._marks = [(name, self._hook.mark()) for name, _ in self._marks]
        return written

    def _written(self) -> WriteSet:
        if self._hook is None or not self._held.listening():
            return NOTHING
        return self._hook.take() if self._hook.recording else EVERYTHING  # somebody came while we wrote

    # -- the end ----------------------------------------------------------------------------------------------------

    async def commit(self) -> WriteSet:
        """Commit; return what was written. The writer is free afterwards, whatever happens.

        A commit under way is not cancelled: ``CancelledError`` comes when its outcome is known, which ``committed`` then
        tells, and what was written is announced by the driver.
        """
        try:
            self._check_usable()
        except VivaceError:
            self.abandon()
            raise
        future = self._end(self._commit).future
        try:
            return await future
        except asyncio.CancelledError:
            await self._until_over()
            if not future.cancelled() and not future.exception() and future.result():
                self._held.release(self, future.result())  # it was done in the moment that we were cancelled
            raise

    async def _until_over(self) -> None:
        """Wait for the end that is under way, whoever cancels that."""
        while not self._over.done():
            try:
                await asyncio.wait([self._over])
            except asyncio.CancelledError:
                continue

    async def rollback(self) -> None:
        """Undo everything. Nothing is left to do when the transaction was rolled back for its age, or by ``close``."""
        if self._ended is None:
            await self._end(self._roll_back).future
        elif not self._undone:
            raise self._ended

    def abandon(self) -> None:
        """Roll back without waiting for it."""
        if self._ended is None:
            self._undone = True
            self._end(self._roll_back)

    def _end(
        self, work: Callable[[apsw.Connection], WriteSet], reason: VivaceError | None = None
    ) -> Job[WriteSet]:
        self._ended = reason or TransactionError(
            f"The transaction begun at {self.place} has ended.", fix="Begin another one."
        )

        def end(link: Link) -> WriteSet:
            connection = link.current
            if connection is None and work == self._commit:
                raise self._gone()
            if connection is None:
                return NOTHING
            try:
                return work(connection)
            finally:
                self._clean(link, connection)

        return self._held.lane.put(Job(end, self._held.loop, then=self._given_back))

    def _commit(self, connection: apsw.Connection) -> WriteSet:
        self._close_cursors()
        if connection.get_autocommit():
            raise self._gone()
        if self._unchecked and connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise violation(connection)
        try:
            connection.execute("COMMIT")
        except apsw.ConstraintError as error:  # only deferred foreign keys are looked at so late
            raise violation(connection) from error.with_traceback(None)
        self.committed = True
        return self._written()

    def _gone(self) -> TransactionError:
        return TransactionError(
            f"The transaction begun at {self.place} is gone: SQLite rolled it back after an error."
        )

    def _roll_back(self, connection: apsw.Connection) -> WriteSet:
        return NOTHING  # what is open is rolled back in any case

    def _clean(self, link: Link, connection: apsw.Connection) -> None:
        """Leave the connection as it was before BEGIN, or close it."""
        try:
            self._close_cursors()
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            if self._unchecked:
                connection.pragma("foreign_keys", 1)
        except apsw.Error:
            link.drop()

    def _close_cursors(self) -> None:
        for cursor in self._cursors:
            cursor.close(True)
        self._cursors.clear()

    def _given_back(self, job: Job[WriteSet]) -> None:
        self._over.set_result(None)
        self._failed = None  # its traceback knows us: a circle
        self._held.release(self, job.result if job.future.cancelled() else None)

    # -- time -------------------------------------------------------------------------------------------------------

    def check_age(self, now: float, options: SQLiteOptions) -> None:
        """Log a transaction that is open for long, and roll one back that is open for too long."""
        age = now - self._began
        if self._ended is not None or self._unchecked:
            return
        if age > options.transaction_limit:
            self._time_out(age)
        elif age > options.transaction_warning and not self._warned:
            self._warned = True
            logger.warning(
                "The transaction begun at %s has held SQLite's only writer for %.1f s.", self.place, age
            )

    def _time_out(self, age: float) -> None:
        logger.error("The transaction begun at %s was rolled back after %.1f s.", self.place, age)
        reason = TransactionTimeout(
            f"The transaction begun at {self.place} held SQLite's only writer for {age:.1f} s and was rolled back.",
            fix="Keep transactions short: wait for the network and for people outside of them.",
        )
        running, self._undone = self._running, True
        self._end(self._roll_back, reason)
        if running is not None:
            running.cancel(reason)


def _no_transactions(operation: int, *details: str | None) -> int:
    return apsw.SQLITE_DENY if operation == apsw.SQLITE_TRANSACTION else apsw.SQLITE_OK


def quoted(name: str) -> str:
    """Return an identifier as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


__all__ = ["Held", "SQLiteSession"]
