"""Compiling reads: what each verb makes of a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from vivace.db.types import Statement
from vivace.models.expressions.aggregates import Aggregate as AggregateFunction
from vivace.models.expressions.aggregates import Count as CountFunction
from vivace.models.expressions.base import Expression
from vivace.models.expressions.conditional import Junction
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.values import Constant, Star
from vivace.models.fields.composite import CompositePrimaryKey
from vivace.models.sql import verbs
from vivace.models.sql.building import Builder, Context
from vivace.models.sql.elements import dialect_named
from vivace.models.sql.outputs import OUTPUTS
from vivace.models.sql.plan import Output, Plan, Selection
from vivace.models.sql.reading import Reading, short_lists
from vivace.models.sql.refs import Column, Named
from vivace.models.sql.render import Renderer
from vivace.models.sql.resolve import Resolver
from vivace.models.sql.select import Item, Select
from vivace.models.sql.state import Shape, Sub


def compiled_plan(
    model: Any, steps: tuple[Any, ...], shape: Shape, verb: Any, dialect: str, listening: Any
) -> Plan:
    """Return a new plan."""
    if isinstance(verb, (verbs.Insert, verbs.BulkUpdate, verbs.Update, verbs.Delete)):
        from vivace.models.sql.writing import write_plan

        return write_plan(model, steps, shape, verb, dialect, listening)
    if isinstance(verb, verbs.Explain):
        return _explained(model, steps, shape, verb, dialect, listening)
    builder = built(model, steps, shape, verb, dialect)
    select = _SELECTS[type(verb)](builder, verb)
    return read_plan(builder, select)


def built(model: Any, steps: tuple[Any, ...], shape: Shape, verb: Any, dialect: str) -> Builder:
    """Return the builder of a query."""
    width = sum(step.width for step in steps)
    return Builder.of(Context(dialect), Sub(model, steps, shape, 0, width), extra=verbs.width_of(verb))


# -- the SELECT of each verb ------------------------------------------------------------------------------------------


def _rows(builder: Builder, verb: verbs.Rows) -> Select:
    return builder.finished()


def _count(builder: Builder, verb: verbs.Count) -> Select:
    star = CountFunction("*")
    if not _needs_query_around(builder):
        select = builder.finished(exists=True)
        select.items, select.order = [Item("count", star)], []
        return select
    inner = _inner(builder)
    return _around(inner, [Item("count", star)])


def _exists(builder: Builder, verb: verbs.Exists) -> Select:
    return _inner(builder)


def _aggregated(builder: Builder, verb: verbs.Aggregate) -> Select:
    resolver = Resolver(builder, builder.verb_base)
    items: list[Item] = []
    around = _needs_query_around(builder) or _reads_groups(verb)
    for name, node in verb.items:
        builder.annotations[name] = resolved = resolver.resolve(node)
        builder.visible[name] = False
        items.append(Item(name, resolved, name))
    if not around:
        select = builder.finished(exists=True)
        select.items, select.order, select.group = items, [], None
        return select
    for item in items:
        del builder.annotations[item.name]
    inner = _inner(builder)
    lowering = _Lowering(inner, builder)
    return _around(
        inner, [Item(i.name, lowering.lower(i.expression), i.label) for i in items], lowering.alias
    )


_SELECTS: dict[type, Callable[[Builder, Any], Select]] = {
    verbs.Rows: _rows,
    verbs.Count: _count,
    verbs.Exists: _exists,
    verbs.Aggregate: _aggregated,
}


def _needs_query_around(builder: Builder) -> bool:
    shape = builder.shape
    return bool(
        shape.distinct
        or shape.limited
        or shape.offset
        or builder.group is not False
        or any(part.contains_aggregate or part.contains_over_clause for part in builder.where)
    )


def _reads_groups(verb: verbs.Aggregate) -> bool:
    """Say whether an aggregate is over a window or another aggregate."""
    for _, node in verb.items:
        for each in node.walk():
            if isinstance(each, AggregateFunction):
                below = [n for child in each.children() for n in child.walk()]
                if any(n.contains_over_clause or isinstance(n, AggregateFunction) for n in below):
                    return True
    return False


def _counts_columns(builder: Builder) -> bool:
    """Say whether the number of rows depends on what is selected."""
    return builder.shape.distinct


def _inner(builder: Builder) -> Select:
    return builder.finished(labels=True, exists=not _counts_columns(builder), unordered=True)


def _around(inner: Select, items: list[Item], alias: str = "") -> Select:
    outer = Select(inner.context)
    outer.items = items
    outer.inside = (alias or inner.context.aliases.new("subquery"), inner)
    outer.ctes, inner.ctes = inner.ctes, []
    return outer


class _Lowering:
    """Moves what aggregates read into the query below, and gives them its columns instead."""

    def __init__(self, inner: Select, builder: Builder) -> None:
        self.inner = inner
        self.builder = builder
        self.alias = inner.context.aliases.new("subquery")
        if inner.inside is None and not builder.shape.distinct:
            inner.items = []

    def lower(self, node: Expression) -> Expression:
        """Return an expression that reads the query below."""
        if isinstance(node, AggregateFunction):
            changes: dict[str, Any] = {"source": tuple(self._carried(each) for each in node.source)}
            if node.filter is not None:
                changes["filter"] = self._carried(node.filter)
            changes["order_by"] = tuple(
                each.but(expression=self._carried(each.expression)) if isinstance(each, OrderBy) else each
                for each in node.order_by
            )
            return node.but(**changes)
        return node.map(self.lower)

    def _carried(self, node: Expression) -> Expression:
        if isinstance(node, Star) or not _reads_rows(node):
            return node
        for item in self.inner.items:
            if item.expression.key() == node.key() and item.label:
                return Named(self.alias, item.label, OUTPUTS.of(node))
        label = f"a{len(self.inner.items)}"
        self.inner.items.append(Item("", node, label))
        if self.inner.group is not None:
            from vivace.models.sql.grouping import columns_of

            known = {each.key() for each in self.inner.group}
            self.inner.group += [each for each in columns_of(node) if each.key() not in known]
        return Named(self.alias, label, OUTPUTS.of(node))


def _reads_rows(node: Expression) -> bool:
    return any(isinstance(each, (Column, Named)) or not isinstance(each, Constant) for each in node.walk())


# -- the plan of a SELECT ---------------------------------------------------------------------------------------------


def read_plan(builder: Builder, select: Select) -> Plan:
    """Return the plan of a SELECT."""
    renderer = Renderer(builder.context.dialect)
    if select.inside is not None and not select.inside[1].items:
        select.inside[1].items = [Item("one", Constant(1), "one")]
    select.ctes = builder.context.ctes
    sql, bind = rendered(renderer, renderer.select(select))
    reading = Reading(builder, select, anything=renderer.reads_anything)
    statement = Statement(sql=sql, reads=frozenset(builder.context.tables), short=reading.short)
    lists = tuple(short_lists(builder, select)) if reading.short else ()
    short = statement if reading.short else None
    if lists:
        statement = msgspec.structs.replace(statement, short=False)
    return Plan(
        statement=statement,
        short=short,
        lists=lists,
        bind=bind,
        outputs=outputs_of(select, builder.context.dialect),
        selection=_selection(select),
        annotations=_annotations(select),
        empty=select.empty
        or (
            renderer.known(Junction("AND", tuple(select.where))) is False
            and select.inside is None
            and not _always_row(select)
        ),
        whole=reading.whole,
        narrow=reading.narrow,
        reached=reading.reached,
    )


def _always_row(select: Select) -> bool:
    """Say whether one row comes even when none matches: aggregates without groups."""
    return select.group is None and any(item.expression.contains_aggregate for item in select.items)


def rendered(renderer: Renderer, element: Any) -> tuple[str, Callable[[Sequence[Any]], Sequence[Any]]]:
    """Compile an element: SQL, and the function that binds its parameters."""
    compiled = element.compile(dialect=dialect_named(renderer.dialect))
    names = list(compiled.positiontup or ())
    return str(compiled), renderer.binds.function(names)


def outputs_of(select: Select, dialect: str) -> tuple[Output, ...]:
    """Return what the columns are."""
    return tuple(
        Output(i.name, converter_of(i.expression, dialect), OUTPUTS.of(i.expression)) for i in select.items
    )


def converter_of(node: Expression, dialect: str) -> Callable[[Any], Any] | None:
    """Return what turns a column's value into the one that its field promises."""
    field = OUTPUTS.of(node)
    if field is None:
        return None
    if isinstance(field, CompositePrimaryKey):
        return _unpacking([OUTPUTS.plain(each).converter(dialect) for each in field.fields], dialect)
    convert: Callable[[Any], Any] | None = field.converter(dialect)
    if isinstance(node, Column):
        return convert
    kind = OUTPUTS.name(field)
    free = OUTPUTS.kind("DecimalField")
    if type(field) is type(free):
        converted: Callable[[Any], Any] | None = free.converter(dialect)
        return converted  # what is computed may have more digits than the column that it comes from
    number = float if kind == "FloatField" else int if OUTPUTS.is_integer(field) else None
    if number is None:
        return convert
    return lambda value: None if value is None else number(value)


