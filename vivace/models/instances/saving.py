"""save(): one object into its row, or into several: a child of multi-table inheritance has one in each parent's table.

The order, for each table from the topmost parent down:

1. UPDATE when the object came from the database (or has a key and ``force_update``/``update_fields`` say so);
2. if that met no row, INSERT, unless an update was demanded (then ``StaleObject``).

An object that is new and whose key is a default (``uuid4``) is inserted at once. What the database chose (keys,
``db_default``, generated columns) is read back with RETURNING by the same statement. One statement needs no transaction;
several run in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from vivace.db import Database, atomic
from vivace.errors import FieldError, StaleObject, nearest
from vivace.models.expressions.base import is_expression
from vivace.models.query import building, running
from vivace.models.query.inserting import has_expression, insert, layout, left_out, prepared, take_returned
from vivace.models.signals import post_save, pre_save
from vivace.models.sql import lift, names
from vivace.models.sql.state import QueryState
from vivace.models.sql.verbs import Update

from .unsaved import prepare_related_fields

if TYPE_CHECKING:
    from vivace.models.fields.base import Field


class SaveOptions:
    """How one save was called: see ``Model.save``."""

    __slots__ = ("database", "force_insert", "force_update", "update_fields")

    def __init__(
        self, database: Database, force_insert: Any, force_update: bool, update_fields: frozenset[str] | None
    ) -> None:
        self.database = database
        self.force_insert: tuple[type[Any], ...] = force_insert
        self.force_update = force_update
        self.update_fields = update_fields


async def save(
    instance: Any,
    *,
    force_insert: bool | tuple[type[Any], ...] = False,
    force_update: bool = False,
    using: str | None = None,
    update_fields: Iterable[str] | None = None,
) -> None:
    """Save an object; see ``Model.save``."""
    prepare_related_fields(instance, "save")
    if force_insert and (force_update or update_fields is not None):
        raise ValueError("Cannot force both insert and updating in model saving.")
    database = running.writer(type(instance), using, {"instance": instance})
    names = _names_to_update(instance, update_fields, database)
    if names is not None and not names:
        return
    options = SaveOptions(database, _forced(instance, force_insert), force_update, names)
    await save_base(instance, options)


def _names_to_update(instance: Any, given: Iterable[str] | None, database: Database) -> frozenset[str] | None:
    """Return the fields to write: those named, or those that were loaded when others were deferred; ``None``: all."""
    meta = instance._meta
    if given is not None:
        names = frozenset(given)
        known = {
            each
            for field in meta.concrete_fields
            if not field.primary_key
            for each in (field.name, field.attname)
        }
        unknown = sorted(names - known)
        if unknown:
            raise FieldError(
                f"update_fields of {meta.label}.save() names {unknown[0]!r}, which is no column to update.",
                expected=", ".join(sorted(known)),
                fix=nearest(unknown[0], known),
            )
        return names
    if instance._state.adding or instance._state.db != database.alias:
        return None
    values = instance.__dict__
    deferred = [field for field in meta.concrete_fields if field.attname not in values]
    if not deferred:
        return None
    return frozenset(
        field.attname for field in meta.concrete_fields if not field.primary_key and field.attname in values
    )


def _forced(instance: Any, force_insert: Any) -> tuple[type[Any], ...]:
    """Return the classes whose rows must be inserted."""
    if force_insert is True:
        model: Any = instance.__class__
        return (model,)
    if not force_insert:
        return ()
    if type(force_insert) is not tuple:
        raise TypeError("force_insert must be a bool or tuple.")
    members: Any = cast("Any", force_insert)
    for each in members:
        if not isinstance(each, type) or not hasattr(each, "_meta"):
            raise TypeError(f"Invalid force_insert member. {each!r} must be a model subclass.")
        if not isinstance(instance, each):
            raise TypeError(
                f"Invalid force_insert member. {each.__name__} must be a base of {type(instance).__name__}."
            )
    return tuple(members)


async def save_base(instance: Any, options: SaveOptions, *, raw: bool = False) -> None:
    """Write the rows of an object and send the signals; ``raw`` leaves parents and ``pre_save`` of fields alone."""
    model: Any = instance.__class__
    sender = model._meta.concrete_model
    meta = sender._meta
    alias = options.database.alias
    heard = not meta.auto_created
    named = {"instance": instance, "raw": raw, "using": alias, "update_fields": options.update_fields}
    if heard and pre_save.has_listeners(sender):
        await pre_save.send(sender=sender, **named)
    if meta.saved_first and not raw:
        await save_first(instance, meta.saved_first, options.update_fields)
    if meta.parents and not raw:
        async with atomic(options.database, savepoint=False):
            above = await _save_parents(instance, sender, options)
            updated = await _save_table(
                instance, sender, options, insert=above or _is_forced(sender, options)
            )
    else:
        updated = await _save_table(instance, sender, options, raw=raw, insert=_is_forced(sender, options))
    instance._state.db = alias
    instance._state.adding = False
    if heard and post_save.has_listeners(sender):
        await post_save.send(sender=sender, created=not updated, **named)


async def save_first(instance: Any, fields: Iterable[Any], names: frozenset[str] | None = None) -> None:
    """Have fields do their work that comes before the row: store files. ``names``: only what is going to be written."""
    for field in fields:
        if field.attname in instance.__dict__ and (names is None or field.name in names):
            await field.save_first(instance)


async def _save_parents(instance: Any, model: Any, options: SaveOptions) -> bool:
    """Save the rows of the parents; return whether any was inserted, as then the child's row must be."""
    inserted = False
    for parent, link in model._meta.parents.items():
        if link is not None:
            _share_key(instance, parent, link)
        above = await _save_parents(instance, parent, options)
        insert = above or _is_forced(parent, options)
        updated = await _save_table(instance, parent, options, insert=insert)
        inserted = inserted or not updated
        if link is not None:
            setattr(instance, link.attname, _pk_value(instance, parent._meta))
            instance._state.fields_cache.pop(link.name, None)
    return inserted


