"""create, get_or_create and update_or_create: one row each, safe when two tasks do the same at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.db import atomic
from vivace.errors import FieldError, IntegrityError, nearest

from . import running

if TYPE_CHECKING:
    from .queryset import QuerySet


def write_alias(queryset: QuerySet[Any, Any]) -> str:
    """Return the alias of the database that a queryset writes to."""
    return running.writer(queryset.model, queryset._db, queryset._hints).alias


async def create(queryset: QuerySet[Any, Any], values: Mapping[str, Any]) -> Any:
    """Make an object and insert it."""
    instance = queryset.model(**values)
    await instance.save(force_insert=True, using=write_alias(queryset))
    return instance


async def get_or_create(
    queryset: QuerySet[Any, Any], defaults: Mapping[str, Any], conditions: Mapping[str, Any]
) -> tuple[Any, bool]:
    """Return the row that matches or a new one.

    Another task may insert the same row between the look and the insert: a unique constraint then refuses ours (within
    a savepoint, so that a transaction around it goes on), and theirs is returned.
    """
    params = _params(queryset.model, defaults, conditions)
    alias = write_alias(queryset)
    rows = queryset.using(alias)
    try:
        return await rows.get(**conditions), False
    except queryset.model.DoesNotExist:
        pass
    try:
        async with atomic(alias):
            return await rows.create(**_called(params)), True
    except IntegrityError:
        try:
            return await rows.get(**conditions), False
        except queryset.model.DoesNotExist:
            pass
        raise


async def update_or_create(
    queryset: QuerySet[Any, Any],
    defaults: Mapping[str, Any],
    create_defaults: Mapping[str, Any],
    conditions: Mapping[str, Any],
) -> tuple[Any, bool]:
    """Update the row that matches, locked meanwhile, or make one."""
    alias = write_alias(queryset)
    _check_names(queryset.model, defaults)
    async with atomic(alias):
        rows = queryset.using(alias).select_for_update()
        instance, created = await get_or_create(rows, create_defaults, conditions)
        if created:
            return instance, True
        for name, value in _called(defaults).items():
            setattr(instance, name, value)
        await instance.save(using=alias, update_fields=_fields_to_save(queryset.model, defaults))
    return instance, False


def _fields_to_save(model: Any, defaults: Mapping[str, Any]) -> set[str] | None:
    """Return what to write: the defaults and fields that set themselves (``auto_now``); ``None``: everything."""
    from vivace.models.fields.base import Field

    meta = model._meta
    concrete = {
        each
        for field in meta.concrete_fields
        if not field.primary_key
        for each in (field.name, field.attname)
    }
    if not concrete.issuperset(defaults):
        return None
    own = {
        field.name
        for field in meta.local_concrete_fields
        if not field.primary_key and type(field).pre_save is not Field.pre_save
    }
    return {*defaults, *own}


def _params(model: Any, defaults: Mapping[str, Any], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a new object is made of: conditions without lookups, and defaults."""
    params = {name: value for name, value in conditions.items() if "__" not in name}
    params.update(defaults)
    _check_names(model, params)
    return params


def _check_names(model: Any, names: Mapping[str, Any]) -> None:
    meta = model._meta
    for name in names:
        if name == "pk" or name in meta.property_names or name in meta._forward_fields_map:
            continue
        known = [*meta._forward_fields_map, *meta.property_names]
        raise FieldError(f"{meta.label} has no field {name!r}.", fix=nearest(name, known))


def _called(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, those of functions instead of functions."""
    return {name: value() if callable(value) else value for name, value in values.items()}


__all__ = ["create", "get_or_create", "update_or_create", "write_alias"]
