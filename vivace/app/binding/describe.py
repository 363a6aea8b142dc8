"""Words for problems: what was expected (from a type), what came (shortened, secrets hidden), and where (a pointer).

One vocabulary for path, query, headers, cookies, forms and JSON, so that a client sees the same words everywhere.
Types are read through ``msgspec.inspect``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

import msgspec
from msgspec import inspect as mi

from vivace.app.kinds import class_of, is_choice
from vivace.config.secret import Secret
from vivace.errors import Problem
from vivace.http.problems import HIDDEN, is_sensitive

SHOWN: Final = 80  # characters of what came
NOTHING: Final = "nothing"


def step(pointer: str, name: object) -> str:
    """Return the JSON pointer of ``name`` below ``pointer`` (RFC 6901 section 3)."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def problem(place: str, pointer: str, info: Any, value: Any) -> Problem:
    """Return the problem of a value that is not what ``info`` describes."""
    from .codes import code_of  # an app in which nothing is wrong does without

    return Problem(place, pointer, expected(info), shown(value, pointer), code_of(place, info, value))


def missing(place: str, pointer: str, info: Any) -> Problem:
    """Return the problem of a value that is required and did not come."""
    return Problem(place, pointer, expected(info), NOTHING, "required")


def shown(value: Any, pointer: str = "") -> str:
    """Return what came as JSON, at most 80 characters; hidden when its name sounds secret.

    Objects and arrays are only counted: their members may be secret, and each wrong one is shown by itself.
    """
    if is_sensitive(pointer):
        return HIDDEN
    kind = class_of(value)
    if kind is dict:
        return _counted(len(value), "an object with {} field")
    if kind is list:
        return _counted(len(value), "an array of {} value")
    part: Any = value[: SHOWN + 1] if kind is str else value
    try:
        text = msgspec.json.encode(part).decode()
    except (TypeError, UnicodeEncodeError):  # a lone surrogate, a type that JSON does not have
        text = ascii(part)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _counted(count: int, words: str) -> str:
    return words.format(count) + ("" if count == 1 else "s")


def expected(info: Any) -> str:
    """Return words for a type, such as ``an integer, at least 1``."""
    kind = class_of(info)
    describe = _WORDS.get(kind, "a valid value")
    words = describe(info) if callable(describe) else describe
    limits = ", ".join(_limits(info))
    return f"{words}, {limits}" if limits else words


_NUMBER_LIMITS: Final = (
    ("gt", "more than {}"),
    ("ge", "at least {}"),
    ("lt", "less than {}"),
    ("le", "at most {}"),
    ("multiple_of", "a multiple of {}"),
    ("pattern", "matching {!r}"),
    ("min_length", "at least {} long"),
    ("max_length", "at most {} long"),
    ("tz", "time zone: {}"),
)


def _limits(info: Any) -> Iterator[str]:
    for name, words in _NUMBER_LIMITS:
        limit = getattr(info, name, None)
        if limit is not None:
            yield words.format(limit)


def _choices(values: Any) -> str:
    return "one of " + ", ".join(_plain(value) for value in values)


def _plain(value: Any) -> str:
    return repr(value) if isinstance(value, str) else shown(value)


def _union(info: mi.UnionType) -> str:
    return " or ".join(dict.fromkeys(expected(member) for member in info.types))


def _custom(info: Any) -> str:
    cls = info.cls
    if getattr(cls, "__origin__", cls) is Secret:
        inner = get_args(cls) or (str,)
        return expected(mi.type_info(inner[0]))
    if is_choice(info):
        return _choices(member.value for member in cls)
    return f"a {getattr(cls, '__name__', cls)}"


_WORDS: Final[dict[type, str | Callable[[Any], str]]] = {
    mi.AnyType: "any value",
    mi.NoneType: "null",
    mi.BoolType: "true or false",
    mi.IntType: "an integer",
    mi.FloatType: "a number",
    mi.StrType: "text",
    mi.BytesType: "base64 text",
    mi.ByteArrayType: "base64 text",
    mi.MemoryViewType: "base64 text",
    mi.DateTimeType: "a date and time in ISO 8601",
    mi.DateType: "a date in ISO 8601",
    mi.TimeType: "a time in ISO 8601",
    mi.TimeDeltaType: "a duration in ISO 8601",
    mi.UUIDType: "a UUID",
    mi.DecimalType: "a decimal number",
    mi.EnumType: lambda info: _choices(member.value for member in info.cls),
    mi.LiteralType: lambda info: _choices(info.values),
    mi.CustomType: _custom,
    mi.UnionType: _union,
    mi.ListType: "an array",
    mi.SetType: "an array",
    mi.FrozenSetType: "an array",
    mi.VarTupleType: "an array",
    mi.TupleType: lambda info: f"an array of {len(info.item_types)} values",
    mi.NamedTupleType: "an array",
    mi.DictType: "an object",
    mi.TypedDictType: "an object",
    mi.DataclassType: "an object",
    mi.StructType: lambda info: "an array" if info.array_like else "an object",
}
