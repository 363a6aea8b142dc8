"""Many rows with few statements: bulk_create and bulk_update.

The statement must not depend on how many rows there are, or each number would be compiled anew. PostgreSQL takes one
array per column. SQLite takes row by row, at most 32,766 values in a statement: batches have one of a few sizes.

Updates go in the order of keys: two tasks that update the same rows in different orders would deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from vivace.db import Database, atomic
from vivace.errors import FieldError
from vivace.models.sql.verbs import BulkUpdate, Conflict

from . import running
from .inserting import Layout, has_expression, insert, layout, left_out, prepared

if TYPE_CHECKING:
    from .queryset import QuerySet

MAX_VALUES: Final = 32_766  # SQLITE_MAX_VARIABLE_NUMBER since 3.32
SIZES: Final = (256, 32, 4, 1)  # rows in one SQLite statement: four shapes make up any number
ARRAY_ROWS: Final = 10_000  # rows in one PostgreSQL statement: bounds the memory of its arrays, not its shape


def batches(objects: Sequence[Any], width: int, arrays: bool, limit: int | None) -> Iterator[Sequence[Any]]:
    """Cut objects into batches for statements of ``width`` values per row, at most ``limit`` rows each."""
    if arrays:
        sizes: tuple[int, ...] = (ARRAY_ROWS if limit is None else limit,)
    else:
        most = max(1, min(MAX_VALUES // max(width, 1), limit or SIZES[0]))
        sizes = tuple(size for size in SIZES if size <= most)
    start = 0
    while start < len(objects):
        left = len(objects) - start
        size = left if arrays and left <= sizes[0] else next((s for s in sizes if s <= left), 1)
        yield objects[start : start + size]
        start += size


def _checked_batch_size(batch_size: int | None) -> None:
    if batch_size is not None and batch_size < 1:
        raise ValueError("Batch size must be a positive integer.")


# -- create -----------------------------------------------------------------------------------------------------------


def conflict_of(
    model: Any,
    ignore: bool,
    update: bool,
    update_fields: Iterable[str] | None,
    unique_fields: Iterable[str] | None,
) -> Conflict | None:
    """Return what to do when rows clash with others, from the arguments of ``bulk_create``."""
    if ignore and update:
        raise ValueError("ignore_conflicts and update_conflicts are mutually exclusive.")
    if ignore:
        return Conflict()
    if not update:
        return None
    if not update_fields:
        raise ValueError(
            "Fields that will be updated when a row insertion fails on conflicts must be provided."
        )
    if not unique_fields:
        raise ValueError("Unique fields that can trigger the upsert must be provided.")
    meta = model._meta
    unique = [_concrete(meta, name, "bulk_create") for name in unique_fields]
    updated = [_concrete(meta, name, "bulk_create") for name in update_fields]
    if any(field.primary_key for field in updated):
        raise ValueError("bulk_create() cannot be used with primary keys in update_fields.")
    return Conflict(
        update=tuple(field.attname for field in updated), unique=tuple(field.attname for field in unique)
    )


def _concrete(meta: Any, name: str, method: str) -> Any:
    field = meta.pk if name == "pk" else meta.get_field(name)
    if not field.concrete or field.many_to_many:
        raise FieldError(
            f"{method}() can only be used with fields that have a column.", got=f"{meta.label}.{name}"
        )
    return field


def prepare(model: Any, objects: list[Any]) -> None:
    """Give objects the keys and foreign keys that are known before they are saved."""
    meta = model._meta
    if any(parent._meta.concrete_model is not meta.concrete_model for parent in meta.all_parents):
        raise ValueError("Can't bulk create a multi-table inherited model")
    makes_keys = not meta.is_composite_pk and meta.pk.has_default()
    for each in objects:
        state = each.__dict__.get("_state")  # none: nothing was loaded for it
        if makes_keys or (state is not None and state.cache):
            each._prepare_for_bulk_create()


async def save_first(objects: list[Any], fields: Iterable[Any]) -> None:
    """Have fields do their work that comes before the rows: store files."""
    for field in fields:
        for each in objects:
            await field.save_first(each)


async def create(
    queryset: QuerySet[Any, Any], objects: list[Any], batch_size: int | None, conflict: Conflict | None
) -> list[Any]:
    """Insert objects; see ``QuerySet.bulk_create``."""
    _checked_batch_size(batch_size)
    prepare(queryset.model, objects)
    if not objects:
        return objects
    await save_first(objects, queryset.model._meta.saved_first)
    database = running.writer(queryset.model, queryset._db, queryset._hints)
    work = list(_statements(queryset.model, objects, database.dialect == "postgresql", batch_size))
    if len(work) == 1:
        await insert(queryset.model, database, *work[0], conflict)
        return objects
    async with atomic(database, savepoint=False):
        for columns, batch, rows in work:
            await insert(queryset.model, database, columns, batch, rows, conflict)
    return objects


Work = tuple[Layout, Sequence[Any], list[list[Any]]]
"""What one INSERT names, the objects, and their rows."""


def _statements(model: Any, objects: Iterable[Any], arrays: bool, limit: int | None) -> Iterator[Work]:
    """Yield what to insert: objects that name the same columns together, those with expressions each alone."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    left = left_out(model)
    for each in objects:
        groups.setdefault(left(each.__dict__), []).append(each)
    for names, group in groups.items():
        yield from _of_group(layout(model, names), group, arrays, limit)


