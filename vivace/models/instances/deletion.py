"""Deleting objects and what hangs on them: the Collector.

Theory of operation. ``collect`` walks the relations that point to the objects and sorts what it finds by the rule of
each foreign key (``on_delete``):

    CASCADE                 the rows go too: collect them, and what points to them
    PROTECT                 refuse, naming all of them (after the walk over one model's relations, so that all are named)
    RESTRICT                refuse, unless the same rows are reached by a CASCADE elsewhere
    SET_NULL, SET_DEFAULT,  update the column before the delete
    SET(value or callable)
    DO_NOTHING, DB_*        leave it to the database

Rows are fetched only when somebody must see them: because something points to them, or a signal has receivers. All
others are deleted by one statement per relation (``fast``). ``delete`` then runs, in one transaction: pre_delete
signals, fast deletes, column updates, the deletes in an order that foreign keys allow (children first), post_delete
signals. The order inside one model is by key, so that two deletes of the same rows cannot deadlock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeAlias

from vivace.db import atomic, current_databases, in_transaction
from vivace.errors import ProtectedError, RestrictedError
from vivace.models.query import running
from vivace.models.sharing import is_adopted
from vivace.models.signals import post_delete, pre_delete

Objects: TypeAlias = dict[Any, Any]
"""Objects as a set that keeps their order."""


class Collector:
    """What one ``delete`` will do. ``origin`` is the object or queryset that it was asked of: signals carry it."""

    def __init__(self, using: str, origin: Any = None) -> None:
        self.using = using
        self.origin = origin
        self.data: dict[Any, Objects] = {}  # by model, in order of discovery
        self.updates: dict[tuple[Any, Any], list[Any]] = {}  # (field, value) → querysets or lists of objects
        self.restricted: dict[Any, dict[Any, Objects]] = {}  # by model and field
        self.fast: list[Any] = []  # querysets to delete without looking
        self.dependencies: dict[Any, set[Any]] = {}  # model → models to be deleted before it

    # -- what to delete -------------------------------------------------------------------------------------------

    def add(
        self, objects: Iterable[Any], source: Any = None, *, nullable: bool = False, reverse: bool = False
    ) -> list[Any]:
        """Put objects of one model on the list and return those that are new on it."""
        objects = list(objects)
        if not objects:
            return []
        model: Any = objects[0].__class__
        known = self.data.setdefault(model, {})
        new = [each for each in objects if each not in known]
        known.update((each, each) for each in new)
        if source is not None and not nullable:
            self.add_dependency(source, model, reverse=reverse)
        return new

    def add_dependency(self, model: Any, dependency: Any, *, reverse: bool = False) -> None:
        """Demand that rows of ``dependency`` go before those of ``model``."""
        if reverse:
            model, dependency = dependency, model
        self.dependencies.setdefault(model._meta.concrete_model, set()).add(dependency._meta.concrete_model)
        self.data.setdefault(dependency, self.data.get(dependency, {}))

    def add_update(self, field: Any, value: Any, objects: Any) -> None:
        """Set a column of objects (a list, or a queryset that was not fetched) before anything is deleted."""
        self.updates.setdefault((field, value), []).append(objects)

    def add_restricted(self, field: Any, objects: Iterable[Any]) -> None:
        """Remember objects that must not lose what they point to, unless they are deleted as well."""
        for each in objects:
            self.restricted.setdefault(type(each), {}).setdefault(field, {})[each] = each

    def can_fast_delete(self, objects: Any, from_field: Any = None) -> bool:
        """Say whether rows can go without being fetched: no signals, nothing that cascades, no parents."""
        if from_field is not None and from_field.remote_field.on_delete.name != "CASCADE":
            return False
        model = _model_of(objects)
        if model is None or has_receivers(model):
            return False
        opts = model._meta
        return (
            all(link is from_field for link in opts.concrete_model._meta.parents.values())
            and all(leaves_alone(related.field) for related in candidate_relations(opts))
            and not any(hasattr(field, "bulk_related_objects") for field in opts.private_fields)
        )

    async def collect(
        self,
        objects: Any,
        source: Any = None,
        *,
        nullable: bool = False,
        collect_related: bool = True,
        reverse: bool = False,
        keep_parents: bool = False,
        fail_on_restricted: bool = True,
    ) -> None:
        """Add objects of one model and everything that goes with them."""
        if self.can_fast_delete(objects):
            self.fast.append(objects)
            return
        new = self.add(await _listed(objects), source, nullable=nullable, reverse=reverse)
        if not new:
            return
        model: Any = new[0].__class__
        if not keep_parents:
            await self._collect_parents(model, new)
        if collect_related:
            await self._collect_related(model, new, keep_parents)
            if fail_on_restricted:
                await self._check_restricted()

    async def _collect_parents(self, model: Any, objects: list[Any]) -> None:
        for parent, link in model._meta.concrete_model._meta.parents.items():
            if link is None:
                continue
            rows = [_parent_object(parent, link, each) for each in objects]
            await self.collect(rows, model, collect_related=False, reverse=True, fail_on_restricted=False)

    async def _collect_related(self, model: Any, objects: list[Any], keep_parents: bool) -> None:
        kept: set[Any] = set(model._meta.get_parent_list()) if keep_parents else set()
        protected: dict[str, list[Any]] = {}
        for related in candidate_relations(model._meta):
            field = related.field
            rule = field.remote_field.on_delete
            if leaves_alone(field) or related.model in kept:
                continue
            rows = related_objects(related.related_model, field, objects, self.using)
            if self.can_fast_delete(related.related_model, from_field=field):
                self.fast.append(rows)
            else:
                await self._apply(rule, field, rows, protected)
        for private in model._meta.private_fields:
            if hasattr(private, "bulk_related_objects"):  # relations without a foreign key of the database
                rows = private.bulk_related_objects(objects, self.using)
                await self.collect(rows, model, nullable=True, fail_on_restricted=False)
        if protected:
            raise _refusal(ProtectedError, model, protected, "on_delete=PROTECT")

    async def _apply(self, rule: Any, field: Any, rows: Any, protected: dict[str, list[Any]]) -> None:
        await RULES[rule.name](self, rule, field, rows, protected)

    async def _check_restricted(self) -> None:
        """Refuse when a restricted object is not deleted by another way."""
        for model, fields in self.restricted.items():
            gone = {**self.data.get(model, {}), **await self._gone_fast(model, fields)}
            left: dict[str, list[Any]] = {}
            for field, objects in fields.items():
                remaining = [each for each in objects if each not in gone]
                if remaining:
                    left[f"{model.__name__}.{field.name}"] = remaining
            if left:
                target = next(iter(fields)).remote_field.model
                raise _refusal(RestrictedError, target, left, "on_delete=RESTRICT")

    async def _gone_fast(self, model: Any, fields: dict[Any, dict[Any, Any]]) -> dict[Any, Any]:
        """Return those of the restricted objects that a delete takes which does not look at its rows."""
        objects = {each.pk: each for members in fields.values() for each in members}
        gone: dict[Any, Any] = {}
        for rows in self.fast:
            if _model_of(rows) is model and not hasattr(rows, "_meta"):
                keys = await rows.filter(pk__in=list(objects)).values_list("pk", flat=True)
                gone.update((objects[key], None) for key in keys)
        return gone

    # -- deleting -------------------------------------------------------------------------------------------------

    def ordered_models(self) -> list[Any]:
        """Return the models so that rows that point to others go first; as found where they point in a circle."""
        remaining = [model for model in self.data if self.data[model]]
        ordered: list[Any] = []
        while remaining:
            ready = [m for m in remaining if not self._waits_for(m, remaining)]
            if not ready:
                return [*ordered, *remaining]
            ordered += ready
            remaining = [m for m in remaining if m not in ready]
        return ordered

    def _waits_for(self, model: Any, remaining: list[Any]) -> bool:
        """Say whether a remaining model must be deleted before this one."""
        concrete = model._meta.concrete_model
        before = self.dependencies.get(concrete, set())
        return any(other._meta.concrete_model in before - {concrete} for other in remaining)

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Delete what was collected, in one transaction. Returns how many rows, in all and per model."""
        deleted: Counter[str] = Counter()
        models = self.ordered_models()
        batches = [(model, sorted(self.data[model], key=attrgetter("pk"))) for model in models]
        if not batches and not self.updates and len(self.fast) == 1:
            await self._delete_fast(self.fast[0], deleted)  # one statement needs no transaction around it
            return sum(deleted.values()), dict(deleted)
        async with atomic(self.using, savepoint=False):
            await self._signal(pre_delete, batches)
            for rows in self.fast:
                await self._delete_fast(rows, deleted)
            await self._update_columns()
            for model, objects in batches:
                await self._delete_batch(model, objects, deleted)
        self._reflect(batches)
        return sum(deleted.values()), dict(deleted)

    async def _signal(self, signal: Any, batches: list[tuple[Any, list[Any]]]) -> None:
        for model, objects in batches:
            if not model._meta.auto_created and signal.has_listeners(model):
                for each in objects:
                    await signal.send(sender=model, instance=each, using=self.using, origin=self.origin)

    async def _delete_fast(self, rows: Any, deleted: Counter[str]) -> None:
        instance = rows if hasattr(rows, "_meta") else None
        if instance is not None:
            owner: Any = instance.__class__
            rows = owner._base_manager.using(self.using).filter(pk=instance.pk)
        count: int = await rows._raw_delete(self.using)
        if instance is not None:
            setattr(instance, instance._meta.pk.attname, None)
        if count:
            deleted[rows.model._meta.label] += count

    async def _update_columns(self) -> None:
        for (field, value), groups in self.updates.items():
            for group in groups:
                rows = group
                if is_list(group):
                    rows = field.model._base_manager.using(self.using).filter(
                        pk__in=[each.pk for each in group]
                    )
                await rows.order_by().update(**{field.name: value})

    async def _delete_batch(self, model: Any, objects: list[Any], deleted: Counter[str]) -> None:
        rows = model._base_manager.using(self.using).filter(pk__in=[each.pk for each in objects])
        count = await rows._raw_delete(self.using)
        if count:
            deleted[model._meta.label] += count
        if not model._meta.auto_created and post_delete.has_listeners(model):
            for each in objects:
                await post_delete.send(sender=model, instance=each, using=self.using, origin=self.origin)

    def _reflect(self, batches: list[tuple[Any, list[Any]]]) -> None:
        """Show on the objects at hand what happened: columns that were set, keys that are gone."""
        for (field, value), groups in self.updates.items():
            for group in groups:
                for each in group if is_list(group) else ():
                    setattr(each, field.attname, value)
        for model, members in batches:
            for each in members:
                setattr(each, model._meta.pk.attname, None)


