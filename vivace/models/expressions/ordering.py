"""OrderBy: one part of an ordering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.base import Expression, Nulls

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


class OrderBy(Expression):
    """An expression with a direction and a place for NULL."""

    def __init__(
        self,
        expression: Any,
        *,
        descending: bool = False,
        nulls_first: bool | None = None,
        nulls_last: bool | None = None,
    ) -> None:
        if nulls_first and nulls_last:
            raise ValueError("nulls_first and nulls_last cannot both be true.")
        if nulls_first is False or nulls_last is False:
            raise ValueError("nulls_first and nulls_last are True or None.")
        if not isinstance(expression, Expression):
            raise TypeError(f"OrderBy needs an expression, got {type(expression).__name__}.")
        self.expression: Expression = expression
        self.descending = descending
        self.nulls: Nulls = "first" if nulls_first else "last" if nulls_last else ""

    def asc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return OrderBy(self.expression, nulls_first=nulls_first, nulls_last=nulls_last)

    def desc(self, *, nulls_first: bool | None = None, nulls_last: bool | None = None) -> OrderBy:
        return OrderBy(self.expression, descending=True, nulls_first=nulls_first, nulls_last=nulls_last)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.expression)

    def render(self, r: Renderer) -> Any:
        return r.ordered(r.render(self.expression), self.descending, self.nulls)


__all__ = ["OrderBy"]
