"""Filters that choose what to show by a value."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from jinja2.runtime import Undefined


def default_if_none(value: Any, fallback: Any) -> Any:
    """Return the fallback for ``None``, and for nothing else."""
    return fallback if value is None else value


def yesno(value: Any, words: str = "yes,no,maybe") -> Any:
    """Return the first word for what is true, the second for what is false, the third (or second) for ``None``."""
    choices = words.split(",")
    if len(choices) < 2:
        return value
    yes, no, *others = choices
    if value is None or isinstance(value, Undefined):
        return others[0] if others and value is None else no
    return yes if value else no


def pluralize(value: Any, endings: str = "s") -> str:
    """Return the ending for many unless the value (a number, or something with a length) is one: ``"y,ies"``."""
    if endings.count(",") > 1:
        return ""
    one, many = endings.split(",") if "," in endings else ("", endings)
    return one if _count(value) == 1 else many if _count(value) is not None else ""


def _count(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return len(value) if isinstance(value, Sized) and not isinstance(value, str) else None
