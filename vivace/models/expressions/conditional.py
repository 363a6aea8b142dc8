"""CASE, and conditions that are already resolved: junctions and negation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import parsed
from vivace.models.expressions.q import Q
from vivace.models.expressions.values import Null, Value

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


def _result(value: Any) -> Expression:
    return (
        value
        if isinstance(value, Expression)
        else parsed(value)
        if hasattr(value, "query_state")
        else Value(value)
    )


class When(Expression):
    """One branch of a CASE: a condition and what it gives."""

    def __init__(self, condition: Any = None, then: Any = None, **lookups: Any) -> None:
        if lookups:
            condition = Q(**lookups) if condition is None else Q(condition, **lookups)
        if condition is None or not isinstance(condition, Expression):
            raise TypeError("When needs a Q, a conditional expression or lookups.")
        if isinstance(condition, Q) and not condition:
            raise ValueError("An empty Q cannot be the condition of a When.")
        self.condition = condition
        self.then = _result(then)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.then)

    def render(self, r: Renderer) -> Any:
        return r.sql("WHEN ", r.truth(self.condition), " THEN ", self.then)


class Case(Expression):
    """The result of the first branch whose condition holds, else ``default``."""

    def __init__(self, *cases: Any, default: Any = None, output_field: Any = None) -> None:
        if not all(isinstance(case, When) for case in cases):
            raise TypeError("Positional arguments of Case are When objects.")
        self.cases: tuple[When, ...] = cases
        self.default = _result(default)
        self.output_field = output_field

    def infer(self, outputs: Outputs) -> Any:
        return outputs.first_shared(self, (*(case.then for case in self.cases), self.default))

    def render(self, r: Renderer) -> Any:
        cases = [case for case in self.cases if r.known(case.condition) is not False]
        if not cases:
            return r.render(self.default)
        parts: list[Any] = ["CASE "]
        for case in cases:
            parts += [case, " "]
        return r.sql(*parts, "ELSE ", self.default, " END")


class Junction(Expression):
    """Resolved conditions under one connector."""

    def __init__(
        self, connector: Literal["AND", "OR", "XOR"], parts: tuple[Expression, ...], negated: bool = False
    ) -> None:
        self.connector = connector
        self.parts = parts
        self.negated = negated

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")

    def render(self, r: Renderer) -> Any:
        return r.junction(self)


class Not(Expression):
    """The negation of a conditional expression."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")

    def __invert__(self) -> Expression:
        return self.expression

    def render(self, r: Renderer) -> Any:
        return r.sql("NOT ", r.wrapped_truth(self.expression))


class Known(Expression):
    """A condition of which the answer is known: true or false for every row."""

    def __init__(self, value: bool) -> None:
        self.value = value

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")

    def render(self, r: Renderer) -> Any:
        return r.sql("1 = 1" if self.value else "1 = 0")


__all__ = ["Case", "Junction", "Known", "Not", "Null", "When"]
