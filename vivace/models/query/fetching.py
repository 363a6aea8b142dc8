"""Fetching the rows of a queryset, and making of them what it asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from vivace.changes import current_reads
from vivace.db import Database, database_for
from vivace.errors import QueryError
from vivace.models.sql.compile import plan_for
from vivace.models.sql.verbs import ROWS

from . import hydrate, running
from .prefetching import prefetch_related_objects
from .rendering import strict_by_default

if TYPE_CHECKING:
    from vivace.models.sql.plan import Plan
    from vivace.models.sql.state import QueryState

    from .queryset import QuerySet


def read_database(queryset: QuerySet[Any, Any]) -> Database:
    """Return the database that a queryset reads from; rows to be locked are read where they are written."""
    asked = queryset.__dict__
    locks = asked["query_state"].shape.lock is not None
    return database_for(asked["model"], asked["_db"], write=locks, hints=asked["_hints"])


def hydrator(queryset: QuerySet[Any, Any], plan: Plan) -> hydrate.Hydrator:
    """Return the function that turns rows into what the queryset asked for."""
    kind: hydrate.RowKind = queryset.__dict__["_rows"]
    if kind == "instances" and plan.selection is not None:
        return hydrate.instances(plan)
    return hydrate.values(
        plan, [output.name for output in plan.outputs], "tuples" if kind == "instances" else kind
    )


async def evaluate(queryset: QuerySet[Any, Any], state: QueryState | None = None) -> list[Any]:
    """Return all rows, as the queryset makes them, of its own or of another ``state``; with what is to be prefetched.

    This is the path of every query: one function, so that it costs one coroutine.
    """
    asked = queryset.__dict__  # reading attributes of what has a `__getattr__` costs three times as much
    if state is None:
        state = cast("QueryState", asked["query_state"])
    database = read_database(queryset)
    plan = plan_for(state, ROWS, database.dialect, database.listening)
    if plan.empty:
        return []
    values = state.arguments()
    recorder = current_reads()
    reads = None if recorder is None else plan.reads_but_reached(values)
    rows = await database.fetch(plan.statement_for(values), plan.bind(values), reads)
    if recorder is not None:
        for each in plan.reached:
            recorder.add(*each.read(rows))
    if not rows:
        return []
    objects = hydrator(queryset, plan)(rows, database.alias, asked["_strict"] or strict_by_default.get())
    if asked["_known"] is not None and asked["_rows"] == "instances":
        _attach_known(queryset, objects)
    if asked["_prefetch"]:
        await _prefetch(queryset, objects)
    return objects


async def _prefetch(queryset: QuerySet[Any, Any], objects: list[Any]) -> None:
    if queryset._rows != "instances":
        raise QueryError(
            f"A query of {queryset.model.__name__} has both values() and prefetch_related().",
            expected="objects: only they can hold related objects",
            fix="Leave out one of the two.",
        )
    await prefetch_related_objects(objects, *queryset._prefetch)


def _attach_known(queryset: QuerySet[Any, Any], objects: list[Any]) -> None:
    """Give objects of a related manager (``author.books``) the object that it was asked of."""
    if queryset._known is None:
        return
    field, owners = queryset._known
    attnames = [each.attname for each in field.local_related_fields]
    for each in objects:
        values = each.__dict__
        key = values.get(attnames[0]) if len(attnames) == 1 else tuple(values.get(name) for name in attnames)
        owner = owners.get(key)
        if owner is not None:
            each._state.fields_cache.setdefault(field.name, owner)


async def chunks(queryset: QuerySet[Any, Any], size: int) -> AsyncIterator[list[Any]]:
    """Yield lists of at most ``size`` rows while they come."""
    if size < 1:
        raise QueryError(f"iterator() was called with chunk_size={size}.", expected="a number from 1")
    database = read_database(queryset)
    async with aclosing(running.stream(queryset.query_state, ROWS, database, size)) as parts:
        async for plan, rows in parts:
            objects = hydrator(queryset, plan)(rows, database.alias, queryset._strict)
            if queryset._known is not None and queryset._rows == "instances":
                _attach_known(queryset, objects)
            if queryset._prefetch:
                await _prefetch(queryset, objects)
            yield objects


__all__ = ["chunks", "evaluate", "hydrator", "read_database"]
