"""update and delete of a whole queryset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.db import atomic
from vivace.errors import QueryError
from vivace.models.sql import lift
from vivace.models.sql.verbs import DELETE

from . import building, running

if TYPE_CHECKING:
    from .queryset import QuerySet


async def update(queryset: QuerySet[Any, Any], values: Mapping[str, Any]) -> int:
    """Set fields of all rows; those of parents stand in other tables and are updated by key."""
    state = queryset.query_state
    building.refuse_sliced(state, "update")
    if building.distinct_names(state):
        raise QueryError("update() cannot follow distinct() with fields.")
    queryset._cache = None
    database = running.writer(queryset.model, queryset._db, queryset._hints)
    own, inherited = building.by_table(queryset.model, values)
    if not inherited:
        verb, given = lift.update(state, own)
        return await running.execute(building.unordered(state), verb, database, given)
    async with atomic(database, savepoint=False):
        found = await queryset.using(database.alias).order_by().values_list("pk", flat=True)
        keys = list(dict.fromkeys(found))  # a condition over many finds a row several times
        count = len(keys)
        if own:
            rows = queryset.model._base_manager.using(database.alias).filter(pk__in=keys)
            count = await rows.update(**own)
        for parent, fields in inherited.items():
            links = await _parent_keys(queryset, parent, keys, database.alias)
            await parent._base_manager.using(database.alias).filter(pk__in=links).update(**fields)
    return count


async def _parent_keys(queryset: QuerySet[Any, Any], parent: Any, keys: list[Any], using: str) -> list[Any]:
    link = queryset.model._meta.get_ancestor_link(parent)
    if link.primary_key:
        return keys
    rows = queryset.model._base_manager.using(using).filter(pk__in=keys)
    return list(await rows.values_list(link.attname, flat=True))


async def delete(queryset: QuerySet[Any, Any]) -> tuple[int, dict[str, int]]:
    """Delete all rows and what hangs on them."""
    state = queryset.query_state
    building.refuse_sliced(state, "delete")
    if state.shape.distinct or building.distinct_names(state):
        raise TypeError("Cannot call delete() after .distinct().")
    if queryset._rows != "instances":
        raise TypeError("Cannot call delete() after .values() or .values_list()")
    database = running.writer(queryset.model, queryset._db, queryset._hints)
    rows = queryset._with(building.unordered(state).reshaped(related=(), lock=None))._but(_db=database.alias)
    queryset._cache = None
    result: tuple[int, dict[str, int]] = await queryset.model._delete_rows(rows, database.alias, queryset)
    return result


async def raw_delete(queryset: QuerySet[Any, Any], using: str) -> int:
    """Delete the rows of this table, and of no other, without looking at them."""
    database = running.writer(queryset.model, using)
    return await running.execute(building.unordered(queryset.query_state), DELETE, database)


__all__ = ["delete", "raw_delete", "update"]
