"""Lookups of composite keys: several columns compared with tuples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vivace.errors import InvalidValue
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.func import Tuple
from vivace.models.expressions.subqueries import Subquery
from vivace.models.lookups.base import (
    Compared,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
    items_of,
    unique,
)

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.render import Renderer


class _Row(Compared):
    """Compares a row of columns with a tuple of as many values."""

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        parts = fields_of(left)
        if is_expression(value):
            return lifter.lift(as_operand(value))
        return _lifted_tuple(lifter, parts, value, cls.lookup_name)


def fields_of(left: Any) -> tuple[Any, ...]:
    """Return the fields of a composite left side."""
    return tuple(left.path.targets)


def _checked(parts: tuple[Any, ...], value: Any, lookup: str) -> tuple[Any, ...]:
    given: Any = value
    if not isinstance(value, (tuple, list)) or len(given) != len(parts):
        names = ", ".join(field.name for field in parts)
        raise InvalidValue(
            f"{lookup!r} of a composite key takes a tuple of {len(parts)} values.",
            expected=f"({names})",
            got=repr(given)[:80],
        )
    return tuple(given)


def _lifted_tuple(lifter: Lifter, parts: tuple[Any, ...], value: Any, lookup: str) -> Expression:
    values = _checked(parts, value, lookup)
    items: list[Expression] = []
    for field, each in zip(parts, values, strict=True):
        plain = lifter.outputs.plain(field)
        if is_expression(each):
            items.append(lifter.lift(as_operand(each)))
        else:
            items.append(lifter.slot_for(plain.get_prep_value(each), plain))
    return Tuple(*items)


class TupleExact(_Row):
    """All columns are equal."""

    lookup_name = "exact"


class TupleGreaterThan(_Row, GreaterThan):
    """Greater, compared column by column."""


class TupleGreaterThanOrEqual(_Row, GreaterThanOrEqual):
    """Greater or equal."""


class TupleLessThan(_Row, LessThan):
    """Less."""


class TupleLessThanOrEqual(_Row, LessThanOrEqual):
    """Less or equal."""


class TupleIn(In):
    """One of a list's tuples, or of a queryset's rows."""

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        parts = fields_of(left)
        if is_expression(value):
            node = as_operand(value)
            wanted = tuple(each.attname for each in parts)
            return lifter.lift(lifter.columns(node, wanted) if isinstance(node, Subquery) else node)
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InvalidValue("'in' takes a list of tuples or a queryset.", got=type(value).__name__)
        rows = [_checked(parts, each, "in") for each in unique(items_of(value)) if each is not None]
        rows = [row for row in rows if None not in row]
        if not rows:
            return Known(False)
        plain = [lifter.outputs.plain(each) for each in parts]
        prepared = [tuple(f.get_prep_value(v) for f, v in zip(plain, row, strict=True)) for row in rows]
        return lifter.slot_for(prepared, field, many=True)

    def render(self, r: Renderer) -> Any:
        return r.row_member(self.lhs, self.rhs)


class TupleIsNull(IsNull):
    """Any column is NULL."""

    def render(self, r: Renderer) -> Any:
        return r.row_null(self.lhs, self.rhs)


__all__ = [
    "TupleExact",
    "TupleGreaterThan",
    "TupleGreaterThanOrEqual",
    "TupleIn",
    "TupleIsNull",
    "TupleLessThan",
    "TupleLessThanOrEqual",
    "fields_of",
]
