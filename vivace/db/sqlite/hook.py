"""The change feed: SQLite's preupdate hook on the writer's connection, which tells each row before it is written.

It sees what raw SQL, foreign-key actions, triggers and REPLACE do. What it does not see, or tells too late, is handled
here, and each point has a test:

1. A statement that was prepared while no hook was installed may use the truncate optimisation (DELETE without WHERE
   clears the table's pages, no row is told). Setting an authorizer makes SQLite prepare all statements again, so that
   is done whenever the hook is installed.
2. Rows of virtual tables are not told, those of the tables behind them are: a write to ``docs_data`` is one of ``docs``.
   Virtual tables without such shadows count as written whenever a statement does not say what it writes.
3. Tables with virtual generated columns cannot be told by value (SQLite answers "column index out of range"): only that
   they were written.
4. Undone statements were told: the log is cut back when a statement or savepoint fails.
5. DROP TABLE, ALTER TABLE and the like tell no rows: they count as everything.

While nobody listens no hook is installed, and writing costs what it costs without us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import apsw
import msgspec

from vivace.changes import NOTHING, Change, Operation, WriteLog, WriteSet
from vivace.db.types import Statement, TableColumns

Mark = tuple[int, int, int]
_Row = Sequence[Any] | None

_MOST_ROWS: Final = 1000
"""A transaction that writes more rows reports their tables as a whole: who compares rows would lose by more."""

_OPERATIONS: Final[Mapping[int, Operation]] = {
    apsw.SQLITE_INSERT: "insert",
    apsw.SQLITE_UPDATE: "update",
    apsw.SQLITE_DELETE: "delete",
}


class _Layout(msgspec.Struct, frozen=True):
    """Where the watched columns stand in a row."""

    name: str
    key: tuple[int, ...]
    columns: tuple[tuple[str, int], ...]

    def values(self, row: Sequence[Any] | None) -> Mapping[str, Any]:
        return {} if row is None else {name: row[index] for name, index in self.columns}


class Hook:
    """Records what the writer's connection writes. Used in the writer's thread, but for ``watch``."""

    def __init__(self) -> None:
        self._watched: Mapping[str, TableColumns] = {}
        self._on: apsw.Connection | None = None
        self._learned: tuple[int, Mapping[str, TableColumns]] | None = None
        self._layouts: dict[str, _Layout] = {}
        self._shadows: dict[str, str] = {}
        self._unseen: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._log = WriteLog()

    def watch(self, tables: Sequence[TableColumns]) -> None:
        """Name the columns to report; what was watched before stays so."""
        self._watched = {**self._watched, **{each.table.lower(): each for each in tables}}

    # -- a transaction --------------------------------------------------------------------------------------------

    def begin(self, connection: apsw.Connection, listening: bool) -> None:
        """Start to record a transaction that was just begun, if anybody listens."""
        if not listening:
            if self._on is connection:
                connection.preupdate_hook(None)
            self._on = None
            return
        if self._on is not connection:
            self._install(connection)
        self._log = WriteLog()
        self._told.clear()
        self._learn(connection)

    def _install(self, connection: apsw.Connection) -> None:
        connection.preupdate_hook(self._changed)
        connection.set_authorizer(_allow)  # expires all prepared statements: rule 1
        connection.set_authorizer(None)
        self._on = connection
        self._learned = None

    def mark(self) -> Mark:
        """Return the place to which ``undo`` goes back."""
        self._told.clear()  # what was told before the mark must be told again behind it
        return self._log.mark()

    def undo(self, mark: Mark) -> None:
        """Forget what came after a mark."""
        self._told.clear()
        self._log.undo(mark)

    def after(self, statement: Statement) -> None:
        """Record what a statement may have written unseen."""
        if self._on is not None and self._unseen:
            for name in self._unseen if statement.writes is None else self._unseen & statement.writes:
                self._log.touch(name)

    def after_schema_change(self) -> None:
        """Record that tables were changed as such, and look at them anew."""
        if self._on is not None:
            self._log.touch_everything()
            self._learn(self._on)
            self._learned = (
                None  # a rollback would take the schema's number back, to be used for another schema
            )

    def take(self) -> WriteSet:
        """Return what was written, and begin a new log."""
        if self._on is None:
            return NOTHING
        written = self._log.finish()
        self._log = WriteLog()
        self._told.clear()
        return written

    @property
    def recording(self) -> bool:
        """Whether the transaction that is open is recorded."""
        return self._on is not None

    # -- the schema -----------------------------------------------------------------------------------------------

    def _learn(self, connection: apsw.Connection) -> None:
        """Look up where columns stand, when the schema is another one than last time."""
        schema = connection.pragma("schema_version")
        watched = self._watched
        if self._learned is not None and self._learned[0] == schema and self._learned[1] is watched:
            return
        tables = cast(
            "list[tuple[str, str]]",
            connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall(),
        )
        virtual = sorted((name for name, kind in tables if kind == "virtual"), key=len, reverse=True)
        shadows = [name for name, kind in tables if kind == "shadow"]
        self._shadows = {
            each: next((name for name in virtual if each.startswith(f"{name}_")), each) for each in shadows
        }
        self._unseen = frozenset(virtual) - frozenset(self._shadows.values())
        self._layouts = {
            name: layout
            for name, kind in tables
            if kind == "table"
            and (known := watched.get(name.lower())) is not None
            and (layout := self._layout(connection, name, known)) is not None
        }
        self._learned = (schema, watched)

    def _layout(self, connection: apsw.Connection, name: str, watched: TableColumns) -> _Layout | None:
        rows = cast(
            "list[tuple[str, int]]",
            connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)).fetchall(),
        )
        if any(hidden == 2 for _, hidden in rows):  # a virtual generated column: rule 3
            return None
        places = {column: index for index, (column, _) in enumerate(rows)}
        if not all(column in places for column in watched.key):
            return None
        columns = dict.fromkeys((*watched.key, *watched.columns))
        return _Layout(
            watched.table,
            tuple(places[column] for column in watched.key),
            tuple((column, places[column]) for column in columns if column in places),
        )

    # -- a row ----------------------------------------------------------------------------------------------------

    def _changed(self, update: apsw.PreUpdate) -> None:
        table = update.table_name
        if update.database_name != "main":  # temporary tables are nobody else's business
            return
        layout = self._layouts.get(table)
        if layout is None or update.blob_write >= 0 or self._log.mark()[0] >= _MOST_ROWS:
            self._touch(table if layout is None else layout.name)
            return
        try:
            old, new = cast("tuple[_Row, _Row]", (update.old, update.new))
        except apsw.Error:
            self._touch(layout.name)
            return
        row = cast("Sequence[Any]", old if new is None else new)
        self._log.add(
            Change(
                table=layout.name,
                operation=_OPERATIONS[update.opcode],
                key=tuple(row[index] for index in layout.key),
                old=layout.values(old),
                new=layout.values(new),
            )
        )

    def _touch(self, table: str) -> None:
        if table not in self._told:
            self._told.add(table)
            self._log.touch(self._shadows.get(table, table))


def _allow(operation: int, *details: str | None) -> int:
    return apsw.SQLITE_OK


__all__ = ["Hook", "Mark"]
