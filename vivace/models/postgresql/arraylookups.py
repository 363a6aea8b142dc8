"""Lookups and transforms of arrays: containment, overlap, length, items and slices by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import InvalidValue
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.conditional import Known
from vivace.models.expressions.func import Func, Transform
from vivace.models.expressions.values import Null
from vivace.models.lookups import base
from vivace.models.lookups.base import Compared
from vivace.models.shapes import is_listed

if TYPE_CHECKING:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.render import Renderer


class Array(Func):
    """An array made of expressions: ``ARRAY[a, b]``, in the type of ``output_field``."""

    def render(self, r: Renderer) -> Any:
        return r.sql("CAST(ARRAY[", r.joined(self.source), "] AS ", r.type_name(self.output_field), ")")


class _Arrays(Compared):
    """A comparison of two arrays; the right one may hold expressions."""

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if is_listed(value) and any(is_expression(item) for item in value):
            items = [
                as_operand(item)
                if is_expression(item)
                else lifter.slot_for(field.base_field.get_prep_value(item), field.base_field)
                for item in value
            ]
            return Array(*(lifter.lift(item) for item in items), output_field=field)
        return super().lift_right(lifter, left, field, value)


class ArrayExact(_Arrays, base.Exact):
    """The same items in the same order."""


class ArrayContains(_Arrays):
    """Has all of these items."""

    lookup_name = "contains"
    operator = "@>"


class ArrayContainedBy(_Arrays):
    """Has no other items than these."""

    lookup_name = "contained_by"
    operator = "<@"


class ArrayOverlap(_Arrays):
    """Has any of these items, or of those that a queryset lists."""

    lookup_name = "overlap"
    operator = "&&"

    @classmethod
    def prepare_query(cls, lifter: Lifter, field: Any, node: Expression) -> Expression:
        from .expressions import as_array

        return as_array(super().prepare_query(lifter, field, node))


class ArrayIn(base.In):
    """One of these arrays."""

    @classmethod
    def lift_right(cls, lifter: Lifter, left: Expression, field: Any, value: Any) -> Any:
        if is_expression(value):
            return super().lift_right(lifter, left, field, value)
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise InvalidValue("'in' takes a list of arrays.", expected="a list", got=type(value).__name__)
        items = base.items_of(value)
        if not items:
            return Known(False)
        found = tuple(cls._one(lifter, field, item) for item in items if item is not None)
        return found or Null(field)


class ArrayLength(Transform):
    """The number of items; 0 for an empty array."""

    lookup_name = "len"
    output_kind = "IntegerField"

    def render(self, r: Renderer) -> Any:
        length = r.call("array_length", self.lhs, "1")
        return r.sql(
            "(CASE WHEN ", r.side(self.lhs), " IS NULL THEN NULL ELSE COALESCE(", length, ", 0) END)"
        )


class IndexTransform(Transform):
    """One item; ``index`` counts from 1."""

    def __init__(self, index: int, base_field: Any, expression: Any, **extra: Any) -> None:
        super().__init__(expression, **extra)
        self.index = int(index)
        self.output_field = base_field

    def render(self, r: Renderer) -> Any:
        return r.sql(_indexed(r, self.lhs), f"[{self.index}]")


class SliceTransform(Transform):
    """The items from ``start``, counted from 1, to ``end``, that one included; ``None``: to the last."""

    def __init__(self, start: int, end: int | None, expression: Any, **extra: Any) -> None:
        super().__init__(expression, **extra)
        self.start = int(start)
        self.end = None if end is None else int(end)

    def infer(self, outputs: Outputs) -> Any:
        return outputs.of(self.lhs)

    def render(self, r: Renderer) -> Any:
        return r.sql(_indexed(r, self.lhs), f"[{self.start}:{'' if self.end is None else self.end}]")


def _indexed(r: Renderer, node: Expression) -> Any:
    """Return what an index stands behind: PostgreSQL takes ``(grid)[1][2]``, but not ``((grid)[1])[2]``."""
    chained = isinstance(node, (IndexTransform, SliceTransform))
    return r.render(node) if chained else r.sql("(", node, ")")


class IndexTransformFactory:
    """Makes the transform of one item: ``tags__0``."""

    def __init__(self, index: int, base_field: Any) -> None:
        self.index = index
        self.base_field = base_field

    def __call__(self, *args: Any, **kwargs: Any) -> IndexTransform:
        return IndexTransform(self.index, self.base_field, *args, **kwargs)


class SliceTransformFactory:
    """Makes the transform of a slice: ``tags__0_2``."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end

    def __call__(self, *args: Any, **kwargs: Any) -> SliceTransform:
        return SliceTransform(self.start, self.end, *args, **kwargs)


FIELD_LOOKUPS: Final[tuple[type[Any], ...]] = (
    ArrayExact,
    ArrayContains,
    ArrayContainedBy,
    ArrayOverlap,
    ArrayIn,
    ArrayLength,
)

__all__ = [
    "FIELD_LOOKUPS",
    "Array",
    "ArrayLength",
    "IndexTransform",
    "IndexTransformFactory",
    "SliceTransform",
    "SliceTransformFactory",
]
