"""Whether two things of a state are the same: they are when a migration file would say the same of them."""

from __future__ import annotations

from typing import Any

from vivace.migrations.references import AnyField, Key, key_of
from vivace.migrations.serializer import text_of


def source(value: Any) -> str:
    """Return how a file would write a value."""
    return text_of(value)[0]


def field_source(field: AnyField, owner: Key, *, renamed: Key | None = None) -> str:
    """Return how a file would write a field, with relations by full name; ``renamed``: a model to call "self"."""
    _name, path, args, kwargs = field.deconstruct()
    given = dict(kwargs)
    for argument in ("to", "through"):
        if given.get(argument) is not None and argument in given:
            key = key_of(given[argument], owner)
            given[argument] = "self" if key in (owner, renamed) else f"{key[0]}.{key[1]}"
    if given.get("db_column") in ("", None):
        given.pop("db_column", None)
    return f"{path}({source(list(args))}, {source(dict(sorted(given.items())))})"


def same(first: Any, second: Any) -> bool:
    """Say whether two values would be written the same."""
    return first is second or source(first) == source(second)


__all__ = ["field_source", "same", "source"]
