"""Queries as arrays, and two functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func
from vivace.models.expressions.subqueries import Subquery

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


class ArraySubquery(Subquery):
    """All rows of a queryset's only column, as a list."""

    def infer(self, outputs: Outputs) -> Any:
        return array_of(super().infer(outputs))

    def render(self, r: Renderer) -> Any:
        return r.sql("ARRAY", r.subquery(self.query))


def as_array(node: Expression) -> Expression:
    """Return a query that stands on the right of a lookup as an array of its rows."""
    if not isinstance(node, Subquery) or isinstance(node, ArraySubquery):
        return node
    array = object.__new__(ArraySubquery)
    array.query, array.output_field = node.query, None
    return array


def array_of(field: Any) -> Any:
    """Return the field of arrays of a field's values."""
    from .arrays import ArrayField  # whose lookups make arrays of queries

    return None if field is None else ArrayField(field)


class RandomUUID(Func):
    """A random UUID."""

    function = "GEN_RANDOM_UUID"
    arity = 0
    output_kind = "UUIDField"


class TransactionNow(Func):
    """When the transaction began."""

    template = "CURRENT_TIMESTAMP"
    arity = 0
    output_kind = "DateTimeField"


__all__ = ["ArraySubquery", "RandomUUID", "TransactionNow", "array_of", "as_array"]
