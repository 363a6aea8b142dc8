"""WITH: named queries that a query joins.

``with_cte("tree", first, on={"pk": "pk"}, repeated=second)`` names the rows of ``first`` and, as long as there are any,
those of ``second``, which names the rows found last by ``with_cte("tree", None, on={"parent": "pk"})``. Columns of a
named query are read by ``CteColumn("tree", "depth")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vivace.errors import FieldError
from vivace.errors.nearest import nearest
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction
from vivace.models.lookups.base import Exact
from vivace.models.sql.joins import Join
from vivace.models.sql.refs import Named
from vivace.models.sql.select import CommonTable
from vivace.models.sql.state import AnnotateStep, CteStep, ValuesStep

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.outputs import Outputs
    from vivace.models.sql.resolve import Resolver


class CteTable(msgspec.Struct):
    """A named query in FROM."""

    name: str


class CteColumn(Expression):
    """A column of a named query."""

    def __init__(self, name: str, column: str, output_field: Any = None) -> None:
        self.name = name
        self.column = column
        self.output_field = output_field

    def lifted(self, lifter: Lifter) -> Expression:
        step = lifter.ctes.get(self.name)
        if step is None:
            raise FieldError(
                f"There is no named query {self.name!r} here.",
                fix=nearest(self.name, lifter.ctes) or "add with_cte(…).",
            )
        if step.query is None or self.output_field is not None:
            return self
        names = _names(step)
        if self.column not in names:
            raise FieldError(
                f"The named query {self.name!r} has no column {self.column!r}.",
                expected=", ".join(names),
                fix=nearest(self.column, names),
            )
        return self.but(output_field=_column_field(step, self.column))

    def resolved(self, resolver: Resolver) -> Expression:
        builder: Builder | None = resolver.builder
        while builder is not None and self.name not in builder.cte_aliases:
            builder = builder.outer
        if builder is None:
            raise FieldError(f"There is no named query {self.name!r} here.")
        return Named(builder.cte_aliases[self.name], self.column, self.output_field)

    def infer(self, outputs: Outputs) -> Any:
        return None


def _names(step: CteStep) -> tuple[str, ...]:
    from vivace.models.sql.state import QueryState

    sub = step.query
    if sub is None:
        return ()
    chosen = QueryState(sub.model, sub.steps, (), sub.shape).values_names()
    first = chosen if chosen is not None else tuple(f.column for f in sub.model._meta.concrete_fields)
    return (*first, *_added(sub.steps))


def _added(steps: tuple[Any, ...]) -> list[str]:
    """Return the names of annotations that are selected besides: all, or those made after ``values()``."""
    places = [i for i, step in enumerate(steps) if type(step) is ValuesStep]
    after = steps[places[-1] + 1 :] if places else steps
    return [name for step in after if type(step) is AnnotateStep and step.visible for name, _ in step.items]


def _column_field(step: CteStep, column: str) -> Any:
    from vivace.models.sql.lifting import Lifter
    from vivace.models.sql.state import QueryState

    sub = step.query
    if sub is None:
        return None
    lifter = Lifter(QueryState(sub.model, sub.steps, (), sub.shape))
    return lifter.outputs.of(lifter.name(column))


def add_common_table(builder: Builder, step: CteStep, base: int) -> None:
    """Build a named query, and join it where the step says."""
    from vivace.models.sql.building import Builder as Building

    context = builder.context
    if step.query is not None:
        first = Building.of(context, step.query, base + step.query.base).finished(labels=True, unordered=True)
        columns = tuple(item.label for item in first.items)
        table = CommonTable(step.name, columns, first)
        context.ctes.append(table)
        if step.repeated is not None:
            repeated = Building.of(context, step.repeated, base + step.repeated.base)
            table.repeated = repeated.finished(labels=True, unordered=True)
    _join(builder, step)


def _join(builder: Builder, step: CteStep) -> None:
    alias = builder.context.aliases.new(step.name)
    builder.cte_aliases[step.name] = alias
    join = Join(alias, builder.model, parent=builder.base_alias)
    join.source = CteTable(step.name)
    join.kind = "LEFT" if step.outer else "INNER"
    ties = [Exact(builder.lookup(path), Named(alias, column)) for path, column in step.on]
    join.condition = Junction("AND", tuple(ties))
    join.count = 1
    builder.joins.map[alias] = join


__all__ = ["CteColumn", "CteTable", "add_common_table"]