def _unpacking(converters: list[Any], dialect: str) -> Callable[[Any], Any]:
    """Return what makes the tuple of a composite key from its one column."""
    import json

    def unpacked(value: Any) -> Any:
        if value is None:  # of a row that an outer join or a subquery did not find
            return None
        parts = json.loads(value) if dialect == "sqlite" else value
        return tuple(
            part if convert is None else convert(part)
            for part, convert in zip(parts, converters, strict=True)
        )

    return unpacked


def _selection(select: Select) -> Selection | None:
    return select.loaded.selection if select.loaded is not None else None


def _annotations(select: Select) -> tuple[tuple[str, int], ...]:
    names = {
        item.name: position for position, item in enumerate(select.items) if item.name in select.annotations
    }
    return tuple((name, names[name]) for name in select.annotations)


def _explained(
    model: Any, steps: tuple[Any, ...], shape: Shape, verb: verbs.Explain, dialect: str, listening: Any
) -> Plan:
    plan = compiled_plan(model, steps, shape, verb.verb, dialect, False)
    prefix = _explain_prefix(verb, dialect)
    statement = msgspec.structs.replace(plan.statement, sql=prefix + plan.statement.sql, short=False)
    names = ("id", "parent", "notused", "detail") if dialect == "sqlite" else ("QUERY PLAN",)
    outputs = tuple(Output(name) for name in names)
    parts = {name: getattr(plan, name) for name in Plan.__slots__}
    parts |= {"statement": statement, "short": None, "outputs": outputs, "selection": None, "annotations": ()}
    return Plan(**parts)


