"""Names: the nearest match to a misspelt one, and those of a package that are imported when first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return a sentence ``Did you mean 'x'?`` for the closest candidate, or ``""`` when none is close."""
    from difflib import get_close_matches  # only an error needs it

    matches = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"Did you mean {matches[0]!r}?" if matches else ""


def lazy_names(
    package: str, rooms: Mapping[str, str], submodules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` (PEP 562) of a package that imports a name when it is first asked for.

    ``rooms`` maps modules of the package to the names that are found there, separated by spaces; ``submodules`` are
    imported by their own names.
    """
    homes = {name: f"{package}.{room}" for room, names in rooms.items() for name in names.split()}
    modules = frozenset(submodules)

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        home = homes.get(name)
        if home is None:
            known = "" if name.startswith("_") else nearest(name, [*homes, *modules])
            raise AttributeError(f"module {package!r} has no attribute {name!r}. {known}".rstrip())
        value = getattr(import_module(home), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *modules})

    return get, names


__all__ = ["lazy_names", "nearest"]
