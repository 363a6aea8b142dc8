"""load() and refresh_from_db(): what an object lacks, fetched on demand and for all its peers at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vivace.errors import FieldError, nearest
from vivace.models.query.peers import peers_of
from vivace.models.query.prefetching import prefetch_related_objects, prefetcher_of

SEPARATOR = "__"


async def load(instance: Any, *names: str) -> None:
    """Load relations (``"author__publisher"``) and deferred columns of an object and of its peers."""
    model: Any = instance.__class__
    columns: list[str] = []
    relations: list[str] = []
    for name in names:
        first = name.split(SEPARATOR)[0]
        if prefetcher_of(model, first) is not None:
            relations.append(name)
        else:
            columns.append(_column(model, name))
    peers = peers_of(instance)
    if columns:
        await _load_columns(peers, columns)
    if relations:
        await _load_keys(peers, model, relations)
        await prefetch_related_objects(peers, *relations)


def _column(model: Any, name: str) -> str:
    for field in model._meta.concrete_fields:
        if name in (field.name, field.attname):
            return str(field.attname)
    known = [
        *(field.name for field in model._meta.fields),
        *(r for r in dir(model) if prefetcher_of(model, r)),
    ]
    raise FieldError(
        f"{model.__name__} has no field or relation {name!r} to load.",
        expected=", ".join(dict.fromkeys(known)),
        fix=nearest(name, known),
    )


async def _load_keys(peers: Sequence[Any], model: Any, relations: Iterable[str]) -> None:
    """Fetch deferred foreign keys of the relations to be loaded."""
    firsts = {name.split(SEPARATOR)[0] for name in relations}
    needed = [f.attname for f in model._meta.concrete_fields if f.is_relation and f.name in firsts]
    if needed:
        await _load_columns(peers, needed)


async def _load_columns(peers: Sequence[Any], attnames: Sequence[str]) -> None:
    """Fetch columns for those objects that lack any of them, with one query."""
    lacking = [each for each in peers if any(name not in each.__dict__ for name in attnames)]
    lacking = [each for each in lacking if each.pk is not None]
    if not lacking:
        return
    rows = running_rows(lacking)
    found = {row[0]: row[1:] for row in await rows.values_list("pk", *attnames)}
    for each in lacking:
        values = found.get(each.pk)
        if values is None:
            raise type(each).DoesNotExist(f"{type(each).__name__} {each.pk!r} has been deleted.")
        for name, value in zip(attnames, values, strict=True):
            each.__dict__.setdefault(name, value)


def running_rows(objects: Sequence[Any]) -> Any:
    """Return the queryset of the rows of objects, at the database from which they came."""
    first = objects[0]
    model: Any = first.__class__
    rows = model._base_manager.db_manager(first._state.db, hints={"instance": first}).all()
    return rows.filter(pk__in=[each.pk for each in objects]).order_by()


# -- refresh ----------------------------------------------------------------------------------------------------------


async def refresh(
    instance: Any, *, using: str | None, fields: Iterable[str] | None, from_queryset: Any
) -> None:
    """Read an object's columns again; see ``Model.refresh_from_db``."""
    meta = instance._meta
    wanted = None if fields is None else list(fields)
    if wanted is not None:
        wanted = _forget_relations(instance, wanted)
        if not wanted:
            return
    model: Any = instance.__class__
    manager = model._base_manager
    rows = from_queryset if from_queryset is not None else manager.all()
    alias = using or rows._db or instance._state.db
    rows = rows.using(alias)
    loaded = _columns_to_read(instance, wanted)
    if loaded is not None:
        rows = rows.only(*loaded)
    fresh = await rows.get(pk=instance.pk)
    for field in meta.concrete_fields:
        if field.attname in fresh.__dict__ and (wanted is None or {field.name, field.attname} & set(wanted)):
            _take(instance, fresh, field)
    _forget_reverse(instance, wanted)
    instance._state.db = fresh._state.db


def _columns_to_read(instance: Any, wanted: list[str] | None) -> list[str] | None:
    """Return the fields to select; ``None``: all. Columns that were deferred stay so."""
    if wanted is not None:
        return wanted
    meta = instance._meta
    values = instance.__dict__
    if all(field.attname in values for field in meta.concrete_fields):
        return None
    return [field.name for field in meta.concrete_fields if field.attname in values]


def _take(instance: Any, fresh: Any, field: Any) -> None:
    instance.__dict__[field.attname] = fresh.__dict__[field.attname]
    if field.is_relation:
        loaded: dict[str, Any] = fresh._state.cache or {}
        instance._state.fields_cache.pop(field.name, None)
        if field.name in loaded:
            instance._state.fields_cache[field.name] = loaded[field.name]


def _forget_relations(instance: Any, wanted: list[str]) -> list[str]:
    """Forget the loaded relations among the names and return the other names. Raises for paths."""
    columns: list[str] = []
    known = {each for field in instance._meta.concrete_fields for each in (field.name, field.attname)}
    for name in wanted:
        if SEPARATOR in name:
            raise ValueError(
                f'Found "{SEPARATOR}" in fields argument. Relations and transforms are not allowed in fields.'
            )
        if name in known:
            columns.append(name)
        elif prefetcher_of(type(instance), name) is not None:
            instance._state.fields_cache.pop(name, None)
        else:
            raise FieldError(f"{type(instance).__name__} has no field {name!r}.", fix=nearest(name, known))
    return columns


def _forget_reverse(instance: Any, wanted: list[str] | None) -> None:
    """Forget relations to others that were loaded: their rows may have changed as well."""
    cache = instance._state.cache
    if wanted is not None or not cache:
        return
    forward = {field.name for field in instance._meta.concrete_fields}
    for name in [name for name in cache if name not in forward]:
        del cache[name]


__all__ = ["load", "refresh"]