# https://www.postgresql.org/docs/current/sql-explain.html; which of them a server knows depends on its version
_EXPLAIN_OPTIONS: Final = (
    *(
        "ANALYZE",
        "VERBOSE",
        "COSTS",
        "SETTINGS",
        "GENERIC_PLAN",
        "BUFFERS",
        "WAL",
        "TIMING",
        "SUMMARY",
        "MEMORY",
    ),
)


def _explain_prefix(verb: verbs.Explain, dialect: str) -> str:
    from vivace.errors import QueryError

    if dialect == "sqlite":
        if verb.format or verb.options:
            raise QueryError("explain() on SQLite takes neither format nor options.")
        return "EXPLAIN QUERY PLAN "
    formats = ("", "TEXT", "XML", "JSON", "YAML")
    if verb.format.upper() not in formats:
        raise QueryError(f"{verb.format} is not a recognized format.", expected="TEXT, XML, JSON or YAML")
    parts = [f"FORMAT {verb.format.upper()}"] if verb.format else []
    for name, value in verb.options:
        if name.upper() not in _EXPLAIN_OPTIONS or not isinstance(value, bool):
            raise QueryError(
                f"explain() cannot have the option {name[:40]!r}.",
                expected=f"{', '.join(_EXPLAIN_OPTIONS).lower()}: True or False",
                got=repr(value)[:40],
            )
        parts.append(f"{name.upper()} {'true' if value else 'false'}")
    return f"EXPLAIN ({', '.join(parts)}) " if parts else "EXPLAIN "


__all__ = ["built", "compiled_plan", "converter_of", "outputs_of", "read_plan", "rendered"]
