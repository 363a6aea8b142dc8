"""SQL functions that SQLite lacks and the models rely on: one table, registered on every connection.

A function that exists elsewhere keeps the name it has there (``LPAD``, ``MD5``, ``STDDEV_POP``); what only we have begins
with ``vivace_``. SQLite 3.54 as we ship it has the mathematical functions already (``POWER``, ``LOG(b, x)``, ``SIGN``,
``MOD`` …), but not ``COT``. Functions that give the same answer for the same arguments are marked deterministic: they
may then stand in indexes, generated columns and check constraints.

All of these hold the interpreter while they run. That is why a statement that uses one is never marked short.
"""

from __future__ import annotations

import functools
import hashlib
import math
import operator
import random
import re
import time
import uuid
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from . import moments

if TYPE_CHECKING:
    import apsw

Value: TypeAlias = "int | float | str | bytes | None"


class UserFunction(msgspec.Struct, frozen=True):
    """A Python function that SQL may call. ``arguments`` counts them; -1: any number."""

    name: str
    arguments: int
    function: Callable[..., Value]
    deterministic: bool = True


class UserAggregate(msgspec.Struct, frozen=True):
    """An aggregate: ``factory`` makes an object with ``step(*values)`` and ``final()``.

    When it also has ``value()`` and ``inverse(*values)`` it can stand with OVER, as a window function.
    """

    name: str
    arguments: int
    factory: Callable[[], Any]


def _regexp(pattern: str | None, text: Any) -> bool | None:
    """``text REGEXP pattern``: Python's ``re.search``; put ``(?i)`` before a pattern to ignore case."""
    return None if pattern is None or text is None else _pattern(pattern).search(str(text)) is not None


@functools.lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of "[[": a later Python may read it otherwise; no program error of ours
        return re.compile(pattern)


