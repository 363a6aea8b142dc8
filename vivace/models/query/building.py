"""Between QuerySet's methods and ``sql/lift.py``: what a call means before names and values are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.errors import QueryError
from vivace.models.expressions.names import F
from vivace.models.expressions.q import Q
from vivace.models.sql import lift, names
from vivace.models.sql.state import DistinctStep, LockOptions, OrderStep, QueryState

from .prefetching import Prefetch

if TYPE_CHECKING:
    from .hydrate import RowKind
    from .queryset import QuerySet

Q_ = TypeVar("Q_", bound="QuerySet[Any, Any]")


def state_of(model: Any) -> QueryState:
    """Return the state of all rows of a model."""
    return QueryState(model)


def refuse_sliced(state: QueryState, method: str) -> None:
    """Raise ``QueryError`` when a slice was taken."""
    if state.sliced:
        raise QueryError(
            f"{method}() of {state.model.__name__} cannot follow a slice.",
            fix=f"Call {method}() first, or filter by the keys of the sliced rows: filter(pk__in=…).",
        )


# -- conditions -------------------------------------------------------------------------------------------------------


def filtered(
    queryset: QuerySet[Any, Any], args: Sequence[Any], kwargs: Mapping[str, Any], *, negated: bool
) -> QueryState:
    """Return the state with conditions. Those of a related manager join the first filter, to share its joins."""
    asked = queryset.__dict__
    state: QueryState = asked["query_state"]
    sticky: tuple[QueryState, dict[str, Any]] | None = asked["_sticky"]
    if sticky is not None and not negated and not state.sliced:
        before, own = sticky
        return lift.filter_by(before, (Q(**own), *args), kwargs)
    return lift.filter_by(state, args, kwargs, negated=negated)


def unique_names(model: Any) -> frozenset[str]:
    """Return the names by which at most one row is found: the key and unique fields."""
    cache: dict[Any, Any] = model._meta.path_cache
    known: frozenset[str] | None = cache.get(("unique names",))
    if known is None:
        fields = [field for field in model._meta.concrete_fields if field.unique]
        known = frozenset(("pk", *(each for field in fields for each in (field.name, field.attname))))
        names.remember(model, ("unique names",), known)
    return known


def merged(queryset: Q_, other: QuerySet[Any, Any], connector: Any) -> Q_:
    """Return ``queryset & other`` (or ``|``, ``^``)."""
    mine, its = queryset.query_state, other.query_state
    if mine.shape.empty and its.shape.empty:
        return queryset
    if mine.shape.empty or its.shape.empty:
        keep = mine if mine.shape.empty == (connector == "AND") else its
        return queryset._with(keep)
    return queryset._with(lift.both(mine, its, connector))


def combined(queryset: Q_, operation: Any, others: Sequence[QuerySet[Any, Any]], *, all: bool = False) -> Q_:
    """Return the union, intersection or difference of querysets."""
    states = [queryset.query_state, *(other.query_state for other in others)]
    return queryset._with(lift.combine(operation, all, states))._but(_prefetch=(), _known=None)


# -- order and number -------------------------------------------------------------------------------------------------


def unordered(state: QueryState) -> QueryState:
    """Return the state without an order, where it had one."""
    if state.model._meta.ordering or any(type(step) is OrderStep for step in state.steps):
        return state.then(OrderStep(()))
    return state


def sliced(state: QueryState, part: slice) -> QueryState:
    """Return the state of a slice. Raises ``QueryError`` for steps and negative bounds."""
    if part.step is not None:
        raise QueryError(
            "A slice of a queryset that has not been fetched cannot have a step.",
            fix=f"Fetch it first: (await queryset[…])[::{part.step}].",
        )
    return lift.limit(state, part.start, part.stop)


def at(state: QueryState, index: Any) -> QueryState:
    """Return the state of one row."""
    if not isinstance(index, int):
        raise TypeError(f"QuerySet indices must be integers or slices, not {type(index).__name__}.")
    if index < 0:
        raise QueryError(
            "Negative indexing is not supported.", fix="Reverse the order instead, or use last()."
        )
    return lift.limit(state, index, index + 1)


def distinct_names(state: QueryState) -> tuple[str, ...]:
    """Return the fields that ``distinct`` named last."""
    for step in reversed(state.steps):
        if type(step) is DistinctStep:
            return step.names
    return ()


def totally_ordered(state: QueryState) -> bool:
    """Say whether no two rows are equal in the order."""
    meta = state.model._meta
    items = state.ordering()
    written = [item.name for item in items] if items is not None else _names_of(meta.ordering)
    if not state.ordered:
        return False
    fields = [names.field_named(meta, name) for name in written if name]
    plain = [field for field in fields if field is not None]
    if any(field.unique and not field.null for field in plain):
        return True
    together = [tuple(constraint.fields) for constraint in meta.total_unique_constraints]
    required = {field.name for field in plain if not field.null}
    if meta.is_composite_pk:
        together.append(tuple(field.name for field in meta.pk_fields))
    return any(group and required.issuperset(group) for group in (*together, *meta.unique_together))


def _names_of(ordering: Any) -> list[str]:
    return [each.lstrip("-") for each in ordering if isinstance(each, str)]


# -- what rows become -------------------------------------------------------------------------------------------------


def tuple_kind(fields: Sequence[Any], flat: bool, named: bool) -> RowKind:
    """Return what ``values_list`` makes of rows."""
    if flat and named:
        raise TypeError("'flat' and 'named' can't be used together.")
    if flat and len(fields) != 1:
        raise TypeError("'flat' is valid when values_list is called with one field.")
    return "flat" if flat else "named" if named else "tuples"


def moments(
    queryset: QuerySet[Any, Any], name: str, kind: str, order: str, *, times: bool = False, tzinfo: Any = None
) -> Any:
    """Return the queryset of ``dates`` or, with ``times``, of ``datetimes``."""
    if order not in ("ASC", "DESC"):
        raise ValueError("'order' must be either 'ASC' or 'DESC'.")
    descending = order == "DESC"
    state = lift.dates(queryset.query_state, name, kind, descending=descending, tzinfo=tzinfo, moments=times)
    return queryset._with(state)._but(_rows="flat")


def loading(written: Sequence[Any]) -> list[str]:
    """Return the names in ``only``, ``defer`` or ``select_related``: strings, or fields of model classes."""
    return [each.name if isinstance(each, F) else each for each in written]


def related(queryset: QuerySet[Any, Any], written: Sequence[Any]) -> QueryState:
    """Return the state of ``select_related``."""
    state = queryset.query_state
    if written == (None,):
        return lift.select_related(state, None)
    return lift.select_related(state, loading(written) if written else True)


def only(queryset: QuerySet[Any, Any], written: Sequence[Any]) -> QueryState:
    """Return the state of ``only``."""
    if None in written:
        raise TypeError("Cannot pass None as an argument to only().")
    pk = queryset.model._meta.pk.name
    return lift.only(queryset.query_state, [pk if name == "pk" else name for name in loading(written)])


def deferred(queryset: QuerySet[Any, Any], written: Sequence[Any]) -> QueryState:
    """Return the state of ``defer``."""
    return lift.defer(queryset.query_state, None if written == (None,) else loading(written))


def prefetches(written: Sequence[Any]) -> list[Prefetch]:
    """Return what to fetch along, each as a ``Prefetch``."""
    return [Prefetch.of(each) for each in loading(written)]


def locked(
    state: QueryState, nowait: bool, skip_locked: bool, of: tuple[str, ...], no_key: bool
) -> QueryState:
    """Return the state of ``select_for_update``."""
    return lift.lock(state, LockOptions(nowait, skip_locked, of, no_key))


# -- verbs ------------------------------------------------------------------------------------------------------------


def by_table(model: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[Any, dict[str, Any]]]:
    """Return what ``update`` sets in the model's own table, and by parent what it sets in theirs."""
    own: dict[str, Any] = {}
    inherited: dict[Any, dict[str, Any]] = {}
    concrete = model._meta.concrete_model
    for name, value in values.items():
        field = names.field_named(model._meta, name)
        owner = concrete if field is None else field.model._meta.concrete_model
        (own if owner is concrete else inherited.setdefault(owner, {}))[name] = value
    return own, inherited


__all__ = [
    "at",
    "by_table",
    "combined",
    "deferred",
    "distinct_names",
    "filtered",
    "locked",
    "merged",
    "moments",
    "only",
    "prefetches",
    "refuse_sliced",
    "related",
    "sliced",
    "state_of",
    "totally_ordered",
    "tuple_kind",
    "unique_names",
    "unordered",
]
