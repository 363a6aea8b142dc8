"""Expressions joined by an operator, with the type that the result has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.values import Value

if TYPE_CHECKING:
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer

INTEGERS: Final = frozenset(
    {
        "AutoField",
        "BigAutoField",
        "BigIntegerField",
        "IntegerField",
        "PositiveBigIntegerField",
        "PositiveIntegerField",
        "PositiveSmallIntegerField",
        "SmallAutoField",
        "SmallIntegerField",
    }
)
_NUMBERS: Final = {
    **dict.fromkeys(INTEGERS, "IntegerField"),
    "FloatField": "FloatField",
    "DecimalField": "DecimalField",
}
_MIXED_NUMBERS: Final = {
    ("IntegerField", "IntegerField"): "IntegerField",
    ("FloatField", "FloatField"): "FloatField",
    ("DecimalField", "DecimalField"): "DecimalField",
    ("IntegerField", "FloatField"): "FloatField",
    ("FloatField", "IntegerField"): "FloatField",
    ("IntegerField", "DecimalField"): "DecimalField",
    ("DecimalField", "IntegerField"): "DecimalField",
}
_TIMES: Final = {
    ("+", "DateField", "DurationField"): "DateTimeField",
    ("+", "DurationField", "DateField"): "DateTimeField",
    ("+", "DateTimeField", "DurationField"): "DateTimeField",
    ("+", "DurationField", "DateTimeField"): "DateTimeField",
    ("+", "TimeField", "DurationField"): "TimeField",
    ("+", "DurationField", "TimeField"): "TimeField",
    ("+", "DurationField", "DurationField"): "DurationField",
    ("-", "DateField", "DurationField"): "DateTimeField",
    ("-", "DateTimeField", "DurationField"): "DateTimeField",
    ("-", "TimeField", "DurationField"): "TimeField",
    ("-", "DurationField", "DurationField"): "DurationField",
    ("-", "DateField", "DateField"): "DurationField",
    ("-", "DateTimeField", "DateTimeField"): "DurationField",
    ("-", "TimeField", "TimeField"): "DurationField",
    ("-", "DateField", "DateTimeField"): "DurationField",
    ("-", "DateTimeField", "DateField"): "DurationField",
}
_TEMPORAL: Final = frozenset({"DateField", "DateTimeField", "TimeField", "DurationField"})


class Arithmetic(Expression):
    """``left operator right``."""

    def __init__(self, left: Expression, operator: str, right: Expression, output_field: Any = None) -> None:
        self.left = left
        self.operator = operator
        self.right = right
        self.output_field = output_field

    def infer(self, outputs: Outputs) -> Any:
        left, right = outputs.of(self.left), outputs.of(self.right)
        kinds = outputs.name(left), outputs.name(right)
        if None in (left, right):
            return left or right
        known = self._kind(*kinds)
        if known == kinds[0]:
            return left
        if known:
            return outputs.kind(known)
        if kinds[0] == kinds[1]:
            return left
        raise FieldError(
            f"The type of {kinds[0]} {self.operator} {kinds[1]} cannot be inferred.",
            expected="types that combine in one way",
            fix="wrap it: ExpressionWrapper(…, output_field=…).",
        )

    def _kind(self, left: str, right: str) -> str:
        numbers = _MIXED_NUMBERS.get((_NUMBERS.get(left, ""), _NUMBERS.get(right, "")), "")
        return numbers or _TIMES.get((self.operator, left, right), "")

    def render(self, r: Renderer) -> Any:
        left, right = r.kind(self.left), r.kind(self.right)
        if self.operator in "+-" and (left in _TEMPORAL or right in _TEMPORAL):
            return r.temporal(self, left, right)
        if r.dialect == "sqlite" and self.operator in "^#":
            name = "POWER" if self.operator == "^" else "BITXOR"
            return r.call(name, self.left, self.right)
        if r.dialect == "postgresql" and self.operator in ("<<", ">>"):
            return r.sql("(", self.left, f" {self.operator} ", r.typed(self.right, "integer"), ")")
        return r.sql("(", self.left, f" {self.operator} ", self.right, ")")


def combine(left: Any, operator: str, right: Any) -> Arithmetic:
    """Return the expression of an operator between two operands, of which at least one is an expression."""
    return Arithmetic(as_operand(left), operator, as_operand(right))


def as_operand(value: Any) -> Expression:
    """Return a value as an expression."""
    if isinstance(value, Expression):
        return value
    if is_expression(value):
        from vivace.models.expressions.subqueries import Listed

        return Listed(value)
    return Value(value)


__all__ = ["Arithmetic", "as_operand", "combine"]
