"""Objects in order: the next and previous by a date, and those ordered with respect to another."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partialmethod
from typing import TYPE_CHECKING, Any

from vivace.errors import nearest
from vivace.errors.models import FieldDoesNotExist, QueryError

from .fields.numbers import IntegerField

if TYPE_CHECKING:
    from .base import Model


class OrderWrt(IntegerField[Any]):
    """The column ``_order``: the place of a row among those of the same object."""

    internal_type = "IntegerField"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "name": "_order", "editable": False})

    def pre_save(self, instance: Model, add: bool) -> Any:
        return instance.__dict__.get(self.attname)


async def neighbour(instance: Model, *, field: Any, is_next: bool, **conditions: Any) -> Any:
    """Return the object that follows or precedes by a date: ``await post.get_next_by_created()``.

    Among equal dates the key decides. Raises ``DoesNotExist``.
    """
    from .expressions.q import Q

    if instance.pk is None:
        raise QueryError(f"{instance._meta.label}: an object that is not saved has no neighbours.")
    lookup, sign = ("gt", "") if is_next else ("lt", "-")
    value = getattr(instance, field.attname)
    beyond = Q((field.name, value), (f"pk__{lookup}", instance.pk)) | Q((f"{field.name}__{lookup}", value))
    model = type(instance)
    rows = model._default_manager.using(instance._state.db).filter(**conditions).filter(beyond)
    found = await rows.order_by(f"{sign}{field.name}", f"{sign}pk").first()
    if found is None:
        raise model.DoesNotExist(
            f"{instance!r} is the {'last' if is_next else 'first'} {model.__name__} by {field.name}."
        )
    return found


def order_with_respect_to(model: type[Model]) -> None:
    """Give a model the column and the methods of ``Meta.order_with_respect_to``."""
    options = model._meta
    wanted = options.order_with_respect_to
    names = {name: field for field in options.fields for name in (field.name, field.attname)}
    if wanted not in names:
        raise FieldDoesNotExist(
            f"{options.label}: Meta.order_with_respect_to names no field.",
            got=repr(wanted),
            fix=nearest(str(wanted), names),
        )
    options.order_with_respect_to = field = names[wanted]
    options.ordering = ("_order",)
    if not any(isinstance(known, OrderWrt) for known in options.local_fields):
        model.add_to_class("_order", OrderWrt())
    model.add_to_class("get_next_in_order", partialmethod(neighbour_in_order, is_next=True))
    model.add_to_class("get_previous_in_order", partialmethod(neighbour_in_order, is_next=False))
    options.apps.when_defined(model, field.remote_field.model, _give_accessors)


def _give_accessors(model: type[Model], related: type[Model]) -> None:
    name = model.__name__.lower()
    setattr(related, f"get_{name}_order", partialmethod(get_order, model=model))
    setattr(related, f"set_{name}_order", partialmethod(set_order, model=model))


async def neighbour_in_order(instance: Model, *, is_next: bool) -> Any:
    """Return the object that follows or precedes among those of the same one. Raises ``DoesNotExist``."""
    options = instance._meta
    owner = options.order_with_respect_to
    lookup, sign = ("gt", "") if is_next else ("lt", "-")
    place = instance._order
    rows = type(instance)._default_manager.using(instance._state.db)
    rows = rows.filter(**{owner.attname: getattr(instance, owner.attname), f"_order__{lookup}": place})
    found = await rows.order_by(f"{sign}_order").first()
    if found is None:
        raise type(instance).DoesNotExist(f"{instance!r} is the {'last' if is_next else 'first'} in order.")
    return found


async def get_order(instance: Model, *, model: type[Model]) -> Any:
    """Return the keys of the objects that belong to this one, in their order."""
    owner = model._meta.order_with_respect_to
    rows = model._default_manager.using(instance._state.db).filter(**{owner.name: instance})
    return await rows.values_list("pk", flat=True)


async def set_order(
    instance: Model, keys: Iterable[Any], using: str | None = None, *, model: type[Model]
) -> None:
    """Put the objects that belong to this one into the order of these keys."""
    owner = model._meta.order_with_respect_to
    rows = model._default_manager.using(using or instance._state.db).filter(**{owner.name: instance})
    await rows.bulk_update([model(pk=key, _order=place) for place, key in enumerate(keys)], ["_order"])
