"""Splits what a writing statement reports about its changes off from the rows that its author asked for.

The layout is that of ``Capture``: visible columns, key, old values (update, delete; only when they are known), new
values (insert, update).
"""

from __future__ import annotations

from collections.abc import Iterable

from vivace.changes import EVERYTHING, Change, Values, WriteLog, WriteSet
from vivace.db.types import Capture, Row, Statement


def visible(capture: Capture, rows: Iterable[Row]) -> list[Row]:
    """Return the rows without what they report."""
    width = capture.width
    return [row[:width] for row in rows]


def record(log: WriteLog, statement: Statement, rows: Iterable[Row]) -> None:
    """Record in ``log`` what a statement wrote: rows when it reports them, else the tables it declares."""
    capture = statement.capture
    if capture is not None:
        for row in rows:
            log.add(change(capture, row))
        touch(log, statement.writes, capture.table)
    else:
        touch(log, statement.writes)


def touch(log: WriteLog, tables: frozenset[str] | None, reported: str = "") -> None:
    """Record tables without saying which rows, except the one whose rows are reported; ``None``: anything."""
    if tables is None:
        log.touch_everything()
        return
    for table in tables:
        if table != reported:
            log.touch(table)


def change(capture: Capture, row: Row) -> Change:
    """Return what one row reports."""
    place = capture.width
    width = len(capture.columns)
    key = tuple(row[place : place + len(capture.key)])
    place += len(capture.key)
    old: Values | None
    new: Values | None
    if capture.operation == "insert":
        old = {}
    elif capture.old_known:
        old = _values(capture, row, place)
        place += width
    else:
        old = None
    new = {} if capture.operation == "delete" else _values(capture, row, place)
    operation = capture.operation
    if old and all(old.get(name, 0) is None for name in capture.key):
        operation, old = "insert", {}  # INSERT … ON CONFLICT DO UPDATE that met no conflict
    return Change(table=capture.table, operation=operation, key=key, old=old, new=new)


def _values(capture: Capture, row: Row, place: int) -> Values | None:
    if not capture.columns:
        return None  # an empty mapping would say: there is no such row
    return dict(zip(capture.columns, row[place : place + len(capture.columns)], strict=True))


def in_doubt(statement: Statement) -> WriteSet:
    """Return the write set of a statement of which nobody knows whether it took place: too much rather than too little."""
    return EVERYTHING if statement.writes is None else WriteSet(tables=statement.writes)


__all__ = ["change", "in_doubt", "record", "touch", "visible"]
