"""Aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression, several
from vivace.models.expressions.func import Func, parsed
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.values import Star, Value

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


class Aggregate(Func):
    """One value from many rows.

    ``filter``: only rows that meet it; ``distinct``: each value once; ``default``: instead of NULL when there are no
    rows; ``order_by``: the order in which the rows are taken, where it matters.
    """

    allow_distinct: ClassVar[bool] = False
    allow_order_by: ClassVar[bool] = False
    window_compatible: ClassVar[bool] = True
    empty_default: ClassVar[Any] = None
    name: str = ""

    def __init__(
        self,
        *expressions: Any,
        distinct: bool = False,
        filter: Any = None,
        default: Any = None,
        order_by: Any = None,
        **extra: Any,
    ) -> None:
        if distinct and not self.allow_distinct:
            raise TypeError(f"{type(self).__name__} does not allow distinct.")
        if order_by is not None and not self.allow_order_by:
            raise TypeError(f"{type(self).__name__} does not allow order_by.")
        if default is not None and self.empty_default is not None:
            raise TypeError(f"{type(self).__name__} does not allow default.")
        super().__init__(*expressions, **extra)
        self.distinct = distinct
        self.filter = filter
        self.default = (
            None if default is None else default if isinstance(default, Expression) else Value(default)
        )
        self.order_by = () if order_by is None else ordering_of(order_by)

    @property
    def contains_aggregate(self) -> bool:
        return True

    def default_alias(self) -> str:
        names = [getattr(each, "name", "") for each in self.source]
        if len(names) != 1 or not names[0]:
            raise TypeError("Complex expressions require an alias")
        return f"{names[0]}__{(self.name or type(self).__name__).lower()}"

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind(self.output_kind) if self.output_kind else outputs.shared_of(self, self.source)

    def render(self, r: Renderer) -> Any:
        return r.aggregate(self)


def ordering_of(order_by: Any) -> tuple[Expression, ...]:
    return tuple(_order_item(each) for each in several(order_by))


def _order_item(item: Any) -> Expression:
    if isinstance(item, OrderBy):
        return item
    if isinstance(item, str) and item.startswith("-"):
        return OrderBy(parsed(item[1:]), descending=True)
    return OrderBy(parsed(item))


class Count(Aggregate):
    """The number of rows (``"*"``) or of values that are not NULL."""

    function = "COUNT"
    output_kind = "IntegerField"
    allow_distinct = True
    allows_composite_expressions = True
    empty_default = 0

    def __init__(self, expression: Any, filter: Any = None, **extra: Any) -> None:
        if expression == "*":
            expression = Star()
        if isinstance(expression, Star) and filter is not None:
            raise ValueError("Star cannot be used with filter. Please specify a field.")
        super().__init__(expression, filter=filter, **extra)


class Computed(Aggregate):
    """An aggregate that computes: of points in time there is no sum and no mean."""

    def lifted(self, lifter: Lifter) -> Expression:
        node = super().lifted(lifter)
        kind = lifter.outputs.name(lifter.outputs.of(next(iter(node.children()))))
        if kind in ("DateField", "DateTimeField"):
            raise self._refused(kind)
        return node

    def render(self, r: Renderer) -> Any:
        if r.dialect == "sqlite" and r.kind(self.source[0]) == "TimeField":  # it is stored as text
            raise self._refused("TimeField")
        return super().render(r)

    def _refused(self, kind: str) -> FieldError:
        return FieldError(
            f"{type(self).__name__} cannot be computed of a {kind}: it holds points in time.",
            expected="numbers or durations",
            got=kind,
            fix="Use Min or Max, or compute durations first: Avg(F('end') - F('start')).",
        )


class Sum(Computed):
    """The sum."""

    function = "SUM"
    allow_distinct = True


class Numeric(Computed):
    """An aggregate whose result is a decimal for decimals and a float for other numbers."""

    def infer(self, outputs: Outputs) -> Any:
        source = outputs.of(self.source[0])
        if outputs.name(source) in ("IntegerField", "DecimalField") or outputs.is_integer(source):
            return source if outputs.name(source) == "DecimalField" else outputs.kind("FloatField")
        return source


class Avg(Numeric):
    """The mean."""

    function = "AVG"
    allow_distinct = True


class StdDev(Numeric):
    """The standard deviation: of the population, or of a ``sample``."""

    def __init__(self, expression: Any, sample: bool = False, **extra: Any) -> None:
        self.function = "STDDEV_SAMP" if sample else "STDDEV_POP"
        super().__init__(expression, **extra)


class Variance(Numeric):
    """The variance: of the population, or of a ``sample``."""

    def __init__(self, expression: Any, sample: bool = False, **extra: Any) -> None:
        self.function = "VAR_SAMP" if sample else "VAR_POP"
        super().__init__(expression, **extra)


class Max(Aggregate):
    """The largest value."""

    function = "MAX"


class Min(Aggregate):
    """The smallest value."""

    function = "MIN"


class AnyValue(Aggregate):
    """Some value that is not NULL."""

    function = "ANY_VALUE"


class StringAgg(Aggregate):
    """Texts joined by a delimiter, in the order of ``order_by``."""

    function = "STRING_AGG"
    output_kind = "TextField"
    allow_distinct = True
    allow_order_by = True

    def __init__(self, expression: Any, delimiter: Any, **extra: Any) -> None:
        joiner = delimiter if isinstance(delimiter, Expression) else Value(str(delimiter))
        super().__init__(expression, joiner, **extra)


class BitAnd(Aggregate):
    """All values joined by bitwise and."""

    function = "BIT_AND"
    sqlite_function = "vivace_bit_and"


class BitOr(Aggregate):
    """All values joined by bitwise or."""

    function = "BIT_OR"
    sqlite_function = "vivace_bit_or"


class BitXor(Aggregate):
    """All values joined by bitwise exclusive or."""

    function = "BIT_XOR"
    sqlite_function = "vivace_bit_xor"


__all__ = [
    "Aggregate",
    "AnyValue",
    "Avg",
    "BitAnd",
    "BitOr",
    "BitXor",
    "Count",
    "Max",
    "Min",
    "StdDev",
    "StringAgg",
    "Sum",
    "Variance",
    "ordering_of",
]