# -- the rules --------------------------------------------------------------------------------------------------------

Protected = dict[str, list[Any]]


async def _cascade(collector: Collector, rule: Any, field: Any, rows: Any, protected: Protected) -> None:
    objects = await rows
    if objects:
        await collector.collect(
            objects, field.remote_field.model, nullable=field.null, fail_on_restricted=False
        )


async def _protect(collector: Collector, rule: Any, field: Any, rows: Any, protected: Protected) -> None:
    objects = await rows
    if objects:
        protected.setdefault(f"{field.model.__name__}.{field.name}", []).extend(objects)


async def _restrict(collector: Collector, rule: Any, field: Any, rows: Any, protected: Protected) -> None:
    objects = await rows
    if objects:
        collector.add_restricted(field, objects)
        collector.add_dependency(field.remote_field.model, field.model)


async def _set_null(collector: Collector, rule: Any, field: Any, rows: Any, protected: Protected) -> None:
    collector.add_update(field, None, rows)


async def _set_default(collector: Collector, rule: Any, field: Any, rows: Any, protected: Protected) -> None:
    collector.add_update(field, field.get_default(), rows)


async def _set_value(collector: Collector, rule: Any, field: Any, rows: Any, protected: Protected) -> None:
    value = rule.current_value()
    collector.add_update(field, getattr(value, field.target_field.attname, value), rows)


