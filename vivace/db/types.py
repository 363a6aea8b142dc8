"""What the rest of the house says to a database, and what a driver must be able to do.

A ``Statement`` is SQL in the dialect's own placeholders (``?`` on SQLite, ``$1`` on PostgreSQL) with what its author
knows about it. A driver runs statements on its own (each is its own transaction) or in a ``Session``, which is one
connection leased for one transaction. Drivers hand out plain rows: turning values into what a model holds is the
business of its fields.

A driver for another database implements ``Driver`` and ``Session``; nothing above this room knows more of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from vivace.changes import Operation, WriteSet

Dialect: TypeAlias = Literal["sqlite", "postgresql"]
Row: TypeAlias = Sequence[Any]
Parameters: TypeAlias = Sequence[Any]
Listening: TypeAlias = 'bool | Literal["join"]'
"""Whether writes shall report their changes; ``"join"`` where RETURNING knows no old values (PostgreSQL 15 to 17)."""
Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Where a writing statement's rows tell what changed, on databases that have no hook for it.

    Behind the first ``width`` columns, which its author asked for, each row has the primary key's columns, then the
    old and then the new values of ``columns`` (only those that the operation has: an insert has no old values).
    ``old_known`` is false when the statement could not find out the old values: their columns are absent then. Without
    ``columns`` the values of an inserted or updated row count as unknown.
    """

    table: str
    operation: Operation
    key: tuple[str, ...]
    columns: tuple[str, ...]
    width: int = 0
    old_known: bool = True


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """SQL, and what its author knows of it.

    ``writes`` names the tables whose rows it may change: empty for a read, ``None`` when unknown (raw SQL that declared
    nothing, which then counts as touching everything). ``reads`` names the tables that it looks at, ``None`` when unknown:
    then what was made of it is out of date after any write. ``short`` promises
    that it touches few rows by an index: SQLite runs such a read on the event loop. ``capture`` tells how its rows
    report what they changed; a statement without it reports whole tables. ``named`` asks for rows that know the names of
    their columns (``keys()``, ``values()``), for SQL whose columns its author does not know.
    """

    sql: str
    reads: frozenset[str] | None = None
    writes: frozenset[str] | None = frozenset()
    short: bool = False
    capture: Capture | None = None
    named: bool = False

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.writes is not None and not self.writes


class TransactionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a transaction begins. ``isolation`` ``None``: the database's own default.

    ``unchecked`` is for migrations: where tables are rebuilt by dropping them (SQLite), foreign keys are looked at once,
    at the commit, and the transaction may take as long as it needs.
    """

    isolation: Isolation | None = None
    read_only: bool = False
    unchecked: bool = False
    place: str = ""  # file:line of the ``atomic`` that began it, for messages


class TableColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns of a table the change feed reports: its primary key, and those that conditions narrow on."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


class Session(Protocol):
    """One connection with one open transaction. Used by one statement at a time; the caller sees to that.

    After an error inside it, the transaction can only be rolled back (to a savepoint or whole), as PostgreSQL demands.
    ``commit`` and ``rollback`` give the connection back, whatever happens; a session that ended refuses further use.
    When a call is cancelled, the state of the statement is unknown: the caller rolls back. A commit under way is not
    cancelled: ``CancelledError`` comes when its outcome is known, and ``committed`` tells it.
    """

    @property
    def committed(self) -> bool: ...

    async def fetch(self, statement: Statement, parameters: Parameters = ()) -> list[Row]: ...

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int:
        """Run and return the number of rows that were changed."""
        ...

    async def execute_many(self, statement: Statement, rows: Sequence[Parameters]) -> None: ...

    async def run_script(self, sql: str) -> None:
        """Run statements separated by semicolons, without parameters: migrations."""
        ...

    def stream(
        self, statement: Statement, parameters: Parameters = (), *, chunk: int = 2000
    ) -> AsyncGenerator[list[Row]]: ...

    async def savepoint(self, name: str) -> None: ...

    async def release(self, name: str) -> None: ...

    async def rollback_to(self, name: str) -> None:
        """Undo what came after the savepoint, also in what the session will report as written."""
        ...

    def take_writes(self) -> WriteSet:
        """Return what was written since the last call, and forget it: tests count a savepoint as a commit."""
        ...

    async def commit(self) -> WriteSet:
        """Commit, and return what was written; ``NOTHING`` when the driver's ``listening`` is false."""
        ...

    async def rollback(self) -> None: ...


class Driver(Protocol):
    """One database."""

    dialect: Dialect
    listening: bool
    """Whether anybody wants write sets: while false, none are collected, at no cost."""

    announce: Callable[[WriteSet], None]
    """Called after each commit outside a session, with what it wrote, when ``listening``."""

    @property
    def reporting(self) -> Listening:
        """How writing statements report their changes when somebody listens."""
        ...

    async def open(self) -> None:
        """Make ready; connections may be opened when first needed. Raises ``DatabaseUnavailable``."""
        ...

    async def close(self) -> None:
        """Close all connections once their statements have ended."""
        ...

    def watch(self, tables: Sequence[TableColumns]) -> None:
        """Name the columns to report for tables whose changes the database's own hook reports."""
        ...

    async def fetch(self, statement: Statement, parameters: Parameters = ()) -> list[Row]:
        """Run one statement as its own transaction and return its rows."""
        ...

    async def execute(self, statement: Statement, parameters: Parameters = ()) -> int: ...

    async def begin(self, options: TransactionOptions) -> Session:
        """Lease a connection and begin. Raises ``PoolTimeout`` (503) when none comes free in time."""
        ...

    def stream(
        self, statement: Statement, parameters: Parameters = (), *, chunk: int = 2000
    ) -> AsyncGenerator[list[Row]]:
        """Yield rows in chunks from a connection that is leased until the iterator is closed."""
        ...


__all__ = [
    "Capture",
    "Dialect",
    "Driver",
    "Isolation",
    "Listening",
    "Parameters",
    "Row",
    "Session",
    "Statement",
    "TableColumns",
    "TransactionOptions",
]