def _of_group(columns: Layout, objects: list[Any], arrays: bool, limit: int | None) -> Iterator[Work]:
    plain: list[Any] = []
    rows: list[list[Any]] = []
    for each in objects:
        row = [prepared(field, field.pre_save(each, True)) for field in columns.fields]
        if has_expression(row):
            yield columns, [each], [row]
        else:
            plain.append(each)
            rows.append(row)
    start = 0
    limit = limit if columns.fields else 1  # INSERT … DEFAULT VALUES makes one row
    for batch in batches(plain, len(columns.fields), arrays, limit):
        yield columns, batch, rows[start : start + len(batch)]
        start += len(batch)


# -- update -----------------------------------------------------------------------------------------------------------


async def update(
    queryset: QuerySet[Any, Any], objects: list[Any], names: list[str], batch_size: int | None
) -> int:
    """Write fields of objects; see ``QuerySet.bulk_update``."""
    _checked_batch_size(batch_size)
    fields = _fields_to_update(queryset.model._meta, names)
    for each in objects:
        if each.pk is None:
            raise ValueError("All bulk_update() objects must have a primary key set.")
        each._prepare_related_fields_for_save("bulk_update", fields)
    if not objects:
        return 0
    await save_first(objects, [field for field in fields if field.saves_first])
    database = running.writer(queryset.model, queryset._db, queryset._hints)
    unique = list({each.pk: each for each in objects}.values())
    async with atomic(database, savepoint=False):
        counts = [
            await _update_table(database, model, group, unique, batch_size)
            for model, group in _by_table(queryset.model, fields)
        ]
    return max(counts)


def _fields_to_update(meta: Any, names: list[str]) -> list[Any]:
    if not names:
        raise ValueError("Field names must be given to bulk_update().")
    fields = [meta.get_field(name) for name in names]
    for field in fields:
        if not field.concrete or field.many_to_many:
            raise ValueError("bulk_update() can only be used with concrete fields.")
        if field.primary_key or field in meta.pk_fields:
            raise ValueError("bulk_update() cannot be used with primary key fields.")
        if field.generated:
            raise ValueError(f"bulk_update() cannot set {field}: the database computes it.")
    return fields


def _by_table(model: Any, fields: list[Any]) -> list[tuple[Any, list[Any]]]:
    """Return models and their fields: those of parents stand in other tables."""
    groups: dict[Any, list[Any]] = {}
    for field in fields:
        owner = field.model._meta.concrete_model
        groups.setdefault(model if owner is model._meta.concrete_model else owner, []).append(field)
    return list(groups.items())


async def _update_table(
    database: Database, model: Any, fields: list[Any], objects: list[Any], limit: int | None
) -> int:
    keys = model._meta.pk_fields
    arrays = database.dialect == "postgresql"
    plain: list[list[Any]] = []
    count = 0
    for each in objects:
        values = [prepared(field, getattr(each, field.attname)) for field in fields]
        if has_expression(values):
            named = {field.name: value for field, value in zip(fields, values, strict=True)}
            count += await model._base_manager.using(database.alias).filter(pk=each.pk).update(**named)
        else:
            plain.append([*(prepared(key, getattr(each, key.attname)) for key in keys), *values])
    plain.sort(key=lambda row: tuple(row[: len(keys)]))
    state = model._base_manager.all().query_state
    names = tuple(field.attname for field in fields)
    for batch in batches(plain, len(keys) + len(fields), arrays, limit):
        verb = BulkUpdate(fields=names, rows=1 if arrays else len(batch), arrays=arrays)
        given = (
            tuple(map(list, zip(*batch, strict=True))) if arrays else tuple(v for row in batch for v in row)
        )
        count += await running.execute(state, verb, database, given)
    return count


__all__ = ["batches", "conflict_of", "create", "prepare", "update"]
