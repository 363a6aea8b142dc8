"""One database as the code above sees it: an alias, a driver, the transaction of the running task, who listens.

This is the hot path of every query: find the transaction of the task (a context variable), tell whoever records reads
or watches queries (two more), and hand the statement to the driver. Anything else belongs elsewhere.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from asyncio import get_running_loop
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from contextvars import Context
from functools import partial
from typing import Any, Final, cast

from vivace.changes import ANYTHING, EVERYTHING, Scope, WriteSet, current_reads
from vivace.errors import ConfigurationError, TransactionError

from .observing import current_observers, observed
from .transactions import Block, Callback, current_block, enter, innermost_block, leave, run_callbacks
from .types import (
    Dialect,
    Driver,
    Listening,
    Parameters,
    Row,
    Session,
    Statement,
    TableColumns,
    TransactionOptions,
)

logger: Final = logging.getLogger("vivace.db")
Subscriber = Callable[[WriteSet], None]
Reads = Iterable[tuple[str, Scope]]


class Database:
    """A database under an alias.

    ``acquire_timeout`` (seconds) bounds the wait for a turn in a transaction that tasks share; the driver has its own
    for connections. Statements run in the current task's transaction, or each as a transaction of its own.
    """

    __slots__ = (
        "__weakref__",
        "_opened",
        "_opening",
        "_savepoints",
        "_subscribers",
        "_tasks",
        "acquire_timeout",
        "alias",
        "dialect",
        "driver",
    )

    def __init__(self, alias: str, driver: Driver, *, acquire_timeout: float = 10.0) -> None:
        self.alias = alias
        self.driver = driver
        self.dialect: Dialect = driver.dialect
        self.acquire_timeout = acquire_timeout
        self._subscribers: tuple[Subscriber, ...] = ()
        self._savepoints = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._opened: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        driver.announce = self.announce
        driver.listening = False

    def __repr__(self) -> str:
        return f"<Database {self.alias!r}: {self.dialect}>"

    # -- life -----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the driver ready on the running loop; called at the app's start, else by the first statement."""
        loop = asyncio.get_running_loop()
        if self._opened is loop:
            return
        if self._opened is not None and self._opened.is_running():
            raise ConfigurationError(
                f"The database {self.alias!r} is at work on the event loop of another thread.",
                expected="one loop at a time for each Database",
                fix="Make a Database for each thread, or hand the work to the loop: asyncio.run_coroutine_threadsafe().",
            )
        opening = self._opening
        if opening is None or opening.done() or opening.get_loop() is not loop:
            name = (
                f"open database {self.alias}"  # in a context of its own: what it starts outlives this request
            )
            opening = self._opening = loop.create_task(self._open(), name=name, context=Context())
        await asyncio.shield(opening)  # one caller's cancellation is not the others'

    async def _open(self) -> None:
        try:
            await self.driver.open()
            self._opened = asyncio.get_running_loop()
        finally:
            self._opening = None

    async def close(self) -> None:
        """Wait for callbacks under way and close the driver; the database opens again when it is next used."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.acquire_timeout)
        opening = self._opening
        if opening is not None and opening.get_loop() is asyncio.get_running_loop():
            await asyncio.wait({opening})  # nobody may wait for it any more
        if self._opened is not None:
            self._opened = None
            await self.driver.close()

    # -- statements -----------------------------------------------------------------------------------------------

    def fetch(
        self, statement: Statement, parameters: Parameters = (), reads: Reads | None = None
    ) -> Coroutine[Any, Any, list[Row]]:
        """Run a statement and return its rows.

        ``reads`` narrows what is recorded as read, where somebody records; without it the statement's tables are.
        Returns the driver's own coroutine where nothing stands between: each one around it would cost as much as the
        rest of this room does for a query.
        """
        recorder = current_reads()
        if recorder is not None:
            _record(recorder, statement, reads)
        if current_observers() is not None:
            return observed(self, statement, parameters, self._fetch)
        if self._opened is not get_running_loop() or innermost_block() is not None:
            return self._fetch(statement, parameters)
        return self.driver.fetch(statement, parameters)

    async def _fetch(self, statement: Statement, parameters: Parameters) -> list[Row]:
        block = current_block(self)
        if block is not None:
            rows: list[Row] = await self._in_block(block, "fetch", statement, parameters)
            return rows
        if self._opened is not get_running_loop():
            await self.open()
        return await self.driver.fetch(statement, parameters)

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int:
        """Run a statement and return the number of rows it changed."""
        if current_observers() is not None:
            count: int = await observed(self, statement, parameters, self._execute)
            return count
        return await self._execute(statement, parameters)

    async def _execute(self, statement: Statement, parameters: Parameters) -> int:
        block = current_block(self)
        if block is not None:
            count: int = await self._in_block(block, "execute", statement, parameters)
            return count
        if self._opened is not get_running_loop():
            await self.open()
        return await self.driver.execute(statement, parameters)

    async def _in_block(self, block: Block, method: str, statement: Statement, payload: Any) -> Any:
        if not block.counts_as_commit:
            return await block.run(method, statement, payload)
        async with self.transaction(TransactionOptions(place=block.place)) as alone:
            return await alone.run(method, statement, payload)

    async def execute_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        """Run a statement once for each row of parameters, all of them or none."""
        if current_observers() is not None:
            await observed(self, statement, rows, self._execute_many)
        else:
            await self._execute_many(statement, rows)

    async def _execute_many(self, statement: Statement, rows: Sequence[Parameters]) -> None:
        async with self.transaction(TransactionOptions(place="execute_many"), savepoint=False) as block:
            await block.run("execute_many", statement, rows)

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Iterable[Parameters]) -> int:
        """Write rows with COPY, all of them or none, and return how many. PostgreSQL only."""
        run = partial(self._copy_rows, columns, rows)
        statement = Statement(sql=f"COPY {table}", writes=frozenset((table,)))
        if current_observers() is None:
            return await run(statement, table)
        count: int = await observed(self, statement, table, run)
        return count

    async def _copy_rows(
        self, columns: Sequence[str], rows: Iterable[Parameters], statement: Statement, table: str
    ) -> int:
        async with self.transaction(TransactionOptions(place="copy_rows"), savepoint=False) as block:
            await block.begin_statement()
            try:
                session: Any = block.session
                count: int = await session.copy_rows(table, columns, rows)
            except BaseException as error:
                block.failed = error
                raise
            finally:
                block.turn.give()
        return count

    async def run_script(self, sql: str) -> None:
        """Run SQL of several statements as one transaction; it counts as having touched everything."""
        if current_observers() is None:
            await self._run_script(sql)
        else:
            script = Statement(sql=sql, writes=frozenset((ANYTHING,)))
            await observed(self, script, (), lambda statement, _: self._run_script(statement.sql))

    async def _run_script(self, sql: str) -> None:
        async with self.transaction(TransactionOptions(place="run_script"), savepoint=False) as block:
            await block.begin_statement()
            try:
                await block.session.run_script(sql)
            except BaseException as error:
                block.failed = error
                raise
            finally:
                block.turn.give()

    async def stream(
        self,
        statement: Statement,
        parameters: Parameters = (),
        *,
        chunk: int = 2000,
        reads: Reads | None = None,
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows in chunks. Outside a transaction a connection is leased until the iterator is closed."""
        recorder = current_reads()
        if recorder is not None:
            _record(recorder, statement, reads)
        begin = partial(self._begin_stream, chunk)
        if current_observers() is not None:
            source, rows = await observed(self, statement, parameters, begin)  # until the first rows are here
        else:
            source, rows = await begin(statement, parameters)
        async with aclosing(source):
            while rows is not None:
                yield rows
                rows = await anext(source, None)

    async def _begin_stream(
        self, chunk: int, statement: Statement, parameters: Parameters
    ) -> tuple[AsyncGenerator[list[Row]], list[Row] | None]:
        block = current_block(self)
        if block is not None and block.counts_as_commit:
            source = self._stream_of_test(block, statement, parameters, chunk)
        elif block is not None:
            source = block.stream(statement, parameters, chunk)
        else:
            await self.open()
            source = self.driver.stream(statement, parameters, chunk=chunk)
        return source, await anext(source, None)

    async def _stream_of_test(
        self, block: Block, statement: Statement, parameters: Parameters, chunk: int
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows that were fetched at once: their savepoint could not stay open between chunks, and must not miss."""
        rows: list[Row] = await self._in_block(block, "fetch", statement, parameters)
        for start in range(0, len(rows), chunk):
            yield rows[start : start + chunk]

    # -- transactions ---------------------------------------------------------------------------------------------

    async def begin(self, options: TransactionOptions) -> Session:
        """Lease a connection with an open transaction: ``atomic`` is the way to use it."""
        if self._opened is not get_running_loop():
            await self.open()
        return await self.driver.begin(options)

    @asynccontextmanager
    async def transaction(
        self,
        options: TransactionOptions | None = None,
        *,
        durable: bool = False,
        savepoint: bool = True,
    ) -> AsyncGenerator[Block]:
        """Run the body in a transaction, or in a savepoint of the one that is open."""
        block = await enter(self, options or TransactionOptions(), durable=durable, savepoint=savepoint)
        try:
            yield block
        except BaseException as error:
            await leave(block, error)
            raise
        await leave(block, None)

    @asynccontextmanager
    async def rolled_back(self) -> AsyncGenerator[None]:
        """Run the body in a transaction that is rolled back; blocks in it count as commits: for tests.

        The app's outermost ``atomic`` and each statement outside one announce their changes and run their
        ``on_commit`` callbacks, as if they had been committed.
        """
        self.driver.listening = True  # who subscribes later is told, too
        options = TransactionOptions(place="a test that is rolled back")
        try:
            block = await enter(self, options, durable=False, savepoint=True)
        finally:
            self.driver.listening = bool(self._subscribers)
        block.counts_as_commit = True
        try:
            yield
        finally:
            block.failed = None
            await leave(block, _Undo())
            self.announce(EVERYTHING)  # what it had told of is undone

    def next_savepoint(self) -> str:
        """Return a name for a savepoint that no other open one has."""
        return f"vivace_{next(self._savepoints)}"

    def on_commit(self, callback: Callback, *, robust: bool = False) -> None:
        """Call ``callback`` after the commit of the current transaction; without one, now.

        An ``async def`` callback is awaited by the block that commits; without a transaction it becomes a task that the
        database holds and waits for at its close. Errors of ``robust`` callbacks are logged, others raised after the commit.
        """
        block = current_block(self)
        if block is None or block.counts_as_commit:
            self._call_now(callback, robust)
            return
        if block.ended:
            raise TransactionError(
                "on_commit was called in a transaction that has ended.", fix="Call it in the block."
            )
        block.callbacks.append((callback, robust))

    def _call_now(self, callback: Callback, robust: bool) -> None:
        try:
            result = callback()
        except Exception:
            if not robust:
                raise
            logger.exception("A callback of on_commit failed: %r", callback)
            return
        if isinstance(result, Awaitable):
            awaitable = cast("Awaitable[object]", result)
            task = asyncio.get_running_loop().create_task(run_callbacks([(lambda: awaitable, True)]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- changes --------------------------------------------------------------------------------------------------

    @property
    def listening(self) -> Listening:
        """Whether anybody is told of commits, and how statements then report their changes."""
        return self.driver.reporting if self._subscribers else False

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` with each commit's write set, before the writer goes on. Returns how to end that."""
        self._subscribers = (*self._subscribers, subscriber)
        self.driver.listening = True

        def unsubscribe() -> None:
            self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)
            self.driver.listening = bool(self._subscribers)

        return unsubscribe

    def announce(self, written: WriteSet) -> None:
        """Tell subscribers what a commit wrote; an error of one is logged and does not reach the writer."""
        if not written:
            return
        for subscriber in self._subscribers:
            try:
                subscriber(written)
            except Exception:
                logger.exception("A subscriber to changes failed: %r", subscriber)

    def watch(self, tables: Sequence[TableColumns]) -> None:
        """Say which columns of which tables the changes shall carry."""
        self.driver.watch(tables)


class _Undo(Exception):
    """Leaves a block that must not commit."""


def _record(recorder: Any, statement: Statement, reads: Reads | None) -> None:
    if reads is None:
        for table in (ANYTHING,) if statement.reads is None else statement.reads:
            recorder.add(table)
    else:
        for table, scope in reads:
            recorder.add(table, scope)


__all__ = ["Database", "Reads", "Subscriber"]
