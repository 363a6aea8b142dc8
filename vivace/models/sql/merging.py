"""Methods that make one state of several: set operations, ``|``, named queries, raw pieces, dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vivace.errors import QueryError
from vivace.errors.nearest import nearest
from vivace.models.expressions.base import Expression
from vivace.models.expressions.names import F
from vivace.models.sql.lifting import Lifter
from vivace.models.sql.outputs import OUTPUTS
from vivace.models.sql.refs import Carried
from vivace.models.sql.shifting import shifted
from vivace.models.sql.state import (
    AnnotateStep,
    Combined,
    CombineStep,
    CteStep,
    ExtraStep,
    FilterStep,
    OrderStep,
    QueryState,
    SetOperation,
    ValuesStep,
    slots_of,
)
from vivace.models.sql.stepping import annotate, check_alias, distinct, filter_by, none, order_by, values
from vivace.models.sql.trees import Branch, Compare, Connector, Scope, Tree


def combine(operation: SetOperation, every: bool, states: Sequence[QueryState]) -> QueryState:
    """Return a state with the rows of several: ``union``, ``intersection`` or ``difference``; ``every`` keeps doubles."""
    if operation == "intersection" and any(s.shape.empty for s in states):
        return none(states[0])
    if operation == "difference" and states[0].shape.empty:
        return states[0]
    kept = [s for s in states if not s.shape.empty]
    if operation == "difference":
        kept = [states[0], *(s for s in states[1:] if not s.shape.empty)]
    if not kept:
        return states[0]
    widths = {len(s.values_names() or s.model._meta.concrete_fields) for s in kept}
    if len(widths) > 1:
        raise QueryError(f"The querysets of a {operation} have different numbers of columns.")
    params: list[Any] = []
    parts: list[Any] = []
    for state in kept:
        part, given = state.sub(len(params))
        params.extend(given)
        parts.append(part)
    first = kept[0]
    shape = msgspec.structs.replace(
        first.shape.__class__(),
        combined=Combined(operation, every, tuple(parts)),
        as_values=first.shape.as_values,
        deferred=first.shape.deferred,
        only=first.shape.only,
    )
    state = QueryState(first.model, (), tuple(params), shape)
    chosen = first.values_names()
    carried = chosen if chosen is not None else _visible(first)
    lifter = Lifter(first)
    items = tuple((name, Carried(name, lifter.outputs.of(_column(lifter, first, name)))) for name in carried)
    steps: tuple[Any, ...] = (AnnotateStep(items),) if items else ()
    if chosen is None:
        return state.but(steps=steps)
    default = [str(name).lstrip("-") for name in first.model._meta.ordering]
    order: tuple[Any, ...] = () if all(name in chosen for name in default) else (OrderStep(()),)
    return state.but(steps=(*steps, *order, ValuesStep(chosen)))


def _visible(state: QueryState) -> list[str]:
    steps = [step for step in state.steps if type(step) is AnnotateStep and step.visible]
    return [name for step in steps for name, _ in step.items]


def _column(lifter: Lifter, state: QueryState, name: str) -> Expression | None:
    """Return what a column of a query is, ``None`` for a raw one."""
    raw = any(type(step) is ExtraStep and name in dict(step.select) for step in state.steps)
    return None if raw else lifter.name(name)


def both(left: QueryState, right: QueryState, connector: Connector) -> QueryState:
    """Return ``left & right`` (or ``|``, ``^``): what is chosen comes from the left, filters from both."""
    if left.model is not right.model:
        raise QueryError(
            f"Querysets of {left.model.__name__} and {right.model.__name__} cannot be combined.",
            expected="two querysets of one model",
        )
    if left.values_names() != right.values_names():
        raise QueryError("Querysets with different values() cannot be combined.")
    if connector == "AND" and (left.sliced or right.sliced):
        raise QueryError("A sliced queryset cannot be combined.", fix="combine first, slice last.")
    left, right = _filterable(left), _filterable(right)
    _, _, right_trees, right_params = _parted(right)
    if connector == "AND":
        step = CombineStep(Branch("AND", right_trees), len(right_params))
        return left.then(step, right_params)
    steps, params, left_trees, left_params = _parted(left)
    moved = tuple(shifted(tree, len(left_params)) for tree in right_trees)
    sides = (Scope(Branch("AND", left_trees)), Scope(Branch("AND", moved), shares=True))
    width = len(left_params) + len(right_params)
    step = CombineStep(Branch(connector, sides), width)
    return left.but(steps=(*steps, step), params=(*params, *left_params, *right_params))


def _filterable(state: QueryState) -> QueryState:
    """Return a state that can take more filters: a sliced one becomes "primary key among those rows"."""
    if not state.sliced:
        return state
    lifter = Lifter(QueryState(state.model))
    sub = lifter.query(state.then(ValuesStep(("pk",))).reshaped(as_values=True))
    target = lifter.target("pk__in")
    from vivace.models.expressions.subqueries import Listed

    node = object.__new__(Listed)
    node.query, node.output_field = sub, None
    tree = Compare(target.path, target.left, target.lookup, node)
    return QueryState(state.model, (FilterStep(tree, len(lifter.params)),), tuple(lifter.params))


def _parted(
    state: QueryState,
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Tree, ...], tuple[Any, ...]]:
    """Split a state into steps that are no filters, their values, the trees of the filters (slots moved), their values."""
    steps: list[Any] = []
    params: list[Any] = []
    trees: list[Tree] = []
    filter_params: list[Any] = []
    for step, base in slots_of(state.steps):
        own = state.params[base : base + step.width]
        if isinstance(step, (FilterStep, CombineStep)):
            trees.append(Scope(shifted(step.tree, len(filter_params))))
            filter_params.extend(own)
        else:
            steps.append(step)
            params.extend(own)
    return tuple(steps), tuple(params), tuple(trees), tuple(filter_params)


def with_cte(
    state: QueryState,
    name: str,
    query: QueryState | None,
    *,
    on: Mapping[str, str] | None = None,
    repeated: QueryState | None = None,
    outer: bool = False,
) -> QueryState:
    """Return a state with a named query (``WITH``), joined where ``on`` pairs a path with one of its columns.

    ``repeated`` makes it recursive: a query that itself uses ``with_cte(name, …)`` to name the rows found so far.
    """
    check_alias(name)
    params: list[Any] = []
    first = second = None
    if query is not None:
        first, given = query.sub(0)
        params.extend(given)
    if repeated is not None:
        second, given = repeated.sub(len(params))
        params.extend(given)
    lifter = Lifter(state)
    for path in on or {}:
        lifter.name(path)
    step = CteStep(name, first, tuple((on or {}).items()), second, outer, len(params))
    return state.then(step, tuple(params))


def extra(
    state: QueryState,
    *,
    select: Mapping[str, str] | None = None,
    select_params: Sequence[Any] = (),
    where: Sequence[str] = (),
    params: Sequence[Any] = (),
    tables: Sequence[str] = (),
    order_by: Sequence[str] = (),
) -> QueryState:
    """Return a state with raw pieces, ``%s`` for each parameter (those of ``select`` come first)."""
    for name in (*(select or {}), *tables):
        check_alias(name)
    marks = sum(sql.count("%s") for sql in (*(select or {}).values(), *where))
    given = (*select_params, *params)
    if marks != len(given):
        raise QueryError(
            "extra() has another number of %s than of parameters.", expected=str(marks), got=str(len(given))
        )
    step = ExtraStep(tuple((select or {}).items()), tuple(where), tuple(tables), tuple(order_by), len(given))
    return state.then(step, given)


def dates(
    state: QueryState,
    name: str,
    kind: str,
    *,
    descending: bool = False,
    tzinfo: Any = None,
    moments: bool = False,
) -> QueryState:
    """Return a state of the distinct dates (``moments``: datetimes) of a field, cut to ``kind``."""
    from vivace.models.expressions.functions.datetime import Trunc

    allowed = ("year", "month", "week", "day", *(("hour", "minute", "second") if moments else ()))
    if kind not in allowed:
        raise QueryError(
            f"dates() cannot cut to {kind!r}.", expected=", ".join(allowed), fix=nearest(kind, allowed)
        )
    field = OUTPUTS.kind("DateTimeField" if moments else "DateField")
    cut = Trunc(name, kind, output_field=field, tzinfo=tzinfo)
    state = annotate(state, (), {"datefield": cut, "plain_field": F(name)}, visible=False)
    state = values(state, ("datefield",), {})
    state = filter_by(distinct(state), (), {"plain_field__isnull": False})
    return order_by(state, ("-datefield" if descending else "datefield",))


__all__ = ["both", "combine", "dates", "extra", "with_cte"]
