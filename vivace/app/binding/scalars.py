"""Text → value, for everything that arrives as text: path, query, headers, cookies and form fields.

Strict, because lax readers disagree with each other and with the database behind them: integers are ASCII digits
with an optional sign and fit 64 bits (no spaces, no underscores, no other scripts' digits, no exponent), numbers are
finite, dates are ISO 8601. ``true false 1 0 on off`` are booleans (``on`` is what a browser sends for a checkbox).

A reader is a function ``text → value`` that raises ``ValueError`` (``msgspec.ValidationError`` is one); the caller
knows the place and makes the problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, Union, get_args
from uuid import UUID

import msgspec
from msgspec import inspect as mi

from vivace.app.kinds import class_of, is_choice
from vivace.config.secret import Secret
from vivace.routing.converters import choice_converter

from .forms import is_upload

if TYPE_CHECKING:
    from vivace.http.forms import Upload

ReadText: TypeAlias = Callable[[str], Any]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")  # no exponent: 1e999999999 is a trap
_FLOAT: Final = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?")
_BOOLEANS: Final = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
_LARGEST: Final = 2**63


def read_int(text: str) -> int:
    """Return a 64-bit integer written in ASCII digits."""
    if len(text) < 19 and text.isdigit() and text.isascii():
        return int(text)
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    value = int(text)
    if not -_LARGEST <= value < _LARGEST:
        raise ValueError(text)
    return value


def read_float(text: str) -> float:
    """Return a finite number."""
    if not _FLOAT.fullmatch(text):
        raise ValueError(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def read_decimal(text: str) -> Decimal:
    """Return a decimal number written without exponent."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def read_bool(text: str) -> bool:
    """Return what ``true``, ``1``, ``on``, ``false``, ``0`` or ``off`` mean; case does not matter."""
    value = _BOOLEANS.get(text)
    if value is None:
        value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(text)
    return value


def _same(text: str) -> str:
    return text


_READERS: Final[dict[type, ReadText]] = {
    mi.AnyType: _same,
    mi.StrType: _same,
    mi.IntType: read_int,
    mi.FloatType: read_float,
    mi.DecimalType: read_decimal,
    mi.BoolType: read_bool,
}
_CONVERTED: Final = (mi.DateTimeType, mi.DateType, mi.TimeType, mi.TimeDeltaType, mi.UUIDType)
_CONSTRAINTS: Final = (
    "gt",
    "ge",
    "lt",
    "le",
    "multiple_of",
    "pattern",
    "min_length",
    "max_length",
    "tz",
)


def text_reader(annotation: Any, info: Any) -> ReadText | None:
    """Return the reader of a type, or ``None`` when the type cannot be written as one text.

    ``None`` in a union is left out: an absent parameter is the default, never a text.
    """
    kind = class_of(info)
    if isinstance(info, mi.UnionType):
        return _union_reader(annotation, info)
    if isinstance(info, mi.EnumType) or is_choice(info):
        return choice_converter({str(member.value): member for member in info.cls}, info.cls).parse
    if isinstance(info, mi.CustomType):
        return read_upload if is_upload(info.cls) else _secret_reader(info.cls)
    if isinstance(info, mi.LiteralType):
        return choice_converter({str(value): value for value in info.values}, info.values).parse
    if isinstance(info, _CONVERTED):
        return lambda text: msgspec.convert(text, annotation)
    read = _READERS.get(kind)
    if read is not None and is_constrained(info):
        return lambda text: msgspec.convert(read(text), annotation)
    return read


def is_constrained(info: Any) -> bool:
    """Tell whether a type has limits beyond its kind."""
    return any(getattr(info, name, None) is not None for name in _CONSTRAINTS)


def read_upload(value: Any) -> Upload:
    """Return the file of a form; a text in its place is refused."""
    from vivace.http.forms import Upload  # few handlers take files

    if not isinstance(value, Upload):
        raise ValueError(value)
    return value


def only_text(read: ReadText) -> ReadText:
    """Refuse a file where a form should have text."""
    if read is read_upload:
        return read

    def read_text(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(value)
        return read(value)

    return read_text


def _secret_reader(annotation: Any) -> ReadText | None:
    if getattr(annotation, "__origin__", annotation) is not Secret:
        return None
    (inner,) = get_args(annotation) or (str,)
    read = text_reader(inner, mi.type_info(inner))
    return None if read is None else lambda text: Secret(read(text))


def _union_reader(annotation: Any, info: mi.UnionType) -> ReadText | None:
    """Try the members in the order written, text last; constraints apply to the member they belong to."""
    members = [member for member in info.types if not isinstance(member, mi.NoneType)]
    members.sort(key=lambda member: isinstance(member, mi.StrType | mi.AnyType))
    readers = [text_reader(type_of(member), member) for member in members]
    known = [read for read in readers if read is not None]
    if len(known) < len(readers) or not known:
        return None
    if len(known) == 1:
        return known[0]

    def read(text: str) -> Any:
        for read_member in known:
            try:
                return read_member(text)
            except ValueError:
                continue
        raise ValueError(text)

    return read


_TYPES: Final[dict[type, Any]] = {
    mi.AnyType: Any,
    mi.NoneType: None,
    mi.BoolType: bool,
    mi.IntType: int,
    mi.FloatType: float,
    mi.StrType: str,
    mi.BytesType: bytes,
    mi.ByteArrayType: bytearray,
    mi.MemoryViewType: memoryview,
    mi.DecimalType: Decimal,
    mi.DateTimeType: datetime,
    mi.DateType: date,
    mi.TimeType: time,
    mi.TimeDeltaType: timedelta,
    mi.UUIDType: UUID,
}
_COLLECTIONS: Final[dict[type, Any]] = {
    mi.ListType: list,
    mi.SetType: set,
    mi.FrozenSetType: frozenset,
    mi.VarTupleType: tuple,
}


def type_of(info: Any) -> Any:
    """Return the annotation that a described type was read from: scalars, classes, lists and unions of them."""
    kind = class_of(info)
    if kind is mi.LiteralType:
        return Literal[info.values]
    if kind is mi.UnionType:
        return Union[tuple(type_of(member) for member in info.types)]  # noqa: UP007  (a tuple, not two operands)
    plain: Any = info.cls if hasattr(info, "cls") else _TYPES.get(kind, Any)
    if kind in _COLLECTIONS:
        item = type_of(info.item_type)
        plain = _COLLECTIONS[kind][(item, ...) if kind is mi.VarTupleType else item]
    limits: dict[str, Any] = {
        name: limit for name in _CONSTRAINTS if (limit := getattr(info, name, None)) is not None
    }
    return Annotated[plain, msgspec.Meta(**limits)] if limits else plain


__all__ = [
    "ReadText",
    "is_constrained",
    "read_bool",
    "read_decimal",
    "read_float",
    "read_int",
    "text_reader",
    "type_of",
]
