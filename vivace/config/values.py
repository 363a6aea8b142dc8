"""Settings as text, and the types they become.

A type is read by its row in a table; what has no row is left to msgspec. Two units have names of their own, because a
number alone does not say what it counts: ``Bytes`` and ``Seconds`` (see ``units.py``).
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import msgspec

from .secret import Secret
from .units import Unit

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])i?)?b?", re.IGNORECASE)
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?\s*(?:ms|s|min|m|h|d)\s*)+", re.IGNORECASE)
_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|m|h|d)", re.IGNORECASE)
_PER_UNIT: Final = {"ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}
_COLLECTIONS: Final = (tuple, list, set, frozenset)
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off", ""), False),
}


def read_value(text: str, hint: Any) -> Any:
    """Return ``text`` as a value of the type ``hint``; raises ``ValueError`` where it is none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SCALARS:
        return _SCALARS[hint](text)
    if origin is Annotated and any(isinstance(extra, Unit) for extra in arguments[1:]):
        return read_size(text) if Unit.BYTES in arguments else read_duration(text)
    if is_secret(hint):
        return Secret[Any](read_value(text, arguments[0] if arguments else str))
    if origin in _COLLECTIONS:
        return _collect(hint, [read_value(part, arguments[0]) for part in _split(text)])
    if origin in {Union, types.UnionType}:
        return _read_union(text, arguments)
    if origin is Literal:
        return _choose(text, {str(choice): choice for choice in arguments})
    if _is_enum(hint):
        return _choose(text, {str(member.value): member for member in hint} | dict(hint.__members__))
    return msgspec.convert(text, hint, strict=False)


def check_value(value: object, hint: Any) -> Any:
    """Return a Python value as a value of the type ``hint``, text being read; raises ``ValueError`` where it is none."""
    if isinstance(value, str):
        return read_value(value, hint)
    if _is_enum(hint) and isinstance(value, hint):
        return value
    if is_secret(hint):
        return cast("Any", value) if isinstance(value, Secret) else Secret[Any](value)
    if get_origin(hint) in _COLLECTIONS:
        if not isinstance(value, _COLLECTIONS):
            raise ValueError(value)
        items = cast("Iterable[object]", value)
        return _collect(hint, [check_value(item, get_args(hint)[0]) for item in items])
    checked: Any = msgspec.convert(value, hint)
    if any(isinstance(extra, Unit) for extra in get_args(hint)) and not checked >= 0:
        raise ValueError(value)
    return checked


def is_secret(hint: Any) -> bool:
    """True for ``Secret`` and ``Secret[…]``."""
    return hint is Secret or get_origin(hint) is Secret


def hides(hint: Any) -> bool:
    """True when a value of this type must not be shown: a ``Secret``, or something with one in it."""
    return is_secret(hint) or any(hides(argument) for argument in get_args(hint) if argument is not hint)


def describe(hint: Any) -> str:
    """Return what a value of the type looks like, for people."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _DESCRIPTIONS:
        return _DESCRIPTIONS[hint]
    if origin is Annotated:
        return next((extra.value for extra in arguments if isinstance(extra, Unit)), describe(arguments[0]))
    if is_secret(hint):
        return describe(arguments[0] if arguments else str)
    if origin in _COLLECTIONS:
        return f"a comma-separated list, each {describe(arguments[0])}"
    if origin in {Union, types.UnionType}:
        return " or ".join(describe(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if _is_enum(hint):
        return "one of " + ", ".join(str(member.value) for member in hint)
    return str(getattr(hint, "__name__", hint))


def read_size(text: str) -> int:
    """Return a number of bytes; raises ``ValueError``."""
    match = _SIZE.fullmatch(text.replace("_", "").strip())
    if not match or len(match[1]) > 20:
        raise ValueError(text)
    number, power = match[1], _POWERS[(match[2] or "").lower()]
    return int(float(number) * 1024**power) if "." in number else int(number) * 1024**power


def read_duration(text: str) -> float:
    """Return a number of seconds; raises ``ValueError``."""
    stripped = text.strip()
    if _DURATION.fullmatch(stripped):
        return sum(
            float(number) * _PER_UNIT[unit.lower()] for number, unit in _DURATION_PART.findall(stripped)
        )
    return _read_float(stripped, least=0)


def _read_float(text: str, least: float = float("-inf")) -> float:
    number = float(text)
    if not least <= number < float("inf"):  # NaN included
        raise ValueError(text)
    return number


def _read_timedelta(text: str) -> timedelta:
    try:
        return timedelta(seconds=read_duration(text))
    except OverflowError:
        raise ValueError(text) from None


def _choose(text: str, choices: dict[str, Any]) -> Any:
    """Return the choice that ``text`` names, case aside."""
    for name, choice in choices.items():
        if name.lower() == text.strip().lower():
            return choice
    raise ValueError(text)


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(cast("type[object]", hint), Enum)


def _collect(hint: Any, items: list[Any]) -> Any:
    """Return ``items`` as the collection that ``hint`` names."""
    collection: Any = get_origin(hint)
    return collection(items)


def _split(text: str) -> list[str]:
    return [stripped for part in text.split(",") if (stripped := part.strip())]


def _read_union(text: str, hints: tuple[Any, ...]) -> Any:
    """Read the first type that fits; nothing at all is ``None`` where that is allowed."""
    if type(None) in hints and text.strip().lower() in {"", "none", "null"}:
        return None
    for hint in hints:
        try:
            if hint is not type(None):
                return read_value(text, hint)
        except ValueError:
            continue
    raise ValueError(text)


_SCALARS: Final[dict[Any, Callable[[str], Any]]] = {
    str: str,
    bool: lambda text: _choose(text, cast("dict[str, Any]", _BOOLEANS)),
    int: int,
    float: _read_float,
    bytes: str.encode,
    Path: Path,
    timedelta: _read_timedelta,
    Any: str,
}
_DESCRIPTIONS: Final[dict[Any, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    bytes: "text",
    Path: "a path",
    timedelta: Unit.SECONDS.value,
    type(None): "nothing",
}