RULES: dict[str, Callable[..., Any]] = {
    "CASCADE": _cascade,
    "PROTECT": _protect,
    "RESTRICT": _restrict,
    "SET_NULL": _set_null,
    "SET_DEFAULT": _set_default,
    "SET": _set_value,
}


LEFT_ALONE = frozenset(("DO_NOTHING", "DB_CASCADE", "DB_SET_NULL", "DB_SET_DEFAULT"))


def leaves_alone(field: Any) -> bool:
    """Say whether nothing is to be done here for rows that point with this foreign key."""
    return field.remote_field.on_delete.name in LEFT_ALONE


async def delete(instance: Any, *, using: str | None, keep_parents: bool) -> tuple[int, dict[str, int]]:
    """Delete an object; see ``Model.delete``."""
    if instance.pk is None:
        raise ValueError(
            f"{type(instance).__name__} object can't be deleted because its "
            f"{instance._meta.pk.attname} attribute is set to None."
        )
    database = running.writer(type(instance), using, {"instance": instance})
    return await _delete(instance, database.alias, instance, keep_parents)


async def delete_rows(rows: Any, using: str, origin: Any) -> tuple[int, dict[str, int]]:
    """Delete the rows of a queryset."""
    return await _delete(rows, using, origin, keep_parents=False)


