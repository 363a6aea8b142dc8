"""Aggregates that PostgreSQL has besides those of every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.models.expressions.aggregates import Aggregate, BitAnd, BitOr, BitXor, StringAgg
from vivace.models.expressions.values import Null, Value

from .expressions import array_of

if TYPE_CHECKING:
    from vivace.models.expressions.base import Expression
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs


class _Collected(Aggregate):
    """An aggregate whose default is a list."""

    allow_distinct = True
    allow_order_by = True

    def lifted(self, lifter: Lifter) -> Expression:
        given = self.default
        if not isinstance(given, Value) or given.output_field is not None:
            return super().lifted(lifter)
        bare = self.but(default=None).map(lifter.lift)
        field = lifter.outputs.of(bare)
        return bare.but(default=Null(field) if given.value is None else lifter.slot(given.value, field))


class ArrayAgg(_Collected):
    """The values of all rows as a list, NULL included; ``None`` without rows unless there is a ``default``."""

    function = "ARRAY_AGG"

    def infer(self, outputs: Outputs) -> Any:
        return array_of(outputs.of(self.source[0]))


class JSONBAgg(_Collected):
    """The values of all rows as a JSON list."""

    function = "JSONB_AGG"
    output_kind = "JSONField"


class BoolAnd(Aggregate):
    """Whether all values are true."""

    function = "BOOL_AND"
    output_kind = "BooleanField"


class BoolOr(Aggregate):
    """Whether any value is true."""

    function = "BOOL_OR"
    output_kind = "BooleanField"


class StatAggregate(Aggregate):
    """An aggregate of pairs of numbers; a pair counts when neither is NULL."""

    output_kind = "FloatField"

    def __init__(self, y: Any, x: Any, **extra: Any) -> None:
        if y is None or x is None:
            raise ValueError("Both y and x must be provided.")
        super().__init__(y, x, **extra)


class Corr(StatAggregate):
    """The correlation."""

    function = "CORR"


class CovarPop(StatAggregate):
    """The covariance: of the population, or of a ``sample``."""

    def __init__(self, y: Any, x: Any, sample: bool = False, **extra: Any) -> None:
        self.function = "COVAR_SAMP" if sample else "COVAR_POP"
        super().__init__(y, x, **extra)


class RegrAvgX(StatAggregate):
    """The mean of the independent values."""

    function = "REGR_AVGX"


class RegrAvgY(StatAggregate):
    """The mean of the dependent values."""

    function = "REGR_AVGY"


class RegrCount(StatAggregate):
    """The number of pairs."""

    function = "REGR_COUNT"
    output_kind = "IntegerField"
    empty_default = 0


class RegrIntercept(StatAggregate):
    """Where the line of least squares meets ``x = 0``."""

    function = "REGR_INTERCEPT"


class RegrR2(StatAggregate):
    """The square of the correlation."""

    function = "REGR_R2"


class RegrSlope(StatAggregate):
    """The slope of the line of least squares."""

    function = "REGR_SLOPE"


class RegrSXX(StatAggregate):
    """The sum of squares of the independent values."""

    function = "REGR_SXX"


class RegrSXY(StatAggregate):
    """The sum of products of both."""

    function = "REGR_SXY"


class RegrSYY(StatAggregate):
    """The sum of squares of the dependent values."""

    function = "REGR_SYY"


__all__ = [
    "ArrayAgg",
    "BitAnd",
    "BitOr",
    "BitXor",
    "BoolAnd",
    "BoolOr",
    "Corr",
    "CovarPop",
    "JSONBAgg",
    "RegrAvgX",
    "RegrAvgY",
    "RegrCount",
    "RegrIntercept",
    "RegrR2",
    "RegrSXX",
    "RegrSXY",
    "RegrSYY",
    "RegrSlope",
    "StatAggregate",
    "StringAgg",
]
