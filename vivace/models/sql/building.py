"""Replaying the steps of a query: joins, conditions, named expressions, groups, order — everything but the SQL text.

A ``Builder`` belongs to one SELECT. It goes through the steps in their order, since their order decides what they mean;
``finished`` turns it into a ``Select`` (``sql/select.py``) that can be rendered.

*Grouping.* An aggregate among the annotations groups the rows: by the model's columns, or after ``values()`` by what it
named. What is selected, ordered by or filtered by besides is grouped by too. ``Meta.ordering`` does not count then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.subqueries import Subquery
from vivace.models.expressions.values import Constant, Slot
from vivace.models.sql import names
from vivace.models.sql.conditions import Conditions
from vivace.models.sql.joins import Aliases, Joins
from vivace.models.sql.lifting import Lifter
from vivace.models.sql.names import SEPARATOR, Hop
from vivace.models.sql.ordering import Ordering
from vivace.models.sql.refs import Column, Ref
from vivace.models.sql.resolve import Resolver
from vivace.models.sql.select import CommonTable, Select
from vivace.models.sql.state import (
    AnnotateStep,
    CombineStep,
    CteStep,
    DistinctStep,
    ExtraStep,
    FilterStep,
    OrderStep,
    QueryState,
    RelationStep,
    Shape,
    Step,
    Sub,
    ValuesStep,
    slots_of,
)
from vivace.models.sql.trees import Branch, Tree


class Context:
    """What all parts of one statement share: the dialect, the names of tables, and what was read in doubt."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.aliases = Aliases()
        self.tables: set[str] = set()
        self.ctes: list[CommonTable] = []


