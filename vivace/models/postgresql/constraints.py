"""``ExclusionConstraint``: no two rows of which all the operators are true (bookings that do not overlap)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from vivace.errors.models import ModelError
from vivace.models.constraints import BaseConstraint, ConstraintOptions, Deferrable
from vivace.models.deconstruct import Deconstructed
from vivace.models.expressions.names import F
from vivace.models.expressions.q import Q
from vivace.models.indexes import is_condition
from vivace.models.lookups.base import Lookup
from vivace.models.shapes import is_listed
from vivace.models.substitution import substituted

from .indexes import OpClass

if TYPE_CHECKING:
    from typing import Unpack

    from vivace.models.base import Model
    from vivace.models.sql.render import Renderer

    class ExclusionOptions(ConstraintOptions, total=False):
        """What may be said beside the expressions."""

        index_type: str | None
        condition: Q | None
        deferrable: Deferrable | None
        include: Sequence[str] | None


_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+\Z")
_METHODS = ("gist", "hash", "spgist")


class ExclusionConstraint(BaseConstraint):
    """``expressions`` are pairs of a field's name or an expression and an operator (``RangeOperators``).

    ``index_type``: GIST, HASH or SPGIST; ``condition``: only rows that meet it.
    """

    def __init__(
        self, *, name: str, expressions: Sequence[tuple[Any, str]], **options: Unpack[ExclusionOptions]
    ) -> None:
        given = cast("dict[str, Any]", {**options})
        self.index_type: str = given.pop("index_type", None) or "GIST"
        self.condition: Q | None = given.pop("condition", None)
        self.deferrable: Deferrable | None = given.pop("deferrable", None)
        self.include: tuple[str, ...] = tuple(given.pop("include", None) or ())
        self.given = tuple(tuple(pair) for pair in expressions)
        super().__init__(name=name, **given)
        self._check_combination()
        self.expressions: tuple[tuple[Any, str], ...] = tuple(
            (F(what) if isinstance(what, str) else what, operator) for what, operator in self.given
        )

    def _check_combination(self) -> None:
        kind = f"ExclusionConstraint {self.name!r}"
        if self.index_type.lower() not in _METHODS:
            raise ModelError(
                f"{kind} needs an index of another type.",
                expected="GIST, HASH or SPGIST",
                got=self.index_type,
            )
        if not self.given or not all(is_listed(pair) and len(pair) == 2 for pair in self.given):
            raise ModelError(
                f"{kind}: expressions must be pairs of expression and operator.", got=repr(self.given)[:80]
            )
        for _, operator in self.given:
            if not isinstance(operator, str) or not _OPERATOR.match(operator):
                raise ModelError(f"{kind}: this is no operator.", got=repr(operator)[:80])
        if not is_condition(self.condition):
            raise ModelError(f"{kind}: condition must be a Q.", got=repr(self.condition))
        if self.deferrable is not None and type(self.deferrable) is not Deferrable:
            raise ModelError(f"{kind}: deferrable must be a Deferrable.", got=repr(self.deferrable))

    @property
    def contains_expressions(self) -> bool:
        return True

    async def validate(
        self,
        model: type[Model],
        instance: Model,
        exclude: Sequence[str] | set[str] | None = None,
        using: str | None = None,
    ) -> None:
        from vivace.models.validation import concerns, holds, others

        parts = [*(what for what, _ in self.expressions), *([self.condition] if self.condition else [])]
        if any(concerns(model, part, exclude) for part in parts):
            return
        pairs = [(_plain(what), operator) for what, operator in self.expressions]
        mine = [substituted(what, model, instance) for what, _ in pairs]
        if any(value is None for value in map(_given_value, mine)):
            return  # NULL is true under no operator
        if self.condition is not None and not await holds(
            self.condition, model, instance, using, unknown=False
        ):
            return
        clash = Q(
            *(_Operated(what, value, operator) for (what, operator), value in zip(pairs, mine, strict=True))
        )
        if self.condition is not None:
            clash &= self.condition
        if await others(instance, model, using).filter(clash).exists():
            raise self.violation()

    def deconstruct(self) -> Deconstructed:
        path, args, kwargs = super().deconstruct()
        kwargs["expressions"] = [tuple(pair) for pair in self.given]
        if self.index_type.lower() != "gist":
            kwargs["index_type"] = self.index_type
        for option in ("condition", "deferrable", "include"):
            if getattr(self, option):
                kwargs[option] = getattr(self, option)
        return path, args, kwargs


class _Operated(Lookup):
    """Two values under any operator."""

    def __init__(self, lhs: Any, rhs: Any, operator: str) -> None:
        super().__init__(lhs, rhs)
        self.operator = operator

    def render(self, r: Renderer) -> Any:
        return r.sql(r.side(self.lhs), f" {self.operator} ", r.side(self.rhs))


def _plain(expression: Any) -> Any:
    """Return what an operator class stands around."""
    return expression.expression if isinstance(expression, OpClass) else expression


def _given_value(node: Any) -> Any:
    return getattr(node, "value", node)


__all__ = ["ExclusionConstraint"]
