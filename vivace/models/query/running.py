"""From a state to rows: find the plan, bind the values, send the statement. Everything that reads or writes ends here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from vivace.changes import current_reads
from vivace.db import Database, database_for
from vivace.errors import IntegrityError
from vivace.models.sql.compile import plan_for

from .integrity import map_to_fields

if TYPE_CHECKING:
    from vivace.db.types import Row
    from vivace.models.sql.plan import Plan
    from vivace.models.sql.state import QueryState
    from vivace.models.sql.verbs import Verb

Target = str | None
"""The alias of a database, or ``None``: routers and the current app decide."""


def reader(model: Any, using: Target, hints: Mapping[str, Any] | None = None) -> Database:
    """Return the database that reads of a model go to."""
    return database_for(model, using, hints=hints)


def writer(model: Any, using: Target, hints: Mapping[str, Any] | None = None) -> Database:
    """Return the database that writes of a model go to."""
    return database_for(model, using, write=True, hints=hints)


def plan_of(state: QueryState, verb: Verb, database: Database) -> Plan:
    """Return the plan of a query on a database."""
    return plan_for(state, verb, database.dialect, database.listening)


async def fetch(
    state: QueryState, verb: Verb, database: Database, extra: tuple[Any, ...] = ()
) -> tuple[Plan, list[Row]]:
    """Run a query and return its plan and rows; ``extra`` are the values of the verb."""
    plan = plan_of(state, verb, database)
    if plan.empty:
        return plan, []
    values = state.arguments(extra)
    reads = None if current_reads() is None else plan.reads(values)
    try:
        return plan, await database.fetch(plan.statement_for(values), plan.bind(values), reads)
    except IntegrityError as error:
        map_to_fields(error, state.model)
        raise


async def execute(state: QueryState, verb: Verb, database: Database, extra: tuple[Any, ...] = ()) -> int:
    """Run a writing statement and return the number of rows that it changed."""
    plan = plan_of(state, verb, database)
    if plan.empty:
        return 0
    try:
        return await database.execute(plan.statement, plan.bind(state.arguments(extra)))
    except IntegrityError as error:
        map_to_fields(error, state.model)
        raise


async def stream(
    state: QueryState, verb: Verb, database: Database, chunk: int
) -> AsyncGenerator[tuple[Plan, list[Row]]]:
    """Yield rows in chunks, with their plan."""
    plan = plan_of(state, verb, database)
    if plan.empty:
        return
    values = state.arguments()
    reads = None if current_reads() is None else plan.reads(values)
    chunks = database.stream(plan.statement, plan.bind(values), chunk=chunk, reads=reads)
    async with aclosing(chunks) as source:
        async for rows in source:
            yield plan, rows


__all__ = ["Target", "execute", "fetch", "plan_of", "reader", "stream", "writer"]
