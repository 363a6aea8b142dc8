"""Which rule a value breaks, in a word that programs match: those that forms and models use for the same rule.

=================  ================================================================================================
``required``       it did not come
``null``           it is null, which it may not be
``min_length``     text, a list or an object is too short; ``max_length``: too long
``min_value``      a number is too small; ``max_value``: too large; ``step_size``: no multiple
``pattern``        a text does not match
``invalid_choice`` it is none of those there are
``unknown``        there is no field of this name
``invalid``        anything else, mostly another type
=================  ================================================================================================

Only what was refused comes here: msgspec is the judge, and this finds the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import inspect as mi

from vivace.app.kinds import is_choice

from .known import SEQUENCES

_RULES: Final[tuple[tuple[str, str, Callable[[Any, Any], bool]], ...]] = (
    ("min_length", "min_length", lambda value, limit: len(value) < limit),
    ("max_length", "max_length", lambda value, limit: len(value) > limit),
    ("pattern", "pattern", lambda value, limit: re.search(limit, value) is None),
    ("gt", "min_value", lambda value, limit: value <= limit),
    ("ge", "min_value", lambda value, limit: value < limit),
    ("lt", "max_value", lambda value, limit: value >= limit),
    ("le", "max_value", lambda value, limit: value > limit),
    (
        "multiple_of",
        "step_size",
        lambda value, limit: isinstance(limit, float) or value % limit != 0,
    ),  # the last one left
)
_NUMBERS: Final = (mi.IntType, mi.FloatType)


def code_of(place: str, info: Any, value: Any) -> str:
    """Return the word for what is wrong with a value that is not what ``info`` describes; texts stand for numbers but in a body."""
    if value is None:
        return "null"
    for member in info.types if isinstance(info, mi.UnionType) else (info,):
        if isinstance(member, mi.EnumType | mi.LiteralType) or is_choice(member):
            return "invalid_choice"
        measured = _measured(place, member, value)
        for name, code, broken in _RULES if measured is not None else ():
            limit = getattr(member, name, None)
            if limit is not None and broken(measured, limit):
                return code
    return "invalid"


def _measured(place: str, info: Any, value: Any) -> Any:
    """Return what limits are compared with; ``None`` for a value of another type."""
    if isinstance(info, mi.StrType):
        return value if isinstance(value, str) else None
    if isinstance(info, _NUMBERS):
        return _number(value, of_text=place != "body")
    fits: Any = list if isinstance(info, SEQUENCES) else dict if isinstance(info, mi.DictType) else ()
    return value if isinstance(value, fits) else None


def _number(value: Any, *, of_text: bool) -> float | None:
    if isinstance(value, str) and of_text:
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


__all__ = ["code_of"]
