"""Methods that add a step to a state or change its shape: filter, annotate, values, order, loading, limits, locks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from vivace.errors import FieldError, QueryError
from vivace.errors.nearest import nearest
from vivace.models.expressions.arithmetic import as_operand
from vivace.models.expressions.base import Expression, is_expression
from vivace.models.expressions.names import F, OuterRef
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.q import Q
from vivace.models.expressions.relations import FilteredRelation
from vivace.models.sql import names
from vivace.models.sql.lifting import Lifter
from vivace.models.sql.names import SEPARATOR
from vivace.models.sql.refs import Ref
from vivace.models.sql.state import (
    FEW,
    AnnotateStep,
    DistinctStep,
    ExtraStep,
    FilterStep,
    LockOptions,
    OrderItem,
    OrderStep,
    QueryState,
    RelationStep,
    Shape,
    ValuesStep,
)
from vivace.models.sql.trees import Branch, Compare

_NAMES: Final = frozenset((str,))
_ALIAS: Final = re.compile(r"[^\s'\"`;\\\[\](){}.%#\x00-\x1f]+")


def filter_by(
    state: QueryState, args: Sequence[Any], kwargs: Mapping[str, Any], *, negated: bool = False
) -> QueryState:
    """Return a state with only the rows that meet (or with ``negated`` do not meet) all conditions."""
    if not args and kwargs and not negated:
        found = _by_values(state, kwargs)
        if found is not None:
            return found
    if state.sliced:
        raise QueryError("A sliced queryset cannot be filtered.", fix="filter first, slice last.")
    if not args and not kwargs:
        return state
    lifter = Lifter(state)
    tree = lifter.tree(Q(*args, **kwargs))
    if negated and tree.children:
        tree = Branch("AND", (tree,), negated=True)
    return state.then(FilterStep(tree, len(lifter.params)), tuple(lifter.params))


def _by_values(state: QueryState, given: Mapping[str, Any]) -> QueryState | None:
    """Return a state filtered by plain values of plain fields: most queries by far, without looking at anything twice."""
    model, steps, shape = state.model, state.steps, state.shape
    if shape.limited or shape.offset:
        return None
    if steps and not _only_conditions(steps):
        return None  # an annotation may have the name
    # The first time as well: the step that is compiled must be the one that is looked up, or each look-up compares trees.
    cache = model._meta.path_cache
    known: Any
    step: Any = None
    for name, value in given.items():
        known = cache.get(name) or Lifter(state).target(name)
        plain = known.plain
        if type(value) is not plain:
            return None
        if not known.low <= value <= known.high if plain is int else plain is str and "\x00" in value:
            return None
        step = known.step
    values: Any = given.values()
    if len(given) > 1:
        wanted = tuple(sorted(given))
        step = cache.get(("filtered", wanted)) or _together(state, wanted)
        values = [given[name] for name in wanted]
    return QueryState(model, (*steps, step), (*state.params, *values), shape, state.low, state.high)


def _only_conditions(steps: tuple[Any, ...]) -> bool:
    """Say whether a query has only conditions and orders so far: nothing that gives names."""
    for step in steps:  # noqa: SIM110 - a generator for it would cost twice what the loop does
        if type(step) is not FilterStep and type(step) is not OrderStep:
            return False
    return True


def _together(state: QueryState, wanted: tuple[str, ...]) -> FilterStep:
    """Return the step that is made of several ready-made ones, and remember it."""
    targets = [Lifter(state).target(name) for name in wanted]
    leaves = [target.leaf for target in targets if target.leaf is not None]
    tree = Branch("AND", tuple(_at(leaf, index) for index, leaf in enumerate(leaves)))
    step = FilterStep(tree, len(leaves))
    if not any(target.path is not None and target.path.shared for target in targets):
        names.remember(state.model, ("filtered", wanted), step)
    return step


def _at(leaf: Compare, index: int) -> Compare:
    """Return a comparison with the value at another place of its step."""
    return msgspec.structs.replace(leaf, right=leaf.right.but(index=index))


# -- named expressions ----------------------------------------------------------------------------------------------


def annotate(
    state: QueryState, args: Sequence[Any], kwargs: Mapping[str, Any], *, visible: bool = True
) -> QueryState:
    """Return a state whose rows have these expressions too; aggregates among them group the rows."""
    given = {**with_default_names(args), **kwargs}
    taken = _taken(state)
    lifter = Lifter(state)
    items: list[tuple[str, Expression]] = []
    for name, written in given.items():
        check_alias(name)
        if name in taken:
            raise QueryError(
                f"The annotation {name!r} conflicts with a field of {state.model.__name__}.",
                fix="give it another name.",
            )
        if isinstance(written, FilteredRelation):
            state = _with_relation(state, name, written)
            lifter.relations[name] = state.steps[-1]  # type: ignore[assignment]
            continue
        node = annotation(lifter, name, written)
        lifter.annotations[name] = node
        items.append((name, node))
    if not items:
        return state
    return state.then(AnnotateStep(tuple(items), len(lifter.params), visible), tuple(lifter.params))


def annotation(lifter: Lifter, name: str, written: Any) -> Expression:
    if not is_expression(written):
        raise QueryError(
            f"The annotation {name!r} is no expression.",
            expected="an expression: F(…), Value(…), an aggregate, a function",
            got=type(written).__name__,
            fix=f"write Value({written!r}) for a constant." if not callable(written) else "",
        )
    node = lifter.lift(_asannotation(written))
    lifter.outputs.of(node)  # mixed types raise here, at the line that wrote them
    return node


def _asannotation(written: Any) -> Expression:
    if isinstance(written, Expression):
        return written
    from vivace.models.expressions.subqueries import Subquery

    return Subquery(written)


def with_default_names(args: Sequence[Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for written in args:
        name = written.default_alias() if isinstance(written, Expression) else ""
        if not name:
            raise QueryError(
                "An expression without a name has no default one.",
                got=repr(written)[:80],
                fix="name it: annotate(total=…).",
            )
        if name in given:
            raise QueryError(f"The name {name!r} is given twice.", fix="name one of them yourself.")
        given[name] = written
    return given


def _taken(state: QueryState) -> set[str]:
    chosen = state.values_names()
    if chosen is not None:
        return set()
    taken: set[str] = set()
    for field in state.model._meta.get_fields():
        taken.add(field.name)
        taken.add(getattr(field, "attname", field.name))
    return taken


def check_alias(name: str) -> None:
    """Raise ``QueryError`` for a name that cannot be one: it would have to be quoted into something else."""
    if (
        not name
        or not _ALIAS.fullmatch(name)
        or "--" in name
        or "/*" in name
        or len(name) > 200
        or _is_ours(name)
    ):
        raise QueryError(
            f"{name[:80]!r} cannot be the name of an annotation or column.",
            expected="a name without spaces, quotes, brackets, dots, semicolons and comment signs",
        )


def _is_ours(name: str) -> bool:
    """Say whether an attribute of this name would break an object."""
    return name == "_state" or (name.startswith("__") and name.endswith("__"))


def _with_relation(state: QueryState, name: str, relation: FilteredRelation) -> QueryState:
    if SEPARATOR in name:
        raise QueryError(f"The name of a FilteredRelation cannot contain {SEPARATOR!r}: {name!r}.")
    path = names.find(state.model, relation.relation_name)
    if path.rest or not path.final.is_relation:
        known = [field.name for field in state.model._meta.get_fields() if field.is_relation]
        raise FieldError(
            f"FilteredRelation needs a relation, {relation.relation_name!r} is none.",
            fix=nearest(relation.relation_name, known),
        )
    lifter = Lifter(state)
    tree = lifter.tree(relation.condition)
    step = RelationStep(name, relation.relation_name, tree, len(lifter.params))
    return state.then(step, tuple(lifter.params))


# -- columns ---------------------------------------------------------------------------------------------------------


def values(state: QueryState, chosen: Sequence[Any], expressions: Mapping[str, Any]) -> QueryState:
    """Return a state whose rows are the values of these names; without any, of all columns and annotations.

    ``chosen`` may contain expressions without a name of their own (``values_list(F("a") + 1)``): they get one.
    """
    wanted, named = _named(chosen, expressions)
    if named:
        state = annotate(state, (), named)
    if not wanted:
        wanted = all_values(state)
    lifter = Lifter(state)
    for name in wanted:
        _check_value(lifter, state, name)
    return state.then(ValuesStep(tuple(wanted))).reshaped(as_values=True, deferred=None, related=())


def _check_value(lifter: Lifter, state: QueryState, name: str) -> None:
    if "\x00" in name:  # a JSON key: it becomes the column's name, and SQLite reads SQL until a NUL
        raise FieldError(f"values() cannot have the name {name!r}.", expected="a name without NUL")
    if not any(type(step) is ExtraStep and name in dict(step.select) for step in state.steps):
        lifter.name(name)


def _named(chosen: Sequence[Any], expressions: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return all names, and the expressions behind those that are no plain ones."""
    named: dict[str, Any] = {}
    wanted: list[str] = []
    for each in chosen:
        if isinstance(each, F) and not isinstance(each, OuterRef):
            wanted.append(each.name)
        elif isinstance(each, str):
            wanted.append(each)
        elif is_expression(each):
            name = f"{type(each).__name__.lower()}{len(named) + 1}"
            named[name] = each
            wanted.append(name)
        else:
            raise FieldError("values() takes names and expressions.", got=repr(each)[:80])
    return [*wanted, *expressions], {**named, **expressions}