class Builder:
    """See the module. ``outer``: the query around a subquery."""

    def __init__(self, context: Context, model: Any, shape: Shape, outer: Builder | None = None) -> None:
        self.context = context
        self.model = model
        self.shape = shape
        self.outer = outer
        self.joins = Joins(context.aliases)
        self.base_alias = ""
        self.where: list[Expression] = []
        self.annotations: dict[str, Expression] = {}
        self.visible: dict[str, bool] = {}
        self.relations: dict[str, tuple[RelationStep, int]] = {}
        self.chosen: tuple[str, ...] | None = None
        self.columns: dict[str, Expression] = {}
        self.group: list[Expression] | bool = False
        self.order: tuple[OrderStep, int] | None = None
        self.distinct_on: tuple[str, ...] = ()
        self.extra: list[tuple[ExtraStep, int]] = []
        self.limit_slots: tuple[int | None, int | None] = (None, None)
        self.verb_base = 0
        self.cte_aliases: dict[str, str] = {}

    @classmethod
    def of(
        cls, context: Context, sub: Sub, base: int = 0, outer: Builder | None = None, extra: int = 0
    ) -> Builder:
        """Build a query. ``base``: the number of its first slot; ``extra``: slots of a verb, before the limits."""
        builder = cls(context, sub.model, sub.shape, outer)
        builder._begin(base)
        for step, offset in slots_of(sub.steps):
            builder._replay(step, base + offset)
        builder.verb_base = base + sum(step.width for step in sub.steps) + _combined_width(sub.shape)
        builder._limits(builder.verb_base + extra)
        return builder

    def _begin(self, base: int) -> None:
        self.base_alias = self.joins.base(self.model)
        combined = self.shape.combined
        if combined is not None:
            from vivace.models.sql.combining import Compound

            parts = [Builder.of(self.context, part, base + part.base, self.outer) for part in combined.parts]
            self.joins.map[self.base_alias].source = Compound(
                combined.operation, combined.all, tuple(part.finished(labels=True) for part in parts)
            )

    def _limits(self, last: int) -> None:
        limit = last if self.shape.limited else None
        offset = last + (1 if self.shape.limited else 0) if self.shape.offset else None
        self.limit_slots = (limit, offset)

    # -- steps -------------------------------------------------------------------------------------------------------

    def _replay(self, step: Step, base: int) -> None:
        base += _combined_width(self.shape)
        if isinstance(step, (FilterStep, CombineStep)):
            self.filter(step.tree, base)
        elif isinstance(step, AnnotateStep):
            self._annotate(step, base)
        elif isinstance(step, ValuesStep):
            self._values(step)
        elif isinstance(step, OrderStep):
            self.order = (step, base)
        elif isinstance(step, DistinctStep):
            self.distinct_on = step.names
        elif isinstance(step, RelationStep):
            self.relations[step.name] = (step, base)
        elif isinstance(step, ExtraStep):
            self.extra.append((step, base))
        else:
            self._common_table(step, base)

    def filter(self, tree: Tree, base: int) -> None:
        """Add the conditions of one call."""
        inner = self.joins.inner()
        root = tree if isinstance(tree, Branch) else Branch("AND", (tree,))
        if root.connector != "AND" or root.negated:
            root = Branch("AND", (root,))
        node, _ = Conditions(Resolver(self, base, set())).branch(root, False, False)
        self.where.append(node)
        self.joins.demote(inner)

    def _annotate(self, step: AnnotateStep, base: int) -> None:
        resolver = Resolver(self, base)
        for name, node in step.items:
            self.annotations[name] = resolver.resolve(node)
            self.visible[name] = step.visible
            if step.visible and self.chosen is not None:
                self.chosen = (*self.chosen, name)
        if any(node.contains_aggregate for _, node in step.items):
            self.group = True if self.chosen is None else self._groups()

    def _groups(self) -> list[Expression]:
        grouped = list(self.columns.values())
        for name, node in self.annotations.items():
            if self.chosen is None or name in self.chosen:
                columns = group_columns(node)
                whole = bool(columns) and not node.contains_aggregate and not node.contains_over_clause
                grouped += [node] if whole else columns
        return grouped

    def _values(self, step: ValuesStep) -> None:
        if self.group is True:
            self.columns = {f.attname: Column(self.base_alias, f) for f in self.model._meta.concrete_fields}
            self.columns = {name: self._own(name) for name in self.columns}
            self.chosen = None
            self.group = self._groups()
        self.chosen = step.names
        self.columns = {}
        for name in step.names:
            if name not in self.annotations and not self._is_extra(name):
                self.columns[name] = self.lookup(name)

    def _is_extra(self, name: str) -> bool:
        return any(name in dict(step.select) for step, _ in self.extra)

    def _own(self, attname: str) -> Expression:
        return self.lookup(attname)

    def _common_table(self, step: CteStep, base: int) -> None:
        from vivace.models.sql.ctes import add_common_table

        add_common_table(self, step, base)

    # -- names -------------------------------------------------------------------------------------------------------

    def annotation(self, name: str) -> Expression:
        """Return a named expression, resolved."""
        return self.annotations[name]

    def lookup(self, text: str) -> Expression:
        """Return what a name means here: an annotation or a path, with transforms."""
        lifter = Lifter(QueryState(self.model))
        lifter.annotations = dict(self.annotations)
        lifter.relations = {name: step for name, (step, _) in self.relations.items()}
        return self.constant(lifter, lifter.name(text))

    def constant(self, lifter: Lifter, node: Expression) -> Expression:
        """Resolve an expression that belongs to no step: its values are part of the model, so they stay in the shape."""
        return Resolver(self, 0).resolve(_with_constants(node, lifter.params))

    def condition_join(self, alias: str, hop: Hop) -> None:
        """Give a filtered relation's join its condition."""
        step, base = self.relations[hop.filtered]
        path = names.find(self.model, step.relation)
        resolver = _OnResolver(self, base, len(path.all_hops), path.all_hops, alias)
        root = step.tree if isinstance(step.tree, Branch) else Branch("AND", (step.tree,))
        if root.children:
            node, _ = Conditions(resolver, splits=False, settles=False).branch(root, False, False)
            self.joins.map[alias].condition = node
            self.joins.last(alias)

    # -- queries within ----------------------------------------------------------------------------------------------

    def inner(self, sub: Sub, base: int, *, exists: bool = False) -> Select:
        """Build and finish a query within this one."""
        builder = Builder.of(self.context, sub, base + sub.base, self)
        return builder.finished(exists=exists)

    def twin(self) -> Builder:
        """Return an empty query of the same model, with this one around it: for negations over many."""
        twin = Builder(self.context, self.model, Shape(), self)
        twin.base_alias = twin.joins.base(self.model)
        twin.relations = self.relations
        return twin

    def begin_at(self, alias: str) -> None:
        """Make a joined table the first one, and drop what led to it."""
        kept = {alias}
        for name, join in self.joins.map.items():
            if join.parent in kept:
                kept.add(name)
        self.joins.map = {name: join for name, join in self.joins.map.items() if name in kept}
        join = self.joins.map[alias]
        join.parent, join.hop, join.kind = "", None, ""
        self.base_alias = alias
        self.model = join.model

    def uses_before(self, alias: str) -> bool:
        """Say whether the conditions so far read a table that ``begin_at`` would drop."""
        kept = {alias}
        for name, join in self.joins.map.items():
            if join.parent in kept:
                kept.add(name)
        read = {alias for each in self.where for alias in _aliases_in(each)}
        return bool((read & set(self.joins.map)) - kept)

    # -- finishing ---------------------------------------------------------------------------------------------------

    def conditions(self) -> Expression | None:
        """Return all conditions as one."""
        return Junction("AND", tuple(self.where)) if self.where else None

    def ordering(self) -> list[OrderBy]:
        """Return the ordering, resolved; its joins are made now."""
        return Ordering(self).items()

    def finished(self, *, labels: bool = False, exists: bool = False, unordered: bool = False) -> Select:
        """Return the SELECT. ``labels``: each column has a name; ``exists``: only whether there are rows matters.

        ``unordered``: the order of rows does not matter, unless a limit makes it decide which there are.
        """
        from vivace.models.sql.select import finish

        keeps = self.shape.limited or self.shape.offset or self.distinct_on
        return finish(self, labels=labels, exists=exists, ordered=bool(keeps) or not (unordered or exists))


