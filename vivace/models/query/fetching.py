"""Fetching the rows of a queryset, and making of them what it asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from vivace.changes import current_reads
from vivace.db import Database, database_for
from vivace.db.databases import current_databases
from vivace.errors import QueryError
from vivace.models.sql.compile import PLANS
from vivace.models.sql.verbs import ROWS

from . import hydrate, running
from .prefetching import prefetch_related_objects
from .rendering import strict_by_default

if TYPE_CHECKING:
    from vivace.db.types import Row
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


async def evaluate(
    queryset: QuerySet[Any, Any], state: QueryState | None = None, keep: bool = False
) -> list[Any]:
    """Return all rows, as the queryset makes them, of its own or of another ``state``; with what is to be prefetched.

    ``keep``: the queryset keeps its rows, and the list returned is the caller's own. This is the path of every query: one
    function, so that it costs one coroutine, and short ways in it to what is the same for nearly all of them.
    """
    asked = queryset.__dict__  # reading attributes of what has a `__getattr__` costs three times as much
    objects: list[Any]
    if keep and asked["_cache"] is not None:
        objects = asked["_cache"]
        return objects[:]
    wanted: QueryState = asked["query_state"] if state is None else state
    shape = wanted.shape
    databases = current_databases.get()
    database = None if databases is None or asked["_db"] is not None else databases.only
    if database is None:
        database = read_database(queryset)
    # a query that only reads is the same whoever listens
    key = wanted.model, wanted.steps, shape, ROWS, database.dialect, False
    plan = PLANS.plans.get(key) or PLANS.make(key)
    rows: Sequence[Row] = ()
    if not plan.empty:
        values = wanted.arguments() if shape.limited or shape.offset else wanted.params
        statement = plan.statement_for(values) if plan.lists else plan.statement
        recorder = current_reads()
        if recorder is None:
            rows = await database.fetch(statement, plan.bind(values))
        else:
            rows = await database.fetch(statement, plan.bind(values), plan.reads_but_reached(values))
            for each in plan.reached:
                recorder.add(*each.read(rows))
    objects = []
    if rows:
        whole = asked["_rows"] == "instances"
        make = hydrate.instances(plan) if whole and plan.selection is not None else hydrator(queryset, plan)
        objects = make(rows, database.alias, asked["_strict"] or strict_by_default.get())
        if whole and asked["_known"] is not None:
            _attach_known(queryset, objects)
        if asked["_prefetch"]:
            await _prefetch(queryset, objects)
    if keep:
        asked["_cache"] = objects
        return objects[:]
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
