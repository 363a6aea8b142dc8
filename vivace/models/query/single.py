"""Methods of QuerySet that give one answer: a row, a number, a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import FieldError, QueryError
from vivace.models.expressions.functions.comparison import Coalesce
from vivace.models.expressions.values import Slot
from vivace.models.sql import lift
from vivace.models.sql.verbs import COUNT, EXISTS, ROWS, Explain

from . import building, fetching, running

if TYPE_CHECKING:
    from vivace.models.sql.state import QueryState

    from .queryset import QuerySet

MAX_GET_RESULTS: Final = 21  # so many rows are enough to say in the error how many there are


async def get(queryset: QuerySet[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return the one row that matches; see ``QuerySet.get``."""
    rows: list[Any] | None = queryset.__dict__["_cache"]
    if rows is None or args or kwargs:
        rows = await fetching.evaluate(queryset, _state_of_get(queryset, args, kwargs))
    if len(rows) == 1:
        return rows[0]
    raise _none(queryset, args, kwargs) if not rows else _many(queryset, len(rows), args, kwargs)


def _state_of_get(
    queryset: QuerySet[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> QueryState:
    state: QueryState
    if args or kwargs:
        state = building.filtered(queryset, args, kwargs, negated=False)
    else:
        state = queryset.query_state
    for name in kwargs:
        if name == "pk" or name in building.unique_names(queryset.model):
            return state
    if not state.sliced:
        state = building.sliced(building.unordered(state), slice(0, MAX_GET_RESULTS))
    return state


def _none(queryset: QuerySet[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Exception:
    error: Exception = queryset.model.DoesNotExist(
        f"No {queryset.model.__name__} matches.", got=_conditions(args, kwargs)
    )
    return error


def _many(
    queryset: QuerySet[Any, Any], found: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Exception:
    more = f"more than {MAX_GET_RESULTS - 1}" if found >= MAX_GET_RESULTS else str(found)
    error: Exception = queryset.model.MultipleObjectsReturned(
        f"get() found {more} rows of {queryset.model.__name__}.",
        expected="conditions that one row meets",
        got=_conditions(args, kwargs),
        fix="Use filter() where there may be several.",
    )
    return error


def _conditions(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    parts = [*(repr(each) for each in args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    text = ", ".join(parts)
    return text if len(text) <= 200 else f"{text[:197]}…"


# -- ends -------------------------------------------------------------------------------------------------------------


async def first(queryset: QuerySet[Any, Any]) -> Any:
    """Return the first row or ``None``."""
    if queryset._cache is not None and queryset.ordered:
        return queryset._cache[0] if queryset._cache else None
    return await _end(queryset, last=False)


async def last(queryset: QuerySet[Any, Any]) -> Any:
    """Return the last row or ``None``."""
    if queryset._cache is not None and queryset.ordered:
        return queryset._cache[-1] if queryset._cache else None
    return await _end(queryset, last=True)


async def _end(queryset: QuerySet[Any, Any], *, last: bool) -> Any:
    state = queryset.query_state
    if not state.ordered:
        if queryset._rows != "instances" and state.grouped():
            raise QueryError(
                "first() and last() of grouped values need an order.",
                fix="Call order_by() with one of the values.",
            )
        state = lift.order_by(state, ("pk",))
    if last:
        state = lift.reverse(state)
    rows = await fetching.evaluate(queryset, building.sliced(state, slice(0, 1)))
    return rows[0] if rows else None


async def extreme(queryset: QuerySet[Any, Any], fields: tuple[str, ...], *, latest: bool) -> Any:
    """Return the earliest or latest row; see ``QuerySet.latest``."""
    meta = queryset.model._meta
    by: Any = fields or meta.get_latest_by
    name = "latest" if latest else "earliest"
    if not by:
        raise QueryError(
            f"{name}() of {meta.label} does not know by what.",
            expected="fields as arguments, or get_latest_by in the model's Meta",
        )
    names = (by,) if isinstance(by, str) else tuple(by)
    building.refuse_sliced(queryset.query_state, name)
    state = lift.order_by(queryset.query_state, names)
    if latest:
        state = lift.reverse(state)
    rows = await fetching.evaluate(queryset, building.sliced(state, slice(0, 1)))
    if not rows:
        raise _none(queryset, (), {})
    return rows[0]


# -- questions --------------------------------------------------------------------------------------------------------


async def count(queryset: QuerySet[Any, Any]) -> int:
    """Return the number of rows."""
    _, rows = await running.fetch(queryset.query_state, COUNT, fetching.read_database(queryset))
    return int(rows[0][0]) if rows else 0


async def exists(queryset: QuerySet[Any, Any]) -> bool:
    """Return whether there is any row."""
    _, rows = await running.fetch(queryset.query_state, EXISTS, fetching.read_database(queryset))
    return bool(rows)


async def contains(queryset: QuerySet[Any, Any], obj: Any) -> bool:
    """Return whether an object is among the rows."""
    if queryset._rows != "instances":
        raise TypeError("contains() cannot be called after values() or values_list().")
    meta = getattr(obj, "_meta", None)
    if meta is None:
        raise TypeError(f"contains() takes an object of a model, not {type(obj).__name__}.")
    if queryset.model._meta.concrete_model is not meta.concrete_model:
        return False
    if obj.pk is None:
        raise ValueError("contains() cannot be asked about an object that is not saved.")
    if queryset._cache is not None:
        return obj in queryset._cache
    return await queryset.filter(pk=obj.pk).exists()


async def aggregate(
    queryset: QuerySet[Any, Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a dictionary of aggregates."""
    if building.distinct_names(queryset.query_state):
        raise QueryError("aggregate() cannot follow distinct() with fields.")
    verb, values = lift.aggregate(queryset.query_state, args, kwargs)
    if not verb.items:
        return {}
    database = fetching.read_database(queryset)
    plan, rows = await running.fetch(queryset.query_state, verb, database, values)
    if not rows:
        return {name: _of_nothing(node, values) for name, node in verb.items}
    outputs = zip(plan.outputs, rows[0], strict=True)
    return {
        output.name: value if output.converter is None else output.converter(value)
        for output, value in outputs
    }


def _of_nothing(node: Any, values: Sequence[Any]) -> Any:
    """Return what an aggregate is without any row: its default, 0 for counts, else ``None``."""
    if isinstance(node, Slot):
        return values[node.index]
    if isinstance(node, Coalesce):
        answers = (_of_nothing(each, values) for each in node.children())
        return next((answer for answer in answers if answer is not None), None)
    default = getattr(node, "default", None)
    return getattr(node, "empty_default", None) if default is None else _of_nothing(default, values)


# -- several by key ---------------------------------------------------------------------------------------------------


async def in_bulk(
    queryset: QuerySet[Any, Any], id_list: Iterable[Any] | None, field_name: str
) -> dict[Any, Any]:
    """Return objects by key; see ``QuerySet.in_bulk``."""
    building.refuse_sliced(queryset.query_state, "in_bulk")
    if queryset._rows not in ("instances", "dicts"):
        raise TypeError("in_bulk() cannot be used with values_list().")
    _check_unique(queryset.model, field_name, queryset.query_state)
    if id_list is None:
        rows = await queryset.all()
    else:
        ids = list(id_list)
        rows = await queryset.filter(**{f"{field_name}__in": ids}).order_by() if ids else []
    if queryset._rows == "dicts":
        return {row[field_name]: row for row in rows}
    return {getattr(row, field_name): row for row in rows}


def _check_unique(model: Any, name: str, state: QueryState) -> None:
    alone = {c.fields[0] for c in model._meta.total_unique_constraints if len(c.fields) == 1}
    if name == "pk" or name in alone or model._meta.get_field(name).unique:
        return
    if state.shape.distinct and name in building.distinct_names(state):
        return
    raise FieldError(
        f"in_bulk() of {model._meta.label} cannot be by {name!r}: several rows may have the same value.",
        expected="the key or another unique field",
    )


async def explain(queryset: QuerySet[Any, Any], format: str | None, options: Mapping[str, Any]) -> str:
    """Return the database's plan as text."""
    verb = Explain(verb=ROWS, format=(format or "").lower(), options=tuple(sorted(options.items())))
    _, rows = await running.fetch(queryset.query_state, verb, fetching.read_database(queryset))
    return "\n".join(" ".join(str(part) for part in row) for row in rows)


__all__ = [
    "aggregate",
    "contains",
    "count",
    "exists",
    "explain",
    "extreme",
    "first",
    "get",
    "in_bulk",
    "last",
]