def all_values(state: QueryState) -> list[str]:
    """Return the names that ``values()`` without arguments means."""
    chosen = [field.attname for field in state.model._meta.concrete_fields]
    for step in state.steps:
        if type(step) is AnnotateStep and step.visible:
            chosen.extend(name for name, _ in step.items)
        elif type(step) is ExtraStep:
            chosen.extend(name for name, _ in step.select)
    return chosen


def defer(state: QueryState, wanted: Sequence[str] | None) -> QueryState:
    """Return a state that leaves these fields out; ``None`` loads all again."""
    if wanted is None:
        return state.reshaped(deferred=None, only=False)
    _check_loading(state, wanted)
    shape = state.shape
    if shape.only and shape.deferred is not None:
        left = tuple(name for name in shape.deferred if name not in wanted)
        return state.reshaped(deferred=left or None, only=bool(left))
    return state.reshaped(deferred=_merged(shape.deferred or (), wanted), only=False)


def only(state: QueryState, wanted: Sequence[str]) -> QueryState:
    """Return a state that loads these fields only, and the primary key."""
    _check_loading(state, wanted)
    shape = state.shape
    if not shape.only and shape.deferred:
        wanted = [name for name in wanted if name not in shape.deferred]
    return state.reshaped(deferred=tuple(dict.fromkeys(wanted)), only=True)


