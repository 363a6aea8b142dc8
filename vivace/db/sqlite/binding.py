"""From Python values to what SQLite stores.

apsw binds None, integers, floats, text and bytes itself and asks ``convert`` for the rest only, so plain values cost
nothing here. Rows come back as they are stored; the fields of a model know what they mean.

The formats are Django's, so both can work on one file. A datetime with a zone becomes naive UTC: stored text then sorts
as time does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias
from uuid import UUID

Plain: TypeAlias = "int | float | str | bytes | None"

_MICROSECOND: Final = timedelta(microseconds=1)


def _datetime(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(" ")


def _time(value: time) -> str:
    if value.tzinfo is not None:
        raise TypeError("SQLite stores times of day without a time zone")
    return value.isoformat()


def _enum(value: Enum) -> Plain:
    member = value.value
    return member if isinstance(member, (int, float, str, bytes)) or member is None else adapt(member)


_ADAPTERS: Final[Mapping[type, Callable[[Any], Plain]]] = {
    datetime: _datetime,
    date: date.isoformat,
    time: _time,
    timedelta: lambda value: value // _MICROSECOND,
    Decimal: lambda value: format(value, "f"),
    UUID: lambda value: value.hex,
    Enum: _enum,
}


def adapt(value: Any) -> Plain:
    """Return what stands for a value in SQLite; raise ``TypeError`` for what has no form there."""
    for kind in type(value).__mro__:
        adapter = _ADAPTERS.get(kind)
        if adapter is not None:
            return adapter(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored in SQLite as it is")


def convert(cursor: Any, number: int, value: Any) -> Plain:
    """Adapt a parameter; apsw calls this for the types that it does not know."""
    return adapt(value)


__all__ = ["adapt", "convert"]
