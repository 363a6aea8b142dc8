"""The one writer: who may write next, groups of autocommit writes, and transactions that hold it.

SQLite has one writer at a time, so the waiting is done here, in one line on the event loop, and never in SQLite within
this process. In the line stand autocommit writes and transactions, first come, first served. Writes that stand next to
each other when the writer comes free share one transaction, a *group*: one COMMIT for all of them. The rules of a group:

1. Each member runs in a savepoint of its own and fails alone. After it no deferred foreign key may be open: the whole
   COMMIT would fail for it.
2. Nobody is told of success before the COMMIT.
3. When the group as a whole is lost (COMMIT fails, or SQLite rolled everything back: disk full, an interrupted
   statement), nothing of it was written, and each member runs again alone and gets its own outcome.
4. A member whose caller was cancelled before it ran is skipped. One that has run may be committed; one that is running
   is interrupted.

A transaction is never part of a group. While it is open the line stands still.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import apsw

from vivace.changes import EVERYTHING, WriteSet
from vivace.db.types import Parameters, Statement, TransactionOptions
from vivace.errors import DatabaseUnavailable, PoolTimeout

from .connection import Home, Link, opening
from .dangling import violation
from .errors import translate
from .hook import Hook
from .inline import InlineReader
from .lanes import Job, Lane
from .running import execute, fetch
from .session import Held, SQLiteSession
from .sniffing import Kind, kind_of

logger: Final = logging.getLogger("vivace.db")


class Member:
    """One autocommit write: its statement, and the outcome once there is one; ``final`` when it is committed."""

    __slots__ = ("deadline", "error", "final", "future", "kind", "parameters", "result", "rows", "statement")

    def __init__(
        self,
        statement: Statement,
        parameters: Parameters,
        rows: bool,
        future: asyncio.Future[Any],
        deadline: float,
    ) -> None:
        self.statement = statement
        self.parameters = parameters
        self.kind = kind_of(statement.sql)
        self.rows = rows
        self.future = future
        self.deadline = deadline
        self.result: Any = None
        self.error: BaseException | None = None
        self.final = False

    def perform(self, connection: apsw.Connection, hook: Hook) -> None:
        """Run the statement; in the writer's thread."""
        self.result = (fetch if self.rows else execute)(connection, self.statement, self.parameters)
        if self.kind is Kind.SCHEMA:
            hook.after_schema_change()
        else:
            hook.after(self.statement)

    def settle(self) -> None:
        """Tell the caller; on the loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Request:
    """A transaction that waits for its turn."""

    __slots__ = ("deadline", "future", "job", "options")

    def __init__(
        self,
        options: TransactionOptions,
        future: asyncio.Future[SQLiteSession],
        deadline: float,
    ) -> None:
        self.options = options
        self.future = future
        self.deadline = deadline
        self.job: Job[None] | None = None


Waiting: TypeAlias = "Member | Request"


class Group:
    """Autocommit writes that share a transaction; runs in the writer's thread."""

    def __init__(self, members: list[Member], lane: Lane, hook: Hook, listening: bool) -> None:
        self.members = members
        self.running: Member | None = None
        self.writes: list[WriteSet] = []
        self.repeated = False
        self._lane = lane
        self._hook = hook
        self._listening = listening

    @property
    def unheard(self) -> bool:
        """Whether it wrote while nobody listened."""
        return not self._listening and any(member.final for member in self.members)

    def perform(self, link: Link) -> None:
        """Write all of it. Each member has its outcome afterwards."""
        try:
            connection = opening(link)
            if self.members[0].kind is Kind.OUTSIDE:
                self._outside(connection, self.members[0])
            elif not self._together(connection, self.members):
                self.repeated = True
                for member in self.members:
                    self._alone(connection, member)
        except (
            BaseException
        ) as error:  # no connection, no lock on the file, or one that could not even roll back
            link.failed(error)
            self._fail_rest(translate(error))
        for member in self.members:
            link.failed(member.error)

    def _fail_rest(self, error: BaseException) -> None:
        for member in self.members:
            if not member.final and member.error is None:
                member.error = error

    def _outside(self, connection: apsw.Connection, member: Member) -> None:
        try:
            member.perform(connection, self._hook)
            member.final = True
        except Exception as error:
            member.error = translate(error, member.statement.sql)

    def _alone(self, connection: apsw.Connection, member: Member) -> None:
        member.result = member.error = None
        if not member.future.cancelled():
            self._together(connection, [member])

    def _together(self, connection: apsw.Connection, members: list[Member]) -> bool:
        """Run members in one transaction; false when it was lost and they must run one by one."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._hook.begin(connection, self._listening)
            for member in members:
                if not member.future.cancelled():
                    self._in_savepoint(connection, member)
                if connection.get_autocommit():  # SQLite rolled all of it back
                    return self._lost(members, member.error)
            connection.execute("COMMIT")
        except Exception as error:
            return self._lost(members, error)
        finally:
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
        for member in members:
            member.final = member.error is None
        if self._listening:
            self.writes.append(self._hook.take())
        return True

    def _lost(self, members: list[Member], error: BaseException | None) -> bool:
        if len(members) == 1:
            (member,) = members
            member.error = member.error or (
                translate(error, member.statement.sql) if error is not None else None
            )
        return len(members) == 1

    def _in_savepoint(self, connection: apsw.Connection, member: Member) -> None:
        mark = self._hook.mark() if self._listening else None
        connection.execute("SAVEPOINT member")
        try:
            with self._lane.lock:
                self.running = member
            try:
                member.perform(connection, self._hook)
            finally:
                with self._lane.lock:
                    self.running = None
            if connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
                raise violation(connection, member.statement.sql, member.statement.writes)
            connection.execute("RELEASE member")
        except Exception as error:
            member.result, member.error = None, translate(error, member.statement.sql)
            if mark is not None:
                self._hook.undo(mark)
            if not connection.get_autocommit():
                connection.execute("ROLLBACK TO member")
                connection.execute("RELEASE member")


class Writer:
    """The line for the writer. Lives on the loop; its lane does the work."""

    def __init__(self, home: Home, lane: Lane, hook: Hook, clock: Callable[[], float]) -> None:
        self.lane = lane
        self.hook = hook
        self.listening: Callable[[], bool] = bool
        self.announce: Callable[[WriteSet], None] = lambda written: None
        self.inline: InlineReader | None = None
        self.groups = self.grouped = self.repeated = 0
        self._options = home.options
        self._home = home
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._line: deque[Waiting] = deque()
        self._scheduled = False
        self._group: Group | None = None
        self._beginning: Request | None = None
        self._session: SQLiteSession | None = None
        self._idle: asyncio.Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something runs or waits."""
        return bool(self._line or self._group or self._beginning or self._session)

    # -- coming -----------------------------------------------------------------------------------------------------

    async def write(self, statement: Statement, parameters: Parameters, *, rows: bool) -> Any:
        """Run an autocommit write; return its rows or its count."""
        deadline = self._clock() + self._options.acquire_timeout
        member = Member(statement, parameters, rows, self._loop.create_future(), deadline)
        self._join(member)
        try:
            return await member.future
        except asyncio.CancelledError:
            self._interrupt(member)
            raise
        finally:
            del member  # whose future knows the error, whose traceback knows this frame: a circle

    async def begin(self, options: TransactionOptions) -> SQLiteSession:
        """Wait for a turn and begin a transaction."""
        deadline = self._clock() + self._options.acquire_timeout
        request = Request(options, self._loop.create_future(), deadline)
        self._join(request)
        try:
            return await request.future
        except asyncio.CancelledError:
            if request.future.done() and not request.future.cancelled() and not request.future.exception():
                request.future.result().abandon()  # it was ours in the moment that we were cancelled
            elif request.job is not None:
                self.lane.interrupt(request.job)
            raise
        finally:
            del request  # as above

    def _join(self, waiting: Waiting) -> None:
        self._line.append(waiting)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(
                self._next
            )  # not at once: what else is written in this turn of the loop joins in

    def _interrupt(self, member: Member) -> None:
        group = self._group
        if group is not None:
            with self.lane.lock:
                if group.running is member:
                    self.lane.stop_statement()

    # -- turns ------------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        self._scheduled = False
        if self._group or self._beginning or self._session:
            return
        line = self._line
        while line and line[0].future.done():
            line.popleft()
        if not line:
            if self._idle is not None and not self._idle.done():
                self._idle.set_result(None)
        elif isinstance(line[0], Request):
            self._begin(line[0])
        else:
            self._write(self._collect())

    def _collect(self) -> list[Member]:
        members: list[Member] = []
        while self._line and len(members) < self._options.group_limit:
            member = self._line[0]
            if isinstance(member, Request) or (members and member.kind is Kind.OUTSIDE):
                break
            self._line.popleft()
            if not member.future.done():
                members.append(member)
            if member.kind is Kind.OUTSIDE:
                break
        return members

    def _write(self, members: list[Member]) -> None:
        self._home.check()
        self._group = group = Group(members, self.lane, self.hook, self.listening())
        self.lane.put(Job(group.perform, self._loop, then=lambda job: self._written(group)))

    def _written(self, group: Group) -> None:
        self._group = None
        self.groups += 1
        self.grouped += len(group.members)
        self.repeated += group.repeated
        for written in group.writes:
            self.tell(written)
        if group.unheard and self.listening():
            self.tell(EVERYTHING)  # somebody came while we wrote
        for member in group.members:
            member.settle()
        self._next()

    def tell(self, written: WriteSet) -> None:
        """Announce what was committed; whoever listens badly must not hurt the one who wrote."""
        if written:
            try:
                self.announce(written)
            except Exception:
                logger.exception("A listener of database changes failed.")

    # -- transactions -----------------------------------------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        self._line.popleft()
        self._home.check()
        self._beginning = request
        listening = self.listening()

        def begin(link: Link) -> None:
            connection = opening(link)
            try:
                if request.options.unchecked:
                    connection.pragma("foreign_keys", 0)
                connection.execute("BEGIN IMMEDIATE")
                self.hook.begin(connection, listening)
            except BaseException:  # also interrupted, for the caller is gone
                if not connection.get_autocommit():
                    connection.execute("ROLLBACK")
                connection.pragma("foreign_keys", 1)
                raise

        request.job = self.lane.put(Job(begin, self._loop, then=lambda job: self._begun(request, job)))

    def _begun(self, request: Request, job: Job[None]) -> None:
        self._beginning = None
        request.job = None  # which knows the request: a circle
        if job.error is not None:
            if not request.future.done():
                request.future.set_exception(job.error)
            self._next()
            return
        held = Held(self.lane, self._loop, self._release, self.listening, self.hook, self.inline)
        session = SQLiteSession(held, request.options, self._clock)
        self._session = session
        if request.future.done():
            session.abandon()
        else:
            request.future.set_result(session)

    def _release(self, session: SQLiteSession, written: WriteSet | None) -> None:
        """A transaction ended; ``written`` is what nobody took, for its caller was cancelled in COMMIT."""
        if written is not None and self.listening():
            self.tell(written)
        if self._session is session:
            self._session = None
            self._next()

    # -- time -------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Give up what waited too long, and end a transaction that holds the writer too long."""
        if self._beginning is not None and now > self._beginning.deadline:
            self._expire(self._beginning)
            if self._beginning.job is not None:
                self.lane.interrupt(self._beginning.job)
        while self._line and (now > self._line[0].deadline or self._line[0].future.done()):
            self._expire(self._line.popleft())
        if self._session is not None:
            self._session.check_age(now, self._options)
        if self._line and not self._scheduled:
            self._next()

    def _expire(self, waiting: Waiting) -> None:
        if not waiting.future.done():
            place = self._session.place if self._session is not None else ""
            waiting.future.set_exception(
                PoolTimeout(
                    f"The writer of the SQLite database did not come free in {self._options.acquire_timeout:g} s.",
                    got=f"the transaction begun at {place} holds it"
                    if place
                    else "many writes before this one",
                    fix="Keep transactions short: wait for the network and for people outside of them.",
                )
            )

    # -- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Let what was accepted finish, and end the transaction that is open."""
        for waiting in self._line:
            if isinstance(waiting, Request) and not waiting.future.done():
                waiting.future.set_exception(DatabaseUnavailable("The database is being closed."))
        if self._session is not None:
            self._session.abandon()
        if self.busy:
            self._idle = self._loop.create_future()
            self._next()
            await self._idle


__all__ = ["Group", "Member", "Request", "Writer"]
