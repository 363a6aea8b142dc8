"""PostgreSQL through asyncpg's connections and our own pool.

A statement outside a transaction leases a connection, runs, and gives it back: no task, no context manager, no timer on
that path. What goes wrong is sorted out in ``_again``:

- *Cancelled*: the connection goes to ``Pool.reclaim``, the caller is gone at once. A write may have taken place then;
  its tables are announced.
- *Connection lost*: a read is run once more on a new connection, and so is what was certainly not sent. A write that may
  have run never is: ``CommitUnknown``.
- *Prepared before the schema changed*: prepared and run again; the server had refused to run it.
- Anything else is translated (``errors``) and raised; the connection is whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from secrets import token_hex
from typing import Any, Final, TypeVar

from vivace.changes import WriteLog, WriteSet
from vivace.db.types import Dialect, Listening, Parameters, Row, Statement, TableColumns, TransactionOptions
from vivace.errors import CommitUnknown

from .capture import in_doubt, record, visible
from .connection import Connection, TypeCache, changed, connect
from .errors import translate
from .locks import AdvisoryLock
from .options import PostgreSQLOptions
from .pool import Pool
from .session import PostgreSQLSession, begin_sql
from .wire import InterfaceError, InvalidCachedStatementError, OutdatedSchemaCacheError

T = TypeVar("T")
Method = Callable[[Connection, str, Parameters], Awaitable[T]]

_NO_CHANGE: Final = Statement(sql="")


def _ignore(written: WriteSet) -> None:
    """Stand in for ``announce`` until somebody listens."""


class PostgreSQLDriver:
    """One PostgreSQL database. See ``vivace.db.types.Driver``.

    ``clock`` (seconds) dates connections and pauses between attempts to connect; tests give their own.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, options: PostgreSQLOptions, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.listening: bool = False
        self.announce: Callable[[WriteSet], None] = _ignore
        self.origin = options.origin or token_hex(8)
        self.server_version: tuple[int, int] | None = None
        self.watched: tuple[TableColumns, ...] = ()
        self._clock = clock
        self._types = TypeCache()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None

    def __repr__(self) -> str:
        return f"<PostgreSQLDriver {self.options.address}>"

    # -- life -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open ``min_connections``, at least one. Raises ``DatabaseUnavailable``; statements may be tried later."""
        if self._pool is not None and self._pool.closed:
            self._pool = None
        await self.pool.fill(max(1, self.options.min_connections))

    async def close(self) -> None:
        """Close all connections; those at work have ``close_timeout`` to end. Until ``open``, all else is refused."""
        if self._pool is not None and self._loop is asyncio.get_running_loop() and not self._pool.closed:
            await self._pool.close()

    @property
    def pool(self) -> Pool:
        """The pool on the running loop, a new one where the loop of the old one is gone."""
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            if self._pool is not None:
                self._pool.abandon()
            self._pool, self._loop = Pool(self.connect, self.options, self._clock), loop
        return self._pool

    async def connect(self) -> Connection:
        """Open a connection outside of the pool: for LISTEN and for locks. The caller closes it."""
        connection = await connect(self.options, self._types, origin=self.origin, now=self._clock())
        version = connection.get_server_version()
        self.server_version = (version.major, version.minor)
        return connection

    @property
    def reporting(self) -> Listening:
        """By RETURNING old and new values, which PostgreSQL 18 brought; as long as the version is not known, by a join."""
        version = self.server_version
        return True if version is not None and version >= (18, 0) and not self.options.old_by_join else "join"

    def watch(self, tables: Sequence[TableColumns]) -> None:
        """Remember the columns that change triggers report; our own writes report by their ``Capture``."""
        self.watched = tuple(tables)

    # -- statements -----------------------------------------------------------------------------------------------

    async def fetch(self, statement: Statement, parameters: Parameters = ()) -> list[Row]:
        """Run one statement as its own transaction and return its rows."""
        pool = self._pool or self.pool
        connection = pool.take() or await pool.wait()
        try:
            rows = await connection.rows(statement.sql, parameters)
        except BaseException as error:
            rows = await self._once_more(pool, Connection.rows, connection, (statement, parameters), error)
        else:
            pool.give(connection)
        if statement.writes or statement.writes is None:
            return self._written(statement, rows)
        return rows

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int:
        """Run one statement as its own transaction and return the number of rows it changed."""
        if statement.capture is not None:
            return len(await self.fetch(statement, parameters))
        pool = self._pool or self.pool
        connection = pool.take() or await pool.wait()
        try:
            tag = await connection.run(statement.sql, parameters)
        except BaseException as error:
            tag = await self._once_more(pool, Connection.run, connection, (statement, parameters), error)
        else:
            pool.give(connection)
        if statement.writes or statement.writes is None:
            self._written(statement, [])
        return changed(tag)

    def _written(self, statement: Statement, rows: list[Row]) -> list[Row]:
        if self.listening:
            log = WriteLog()
            record(log, statement, rows)
            written = log.finish()
            if written:
                self.announce(written)
        return rows if statement.capture is None else visible(statement.capture, rows)

    async def copy_rows(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]],
        *,
        schema: str | None = None,
    ) -> int:
        """Write rows with COPY as a transaction of their own, and return how many."""
        session = await self.begin(TransactionOptions())
        try:
            count = await session.copy_rows(table, columns, rows, schema=schema)
        except BaseException:
            await session.rollback()
            raise
        self._tell(await session.commit())
        return count

    async def stream(
        self, statement: Statement, parameters: Parameters = (), *, chunk: int = 2000
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows in chunks; a connection is leased until the iterator is closed."""
        session = await self.begin(TransactionOptions(read_only=statement.is_read))
        try:
            async with aclosing(session.stream(statement, parameters, chunk=chunk)) as chunks:
                async for rows in chunks:
                    yield rows
        except BaseException:
            await session.rollback()
            raise
        self._tell(await session.commit())

    def _tell(self, written: WriteSet) -> None:
        if written and self.listening:
            self.announce(written)

    # -- transactions ---------------------------------------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> PostgreSQLSession:
        """Lease a connection and begin. Raises ``PoolTimeout`` (503) when none comes free in time."""
        pool = self._pool or self.pool
        command = begin_sql(options)
        connection = pool.take() or await pool.wait()
        try:
            await connection.execute(command)
        except BaseException as error:
            connection = await self._again(pool, connection, (_NO_CHANGE, ()), error)
            try:
                await connection.execute(command)
            except BaseException as second:
                await self._again(pool, connection, (_NO_CHANGE, ()), second, last=True)
        return PostgreSQLSession(pool, connection, self._tell_from_session, lambda: self.listening)

    def _tell_from_session(self, written: WriteSet) -> None:
        self.announce(written)

    @asynccontextmanager
    async def advisory_lock(
        self, key: int | str, *, wait: float | None = None
    ) -> AsyncGenerator[AdvisoryLock]:
        """Hold a lock that only one process of the database can have, on a connection outside of the pool.

        ``wait``: seconds to wait for it, 0 not at all, ``None`` for ever. Raises ``LockTimeout``.
        """
        connection = await self.connect()
        lock = AdvisoryLock(connection, transaction=self.options.pooler == "transaction")
        try:
            await lock.take(key, wait)
            yield lock
        finally:
            await asyncio.shield(connection.leave(self.options.cleanup_timeout))

    # -- what went wrong ------------------------------------------------------------------------------------------

    async def _once_more(
        self,
        pool: Pool,
        method: Method[T],
        connection: Connection,
        call: tuple[Statement, Parameters],
        error: BaseException,
    ) -> T:
        connection = await self._again(pool, connection, call, error)
        statement, parameters = call
        try:
            result = await method(connection, statement.sql, parameters)
        except BaseException as second:
            await self._again(pool, connection, call, second, last=True)
            raise
        pool.give(connection)
        return result

    async def _again(
        self,
        pool: Pool,
        connection: Connection,
        call: tuple[Statement, Parameters],
        error: BaseException,
        *,
        last: bool = False,
    ) -> Connection:
        """Return a connection on which the statement can safely be run again, or raise what its caller should see."""
        statement, parameters = call
        if not isinstance(error, Exception):
            self._abandon(pool, connection, statement)
            raise error
        if isinstance(error, TimeoutError) and not connection.is_closed():
            self._abandon(pool, connection, statement)
            raise translate(error) from None
        if connection.is_closed():
            pool.discard(connection)
            self._check_not_run(statement, error)
            if not last:
                pool.retire_idle()
                return await pool.acquire()
        elif isinstance(error, InvalidCachedStatementError) and not last:
            connection.forget_statements()
            return connection
        elif isinstance(error, OutdatedSchemaCacheError) and statement.is_read and not last:
            await connection.reload_schema_state()
            return connection
        else:
            pool.give(connection)
        raise translate(error, statement.sql, parameters) from None

    def _abandon(self, pool: Pool, connection: Connection, statement: Statement) -> None:
        cleaning = pool.reclaim(connection)
        if self.listening and not statement.is_read:
            cleaning.add_done_callback(lambda _: self.announce(in_doubt(statement)))

    def _check_not_run(self, statement: Statement, error: Exception) -> None:
        if statement.is_read or isinstance(error, InterfaceError):  # refused before it was sent
            return
        if self.listening:
            self.announce(in_doubt(statement))
        raise CommitUnknown(
            "The connection was lost while a statement that writes was running: it may have taken place, or not.",
            got=str(translate(error)).partition("\n")[0],
            fix="Look whether its rows are there before you run it again.",
        ) from None


__all__ = ["PostgreSQLDriver"]