def _is_forced(model: Any, options: SaveOptions) -> bool:
    return issubclass(model, options.force_insert)


def _share_key(instance: Any, parent: Any, link: Any) -> None:
    """Make the key of a parent's row and the child's link to it the same, whichever was set."""
    key = parent._meta.pk.attname
    values = instance.__dict__
    if values.get(key) is None and values.get(link.attname) is not None:
        setattr(instance, key, values[link.attname])


def _pk_value(instance: Any, meta: Any) -> Any:
    return getattr(instance, meta.pk.attname)


async def _save_table(
    instance: Any, model: Any, options: SaveOptions, *, raw: bool = False, insert: bool = False
) -> bool:
    """Write the row of one table; return whether it was there."""
    meta = model._meta
    fields = [field for field in meta.local_concrete_fields if not field.primary_key and not field.generated]
    if options.update_fields:
        wanted = options.update_fields
        fields = [field for field in fields if field.name in wanted or field.attname in wanted]
    key = _pk_value(instance, meta)
    if _is_unset(key):
        key = _key_from_default(instance, meta)
    must_update = options.force_update or options.update_fields is not None
    if _is_unset(key):
        if must_update:
            raise ValueError("Cannot force an update in save() with no primary key.")
    elif not insert and not _is_certainly_new(instance, meta, options, raw):
        if await _update(instance, model, fields, key, options, raw):
            return True
        if must_update:
            raise _stale(instance, options)
    await _insert(instance, model, options, raw)
    return False


def _is_unset(key: Any) -> bool:
    from vivace.models.expressions.values import DatabaseDefault

    if isinstance(key, tuple):
        return any(map(_is_unset, cast("Any", key)))
    return key is None or type(key) is DatabaseDefault


def _key_from_default(instance: Any, meta: Any) -> Any:
    if meta.is_composite_pk or meta.pk.default is None or not meta.pk.has_default():
        return _pk_value(instance, meta)
    key = meta.pk.get_default()
    setattr(instance, meta.pk.attname, key)
    return key


def _is_certainly_new(instance: Any, meta: Any, options: SaveOptions, raw: bool) -> bool:
    """Say whether no row with the key can be there: the object is new and its key was made by a default."""
    if raw or not instance._state.adding or options.force_update or options.update_fields is not None:
        return False
    return any(field.has_default() or field.has_db_default() for field in meta.pk_fields)


def _stale(instance: Any, options: SaveOptions) -> StaleObject:
    asked = "force_update" if options.force_update else "update_fields"
    return StaleObject(
        f"save({asked}=…) of {type(instance).__name__} {instance.pk!r} met no row.",
        expected="a row with this key to update",
        fix="It was deleted, or never saved: save() without the option inserts it.",
    )


