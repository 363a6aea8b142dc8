"""Which fields a condition or an expression names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .expressions.base import Expression
from .expressions.names import F
from .expressions.q import Q
from .shapes import is_listed

SEPARATOR = "__"


def paths_in(value: Any) -> Iterator[tuple[str, ...]]:
    """Yield the parts of each path that is named, lookups included."""
    if isinstance(value, Q):
        for child in value.conditions:
            yield from _of_pair(child)
    elif isinstance(value, F):
        yield tuple(value.name.split(SEPARATOR))
    elif isinstance(value, Expression):
        for each in value.children():
            yield from paths_in(each)
    elif is_listed(value):
        for each in value:
            yield from paths_in(each)


def names_in(value: Any) -> frozenset[str]:
    """Return the names of the fields that an expression begins its paths with."""
    return frozenset(path[0] for path in paths_in(value))


def _of_pair(child: Any) -> Iterator[tuple[str, ...]]:
    if is_listed(child):
        path, value = child
        yield tuple(path.split(SEPARATOR))
        yield from paths_in(value)
    else:
        yield from paths_in(child)
