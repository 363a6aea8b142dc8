"""Filters of numbers. What is no number shows as Django shows it: as nothing, or as it came."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final

_GROUPS: Final = re.compile(r"(?<=\d)(?=(?:\d{3})+(?!\d))")
_UNITS: Final = ("KB", "MB", "GB", "TB", "PB")
_LONGEST: Final = 200  # digits, as in Django: "1e1000000" would take a megabyte to write, and minutes
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def add(value: Any, other: Any) -> Any:
    """Add numbers (of text, too), else join lists or text; ``""`` for what cannot be added."""
    try:
        return int(value) + int(other)
    except (TypeError, ValueError):
        try:
            return value + other
        except TypeError:
            return ""


def divisibleby(value: Any, divisor: Any) -> bool:
    """Say whether ``divisor`` divides the value."""
    return int(value) % int(divisor) == 0


def get_digit(value: Any, place: Any) -> Any:
    """Return one digit of a whole number, 1 being the last; the value itself when it is no whole number."""
    try:
        number, position = int(value), int(place)
    except (TypeError, ValueError):
        return value
    if position < 1:
        return number
    digits = str(number)[::-1]
    return int(digits[position - 1]) if position <= len(digits) and digits[position - 1].isdigit() else 0


def intcomma(value: Any) -> str:
    """Put a comma after each three digits: ``4,500,000``."""
    whole, point, rest = str(value).partition(".")
    if not whole.removeprefix("-").isdecimal():
        return str(value)
    return _GROUPS.sub(",", whole) + point + rest


def filesizeformat(value: Any) -> str:
    """Return bytes as ``13.0 KB``, in steps of 1,024; ``0 bytes`` for what is no number."""
    try:
        size = int(value)
    except (TypeError, ValueError, OverflowError):
        return f"0{_NO_BREAK}bytes"
    sign, size = ("-", -size) if size < 0 else ("", size)
    if size < 1024:
        return f"{sign}{size}{_NO_BREAK}byte{'' if size == 1 else 's'}"
    power = min((size.bit_length() - 1) // 10, len(_UNITS))
    return f"{sign}{size / 1024**power:.1f}{_NO_BREAK}{_UNITS[power - 1]}"


def floatformat(value: Any, places: Any = -1) -> str:
    """Round to ``places`` decimals, halves up; negative: only where there are any; ``"2g"`` groups thousands by commas."""
    number, style = _decimal(value), str(places)
    if number is None:
        return ""
    try:
        digits = int(style.rstrip("gu") or -1)
    except ValueError:
        return str(value)
    if not number.is_finite() or _size(number) > _LONGEST:
        return str(value)
    if digits < 0 and number == number.to_integral_value():
        digits = 0
    written = _rounded(number, abs(digits))
    return intcomma(written) if "g" in style else written


def _decimal(value: Any) -> Decimal | None:
    """Return a number exactly as it is written: 34.26 is not 34.2599…"""
    try:
        return Decimal(repr(value) if isinstance(value, float) else str(value))
    except InvalidOperation:
        try:
            return Decimal(repr(float(value)))
        except (TypeError, ValueError):
            return None


def _size(number: Decimal) -> int:
    """Return how many digits a finite number may take to be written."""
    return len(number.as_tuple().digits) + abs(int(number.as_tuple().exponent))


def _rounded(number: Decimal, digits: int) -> str:
    context = Context(prec=_size(number) + digits + 1)
    rounded = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, context)
    return f"{rounded or abs(rounded):f}"
