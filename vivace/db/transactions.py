"""Transactions that follow the task: ``atomic``, savepoints, and what waits for the commit.

A transaction is a tree of blocks. The root block owns the session (one connection with one open transaction); each
``atomic`` inside it is a savepoint. The block that code runs in is a context variable, so called functions and child
tasks are inside it without being told, and no statement of theirs can slip out to another connection.

The rules that make this safe when tasks share a transaction:

1. One thing at a time. A statement holds its block's turn while it runs, and an inner block holds it from its savepoint
   to its end. So a sibling task's statements never land between another's SAVEPOINT and ROLLBACK TO. Turns are given
   first come, first served; who waits longer than ``acquire_timeout`` gets an error that names the block in the way (a
   parent that waits, inside an inner block, for a child task of the outer one would otherwise wait for ever).
2. A block that ended stays ended: a task that outlives the block it was started in gets ``TransactionError``.
3. After a database error, or a statement that was cancelled half-way, nothing but the end of the block is possible, on
   every database as on PostgreSQL. Swallowing that error and leaving the block normally is an error of its own: the
   writes before it are rolled back, and must not seem saved.
4. What is registered with ``on_commit`` belongs to its block: rolled back with it, run after the outermost commit, in
   order, when subscribers have been told what was written.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import DatabaseError, SerializationFailure, TransactionError
from vivace.errors.whose import is_our_module

from .types import Parameters, Row, Session, Statement, TransactionOptions

if TYPE_CHECKING:
    from .database import Database

logger: Final = logging.getLogger("vivace.db")

Callback = Callable[[], object]

_block: ContextVar[Block | None] = ContextVar("vivace_transaction", default=None)
innermost_block: Final = _block.get
"""Returns the innermost block that the running code is in, of whichever database; ``None``: each statement is alone."""


class Turn:
    """Whose turn it is on a block: a lock that is free at no cost, first come first served."""

    __slots__ = ("_holder", "_waiting")

    def __init__(self) -> None:
        self._holder = ""
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, holder: str, timeout: float) -> None:
        """Wait for the turn, at most ``timeout`` seconds; ``holder`` says in errors who has it."""
        if self._holder:
            await self._wait(timeout)
        self._holder = holder

    async def _wait(self, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(timeout, self._give_up, turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give()  # it became ours in the moment that we were cancelled
            turn.cancel()  # who is closed instead of cancelled must not be given it later
            raise
        finally:
            timer.cancel()

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            turn.set_exception(
                TransactionError(
                    "A statement waited too long for its turn in a transaction that several tasks share.",
                    got=f"{self._holder} has it",
                    fix="Do not wait, inside an inner atomic block, for a task of the outer one.",
                )
            )

    def give(self) -> None:
        """Pass the turn to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # stays taken, for the one who wakes up
                return
        self._holder = ""