async def _delete(objects: Any, using: str, origin: Any, keep_parents: bool) -> tuple[int, dict[str, int]]:
    """Collect and delete: both in one transaction, so that nothing that points here appears in between.

    Where a transaction is open already there is none around the collecting: an error in it (PROTECT) breaks nothing.
    """
    collector = Collector(using, origin=origin)
    if collector.can_fast_delete(objects) or in_transaction(using):
        await collector.collect(objects, keep_parents=keep_parents)
        return await collector.delete()
    async with atomic(using):
        await collector.collect(objects, keep_parents=keep_parents)
        return await collector.delete()


# -- helpers ----------------------------------------------------------------------------------------------------------


def has_receivers(model: Any) -> bool:
    """Say whether a signal of deletion would be heard."""
    return bool(pre_delete.has_listeners(model) or post_delete.has_listeners(model))


def candidate_relations(opts: Any) -> list[Any]:
    """Return the foreign keys that point to a model: also hidden ones, and those of automatic through tables.

    Those of models that the running app did not adopt do not exist for it: another app of the process has their tables.
    """
    databases = current_databases.get()
    adopted = databases is not None and databases in opts.adopters
    return [
        each
        for each in opts.get_fields(include_hidden=True)
        if each.auto_created
        and not each.concrete
        and (each.one_to_one or each.one_to_many)
        and (not adopted or is_adopted(each.related_model, databases))
    ]


def related_objects(model: Any, field: Any, objects: list[Any], using: str) -> Any:
    """Return the queryset of the rows of ``model`` whose ``field`` points to any of the objects."""
    return model._base_manager.using(using).filter(**{f"{field.name}__in": objects})


def _model_of(objects: Any) -> Any:
    """Return the model of a class, an object or a queryset; ``None`` for a list."""
    if hasattr(objects, "_meta"):
        return objects if isinstance(objects, type) else type(objects)
    return getattr(objects, "model", None)


async def _listed(objects: Any) -> list[Any]:
    if hasattr(objects, "_meta"):
        return [objects]
    rows: list[Any] = objects if is_list(objects) else await objects
    return rows


def is_list(objects: Any) -> bool:
    """Say whether objects are at hand, rather than a queryset that was not fetched."""
    return isinstance(objects, list)


def _parent_object(parent: Any, link: Any, instance: Any) -> Any:
    """Return the parent's row of a child as an object, made of the values that the child has."""
    values = {**instance.__dict__, parent._meta.pk.attname: getattr(instance, link.attname)}
    names = [field.attname for field in parent._meta.concrete_fields if field.attname in values]
    return parent.from_db(instance._state.db, names, [values[name] for name in names])


def _refusal(kind: type[Any], model: Any, found: dict[str, list[Any]], rule: str) -> Any:
    objects = [each for group in found.values() for each in group]
    error = kind(
        f"Rows of {model.__name__} cannot be deleted: others point to them with {rule}.",
        got="; ".join(f"{name}: {_shown(group)}" for name, group in found.items()),
        fix="Delete those first, or let them point elsewhere.",
    )
    error.protected_objects = error.restricted_objects = objects
    return error


def _shown(objects: list[Any]) -> str:
    keys = ", ".join(str(each.pk) for each in objects[:5])
    return f"{len(objects)} (keys {keys}{', …' if len(objects) > 5 else ''})"


__all__ = ["Collector", "candidate_relations", "delete", "delete_rows", "related_objects"]
