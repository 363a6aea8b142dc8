"""A leased connection with one open transaction.

Theory
------
A session is *open*, *failed* (an error happened: only a rollback, to a savepoint or whole, is possible) or *ended* (its
connection was given back). Beside that it may be *unknown*: a call was cancelled, and nobody knows whether its
statement ran; then the connection goes back through ``Pool.reclaim``.

COMMIT cannot be cancelled once it is under way: who is cancelled there gets ``CancelledError`` after the outcome is
known (at most ``cleanup_timeout`` later). ``committed`` then tells, and what was written is announced by the driver.
A connection that is lost in COMMIT leaves the outcome open: ``CommitUnknown``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from vivace.changes import EVERYTHING, NOTHING, WriteLog, WriteSet
from vivace.db.types import Parameters, Row, Statement, TransactionOptions
from vivace.errors import CommitUnknown, DatabaseError, DatabaseUnavailable, TransactionError

from .capture import record, visible
from .connection import Connection, changed
from .errors import translate
from .pool import Pool
from .wire import InterfaceError

T = TypeVar("T")
Announce = Callable[[WriteSet], None]

_BEGIN: Final[Mapping[str | None, str]] = {
    None: "BEGIN",
    "read committed": "BEGIN ISOLATION LEVEL READ COMMITTED",
    "repeatable read": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE",
}
_ANYTHING: Final = Statement(sql="", writes=None)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def begin_sql(options: TransactionOptions) -> str:
    """Return the command that begins such a transaction."""
    command = _BEGIN.get(options.isolation)
    if command is None:
        levels = ", ".join(filter(None, _BEGIN))
        raise TransactionError("Unknown isolation level.", expected=levels, got=repr(options.isolation))
    return f"{command} READ ONLY" if options.read_only else command


class PostgreSQLSession:
    """One transaction, begun already. See ``vivace.db.types.Session``."""

    __slots__ = (
        "_announce",
        "_asked",
        "_connection",
        "_cursors",
        "_error",
        "_log",
        "_marks",
        "_pool",
        "_unheard",
        "_unknown",
        "committed",
    )

    def __init__(
        self, pool: Pool, connection: Connection, announce: Announce, listening: Callable[[], bool]
    ) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self._announce = announce
        self._asked = listening
        self._log = WriteLog() if listening() else None
        self._unheard = False  # something was written while nobody listened
        self._marks: dict[str, tuple[int, int, int]] = {}
        self._error: BaseException | None = None
        self._unknown = False
        self._cursors = 0
        self.committed = False

    # -- statements -----------------------------------------------------------------------------------------------

    async def fetch(self, statement: Statement, parameters: Parameters = ()) -> list[Row]:
        """Run and return the rows."""
        connection = self._connection
        if connection is None or self._error is not None:
            raise self._refusal()
        try:
            rows = await connection.rows(statement.sql, parameters)
        except BaseException as error:
            raise self._failed(error, statement.sql, parameters) from None
        if statement.writes or statement.writes is None:
            return self._written(statement, rows)
        return rows

    def _written(self, statement: Statement, rows: list[Row]) -> list[Row]:
        self._note(statement, rows)
        return rows if statement.capture is None else visible(statement.capture, rows)

    def _note(self, statement: Statement, rows: list[Row]) -> None:
        if self._log is not None:
            record(self._log, statement, rows)
        else:
            self._unheard = True

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int:
        """Run and return the number of rows that were changed."""
        if statement.capture is not None:
            return len(await self.fetch(statement, parameters))
        connection = self._usable()
        tag = await self._guard(connection.run(statement.sql, parameters), statement.sql, parameters)
        if not statement.is_read:
            self._note(statement, [])
        return changed(tag)

    async def execute_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Run once for each row of parameters, in few round trips."""
        connection = self._usable()
        reports = self._log is not None and statement.capture is not None
        found: list[Row] = []
        if reports:
            found = await self._guard(connection.fetchmany(statement.sql, rows), statement.sql)
        else:
            await self._guard(connection.executemany(statement.sql, rows), statement.sql)
        if not statement.is_read:
            self._note(statement, found)

    async def run_script(self, sql: str) -> None:
        """Run statements separated by semicolons; it counts as having written everything."""
        connection = self._usable()
        await self._guard(connection.execute(f"{sql}\n;SELECT"), sql)  # asyncpg fails on a script of nothing
        connection.spoiled = True  # who knows what it has SET; scripts are rare
        self._note(_ANYTHING, [])
        if not connection.is_in_transaction():
            self._error = _ended_inside()
            raise self._error

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
        *,
        schema: str | None = None,
    ) -> int:
        """Write rows with COPY, the fastest way, and return how many; the change feed is told the table only."""
        connection = self._usable()
        count = await self._guard(connection.copy(table, columns, rows, schema), f"COPY {table}")
        self._note(Statement(sql="COPY", writes=frozenset((table,))), [])
        return count

    async def stream(
        self, statement: Statement, parameters: Parameters = (), *, chunk: int = 2000
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows in chunks from a cursor of the server; a statement that writes is run as a whole first."""
        if not statement.is_read:
            rows = await self.fetch(statement, parameters)
            for start in range(0, len(rows), chunk):
                yield rows[start : start + chunk]
            return
        self._cursors += 1
        name = f"vivace_cursor_{self._cursors}"
        declare = f"DECLARE {name} NO SCROLL CURSOR FOR {statement.sql}"
        await self._guard(self._usable().once(declare, parameters), statement.sql, parameters)
        try:
            count = chunk
            while count == chunk:
                rows = await self._guard(self._usable().once(f"FETCH {chunk:d} FROM {name}"), statement.sql)
                count = len(rows)
                if rows:
                    yield rows
        finally:
            await self._close_cursor(name)

    async def _close_cursor(self, name: str) -> None:
        if self._connection is None or self._error is not None:
            return
        with suppress(InterfaceError):  # left to the garbage collector while another statement runs
            await self._guard(self._connection.execute(f"CLOSE {name}"), "")

    # -- savepoints -----------------------------------------------------------------------------------------------

    async def savepoint(self, name: str) -> None:
        """Mark a place to which ``rollback_to`` can go back."""
        connection = self._usable()
        await self._guard(connection.execute(f'SAVEPOINT "{_checked(name)}"'), "")
        if self._log is not None:
            self._marks[name] = self._log.mark()

    async def release(self, name: str) -> None:
        """Forget a savepoint and keep what came after it."""
        connection = self._usable()
        await self._guard(connection.execute(f'RELEASE SAVEPOINT "{_checked(name)}"'), "")
        self._marks.pop(name, None)

    async def rollback_to(self, name: str) -> None:
        """Undo what came after a savepoint; after an error the session is usable again."""
        connection = self._connection
        if connection is None:
            raise self._refusal()
        command = f'ROLLBACK TO SAVEPOINT "{_checked(name)}"'
        try:
            async with asyncio.timeout(self._pool.options.cleanup_timeout if self._unknown else None):
                await self._guard(connection.execute(command), "")
        except TimeoutError:
            raise _lost("the cancelled statement did not end") from None
        self._error, self._unknown = None, False
        if self._log is not None and name in self._marks:
            self._log.undo(self._marks[name])

    # -- the end --------------------------------------------------------------------------------------------------

    def take_writes(self) -> WriteSet:
        """Return what was written since the last call, and forget it."""
        written = self._finished()
        if self._log is not None:
            self._log = WriteLog()
            self._marks = dict.fromkeys(self._marks, (0, 0, 0))
        self._unheard = False
        return written

    def _finished(self) -> WriteSet:
        if self._log is not None:
            return self._log.finish()
        return EVERYTHING if self._unheard and self._asked() else NOTHING  # somebody came while we wrote

    async def commit(self) -> WriteSet:
        """Commit and return what was written. Raises ``CommitUnknown`` when the connection is lost on the way."""
        first = self._error
        if first is not None and self._connection is not None:
            error = self._refusal()
            await self.rollback()
            raise error from first
        work = asyncio.get_running_loop().create_task(self._commit(self._end()))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(self._committed_unasked)
            await _outlast(work, self._pool.options.cleanup_timeout)
            raise
        return self._finished()

    async def _commit(self, connection: Connection) -> None:
        if connection.is_closed():
            self._pool.give(connection)
            raise _lost("")
        if not connection.is_in_transaction():
            self._pool.give(connection)
            raise _ended_inside()
        try:
            await connection.execute("COMMIT")
        except Exception as error:
            self._pool.give(connection)
            if connection.is_closed():
                self._tell_doubt()
                raise _commit_unknown(error) from None
            raise translate(error) from None
        self._pool.give(connection)
        self.committed = True

    def _committed_unasked(self, work: asyncio.Task[None]) -> None:
        if self.committed and (written := self._finished()):
            self._announce(written)

    def _tell_doubt(self) -> None:
        if written := self._finished():
            self._announce(WriteSet(tables=written.touched(), everything=written.everything))

    async def rollback(self) -> None:
        """Undo everything."""
        connection = self._end()
        if self._unknown:
            await asyncio.shield(self._pool.reclaim(connection))
            return
        try:
            if not connection.is_closed() and connection.is_in_transaction():
                await connection.execute("ROLLBACK")
        except BaseException as error:
            self._pool.reclaim(connection)  # in whatever way it ends, nothing of the transaction stays
            if not isinstance(error, Exception):
                raise
        else:
            self._pool.give(connection)

    # -- states ---------------------------------------------------------------------------------------------------

    def _usable(self) -> Connection:
        if self._connection is None or self._error is not None:
            raise self._refusal()
        return self._connection

    def _end(self) -> Connection:
        connection = self._connection
        if connection is None:
            raise self._refusal()
        self._connection = None
        self._error = None  # its traceback knows us: a circle
        return connection

    def _refusal(self) -> TransactionError:
        if self._connection is None:
            return TransactionError("The transaction has ended.", fix="Begin another one with atomic().")
        error = TransactionError(
            "The transaction met an error: it can only be rolled back, to a savepoint or as a whole.",
            got=f"{type(self._error).__name__}: {str(self._error).partition(chr(10))[0]}",
            fix="Put what may fail into an atomic block of its own.",
        )
        error.__cause__ = self._error
        return error

    async def _guard(self, call: Awaitable[T], sql: str, parameters: Parameters = ()) -> T:
        try:
            return await call
        except BaseException as error:
            raise self._failed(error, sql, parameters) from None

    def _failed(self, error: BaseException, sql: str, parameters: Parameters = ()) -> BaseException:
        connection = self._connection
        if not isinstance(error, Exception) or isinstance(error, TimeoutError):
            self._unknown = True
        if isinstance(error, Exception):
            if connection is not None and connection.is_closed():
                error = _lost(str(translate(error)).partition("\n")[0])
            else:
                error = translate(error, sql, parameters)
        self._error = self._error or error
        return error


def _checked(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    raise TransactionError(
        "A savepoint has an impossible name.", expected="letters, digits and _", got=repr(name)
    )


def _ended_inside() -> TransactionError:
    return TransactionError(
        "A statement ended the transaction from inside.", fix="Take COMMIT and ROLLBACK out of the SQL."
    )


def _lost(reason: str) -> DatabaseError:
    return DatabaseUnavailable(
        "The connection was lost within a transaction, which was rolled back.",
        got=reason,
        fix="Run the transaction again.",
    )


def _commit_unknown(error: Exception) -> DatabaseError:
    return CommitUnknown(
        "The connection was lost during COMMIT: the transaction may have taken place, or not.",
        got=str(translate(error)).partition("\n")[0],
        fix="Look whether its rows are there before you run it again.",
    )


async def _outlast(work: asyncio.Task[None], timeout: float) -> None:
    """Wait for ``work``, whoever cancels us meanwhile, but not longer than ``timeout`` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not work.done() and (left := deadline - asyncio.get_running_loop().time()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.wait([work], timeout=left)


__all__ = ["Announce", "PostgreSQLSession", "begin_sql"]
