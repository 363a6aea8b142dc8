"""A finished SELECT, ready to be rendered, and how a builder becomes one.

*Wrapping.* Conditions on windows, and an ordering by what DISTINCT does not select, need a query around: the inner one
selects them under names of their own, the outer one filters and orders by these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vivace.errors import FieldError
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction
from vivace.models.expressions.func import Columns
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.values import Constant
from vivace.models.sql.grouping import columns_of
from vivace.models.sql.loading import Loaded, load
from vivace.models.sql.ordering import raw_select
from vivace.models.sql.refs import Column, Named, Outer

if TYPE_CHECKING:
    from vivace.models.sql.building import Builder, Context
    from vivace.models.sql.joins import Join


class Item(msgspec.Struct, frozen=True):
    """One column of the result. ``label`` is its name in SQL where one is needed."""

    name: str
    expression: Expression
    label: str = ""


class CommonTable(msgspec.Struct):
    """One named query of WITH."""

    name: str
    columns: tuple[str, ...]
    first: Select
    repeated: Select | None = None


class Select:
    """A SELECT. ``inside`` is the wrapped query of which it selects, in place of tables."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.items: list[Item] = []
        self.joins: list[Join] = []
        self.inside: tuple[str, Select] | None = None
        self.tables: tuple[str, ...] = ()
        self.where: list[Expression] = []
        self.raw_where: list[Expression] = []
        self.group: list[Expression] | None = None
        self.having: list[Expression] = []
        self.order: list[OrderBy] = []
        self.distinct = False
        self.distinct_on: list[Expression] = []
        self.limit: int | None = None
        self.offset: int | None = None
        self.lock: Any = None
        self.lock_aliases: tuple[str, ...] = ()
        self.empty = False
        self.loaded: Loaded | None = None
        self.annotations: tuple[str, ...] = ()
        self.ctes: list[CommonTable] = []

    def outer_columns(self) -> list[Column]:
        """Return the columns of queries around this one that it reads."""
        found: dict[Any, Column] = {}
        for node in self.expressions():
            for each in node.walk():
                if isinstance(each, Outer):
                    found.update((c.key(), c) for c in each.expression.walk() if isinstance(c, Column))
        own = {join.alias for join in self.joins}
        return [column for column in found.values() if column.alias not in own]

    def expressions(self) -> list[Expression]:
        """Return all expressions in it, not those of subqueries."""
        parts = [item.expression for item in self.items]
        parts += [
            *self.where,
            *self.raw_where,
            *(self.group or ()),
            *self.having,
            *self.order,
            *self.distinct_on,
        ]
        return parts + [join.condition for join in self.joins if join.condition is not None]


def finish(builder: Builder, *, labels: bool, exists: bool, ordered: bool) -> Select:
    """Return the SELECT of a builder."""
    select = Select(builder.context)
    select.limit, select.offset = builder.limit_slots
    select.empty = builder.shape.empty
    if exists and not _needs_columns(builder):
        select.items = [Item("one", Constant(1))]
    else:
        _columns(builder, select)
    _extras(builder, select)
    if ordered:
        select.order = builder.ordering()
    having, qualify = _conditions(builder, select)
    _distinct(builder, select)
    _group(builder, select, having)
    select.having = having
    _lock(builder, select)
    select.joins = list(builder.joins.map.values())
    _check_combined(builder, select)
    _read_tables(builder)
    if qualify or (select.distinct and _orders_by_unselected(select)):
        select = _wrapped(select, qualify)
    if labels:
        select.items = _named_once([_labelled(item) for item in select.items], select.loaded is not None)
    return select


def _check_combined(builder: Builder, select: Select) -> None:
    """Refuse what is asked of a combination that its queries do not have."""
    if builder.shape.combined is None:
        return
    had = [item.label for item in builder.joins.map[builder.base_alias].source.parts[0].items]
    asked = [
        node.field
        for expression in select.expressions()
        for node in expression.walk()
        if isinstance(node, Column) and node.alias == builder.base_alias
    ]
    hops = [join.hop for join in select.joins if join.hop is not None and join.parent == builder.base_alias]
    asked += [own for hop in hops for own, _ in hop.pairs]
    for field in asked:
        if field.column not in had:
            raise FieldError(
                f"The combined queries do not have {field.name!r}.",
                expected=", ".join(had),
                got=field.name,
                fix="Add it to their values(), or use what they have.",
            )


def _needs_columns(builder: Builder) -> bool:
    shape = builder.shape
    return bool(shape.distinct or shape.combined or builder.distinct_on)


def _columns(builder: Builder, select: Select) -> None:
    raw = {
        name: raw_select(step, base, position, sql)
        for step, base in builder.extra
        for position, (name, sql) in enumerate(step.select)
    }
    if builder.chosen is not None:
        for name in builder.chosen:
            node = builder.annotations.get(name) or builder.columns.get(name) or raw.get(name)
            select.items.append(Item(name, node or builder.lookup(name), name))
        return
    select.loaded = load(builder)
    select.items = [Item(name, node) for name, node in select.loaded.columns]
    shown = [name for name, visible in builder.visible.items() if visible]
    select.annotations = (*shown, *raw)
    select.items += [Item(name, builder.annotations[name], name) for name in shown]
    select.items += [Item(name, node, name) for name, node in raw.items()]


def _extras(builder: Builder, select: Select) -> None:
    from vivace.models.expressions.values import RawSQL, Slot

    for step, base in builder.extra:
        select.tables += step.tables
        before = sum(sql.count("%s") for _, sql in step.select)
        for sql in step.where:
            count = sql.count("%s")
            params = tuple(Slot(base + before + i, "any") for i in range(count))
            select.raw_where.append(RawSQL(sql).but(params=params))
            before += count