class _OnResolver(Resolver):
    """Resolves the condition of a filtered relation: paths through it are columns of its join."""

    def __init__(self, builder: Builder, base: int, depth: int, hops: tuple[Hop, ...], alias: str) -> None:
        super().__init__(builder, base)
        self._depth = depth
        self._hops = hops
        self._alias = alias

    def follow(self, hops: tuple[Hop, ...]) -> list[str]:
        through = hops[: self._depth]
        near = through == self._hops[: len(hops)]
        if any(hop.many for hop in (hops[self._depth :] if near else hops)):
            raise FieldError("The condition of a FilteredRelation cannot follow further relations to many.")
        if through != self._hops:
            return super().follow(hops)
        aliases = [self._alias]
        for hop in hops[self._depth :]:
            aliases.append(self.builder.joins.add(aliases[-1], hop, None)[0])
            self.builder.joins.map[aliases[-1]].within = self._alias
        return aliases


def _aliases_in(node: Expression) -> Iterator[str]:
    """Yield the tables that an expression reads, its subqueries included."""
    for each in node.walk():
        if isinstance(each, Column):
            yield each.alias
        elif isinstance(each, Subquery):
            for inner in each.query.expressions():
                yield from _aliases_in(inner)


def _with_constants(node: Expression, params: list[Any]) -> Expression:
    if isinstance(node, Slot):
        return Constant(params[node.index], node.kind)
    return node.map(lambda child: _with_constants(child, params))


def _combined_width(shape: Shape) -> int:
    return sum(part.width for part in shape.combined.parts) if shape.combined is not None else 0


def group_columns(node: Expression) -> list[Expression]:
    """Return what a query that selects or orders by an expression must group by for its sake."""
    from vivace.models.sql.grouping import columns_of

    return columns_of(node)


__all__ = ["SEPARATOR", "Builder", "Context", "Ref", "group_columns"]
