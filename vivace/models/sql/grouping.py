"""What GROUP BY needs for the sake of an expression."""

from __future__ import annotations

from vivace.models.expressions.aggregates import Aggregate
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.func import Columns
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.subqueries import Subquery
from vivace.models.expressions.values import Constant, Null, RawSQL, Slot, Star
from vivace.models.expressions.windows import Window
from vivace.models.sql.refs import Column, Outer


def columns_of(node: Expression) -> list[Expression]:
    """Return the expressions to group by: itself without aggregates, else what stands outside of them."""
    if isinstance(node, (Aggregate, Slot, Constant, Null, Star, Known, Outer)):
        return []
    if isinstance(node, Columns):
        return list(node.columns)
    if isinstance(node, Subquery):
        return _outer_columns(node)
    if isinstance(node, OrderBy):
        return columns_of(node.expression)
    if isinstance(node, Window):
        return [each for part in (*node.partition_by, *node.order_by) for each in columns_of(part)]
    if not node.contains_aggregate and not node.contains_over_clause:
        return [node] if _varies(node) else []
    return [each for child in node.children() for each in columns_of(child)]


def _varies(node: Expression) -> bool:
    """Say whether an expression depends on anything of the row: constants need no group, and PostgreSQL dislikes them."""
    return any(
        isinstance(each, (Column, Subquery, RawSQL)) or not list(each.children()) for each in node.walk()
    )


def _outer_columns(node: Subquery) -> list[Expression]:
    found = node.query.outer_columns()
    if any(column.many for column in found):
        return [node]
    return list(found)


__all__ = ["columns_of"]