def _hash(algorithm: str, value: Any) -> str | None:
    if value is None:
        return None
    data = value if isinstance(value, bytes) else str(value).encode()
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def _padding(text: str, length: int, fill: str) -> str:
    missing = length - len(text)
    return (fill * (missing // len(fill) + 1))[:missing] if missing > 0 and fill else ""


def _lpad(text: str | None, length: int | None, fill: str | None) -> str | None:
    if text is None or length is None or fill is None:
        return None
    return _padding(str(text), length, fill) + str(text)[: max(length, 0)]


def _rpad(text: str | None, length: int | None, fill: str | None) -> str | None:
    if text is None or length is None or fill is None:
        return None
    return str(text)[: max(length, 0)] + _padding(str(text), length, fill)


def _repeat(text: str | None, count: int | None) -> str | None:
    return None if text is None or count is None else str(text) * count


def _reverse(text: str | None) -> str | None:
    return None if text is None else str(text)[::-1]


def _cot(angle: float | None) -> float | None:
    if angle is None:
        return None
    tangent = math.tan(angle)
    return 1 / tangent if tangent else None


def _bitxor(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left ^ right


def _uuid7() -> str:
    """Return a UUID of version 7 (RFC 9562): 48 bits of milliseconds, then chance; as its 32 digits."""
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | random.SystemRandom().getrandbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return f"{number:032x}"


class Spread:
    """Variance by Welford's method, which keeps its accuracy where sums of squares lose it; can also take values out."""

    __slots__ = ("_count", "_mean", "_root", "_sample", "_squares")

    def __init__(self, sample: bool, root: bool) -> None:
        self._sample = sample
        self._root = root
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def step(self, *values: Any) -> None:
        (value,) = values
        if value is None:
            return
        self._count += 1
        delta = value - self._mean
        self._mean += delta / self._count
        self._squares += delta * (value - self._mean)

    def inverse(self, *values: Any) -> None:
        (value,) = values
        if value is None:
            return
        self._count -= 1
        if not self._count:
            self._mean = self._squares = 0.0
            return
        delta = value - self._mean
        self._mean -= delta / self._count
        self._squares = max(0.0, self._squares - delta * (value - self._mean))

    def value(self) -> float | None:
        freedom = self._count - self._sample
        if freedom < 1:
            return None
        variance = self._squares / freedom
        return math.sqrt(variance) if self._root else variance

    final = value


class AnyValue:
    """The first value that is not NULL."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: Any = None

    def step(self, *values: Any) -> None:
        if self._value is None:
            (self._value,) = values

    def final(self) -> Any:
        return self._value


class Bits:
    """All values that are not NULL joined by a bitwise operator; NULL when there are none."""

    __slots__ = ("_join", "_value")

    def __init__(self, join: Callable[[int, int], int]) -> None:
        self._join = join
        self._value: int | None = None

    def step(self, *values: Any) -> None:
        (value,) = values
        if value is not None:
            self._value = value if self._value is None else self._join(self._value, value)

    def final(self) -> int | None:
        return self._value


FUNCTIONS: Final[tuple[UserFunction | UserAggregate, ...]] = (
    UserFunction("REGEXP", 2, _regexp),
    UserFunction("LPAD", 3, _lpad),
    UserFunction("RPAD", 3, _rpad),
    UserFunction("REPEAT", 2, _repeat),
    UserFunction("REVERSE", 1, _reverse),
    UserFunction("COT", 1, _cot),
    UserFunction("BITXOR", 2, _bitxor),
    *(
        UserFunction(name.upper(), 1, partial(_hash, name))
        for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    ),
    UserAggregate("STDDEV_POP", 1, partial(Spread, False, True)),
    UserAggregate("STDDEV_SAMP", 1, partial(Spread, True, True)),
    UserAggregate("VAR_POP", 1, partial(Spread, False, False)),
    UserAggregate("VAR_SAMP", 1, partial(Spread, True, False)),
    UserAggregate("ANY_VALUE", 1, AnyValue),
    UserAggregate("vivace_bit_and", 1, partial(Bits, operator.and_)),
    UserAggregate("vivace_bit_or", 1, partial(Bits, operator.or_)),
    UserAggregate("vivace_bit_xor", 1, partial(Bits, operator.xor)),
    UserFunction("vivace_random", 0, random.random, deterministic=False),
    UserFunction("vivace_uuid4", 0, lambda: uuid.uuid4().hex, deterministic=False),
    UserFunction("vivace_uuid7", 0, _uuid7, deterministic=False),
    # kind, value, zone → part; the value may be a date or a datetime
    UserFunction("vivace_date_extract", 3, moments.datetime_extract),
    UserFunction("vivace_datetime_extract", 3, moments.datetime_extract),
    UserFunction("vivace_time_extract", 2, moments.time_extract),
    # kind, value, zone → beginning
    UserFunction("vivace_date_trunc", 3, moments.date_trunc),
    UserFunction("vivace_datetime_trunc", 3, moments.datetime_trunc),
    UserFunction("vivace_time_trunc", 3, moments.time_trunc),
    # what a clock in a zone shows → UTC
    UserFunction("vivace_local_utc", 2, moments.local_utc),
    # datetime, zone → date or time
    UserFunction("vivace_datetime_date", 2, moments.datetime_date),
    UserFunction("vivace_datetime_time", 2, moments.datetime_time),
    # two moments → microseconds; moment, microseconds → moment; microseconds → text
    UserFunction("vivace_datetime_diff", 2, moments.datetime_diff),
    UserFunction("vivace_time_diff", 2, moments.time_diff),
    UserFunction("vivace_datetime_add", 2, moments.datetime_add),
    UserFunction("vivace_duration_text", 1, moments.duration_text),
)


def register(
    connection: apsw.Connection, functions: tuple[UserFunction | UserAggregate, ...] = FUNCTIONS
) -> None:
    """Make functions known to a connection; a later one of the same name and count replaces an earlier one."""
    for each in functions:
        if isinstance(each, UserFunction):
            connection.create_scalar_function(
                each.name, each.function, each.arguments, deterministic=each.deterministic
            )
        elif hasattr(each.factory(), "inverse"):
            connection.create_window_function(each.name, each.factory, each.arguments)
        else:
            connection.create_aggregate_function(each.name, each.factory, each.arguments)


__all__ = ["FUNCTIONS", "UserAggregate", "UserFunction", "Value", "register"]