class Block:
    """One ``atomic``: a transaction when it has no parent on its database, else a savepoint of it."""

    __slots__ = (
        "callbacks",
        "counts_as_commit",
        "database",
        "ended",
        "failed",
        "outer",
        "parent",
        "place",
        "savepoint",
        "session",
        "turn",
    )

    def __init__(self, database: Database, session: Session, parent: Block | None, place: str) -> None:
        self.database = database
        self.session = session
        self.parent = parent
        self.outer = _block.get()  # the block around it, which may be of another database
        self.place = place
        self.savepoint = ""
        self.turn = Turn()
        self.failed: BaseException | None = None
        self.ended = False
        self.counts_as_commit = False  # its direct children behave as transactions of their own: in tests
        self.callbacks: list[tuple[Callback, bool]] = []

    async def run(self, method: str, statement: Statement, payload: Any) -> Any:
        """Run a statement of the session in its turn; ``method`` is the session's."""
        await self.begin_statement()
        try:
            return await getattr(self.session, method)(statement, payload)
        except (DatabaseError, asyncio.CancelledError) as error:
            self.failed = error
            raise
        finally:
            self.turn.give()

    async def stream(
        self, statement: Statement, parameters: Parameters, chunk: int
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows in chunks; the turn is held for each chunk alone, so that statements may run between them."""
        chunks = self.session.stream(statement, parameters, chunk=chunk)
        try:
            while True:
                await self.begin_statement()
                try:
                    rows = await anext(chunks, None)
                except (DatabaseError, asyncio.CancelledError) as error:
                    self.failed = error
                    raise
                finally:
                    self.turn.give()
                if rows is None:
                    return
                yield rows
        finally:
            await self._close_stream(chunks)

    async def _close_stream(self, chunks: AsyncGenerator[list[Row]]) -> None:
        """Close a stream of the session in its turn: that is a statement, too. After the end none is needed."""
        if self.ended or self.failed is not None:
            await chunks.aclose()
            return
        await self.turn.take("the end of a stream", self.database.acquire_timeout)
        try:
            await chunks.aclose()
        finally:
            self.turn.give()

    async def begin_statement(self) -> None:
        """Take the turn for one statement; whoever calls this gives the turn back."""
        self.check_usable()
        await self.turn.take("a statement", self.database.acquire_timeout)
        try:
            self.check_usable()
        except BaseException:
            self.turn.give()
            raise

    def check_usable(self) -> None:
        """Raise ``TransactionError`` when the block is over or broken."""
        if self.ended:
            raise TransactionError(
                f"The transaction begun at {self.place} has ended, but a task that was started in it goes on.",
                fix="Await the task inside the block, start it with on_commit(), or detach it: `with outside():`.",
            )
        if self.failed is not None:
            raise TransactionError(
                f"The transaction begun at {self.place} met an error: until its block ends it takes no statement.",
                got=f"{type(self.failed).__name__}: {str(self.failed).splitlines()[0] if str(self.failed) else ''}",
                fix="Put what may fail into an `async with atomic():` of its own, and catch the error outside it.",
            ) from self.failed


def current_block(database: Database) -> Block | None:
    """Return the innermost block of ``database`` that the running code is in."""
    block = _block.get()
    while block is not None and block.database is not database:
        block = block.outer
    return block


def in_any_block() -> bool:
    """Say whether the running code is inside a transaction of any database."""
    return _block.get() is not None


def open_block() -> Block | None:
    """Return the innermost block that the running code is in, of whichever database, but not one that only a test rolls back."""
    block = _block.get()
    return None if block is None or block.counts_as_commit or block.ended else block


def detach(context: Context) -> Context:
    """Take a context out of the transaction it was copied in: background work must not join it."""
    context.run(_block.set, context.run(_test_block))
    return context


def _test_block() -> Block | None:
    """Return the block of a test that will be rolled back, which nothing leaves; ``None`` outside of one."""
    block = _block.get()
    while block is not None and not block.counts_as_commit:
        block = block.outer
    return block


class outside:  # noqa: N801 - used as a statement, like contextlib.suppress
    """A block whose statements run outside of any transaction: ``with outside(): app.spawn(…)``."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _block.set(_test_block())

    def __exit__(self, *error: object) -> None:
        _block.reset(self._token)


async def enter(database: Database, options: TransactionOptions, *, durable: bool, savepoint: bool) -> Block:
    """Begin a transaction, or a savepoint in the one that is open, and make it the current block."""
    parent = current_block(database)
    if parent is None:
        block = Block(database, await database.begin(options), None, options.place)
    else:
        _refuse_what_only_a_transaction_can(parent, options, durable)
        block = await _enter_savepoint(database, parent, options.place, savepoint)
    _block.set(block)
    return block


def _refuse_what_only_a_transaction_can(parent: Block, options: TransactionOptions, durable: bool) -> None:
    if parent.counts_as_commit:
        return
    asked = "durable=True" if durable else "isolation" if options.isolation else ""
    if asked:
        raise TransactionError(
            f"atomic({asked}) at {options.place} is inside the transaction begun at {parent.place}.",
            expected="an outermost block: only a whole transaction is durable and has an isolation level",
            fix="Call it before the outer block, or give the option to that one.",
        )


async def _enter_savepoint(database: Database, parent: Block, place: str, savepoint: bool) -> Block:
    parent.check_usable()
    await parent.turn.take(f"the block at {place}", database.acquire_timeout)
    try:
        parent.check_usable()
        block = Block(database, parent.session, parent, place)
        if savepoint or parent.counts_as_commit:
            name = database.next_savepoint()
            await parent.session.savepoint(name)
            block.savepoint = name
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            parent.failed = error
        parent.turn.give()
        raise
    return block


async def leave(block: Block, error: BaseException | None) -> None:
    """End a block: commit, release, or roll back when ``error`` left it. Raises what the commit raises."""
    _block.set(block.outer)
    block.ended = True
    late = await _last_turn(block)
    swallowed = block.failed if error is None else None
    failed = error is not None or late is not None or swallowed is not None
    if block.parent is None:
        await _end_transaction(block, failed=failed)
    else:
        await _end_savepoint(block, block.parent, failed=failed)
    block.failed = None  # the traceback of an error knows the block: a circle
    if late is not None and not isinstance(error, asyncio.CancelledError):  # who is cancelled shall see that
        raise late
    if swallowed is not None:
        raise TransactionError(
            f"The block begun at {block.place} went on after an error, and was rolled back.",
            got=f"{type(swallowed).__name__}: {swallowed}",
            fix="Let the error leave the block, or put what may fail into an inner `async with atomic():`.",
        ) from swallowed


async def _last_turn(block: Block) -> BaseException | None:
    """Wait for a statement of another task that still runs; return what broke the wait: then the block fails.

    The session then rolls back under that statement: it is the session's duty to end both.
    """
    try:
        await block.turn.take("the end of the block", block.database.acquire_timeout)
    except (asyncio.CancelledError, TransactionError) as error:
        return error
    return None


async def _end_transaction(block: Block, *, failed: bool) -> None:
    if failed:
        await block.session.rollback()
        return
    try:
        written = await block.session.commit()
    except asyncio.CancelledError:
        if block.session.committed:  # it has announced what was written by itself
            await run_callbacks([(callback, True) for callback, _ in block.callbacks])
        raise
    block.database.announce(written)
    await run_callbacks(block.callbacks)


async def _end_savepoint(block: Block, parent: Block, *, failed: bool) -> None:
    try:
        if failed:
            await _undo_savepoint(block, parent)
            return
        if block.savepoint:
            await parent.session.release(block.savepoint)
    except BaseException as error:
        parent.failed = parent.failed or error
        raise
    finally:
        parent.turn.give()
    if parent.counts_as_commit:
        block.database.announce(parent.session.take_writes())
        await run_callbacks(block.callbacks)
    else:
        parent.callbacks += block.callbacks


async def _undo_savepoint(block: Block, parent: Block) -> None:
    if block.savepoint:
        await parent.session.rollback_to(block.savepoint)
        await parent.session.release(block.savepoint)
    else:
        parent.failed = (
            parent.failed or block.failed or DatabaseError("an inner block without a savepoint failed")
        )


async def run_callbacks(callbacks: list[tuple[Callback, bool]]) -> None:
    """Run what was registered with ``on_commit``, in order; errors of robust ones are logged.

    A cancellation ends the callback that it meets, and goes on to the caller when the others have run: what is committed
    is told, whoever went away meanwhile.
    """
    cancelled: asyncio.CancelledError | None = None
    for callback, robust in callbacks:
        try:
            result = callback()
            if isinstance(result, Awaitable):
                await result
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception as error:
            if not robust and cancelled is None:
                raise _after_commit(error) from error
            logger.exception("A callback of on_commit failed: %r", callback)
    if cancelled is not None:
        raise cancelled


def _after_commit(error: Exception) -> Exception:
    """Return what is raised for a callback's error: none that asks for a repetition of what is committed already."""
    if not isinstance(error, SerializationFailure):
        return error
    return TransactionError(
        "A callback of on_commit failed, after its transaction was committed.",
        got=f"{type(error).__name__}: {error}",
        fix="Put the callback's own transaction into a function below `@atomic(retries=…)`.",
    )


def place_of_caller() -> str:
    """Return ``file:line`` of the nearest frame outside of this package."""
    frame = sys._getframe(1)
    while is_our_module(frame.f_globals.get("__name__", "")) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


__all__ = [
    "Block",
    "Callback",
    "current_block",
    "detach",
    "enter",
    "in_any_block",
    "innermost_block",
    "leave",
    "open_block",
    "outside",
    "place_of_caller",
    "run_callbacks",
]
