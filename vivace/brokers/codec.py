"""Write sets as bytes and back, so exactly that no receiver takes a changed row for one that it did not read.

Values of columns are compared with those of conditions in other processes, so a value must come back as what it was: a
UUID as a UUID, not as text. Types that MessagePack does not have travel as extensions (the table ``_KINDS``). A value of
any other type is left out of its row, and a column that is left out matches every condition; a row that would become
empty so is unknown, and a change whose key cannot be told becomes a write to its table in unknown rows. Rows beyond
``most`` are told as their tables: a receiver renders once too often rather than reading megabytes.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import msgspec

from vivace.changes import EVERYTHING, Change, Operation, Values, WriteSet

MOST_CHANGES: Final = 500  # rows in one batch
MOST_BYTES: Final = 256 * 1024  # of one batch: the smallest broker carries that
_PLAIN: Final = frozenset({type(None), bool, float, str, bytes})
_SMALL: Final = range(-(2**63), 2**64)  # integers that MessagePack has


def _delta(text: str) -> datetime.timedelta:
    return datetime.timedelta(*map(int, text.split(",")))


_KINDS: Final[Sequence[tuple[type, Callable[[Any], str], Callable[[str], Any]]]] = (
    (int, str, int),  # those beyond 64 bits
    (uuid.UUID, str, uuid.UUID),
    (decimal.Decimal, str, decimal.Decimal),
    (datetime.datetime, datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    (datetime.date, str, datetime.date.fromisoformat),
    (datetime.time, str, datetime.time.fromisoformat),
    (datetime.timedelta, lambda value: f"{value.days},{value.seconds},{value.microseconds}", _delta),
)
"""Type, how it is written, how it is read; its place is the code of its extension: append only."""

_CODES: Final = {kind: code for code, (kind, _, _) in enumerate(_KINDS)}


class _Unknown(Exception):
    """A value that cannot be told."""


def _pack(value: Any) -> Any:
    kind = cast("type[object]", type(value))
    if kind in _PLAIN or (kind is int and value in _SMALL):
        if value != value:  # NaN: equal to itself for databases, and not for us
            raise _Unknown
        return value
    known = (_CODES[base] for base in kind.__mro__ if base in _CODES)  # asyncpg has a UUID of its own
    code = next(known, None)
    if code is None or not _returns_equal(value, kind):
        raise _Unknown
    return msgspec.msgpack.Ext(code, _KINDS[code][1](value).encode())


def _returns_equal(value: Any, kind: type) -> bool:
    """Whether a value of such a type is equal to itself when it has been written and read."""
    if isinstance(value, datetime.datetime):
        return not value.fold
    if isinstance(value, decimal.Decimal):
        return not value.is_nan()
    if isinstance(value, datetime.time):
        return value.tzinfo is None
    return kind is int or not isinstance(value, int)  # members of an IntEnum are written as their names


def _unpack(code: int, data: memoryview) -> Any:
    return _KINDS[code][2](bytes(data).decode())


def _row(values: Values | None) -> dict[str, Any] | None:
    """Return the values of a row that can be told; ``None`` where none can be, as an empty row says that it is absent."""
    if not values:
        return None if values is None else {}
    told: dict[str, Any] = {}
    for column, value in values.items():
        try:
            told[column] = _pack(value)
        except _Unknown:
            continue
    return told or None


class _Change(msgspec.Struct, frozen=True, array_like=True):
    table: str
    operation: Operation
    key: tuple[Any, ...]
    old: dict[str, Any] | None
    new: dict[str, Any] | None


class _Batch(msgspec.Struct, frozen=True, array_like=True):
    """Several write sets as one: receivers look at rows, not at which commit wrote them."""

    changes: list[_Change]
    tables: list[str]
    everything: bool


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Batch, ext_hook=_unpack)


def merge(writes: Sequence[WriteSet], most: int = MOST_CHANGES) -> WriteSet:
    """Return one write set that says at least what several do, with at most so many rows."""
    if len(writes) == 1 and len(writes[0].changes) <= most:
        return writes[0]
    if any(write.everything for write in writes):
        return EVERYTHING
    tables = frozenset[str]().union(*(write.tables for write in writes))
    changes = tuple(change for write in writes for change in write.changes if change.table not in tables)
    if len(changes) > most:
        tables |= {change.table for change in changes}
        changes = ()
    return WriteSet(changes=changes, tables=tables)


def encode_writes(write: WriteSet, most: int = MOST_BYTES) -> bytes:
    """Return a write set as at most so many bytes; where it has more it is told as its tables, or as everything."""
    tables = WriteSet(tables=write.touched(), everything=write.everything)
    for told in (write, tables):
        with suppress(UnicodeEncodeError):  # SQLite may hold text that is none
            payload = _encoded(told)
            if len(payload) <= most:
                return payload
    return _encoded(EVERYTHING)


def _encoded(write: WriteSet) -> bytes:
    changes: list[_Change] = []
    tables = set(write.tables)
    for change in write.changes:
        if change.table in tables:
            continue
        try:
            key = tuple(map(_pack, change.key))
        except _Unknown:
            tables.add(change.table)
        else:
            told = _Change(change.table, change.operation, key, _row(change.old), _row(change.new))
            changes.append(told)
    return _encoder.encode(_Batch(changes, sorted(tables), write.everything))


def decode_writes(payload: bytes) -> WriteSet:
    """Read what ``encode_writes`` wrote; anything else, as of another version, may have written everything."""
    try:
        batch = _decoder.decode(payload)
    except (msgspec.DecodeError, ValueError, ArithmeticError, LookupError):
        return EVERYTHING
    changes = tuple(
        Change(table=told.table, operation=told.operation, key=told.key, old=told.old, new=told.new)
        for told in batch.changes
    )
    return WriteSet(changes=changes, tables=frozenset(batch.tables), everything=batch.everything)


__all__ = ["MOST_CHANGES", "decode_writes", "encode_writes", "merge"]
