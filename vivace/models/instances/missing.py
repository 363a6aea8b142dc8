"""What an attribute says when its value was not fetched: which one, and the exact fix."""

from __future__ import annotations

from typing import Any

from vivace.errors import NotLoaded
from vivace.models.query.rendering import current_wait

RULE = "a value that a query has fetched: reading an attribute never queries"


def variable(model: Any) -> str:
    """Return the name that an example gives to an object of the model."""
    return str(model._meta.model_name)


def relation_not_loaded(model: Any, name: str, *, many: bool = False) -> NotLoaded:
    """Return the error for a relation that no query fetched."""
    method = "prefetch_related" if many else "select_related"
    return NotLoaded(
        f"{model.__name__}.{name} is not loaded.",
        expected=RULE,
        fix=f'Query with {model.__name__}.objects.{method}("{name}"), '
        f'or `await {variable(model)}.load("{name}")` (loads it for all objects of the same result).',
    )


def field_not_loaded(model: Any, name: str) -> NotLoaded:
    """Return the error for a column that ``defer`` or ``only`` left out."""
    return NotLoaded(
        f"{model.__name__}.{name} was deferred and is not loaded.",
        expected=RULE,
        fix=f'Leave it in the query, or `await {variable(model)}.load("{name}")`.',
    )


def load_in_render(instance: Any, name: str) -> bool:
    """Load a relation or field from within a render, for all peers at once; say whether that was possible."""
    peers = instance._state.peers
    if instance._state.adding or (peers is not None and peers.strict):
        return False
    wait = current_wait()
    if wait is None:
        return False
    wait(instance.load(name))
    return True


__all__ = ["field_not_loaded", "load_in_render", "relation_not_loaded", "variable"]
