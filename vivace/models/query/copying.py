"""copy_create: the most rows in the shortest time, without asking for the keys that the database gives them.

PostgreSQL takes them with COPY, which needs no SQL for the rows and returns none. Values that the database computes
cannot be copied: objects that have such are inserted as ``bulk_create`` does it, in the same transaction. SQLite has
nothing of the kind: there it is ``bulk_create``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from vivace.db import Database, atomic
from vivace.errors import IntegrityError
from vivace.models.expressions.base import is_expression
from vivace.models.fields.base import Field
from vivace.models.fields.numbers import IntegerField
from vivace.models.state import now_stored

from . import bulk, running
from .inserting import PLAIN, Layout, layout, left_out
from .integrity import map_to_fields

if TYPE_CHECKING:
    from .queryset import QuerySet

_PLAIN: Final = PLAIN | {type(None)}


async def create(queryset: QuerySet[Any, Any], objects: list[Any]) -> int:
    """Insert objects; see ``QuerySet.copy_create``."""
    database = running.writer(queryset.model, queryset._db, queryset._hints)
    if database.dialect != "postgresql":
        return len(await bulk.create(queryset, objects, None, None))
    bulk.prepare(queryset.model, objects)
    await bulk.save_first(objects, queryset.model._meta.saved_first)
    groups: dict[tuple[str, ...], list[Any]] = {}
    left = left_out(queryset.model)
    for each in objects:
        groups.setdefault(left(each.__dict__), []).append(each)
    work = [(layout(queryset.model, names), group) for names, group in groups.items()]
    try:
        if len(work) == 1:
            await _copy(queryset, database, *work[0])
        else:
            async with atomic(database, savepoint=False):
                for columns, group in work:
                    await _copy(queryset, database, columns, group)
    except IntegrityError as error:
        map_to_fields(error, queryset.model)
        raise
    return len(objects)


async def _copy(queryset: QuerySet[Any, Any], database: Database, layout: Layout, objects: list[Any]) -> None:
    columns = [_column(field, objects) for field in layout.fields]
    if not columns or any(map(_has_expression, columns)):
        await bulk.create(queryset.using(database.alias), objects, None, None)
        return
    names = [field.column for field in layout.fields]
    await database.copy_rows(queryset.model._meta.db_table, names, zip(*columns, strict=True))
    now_stored(objects, database.alias)


def _column(field: Any, objects: list[Any]) -> list[Any]:
    """Return the values of a field, as the driver takes them, checked as ``save`` does it. Expressions stay."""
    if type(field).pre_save is Field.pre_save:
        values: list[Any] = list(map(attrgetter(field.attname), objects))
    else:
        values = [field.pre_save(each, True) for each in objects]
    if _has_expression(values):
        return values
    prepare: Callable[[Any], Any] = field.get_prep_value
    ready = values if _is_ready(field, values) else [prepare(value) for value in values]
    bind: Callable[[Any], Any] | None = field.binder("postgresql")
    return ready if bind is None else [None if value is None else bind(value) for value in ready]


def _is_ready(field: Any, values: list[Any]) -> bool:
    """Say whether preparing would change nothing: whole numbers for a field that takes them as they are."""
    return type(field).get_prep_value is IntegerField.get_prep_value and set(map(type, values)) == {int}


def _has_expression(values: list[Any]) -> bool:
    if set(map(type, values)) <= _PLAIN:
        return False
    return any(map(is_expression, values))


__all__ = ["create"]
