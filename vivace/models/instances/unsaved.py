"""Before saving: related objects that were assigned unsaved must have been saved by now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .descriptors import Pending, forget


def prepare_related_fields(instance: Any, operation: str, fields: Iterable[Any] | None = None) -> None:
    """Take over the keys of related objects that were saved after they were assigned.

    Raises ``ValueError`` for one that is still not saved: its row would be written without its key.
    """
    cache = instance._state.cache
    if not cache:
        return
    for field in instance._meta.concrete_fields if fields is None else fields:
        if not field.is_relation:
            continue
        found = cache.get(field.name)
        if type(found) is Pending:
            _take_key(instance, field, found.target, operation)


def _take_key(instance: Any, field: Any, target: Any, operation: str) -> None:
    if getattr(instance, field.attname) is not None:
        forget(instance, field.name)
        return
    key = getattr(target, field.target_field.attname)
    if target.pk is None or key is None:
        if not field.remote_field.multiple:
            target._state.fields_cache.pop(field.remote_field.get_cache_name(), None)
        raise ValueError(
            f"{operation}() prohibited to prevent data loss due to unsaved related object {field.name!r}. "
            f"Save it first: await {field.name}.save()."
        )
    setattr(instance, field.name, target)


def prepare_for_bulk_create(instance: Any) -> None:
    """Give an object the key that a default makes, and the keys of its related objects."""
    meta = instance._meta
    if not meta.is_composite_pk and getattr(instance, meta.pk.attname) is None and meta.pk.has_default():
        setattr(instance, meta.pk.attname, meta.pk.get_default())
    prepare_related_fields(instance, "bulk_create")


__all__ = ["prepare_for_bulk_create", "prepare_related_fields"]
