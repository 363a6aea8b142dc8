"""Defaults of dataclasses that msgspec made.

msgspec makes a dataclass without calling its constructor, and leaves a field that did not come to the class attribute
which holds its default (0.21 and 0.22). ``note.stars`` is right then, but ``vars(note)`` lacks it, and so does msgspec's
own encoder, which reads ``__dict__``: the answer would miss a field. So the defaults are written into the instance, in
the order of the fields, as its constructor does. A type without such a dataclass pays nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from msgspec import inspect as mi

from vivace.app.kinds import class_of

from .known import members

Complete: TypeAlias = Callable[[Any], Any]

_CACHED: Final = 1_024  # classes
_is_dataclass: Callable[[Any], bool] = dataclasses.is_dataclass  # without narrowing Any to a protocol
_LEAVES: Final = frozenset({str, int, float, bool, bytes, type(None)})


def completer(info: Any) -> Complete | None:
    """Return what completes a value of the described type and returns it; ``None`` where nothing can be missing."""
    return complete if _may_miss(info, set()) else None


def complete(value: Any) -> Any:
    """Write missing defaults into all dataclasses in a decoded value, and return it."""
    kind = class_of(value)
    if kind not in _LEAVES:
        for item in _inside(kind, value):
            complete(item)
    return value


def _inside(kind: Any, value: Any) -> Iterable[Any]:
    """Return what a value is made of; a dataclass is completed first."""
    if issubclass(kind, dict):
        return cast("Iterable[Any]", value.values())
    if issubclass(kind, list | tuple | set | frozenset):
        return cast("Iterable[Any]", value)
    names = getattr(kind, "__struct_fields__", None)
    if names is None and _is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        if not _defaults(kind).keys() <= getattr(value, "__dict__", {}).keys():
            _fill(value, names)
    return [getattr(value, name) for name in names or ()]


def _fill(value: Any, names: Sequence[str]) -> None:
    held: dict[str, Any] = value.__dict__
    ordered = {**{name: getattr(value, name) for name in names}, **held}
    held.clear()
    held.update(ordered)


@lru_cache(_CACHED)
def _defaults(kind: Any) -> dict[str, Any]:
    """Return the defaults that are class attributes; with slots there are none, and msgspec sets them."""
    if not _is_dataclass(kind) or "__slots__" in vars(kind):
        return {}
    parts = dataclasses.fields(kind)
    return {part.name: part.default for part in parts if part.default is not dataclasses.MISSING}


def _may_miss(info: Any, seen: set[int]) -> bool:
    if id(info) in seen:
        return False
    seen.add(id(info))
    if isinstance(info, mi.DataclassType) and _defaults(info.cls):
        return True
    return any(_may_miss(member, seen) for member in members(info))


__all__ = ["Complete", "complete", "completer"]