async def _update(
    instance: Any, model: Any, fields: list[Field[Any]], key: Any, options: SaveOptions, raw: bool
) -> bool:
    """Update the row; return whether there was one."""
    values: dict[str, Any] = {}
    for field in fields:
        values[field.attname] = getattr(instance, field.attname) if raw else field.pre_save(instance, False)
    rows = model._base_manager.all()
    version = None if raw else version_of(model._meta)
    if version is not None:
        return await _update_version(instance, model, rows, values, version, options)
    if not values:
        return (
            bool(options.update_fields is not None)
            or await rows.using(options.database.alias).filter(pk=key).exists()
        )
    if model._meta.select_on_save and not options.force_update:
        if not await rows.using(options.database.alias).filter(pk=key).exists():
            return False
        await _run_update(instance, model, rows, values, {"pk": key}, options)
        return True
    return await _run_update(instance, model, rows, values, {"pk": key}, options)


def version_of(meta: Any) -> Any:
    """Return the model's own ``VersionField``, or ``None``."""
    return next(
        (field for field in meta.local_concrete_fields if getattr(field, "counts_versions", False)), None
    )


async def _update_version(
    instance: Any, model: Any, rows: Any, values: dict[str, Any], version: Any, options: SaveOptions
) -> bool:
    """Update the row if it still has the version that was read. Raises ``StaleObject`` when it has another or is gone."""
    read = getattr(instance, version.attname)
    values[version.attname] = read + 1
    conditions = {"pk": _pk_value(instance, model._meta), version.attname: read}
    if await _run_update(instance, model, rows, values, conditions, options):
        setattr(instance, version.attname, read + 1)
        return True
    if instance._state.adding:
        return False
    raise StaleObject(
        f"{model.__name__} {instance.pk!r} was changed or deleted by somebody else since it was read.",
        expected=f"version {read}, which was read",
        fix="Read it again (await obj.refresh_from_db()), apply the change to what is there now, and save.",
    )


async def _run_update(
    instance: Any,
    model: Any,
    rows: Any,
    values: Mapping[str, Any],
    conditions: Mapping[str, Any],
    options: SaveOptions,
) -> bool:
    state = building.filtered(rows, (), conditions, negated=False)
    back = _returned_by_update(model._meta, values)
    verb, given = _assignments(state, values, back)
    if not back:
        return await running.execute(state, verb, options.database, given) > 0
    plan, returned = await running.fetch(state, verb, options.database, given)
    if returned:
        take_returned(plan, [instance], returned[:1])
    return bool(returned)


def _assignments(
    state: QueryState, values: Mapping[str, Any], back: tuple[str, ...]
) -> tuple[Update, tuple[Any, ...]]:
    """Return the verb that sets these values: one that was made before, where no value is an expression."""
    if has_expression(values.values()):
        return lift.update(state, values, back)
    meta = state.model._meta
    key = ("assignments", tuple(values), tuple(name for name, value in values.items() if value is None))
    verb: Update | None = meta.path_cache.get(key)
    if verb is None:
        verb, given = lift.update(state, values, back)
        names.remember(state.model, key, verb)
        return verb, given
    return verb, tuple(
        meta.get_field(name).get_prep_value(value) for name, value in values.items() if value is not None
    )


def _returned_by_update(meta: Any, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that the update computes in the database: generated ones, and those set to expressions."""
    generated = [field.attname for field in meta.local_concrete_fields if field.generated]
    computed = [name for name, value in values.items() if is_expression(value)]
    return (*generated, *computed)


async def _insert(instance: Any, model: Any, options: SaveOptions, raw: bool) -> None:
    meta = model._meta
    if meta.order_with_respect_to:
        await _put_last(instance, model, options)
    columns = layout(model, left_out(model)(instance.__dict__))
    row = [
        prepared(f, getattr(instance, f.attname) if raw else f.pre_save(instance, True))
        for f in columns.fields
    ]
    await insert(model, options.database, columns, [instance], [row])


async def _put_last(instance: Any, model: Any, options: SaveOptions) -> None:
    """Give an object of an ordered relation the place behind its siblings."""
    from vivace.models.expressions.aggregates import Max

    field = model._meta.order_with_respect_to
    rows = model._base_manager.using(options.database.alias)
    siblings = rows.filter(**{field.name: getattr(instance, field.attname)})
    last = (await siblings.aggregate(last=Max("_order")))["last"]
    instance._order = 0 if last is None else last + 1


__all__ = ["SaveOptions", "save", "save_base"]