def _conditions(builder: Builder, select: Select) -> tuple[list[Expression], list[Expression]]:
    """Distribute the conditions on WHERE, HAVING and the query around."""
    having: list[Expression] = []
    qualify: list[Expression] = []
    for part in conjuncts(builder.conditions()):
        if part.contains_over_clause:
            qualify.append(part)
        elif part.contains_aggregate:
            having.append(part)
        else:
            select.where.append(part)
    return having, qualify


def conjuncts(node: Expression | None) -> list[Expression]:
    """Return the parts of a condition that must all hold."""
    if node is None:
        return []
    if isinstance(node, Junction) and not node.negated and (node.connector == "AND" or len(node.parts) == 1):
        return [each for part in node.parts for each in conjuncts(part)]
    return [node]


def _distinct(builder: Builder, select: Select) -> None:
    select.distinct = builder.shape.distinct and not builder.distinct_on
    select.distinct_on = [builder.lookup(name) for name in builder.distinct_on]


def _group(builder: Builder, select: Select, having: list[Expression]) -> None:
    if builder.group is False and not having:
        return
    wanted: list[Expression] = list(builder.group) if isinstance(builder.group, list) else []
    known = {node.key() for node in wanted}
    for item in select.items:
        if item.expression.key() not in known:
            wanted += columns_of(item.expression)
    if builder.order is not None:
        selected = {item.expression.key() for item in select.items}
        for order in select.order:
            if order.expression.key() not in selected:
                wanted += columns_of(order)
    beyond = [each for part in having for each in columns_of(part)]
    if builder.group is True or not isinstance(builder.group, list):
        wanted = [*_keys(builder), *wanted]
    select.group = _collapsed(wanted, beyond)


def _keys(builder: Builder) -> list[Expression]:
    return [builder.lookup(field.attname) for field in builder.model._meta.pk_fields]


def _collapsed(wanted: list[Expression], beyond: list[Expression]) -> list[Expression]:
    """Drop doubles, and columns of tables whose primary key is there: they depend on it."""
    wanted = [each for node in wanted for each in (node.columns if isinstance(node, Columns) else (node,))]
    unique = {node.key(): node for node in (*wanted, *beyond)}
    kept = {node.key() for node in beyond}
    whole = {node.alias for node in unique.values() if isinstance(node, Column) and node.field.primary_key}
    return [
        node
        for key, node in unique.items()
        if key in kept or not isinstance(node, Column) or node.field.primary_key or node.alias not in whole
    ]


def _lock(builder: Builder, select: Select) -> None:
    select.lock = builder.shape.lock
    if select.lock is not None and select.lock.of:
        loaded = select.loaded
        paths = loaded.aliases if loaded is not None else {"": builder.base_alias}
        wanted = {"self": builder.base_alias, **paths}
        for name in select.lock.of:
            if name not in wanted:
                raise FieldError(
                    f"select_for_update(of=…) names {name!r}, which the query does not load.",
                    expected=", ".join(filter(None, wanted)),
                    got=name,
                    fix=f"Add select_related({name!r}), or leave it out.",
                )
        select.lock_aliases = tuple(wanted[name] for name in select.lock.of)


def _read_tables(builder: Builder) -> None:
    for join in builder.joins.map.values():
        if join.source is None:
            builder.context.tables.add(join.model._meta.db_table)
    for step, _ in builder.extra:
        builder.context.tables.update(step.tables)


def _orders_by_unselected(select: Select) -> bool:
    selected = {item.expression.key() for item in select.items}
    return any(each.expression.key() not in selected for each in select.order)


def _wrapped(inner: Select, qualify: list[Expression]) -> Select:
    outer = Select(inner.context)
    alias = inner.context.aliases.new("qualify")
    inner.items = [
        Item(item.name, item.expression, f"c{position}") for position, item in enumerate(inner.items)
    ]
    outer.items = [_carried(alias, item) for item in inner.items]
    for position, part in enumerate(qualify):
        inner.items.append(Item("", part, f"q{position}"))
        outer.where.append(Named(alias, f"q{position}"))
    known = {item.expression.key(): item.label for item in inner.items}
    for position, order in enumerate(inner.order):
        label = known.get(order.expression.key())
        if label is None:
            label = f"o{position}"
            inner.items.append(Item("", order.expression, label))
        outer.order.append(order.but(expression=Named(alias, label)))
    outer.inside = (alias, inner)
    outer.loaded, outer.annotations, outer.empty = inner.loaded, inner.annotations, inner.empty
    outer.limit, outer.offset, outer.ctes = inner.limit, inner.offset, inner.ctes
    inner.limit = inner.offset = None
    inner.order, inner.ctes = [], []
    if qualify and inner.distinct:
        inner.distinct, outer.distinct = False, True
    return outer


def _carried(alias: str, item: Item) -> Item:
    from vivace.models.sql.outputs import OUTPUTS

    named = Named(alias, item.label, OUTPUTS.of(item.expression))
    return Item(item.name, named, item.name if item.name else "")


def _labelled(item: Item) -> Item:
    if isinstance(item.expression, Column):
        return msgspec.structs.replace(item, label=item.label or item.expression.field.column)
    return msgspec.structs.replace(item, label=item.label or item.name)


def _named_once(items: list[Item], loaded: bool) -> list[Item]:
    """Drop repeated columns of objects: a child's key is its parent's too, and a table has each name once."""
    first: dict[str, Item] = {}
    for item in items:
        first.setdefault(item.label, item)
    return list(first.values()) if loaded else items


__all__ = ["CommonTable", "Item", "Select", "conjuncts", "finish"]
