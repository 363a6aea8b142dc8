"""What was written and what was read: pure values on which the change path rests.

A committed transaction yields its ``WriteSet``; a query yields ``ReadSet`` entries. The one question asked of them is
``read.meets(write)``: may what was computed from these reads look different after these writes? The answer errs on the
side of yes: a table in doubt matches, a column in doubt matches.

Rules:

1. A ``Change`` carries the primary key and the old and new values of foreign-key and indexed columns, no others: enough
   to decide, too little to leak a row. ``None`` in place of the values means that they are unknown.
2. A ``ReadSet`` names every table that its statement named. A table is either read as a whole or narrowed to rows of
   which a column has one of some values. SQL that names no tables, because its author did not say, reads ``ANYTHING``.
3. Nothing here does I/O or knows of models, drivers or brokers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias

import msgspec

Operation: TypeAlias = Literal["insert", "update", "delete"]
Values: TypeAlias = Mapping[str, Any]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row that a commit wrote.

    ``key`` holds the values of the primary key's columns in their order. ``old`` and ``new`` map column names to
    values, only for columns that conditions narrow on; ``None``: not known (any value may have stood there). An insert
    has no ``old`` row, a delete no ``new`` one: there they are empty, as a row that is not there matches nothing.
    """

    table: str
    operation: Operation
    key: tuple[Any, ...]
    old: Values | None = None
    new: Values | None = None

    def may_match(self, column: str, values: frozenset[Any]) -> bool:
        """Say whether the row had, or has now, one of these values in the column; unknown counts as yes."""
        return any(_side_matches(side, column, values) for side in (self.old, self.new))


def _side_matches(side: Values | None, column: str, values: frozenset[Any]) -> bool:
    if side is None:
        return True
    if not side:
        return False
    return column not in side or side[column] in values


class WriteSet(msgspec.Struct, frozen=True, kw_only=True):
    """What one committed transaction wrote: rows, tables of which the rows are unknown, or perhaps everything."""

    changes: tuple[Change, ...] = ()
    tables: frozenset[str] = (
        frozenset()
    )  # written in unknown rows: bulk statements, raw SQL that declared them
    everything: bool = False  # raw SQL that declared nothing

    def __bool__(self) -> bool:
        return bool(self.changes or self.tables or self.everything)

    def touched(self) -> frozenset[str]:
        """Return the names of all tables that are known to be written."""
        return self.tables | {change.table for change in self.changes}


NOTHING: Final = WriteSet()
EVERYTHING: Final = WriteSet(everything=True)


class WriteLog:
    """The writes of a transaction under way, undone in part when a savepoint rolls back."""

    __slots__ = ("_changes", "_everything", "_tables")

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._tables: list[str] = []
        self._everything = 0

    def add(self, change: Change) -> None:
        """Record one row."""
        self._changes.append(change)

    def touch(self, table: str) -> None:
        """Record that rows of a table were written, without saying which."""
        self._tables.append(table)

    def touch_everything(self) -> None:
        """Record that any row of any table may have been written."""
        self._everything += 1

    def mark(self) -> tuple[int, int, int]:
        """Return a position to which ``undo`` can go back: taken at each savepoint."""
        return len(self._changes), len(self._tables), self._everything

    def undo(self, mark: tuple[int, int, int]) -> None:
        """Forget what was recorded after ``mark``: the savepoint was rolled back."""
        changes, tables, self._everything = mark
        del self._changes[changes:]
        del self._tables[tables:]

    def finish(self) -> WriteSet:
        """Return what was written, as a value."""
        if not (self._changes or self._tables or self._everything):
            return NOTHING
        return WriteSet(
            changes=tuple(self._changes), tables=frozenset(self._tables), everything=bool(self._everything)
        )


class Condition(msgspec.Struct, frozen=True):
    """Rows of which ``column`` has one of ``values``."""

    column: str
    values: frozenset[Any]


Scope: TypeAlias = "tuple[Condition, ...] | None"
"""What was read of a table: rows that meet any of these conditions; ``None``: rows of any kind."""


ANYTHING: Final = "*"
"""The table that is read by SQL which does not say what it reads: any write meets it."""


class ReadSet:
    """What was read, table by table; mutable while it is being recorded, never afterwards."""

    __slots__ = ("tables",)

    def __init__(self, tables: Mapping[str, Scope] | None = None) -> None:
        self.tables: dict[str, Scope] = dict(tables or {})

    def add(self, table: str, scope: Scope = None) -> None:
        """Record a read; reads of one table add up."""
        if table not in self.tables:
            self.tables[table] = scope
            return
        known = self.tables[table]
        if known is not None:
            self.tables[table] = None if scope is None else (*known, *(c for c in scope if c not in known))

    def update(self, other: ReadSet) -> None:
        """Record all that another one did: a fragment within a page."""
        for table, scope in other.tables.items():
            self.add(table, scope)

    def meets(self, write: WriteSet) -> bool:
        """Say whether what was computed from these reads may look different after ``write``."""
        if write.everything:
            return bool(self.tables)
        if ANYTHING in self.tables:
            return bool(write)
        if not write.tables.isdisjoint(self.tables):
            return True
        return any(self._meets(change) for change in write.changes if change.table in self.tables)

    def _meets(self, change: Change) -> bool:
        scope = self.tables[change.table]
        return scope is None or any(change.may_match(each.column, each.values) for each in scope)

    def __iter__(self) -> Iterator[tuple[str, Scope]]:
        return iter(self.tables.items())


_tracker: ContextVar[ReadSet | None] = ContextVar("vivace_reads", default=None)


current_reads: Final[Callable[[], ReadSet | None]] = _tracker.get
"""Returns the set that reads are recorded in now, or ``None`` when nobody asked. Each query and each fragment asks."""


@contextmanager
def recording(reads: ReadSet) -> Generator[ReadSet]:
    """Record the reads of the block in ``reads``, and in the set around it as well."""
    outer = _tracker.get()
    token = _tracker.set(reads)
    try:
        yield reads
    finally:
        _tracker.reset(token)
        if outer is not None:
            outer.update(reads)


def stop_recording() -> None:
    """Record nothing in this context from now on: for work that outlives what began it."""
    _tracker.set(None)


def conditions(pairs: Iterable[tuple[str, Iterable[Any]]]) -> tuple[Condition, ...]:
    """Return conditions from (column, values) pairs."""
    return tuple(Condition(column, frozenset(values)) for column, values in pairs)


__all__ = [
    "ANYTHING",
    "EVERYTHING",
    "NOTHING",
    "Change",
    "Condition",
    "Operation",
    "ReadSet",
    "Scope",
    "WriteLog",
    "WriteSet",
    "conditions",
    "current_reads",
    "recording",
    "stop_recording",
]
