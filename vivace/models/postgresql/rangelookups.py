"""Lookups and transforms of ranges, and ``contained_by`` of the fields whose values a range may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.func import Transform
from vivace.models.expressions.values import Constant
from vivace.models.fields.numbers import DecimalField, FloatField, IntegerField
from vivace.models.fields.times import DateField
from vivace.models.lookups.base import Compared
from vivace.models.shapes import is_listed

from . import rangefields
from .rangefields import RangeField
from .ranges import Range

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


class RangeOperators:
    """The operators of ranges by name, for exclusion constraints."""

    EQUAL: Final = "="
    NOT_EQUAL: Final = "<>"
    CONTAINS: Final = "@>"
    CONTAINED_BY: Final = "<@"
    OVERLAPS: Final = "&&"
    FULLY_LT: Final = "<<"
    FULLY_GT: Final = ">>"
    NOT_LT: Final = "&>"
    NOT_GT: Final = "&<"
    ADJACENT_TO: Final = "-|-"


class _Ranged(Compared):
    """A range on the left, a range or one value on the right."""

    takes_element: ClassVar[bool] = False

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        one = not (is_expression(value) or value is None or is_listed(value) or isinstance(value, Range))
        if cls.takes_element and one:
            base = field.base_field
            slot = lifter.slot_for(base.get_prep_value(value), base)
            return slot.but(
                kind=base.get_internal_type()
            )  # tells it from a slot of a range, which has no kind
        return super().lift_right(lifter, left, field, value)


class RangeContains(_Ranged):
    """Holds a value, or all of a range."""

    lookup_name = "contains"
    operator = "@>"
    takes_element = True


class RangeContainedBy(_Ranged):
    """Lies within a range."""

    lookup_name = "contained_by"
    operator = "<@"


class RangeOverlap(_Ranged):
    """Has values in common with a range."""

    lookup_name = "overlap"
    operator = "&&"


class FullyLessThan(_Ranged):
    """Ends before a range begins."""

    lookup_name = "fully_lt"
    operator = "<<"


class FullyGreaterThan(_Ranged):
    """Begins after a range ends."""

    lookup_name = "fully_gt"
    operator = ">>"


class NotLessThan(_Ranged):
    """Has no value below a range."""

    lookup_name = "not_lt"
    operator = "&>"


class NotGreaterThan(_Ranged):
    """Has no value above a range."""

    lookup_name = "not_gt"
    operator = "&<"


class AdjacentTo(_Ranged):
    """Begins where a range ends, or ends where it begins."""

    lookup_name = "adjacent_to"
    operator = "-|-"


class _End(Transform):
    """One end of a range."""

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.lhs).base_field


class RangeStartsWith(_End):
    """Where it begins."""

    lookup_name = "startswith"
    function = "lower"


class RangeEndsWith(_End):
    """Where it ends."""

    lookup_name = "endswith"
    function = "upper"


class IsEmpty(Transform):
    """Whether it holds nothing."""

    lookup_name = "isempty"
    function = "isempty"
    output_kind = "BooleanField"


class LowerInclusive(Transform):
    """Whether its first value belongs to it."""

    lookup_name = "lower_inc"
    function = "LOWER_INC"
    output_kind = "BooleanField"


class LowerInfinite(Transform):
    """Whether it has no beginning."""

    lookup_name = "lower_inf"
    function = "LOWER_INF"
    output_kind = "BooleanField"


class UpperInclusive(Transform):
    """Whether its last value belongs to it."""

    lookup_name = "upper_inc"
    function = "UPPER_INC"
    output_kind = "BooleanField"


class UpperInfinite(Transform):
    """Whether it has no end."""

    lookup_name = "upper_inf"
    function = "UPPER_INF"
    output_kind = "BooleanField"


class RangeBoundary(Constant):
    """The bounds of a range that a function makes of two columns: ``TsTzRange("begin", "end", RangeBoundary())``."""

    def __init__(self, inclusive_lower: bool = True, inclusive_upper: bool = False) -> None:
        super().__init__(("[" if inclusive_lower else "(") + ("]" if inclusive_upper else ")"))
        self.inclusive_lower = inclusive_lower
        self.inclusive_upper = inclusive_upper


# which range the values of a column lie in, and the type to cast them to first
_RANGES: Final[dict[str, tuple[type[RangeField[Any]], str]]] = {
    "SmallIntegerField": (rangefields.IntegerRangeField, "integer"),
    "PositiveSmallIntegerField": (rangefields.IntegerRangeField, "integer"),
    "SmallAutoField": (rangefields.IntegerRangeField, "integer"),
    "IntegerField": (rangefields.IntegerRangeField, ""),
    "PositiveIntegerField": (rangefields.IntegerRangeField, ""),
    "AutoField": (rangefields.IntegerRangeField, ""),
    "BigIntegerField": (rangefields.BigIntegerRangeField, ""),
    "PositiveBigIntegerField": (rangefields.BigIntegerRangeField, ""),
    "BigAutoField": (rangefields.BigIntegerRangeField, ""),
    "FloatField": (rangefields.DecimalRangeField, "numeric"),
    "DecimalField": (rangefields.DecimalRangeField, ""),
    "DateField": (rangefields.DateRangeField, ""),
    "DateTimeField": (rangefields.DateTimeRangeField, ""),
}


class ValueContainedBy(Compared):
    """The value of an ordinary field lies within a range (PostgreSQL)."""

    lookup_name = "contained_by"
    operator = "<@"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        made, _ = _RANGES[lifter.outputs.name(field)]
        return super().lift_right(lifter, left, made(), value)

    def render(self, r: Renderer) -> Any:
        if r.dialect != "postgresql":
            raise FieldError("'contained_by' needs PostgreSQL.", got=r.dialect, fix="Use __range.")
        _, cast = _RANGES[r.kind(self.lhs)]
        left = r.typed(self.lhs, cast) if cast else r.side(self.lhs)
        return r.sql(left, " <@ ", r.side(self.rhs))


for _lookup in (
    RangeContains,
    RangeContainedBy,
    RangeOverlap,
    FullyLessThan,
    FullyGreaterThan,
    NotLessThan,
    NotGreaterThan,
    AdjacentTo,
    RangeStartsWith,
    RangeEndsWith,
    IsEmpty,
    LowerInclusive,
    LowerInfinite,
    UpperInclusive,
    UpperInfinite,
):
    RangeField.register_lookup(_lookup)
for _field in (IntegerField, DecimalField, FloatField, DateField):
    _field.register_lookup(ValueContainedBy)

__all__ = ["RangeBoundary", "RangeOperators", "ValueContainedBy"]
