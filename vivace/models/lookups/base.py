"""Lookups: how a path is compared with a value.

``lift_right`` runs when the query is written: it checks and prepares the value, takes it out, and decides what part of it
is shape (``None``, an empty list, a number beyond the column's range). ``render`` runs when the query is compiled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from vivace.errors import FieldError, InvalidValue, QueryError
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.subqueries import Listed, Subquery
from vivace.models.expressions.values import Null, Slot

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer

INTEGER_RANGES: Final = {
    "SmallIntegerField": (-(2**15), 2**15 - 1),
    "IntegerField": (-(2**31), 2**31 - 1),
    "BigIntegerField": (-(2**63), 2**63 - 1),
    "PositiveSmallIntegerField": (0, 2**15 - 1),
    "PositiveIntegerField": (0, 2**31 - 1),
    "PositiveBigIntegerField": (0, 2**63 - 1),
    "SmallAutoField": (-(2**15), 2**15 - 1),
    "AutoField": (-(2**31), 2**31 - 1),
    "BigAutoField": (-(2**63), 2**63 - 1),
}
_WIDEST: Final = (-(2**63), 2**63 - 1)


class Lookup(Expression):
    """Base of all lookups. A user's own one may define ``as_sql(compiler, connection)`` as in Django."""

    lookup_name: ClassVar[str] = ""
    prepare_rhs: ClassVar[bool] = True
    can_use_none_as_rhs: ClassVar[bool] = False
    conditional: ClassVar[bool] = True

    def __init__(self, lhs: Any, rhs: Any) -> None:
        self.lhs: Any = lhs
        self.rhs: Any = rhs

    def lifted(self, lifter: Lifter) -> Expression:
        left = lifter.lift(as_operand(self.lhs))
        right = self.lift_right(lifter, left, lifter.outputs.of(left), self.rhs)
        return right if isinstance(right, Known) else self.but(lhs=left, rhs=right)

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        """Return the lifted right side; a ``Known`` when the answer is the same for every row."""
        if is_expression(value):
            return lifter.lift(cls.prepare_query(lifter, field, as_operand(value)))
        if value is None and not cls.can_use_none_as_rhs:
            raise InvalidValue(
                f"{cls.lookup_name!r} cannot compare with None.", expected="a value", fix="use isnull=True."
            )
        return lifter.slot_for(cls.prepared(field, value), field)

    @classmethod
    def prepared(cls, field: Any, value: Any) -> Any:
        """Return the value as the field holds it. Raises ``InvalidValue``."""
        return field.get_prep_value(value) if cls.prepare_rhs and field is not None else value

    @classmethod
    def prepare_query(cls, lifter: Lifter, field: Any, node: Expression) -> Expression:
        """Return a queryset on the right side with the one column that is compared."""
        return lifter.one_column(node, field) if isinstance(node, Subquery) else node

    def infer(self, outputs: Outputs) -> Any:
        return outputs.kind("BooleanField")

    # -- for users' own lookups, with the names that Django gives these methods ---------------------------------------

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, list[Any]]:
        """Return SQL and parameters of the left side."""
        sql, params = compiler.compile(lhs or self.lhs)
        return sql, list(params)

    def process_rhs(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return SQL and parameters of the right side."""
        sql, params = compiler.compile(self.rhs)
        return sql, list(params)


class Compared(Lookup):
    """A lookup that is an SQL operator."""

    operator: ClassVar[str] = "="

    def render(self, r: Renderer) -> Any:
        return r.sql(r.side(self.lhs), f" {self.operator} ", r.side(self.rhs))


class Exact(Compared):
    """Equal."""

    lookup_name = "exact"

    @classmethod
    def prepare_query(cls, lifter: Lifter, field: Any, node: Expression) -> Expression:
        if isinstance(node, Listed) and not lifter.is_single(node):
            raise QueryError(
                "The queryset of an 'exact' lookup must be limited to one row.",
                fix="slice it: queryset[:1]; or use 'in'.",
            )
        return super().prepare_query(lifter, field, node)


class GreaterThan(Compared):
    """Greater."""

    lookup_name = "gt"
    operator = ">"


class GreaterThanOrEqual(Compared):
    """Greater or equal."""

    lookup_name = "gte"
    operator = ">="


class LessThan(Compared):
    """Less."""

    lookup_name = "lt"
    operator = "<"


class LessThanOrEqual(Compared):
    """Less or equal."""

    lookup_name = "lte"
    operator = "<="


def bounds(field: Any) -> tuple[int, int]:
    """Return the smallest and largest number that a column holds."""
    return INTEGER_RANGES.get(field.get_internal_type(), _WIDEST)


class _Whole(Compared):
    """Comparison of a whole number: the answer for numbers beyond the column's range is known."""

    below: ClassVar[bool | None] = False  # the answer when the value is below the range
    above: ClassVar[bool | None] = False
    ceiling: ClassVar[bool] = False

    @classmethod
    def prepared(cls, field: Any, value: Any) -> Any:
        if cls.ceiling and isinstance(value, float) and math.isfinite(value):
            value = math.ceil(value)
        return super().prepared(field, value)

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if not is_expression(value) and value is not None:
            number = cls.prepared(field, value)
            low, high = bounds(field)
            if isinstance(number, int) and not low <= number <= high:
                return Known(bool(cls.below if number < low else cls.above))
            return lifter.slot_for(number, field)
        return super().lift_right(lifter, left, field, value)


class IntegerExact(_Whole, Exact):
    """Equal, for whole numbers."""


class IntegerGreaterThan(_Whole, GreaterThan):
    """Greater, for whole numbers."""

    below = True


class IntegerGreaterThanOrEqual(_Whole, GreaterThanOrEqual):
    """Greater or equal, for whole numbers."""

    below = True
    ceiling = True


class IntegerLessThan(_Whole, LessThan):
    """Less, for whole numbers."""

    above = True
    ceiling = True


class IntegerLessThanOrEqual(_Whole, LessThanOrEqual):
    """Less or equal, for whole numbers."""

    above = True


class IsNull(Lookup):
    """NULL or not; the side is part of the shape."""

    lookup_name = "isnull"
    prepare_rhs = False

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if not isinstance(value, bool):
            raise InvalidValue(
                "'isnull' takes True or False.",
                expected="a bool",
                got=f"{type(value).__name__} {value!r:.60}",
            )
        return value

    def render(self, r: Renderer) -> Any:
        return r.null_test(self.lhs, self.rhs)


class In(Lookup):
    """One of a list's values or of a queryset's rows."""

    lookup_name = "in"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if is_expression(value):
            node = as_operand(value)
            if isinstance(node, Subquery):
                return lifter.lift(lifter.one_column(node, field, listed=True))
            raise FieldError("'in' takes a list or a queryset.", got=type(value).__name__)
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise InvalidValue(
                "'in' takes a list of values or a queryset.", expected="a list", got=type(value).__name__
            )
        given = unique(items_of(value))
        items = [each for each in given if each is not None]
        if not items:
            return Null(field) if given else Known(False)  # NULL is no value to find, but one to exclude
        if any(is_expression(each) for each in items):
            return tuple(cls._one(lifter, field, each) for each in items)
        prepared = [cls.prepared(field, each) for each in items]
        if lifter.outputs.is_integer(field):
            low, high = bounds(lifter.outputs.plain(field))
            prepared = [n for n in prepared if not isinstance(n, int) or low <= n <= high]
            if not prepared:
                return Known(False)
        slot = lifter.slot_for(prepared, field, many=True)
        return slot if len(items) == len(given) else slot.but(form="nulls")

    @classmethod
    def _one(cls, lifter: Lifter, field: Any, value: Any) -> Expression:
        if is_expression(value):
            return lifter.lift(as_operand(value))
        return lifter.slot_for(cls.prepared(field, value), field)

    def render(self, r: Renderer) -> Any:
        if isinstance(self.rhs, Null):
            return r.sql("1 = 0")
        return r.member(self.lhs, self.rhs)


def items_of(value: Any) -> list[Any]:
    """Return what can be gone through as a list."""
    return list(value)


def unique(values: Iterable[Any]) -> list[Any]:
    """Return values once each, in their order, where they can be told apart."""
    items = list(values)
    try:
        return list(dict.fromkeys(items))
    except TypeError:
        return items


class Range(Lookup):
    """Between two values, both included."""

    lookup_name = "range"

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        given: Any = value
        listed = isinstance(value, Iterable) and not isinstance(value, str)
        pair = tuple(given) if listed else ()
        if len(pair) != 2:
            raise InvalidValue(
                "'range' takes a pair of values.", expected="(low, high)", got=repr(given)[:80]
            )
        return tuple(cls._end(lifter, left, field, each) for each in pair)

    @classmethod
    def _end(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Expression:
        if value is None:
            return Null(field)
        end: Expression = Lookup.lift_right.__func__(cls, lifter, left, field, value)  # type: ignore[attr-defined]
        return end

    def render(self, r: Renderer) -> Any:
        low, high = self.rhs
        return r.sql(r.side(self.lhs), " BETWEEN ", r.side(low), " AND ", r.side(high))


__all__ = [
    "Compared",
    "Exact",
    "GreaterThan",
    "GreaterThanOrEqual",
    "In",
    "IntegerExact",
    "IntegerGreaterThan",
    "IntegerGreaterThanOrEqual",
    "IntegerLessThan",
    "IntegerLessThanOrEqual",
    "IsNull",
    "LessThan",
    "LessThanOrEqual",
    "Lookup",
    "Range",
    "Slot",
    "bounds",
    "unique",
]
