"""Expressions as SQL text with literals in place of parameters, and columns without their table: for DDL.

It is the query compiler's own renderer, told to write values out. Only what is asked for here loads SQLAlchemy.
"""

from __future__ import annotations

from typing import Any

from vivace.db.types import Dialect
from vivace.models.expressions.values import Slot
from vivace.models.sql.building import Builder, Context
from vivace.models.sql.conditions import Conditions
from vivace.models.sql.elements import Name, Sql, dialect_named
from vivace.models.sql.lifting import Lifter
from vivace.models.sql.outputs import OUTPUTS
from vivace.models.sql.render import Renderer
from vivace.models.sql.resolve import Resolver
from vivace.models.sql.state import QueryState, Shape

from .literals import literal


class LiteralRenderer(Renderer):
    """A renderer whose slots are literals. ``params`` are the values that were lifted."""

    def __init__(self, dialect: Dialect, params: list[Any]) -> None:
        super().__init__(dialect)
        self.literal_dialect: Dialect = dialect
        self.params = params

    def column(self, alias: str, field: Any) -> Sql:
        return Sql((Name(field.column),))

    def slot(self, slot: Slot) -> Any:
        """Return the value of a slot; a list as the items of IN."""
        value = self.params[slot.index]
        field = slot.field if slot.field is not None else OUTPUTS.kind(slot.kind) if slot.kind else None
        form = "" if slot.form in ("any", "nulls") else slot.form
        convert = self.binds._converter(form, field, False)  # pyright: ignore[reportPrivateUsage]
        values = value if slot.many else [value]
        return Sql((", ".join(self._literal(each, convert) for each in values),))

    def _literal(self, value: Any, convert: Any) -> str:
        own = hasattr(value, "as_literal")
        bound = value if value is None or convert is None or own else convert(value)
        return literal(bound, self.literal_dialect)

    def constant(self, value: Any, kind: str) -> Any:
        field = OUTPUTS.kind(kind) if kind else None
        bind = field.binder(self.dialect) if field is not None else None
        return Sql((literal(value if bind is None else bind(value), self.literal_dialect),))

    def member(self, left: Any, right: Any) -> Sql:
        """Return IN with its items written out."""
        if isinstance(right, Slot):
            return self.sql(self.side(left), " IN (", self.slot(right), ")")
        return super().member(left, right)


def expression_sql(model: Any, expression: Any, dialect: Dialect) -> str:
    """Return an expression over columns of a model's table."""
    lifter, resolver = _beginning(model, dialect)
    return _text(resolver.resolve(lifter.value(expression)), lifter, dialect)


def condition_sql(model: Any, condition: Any, dialect: Dialect) -> str:
    """Return a condition (``Q`` or a boolean expression) over columns of a model's table."""
    from vivace.models.expressions.q import Q

    lifter, resolver = _beginning(model, dialect)
    root = lifter.tree(condition if isinstance(condition, Q) else Q(condition))
    node, _ = Conditions(resolver, splits=False, settles=False).branch(root, False, False)
    return _text(node, lifter, dialect)


def _beginning(model: Any, dialect: Dialect) -> tuple[Lifter, Resolver]:
    builder = Builder(Context(dialect), model, Shape())
    builder._begin(0)  # pyright: ignore[reportPrivateUsage]
    resolver = Resolver(builder, 0)
    resolver.joinable = False
    return Lifter(QueryState(model)), resolver


def _text(node: Any, lifter: Lifter, dialect: Dialect) -> str:
    element = LiteralRenderer(dialect, lifter.params).render(node)
    return str(element.compile(dialect=dialect_named(dialect)))


__all__ = ["LiteralRenderer", "condition_sql", "expression_sql"]