def _check_loading(state: QueryState, wanted: Sequence[str]) -> None:
    if state.shape.as_values:
        raise QueryError("defer() and only() choose what instances have; values() makes none.")
    for name in wanted:
        path = names.find(state.model, name)
        if path.rest:
            raise names.unknown(path.targets[0].model._meta, path.rest[0], name, after=True)


def _merged(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def select_related(state: QueryState, wanted: Sequence[str] | bool | None) -> QueryState:
    """Return a state that fetches these relations to one along; ``True``: all that are not null; ``None``: none."""
    if state.shape.as_values:
        raise QueryError("select_related() loads instances; values() makes none.")
    if wanted is None or wanted is True:
        return state.reshaped(related=True if wanted else ())
    relations = {step.name for step in state.steps if type(step) is RelationStep}
    for name in wanted or ():
        if name.split(SEPARATOR)[0] not in relations:
            _check_related(state, name)
    old = () if state.shape.related is True else state.shape.related
    return state.reshaped(related=_merged(old, wanted or ()))


def _check_related(state: QueryState, name: str) -> None:
    options = state.model._meta
    for part in name.split(SEPARATOR):
        field = names.field_named(options, part)
        if field is None or not field.is_relation or field.one_to_many or field.many_to_many:
            known = [
                f.name
                for f in options.get_fields()
                if f.is_relation and not (f.one_to_many or f.many_to_many)
            ]
            raise FieldError(
                f"select_related cannot follow {part!r} of {options.label} (in {name!r}).",
                expected=f"a relation to one: {', '.join(known) or 'it has none'}",
                fix=nearest(part, known)
                or ("use prefetch_related for relations to many." if field is not None else ""),
            )
        options = field.related_model._meta


# -- order, number, locks --------------------------------------------------------------------------------------------


def order_by(state: QueryState, written: Sequence[Any]) -> QueryState:
    """Return a state in this order: names (``-`` for descending, ``?`` for random) and expressions. None: no order."""
    if state.sliced:
        raise QueryError("A sliced queryset cannot be ordered again.", fix="order first, slice last.")
    key = (
        ("ordered", *written) if set(map(type, written)) <= _NAMES and _only_conditions(state.steps) else None
    )
    known: OrderStep | None = None if key is None else state.model._meta.path_cache.get(key)
    if known is not None:
        return state.then(known)
    lifter = Lifter(state)
    step = OrderStep(tuple(_order_item(lifter, state, each) for each in written), len(lifter.params))
    if key is not None and all(_is_kept(lifter, item) for item in step.items):
        names.remember(state.model, key, step)
    return state.then(step, tuple(lifter.params))


def _is_kept(lifter: Lifter, item: OrderItem) -> bool:
    """Say whether a part of an ordering means the same whenever its name is written: then the whole is one step for ever."""
    known = lifter.model._meta.path_cache.get(("order", item.name, item.descending))
    return item.random or known is item


def _order_item(lifter: Lifter, state: QueryState, written: Any) -> OrderItem:
    if isinstance(written, str):
        descending = written.startswith("-")
        name = written.lstrip("-") if descending else written.removeprefix("+")
        if name == "?":
            return OrderItem(None, descending, random=True)
        if any(type(s) is ExtraStep and name in dict(s.select) for s in state.steps):
            return OrderItem(None, descending, name=name)
        return _named_item(lifter, name, descending)
    if not is_expression(written):
        raise FieldError("order_by takes names and expressions.", got=repr(written)[:80])
    node = as_operand(written)
    item = node if isinstance(node, OrderBy) else OrderBy(node)
    return OrderItem(lifter.lift(item.expression), item.descending, item.nulls)


def _named_item(lifter: Lifter, name: str, descending: bool) -> OrderItem:
    if lifter.annotations or lifter.relations:
        return OrderItem(lifter.name(name), descending, name=name)
    key = ("order", name, descending)
    known: OrderItem | None = lifter.model._meta.path_cache.get(key)
    if known is None:
        known = OrderItem(lifter.name(name), descending, name=name)
        if not isinstance(known.expression, Ref) or known.expression.path.shared:
            return known  # a chain of keys of JSON may be anything
        names.remember(lifter.model, key, known)
    return known


def reverse(state: QueryState) -> QueryState:
    """Return a state in the opposite order."""
    if state.sliced:
        raise QueryError("A sliced queryset cannot be reversed.", fix="reverse first, slice last.")
    return state.reshaped(reversed=not state.shape.reversed)


def distinct(state: QueryState, wanted: Sequence[str] = ()) -> QueryState:
    """Return a state without duplicate rows; with names: the first row of each combination (PostgreSQL)."""
    if state.sliced:
        raise QueryError("A sliced queryset cannot be made distinct.", fix="call distinct() before slicing.")
    lifter = Lifter(state)
    for name in wanted:
        lifter.name(name)
    return state.then(DistinctStep(tuple(wanted))).reshaped(distinct=True)


def limit(state: QueryState, low: int | None, high: int | None) -> QueryState:
    """Return rows ``low`` up to ``high`` of those of the state, as a slice does."""
    start, stop = low or 0, high
    if start < 0 or (stop is not None and stop < 0):
        raise QueryError("Negative indexing is not supported.", fix="reverse the order instead.")
    new_low = state.low + start
    new_high = state.high if stop is None else state.low + stop
    if state.high is not None:
        new_high = min(new_high, state.high) if new_high is not None else state.high
        new_low = min(new_low, state.high)
    count = None if new_high is None else max(new_high - new_low, 0)
    size = -1 if count is None else 0 if count == 0 else 1 if count <= FEW else 2
    shape = _sliced_shape(state.shape, size, new_low > 0)
    return QueryState(state.model, state.steps, state.params, shape, new_low, new_high)


@lru_cache(maxsize=512)
def _sliced_shape(shape: Shape, size: int, offset: bool) -> Shape:
    """Return a shape with a limit: ``size`` is -1 without one, 0 for no rows, 1 for few, 2 for many."""
    return msgspec.structs.replace(
        shape, limited=size >= 0, few=0 <= size < 2, offset=offset, empty=shape.empty or size == 0
    )


def none(state: QueryState) -> QueryState:
    """Return a state without rows."""
    return state.reshaped(empty=True)


def lock(state: QueryState, options: LockOptions) -> QueryState:
    """Return a state whose rows are locked until the transaction ends."""
    if options.nowait and options.skip_locked:
        raise QueryError("select_for_update takes nowait or skip_locked, not both.")
    for name in options.of:
        if name != "self":
            _check_related(state, name)
    return state.reshaped(lock=options)


__all__ = [
    "all_values",
    "annotate",
    "annotation",
    "check_alias",
    "defer",
    "distinct",
    "filter_by",
    "limit",
    "lock",
    "none",
    "only",
    "order_by",
    "reverse",
    "select_related",
    "values",
    "with_default_names",
]
