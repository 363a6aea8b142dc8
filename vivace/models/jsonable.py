"""Models as JSON: what an app shows of an object when a handler returns it.

Concrete columns and annotations under their names, foreign keys as ``<name>_id``, never relations: showing one would query, or
show what nobody meant to. Fields with ``serialize=False``, binary ones and ``Secret`` values never appear; the primary
key always does. Columns that were not fetched are left out.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .query.queryset import QuerySet


def json_of(instance: Any) -> dict[str, Any]:
    """Return an object as a dict that the encoder understands."""
    values = instance.__dict__
    shown = {name: values[name] for name in shown_columns(type(instance)) if name in values}
    for name in getattr(values.get("_state") or values["_origin"], "annotated", ()):
        shown[name] = values[name]
    return shown


def shown_columns(model: Any) -> tuple[str, ...]:
    """Return the attributes that are shown, in the order of the model; found once per model."""
    names: tuple[str, ...] | None = model.__dict__.get("_shown_columns")
    if names is None:
        names = tuple(field.attname for field in model._meta.concrete_fields if _is_shown(field))
        model._shown_columns = names
    return names


def _is_shown(field: Any) -> bool:
    return bool(field.primary_key or (field.serialize and field.get_internal_type() != "BinaryField"))


def _hidden_in(queryset: QuerySet[Any, Any]) -> frozenset[str | int]:
    """Return names and places of what must not be shown of ``values()`` and ``values_list()`` where nobody chose columns.

    What is named is meant: ``values("password")`` shows it.
    """
    names = queryset.query_state.values_names()
    columns = {field.attname for field in queryset.model._meta.concrete_fields}
    if names is None or not columns.issubset(names):
        return frozenset()
    hidden = columns.difference(shown_columns(queryset.model))
    return frozenset(hidden) | {place for place, name in enumerate(names) if name in hidden}


class RowsOf:
    """The rows of a query for an answer: see ``vivace.app.rows``."""

    def __init__(self, queryset: QuerySet[Any, Any]) -> None:
        self.queryset = queryset
        state = queryset.query_state
        self.few = queryset._cache is not None
        self.bounded = self.few or state.high is not None
        self.rows = None if state.high is None else state.high - state.low
        self.name = f"{queryset.model._meta.label} objects"
        self._hidden = _hidden_in(queryset)

    async def chunks(self, size: int) -> AsyncGenerator[list[Any]]:
        """Yield rows in chunks of ``size``; one that nobody bounded yields one chunk, which says enough."""
        async for rows in self._chunks(size):
            yield [self._shown(row) for row in rows] if self._hidden else rows

    def _shown(self, row: Any) -> Any:
        if self.queryset._rows == "dicts":
            return {name: value for name, value in row.items() if name not in self._hidden}
        return [value for place, value in enumerate(row) if place not in self._hidden]

    async def _chunks(self, size: int) -> AsyncGenerator[list[Any]]:
        if not self.bounded:
            yield await self.queryset[:size]
            return
        if self.few or (self.rows is not None and self.rows <= size):
            yield await self.queryset
            return
        chunk: list[Any] = []
        async for row in self.queryset.iterator(chunk_size=size):
            chunk.append(row)
            if len(chunk) == size:
                yield chunk
                chunk = []
        yield chunk


__all__ = ["RowsOf", "json_of", "shown_columns"]
