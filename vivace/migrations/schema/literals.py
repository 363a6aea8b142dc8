"""Python values as SQL literals: DDL takes no parameters."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from vivace.db.types import Dialect
from vivace.errors import UnserializableValue


def literal(value: Any, dialect: Dialect) -> str:
    """Return a value as it is written in a statement of the dialect; raises ``UnserializableValue``."""
    own = getattr(value, "as_literal", None)
    if own is not None:  # ranges and the like, that no dialect but theirs has
        return quoted(own())
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value, dialect)
    raise UnserializableValue(
        f"A value of type {type(value).__name__} cannot be written as SQL.",
        got=repr(value)[:80],
        fix="Use a default of a plain type, or db_default with an expression.",
    )


def quoted(text: str) -> str:
    """Return text in quotes, safe in both dialects (PostgreSQL: with standard_conforming_strings, its default)."""
    return "'" + text.replace("'", "''") + "'"


def _boolean(value: Any, dialect: Dialect) -> str:
    return str(value).lower() if dialect == "postgresql" else str(int(value))


def _binary(value: Any, dialect: Dialect) -> str:
    digits = bytes(value).hex()
    return f"'\\x{digits}'::bytea" if dialect == "postgresql" else f"X'{digits}'"


def _number(value: Any, dialect: Dialect) -> str:
    text = repr(value) if isinstance(value, float) else str(value)
    return quoted(text) if text.strip("-") in ("inf", "nan", "Infinity", "NaN") else text


def _moment(value: Any, dialect: Dialect) -> str:
    return quoted(value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat())


def _duration(value: Any, dialect: Dialect) -> str:
    microseconds = value // datetime.timedelta(microseconds=1)
    return f"'{microseconds} microseconds'::interval" if dialect == "postgresql" else str(microseconds)


def _mapping(value: Any, dialect: Dialect) -> str:
    return quoted(json.dumps(value))


def _list(value: Any, dialect: Dialect) -> str:
    if dialect == "sqlite":
        return quoted(json.dumps(list(value)))
    return quoted(_array(cast("Sequence[Any]", value)))


def _array(values: Sequence[Any]) -> str:
    return "{" + ",".join(_element(each) for each in values) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, (list, tuple)):
        return _array(cast("Sequence[Any]", value))
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


_Writer = Callable[[Any, Dialect], str]
# the first that fits; bool before int, datetime is a date
_WRITERS: Final[tuple[tuple[Any, _Writer], ...]] = (
    (type(None), lambda value, dialect: "NULL"),
    (enum.Enum, lambda value, dialect: literal(value.value, dialect)),
    (bool, _boolean),
    ((int, float, decimal.Decimal), _number),
    (str, lambda value, dialect: quoted(str(value))),
    ((bytes, bytearray, memoryview), _binary),
    ((datetime.date, datetime.time), _moment),
    (datetime.timedelta, _duration),
    (uuid.UUID, lambda value, dialect: quoted(str(value) if dialect == "postgresql" else value.hex)),
    (Mapping, _mapping),
    ((list, tuple), _list),
)

__all__ = ["literal", "quoted"]
