"""Managers of related objects: ``author.books`` and ``book.tags``.

Their class derives from the related model's default manager, so its methods are there too. Querysets that they begin
are restricted to what belongs to the object; what was prefetched is returned without a query.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.db import Database, atomic
from vivace.errors import InvalidValue
from vivace.models.expressions.base import is_expression
from vivace.models.signals import m2m_changed

from . import running
from .manager import Manager, ManagerBase
from .prefetchers import Prefetched

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    from vivace.models.base import Model

    M = TypeVarWithDefault("M", bound=Model, default=Any)
else:
    M = TypeVar("M")


def reverse_manager(rel: Any) -> Any:
    """Return the class of managers for a foreign key seen from the other side."""
    return _class_for(rel, rel.related_model, _ReverseMethods, "RelatedManager")


def many_related_manager(rel: Any, reverse: bool) -> Any:
    """Return the class of managers for one end of a many-to-many relation."""
    model = rel.related_model if reverse else rel.model
    return _class_for(rel, model, _ManyMethods, "ManyRelatedManager", reverse=reverse)


def _class_for(rel: Any, model: Any, methods: type[Any], name: str, **attributes: Any) -> Any:
    base: Any = model._default_manager.__class__
    made: dict[Any, Any] = rel.__dict__.setdefault("_manager_classes", {})
    key = (base, model, *attributes.values())
    if key not in made:
        made[key] = type(name, (methods, base), {"rel": rel, "model_class": model, **attributes})
    return made[key]


class _RelatedMethods(ManagerBase):
    """What both kinds share. ``instance`` is the object asked, ``name`` the attribute it was asked by."""

    rel: Any
    model_class: Any
    instance: Any

    def __init__(self, instance: Any) -> None:
        ManagerBase.__init__(self)
        self.model = self.model_class
        self.instance = instance
        self._hints = {"instance": instance}

    def __call__(self, *, manager: str) -> Any:
        """Return the same relation over another manager of the related model."""
        other: Any = self.model._meta.managers_map[manager].__class__
        methods = _ManyMethods if isinstance(self, _ManyMethods) else _ReverseMethods
        attributes = {"rel": self.rel, "model_class": self.model, "reverse": getattr(self, "reverse", False)}
        return type(type(self).__name__, (methods, other), attributes)(self.instance)

    cache_name: str

    if TYPE_CHECKING:

        def restrict(self, queryset: Any) -> Any:
            """Return a queryset restricted to what belongs to the object."""

    def everything(self) -> Any:
        """Return the querysets of the related model's own manager, not restricted."""
        return super().get_queryset()

    def get_queryset(self) -> Any:
        prefetched = self.prefetched()
        if prefetched is not None:
            return prefetched
        rows = self.restrict(super().get_queryset())
        rows._loader = (self.instance, self.cache_name)
        return rows

    def _begin(self) -> Any:
        return self.get_queryset()

    def prefetched(self) -> Any:
        """Return the queryset that was fetched along with the object, ``None`` when none was."""
        cache = self.instance._state.cache
        found = cache.get(self.cache_name) if cache else None
        if type(found) is not Prefetched:
            return None
        rows = self.restrict(super().get_queryset() if found.given is None else found.given)
        rows._cache = found.rows
        return rows

    def forget_prefetched(self) -> None:
        """Drop what was prefetched: it changed."""
        cache = self.instance._state.cache
        if cache:
            cache.pop(self.cache_name, None)

    def writer(self) -> Database:
        """Return the database to write to: that of the object."""
        return running.writer(self.model, self._db, self._hints)

    def check_types(self, objects: Iterable[Any]) -> None:
        """Raise ``InvalidValue`` for objects of another model."""
        for each in objects:
            if not isinstance(each, self.model):
                raise InvalidValue(
                    f"{type(self.instance).__name__}.{self.cache_name} cannot hold this object.",
                    expected=f"{self.model.__name__} objects",
                    got=f"{type(each).__name__} {str(each)[:60]!r}",
                )


class _ReverseMethods(_RelatedMethods):
    def __init__(self, instance: Any) -> None:
        super().__init__(instance)
        self.field = self.rel.field
        if instance.pk is None:
            raise ValueError(
                f"{instance!r} instance needs to have a primary key value before this relationship can be used."
            )
        self.cache_name = self.rel.get_accessor_name()

    def _key(self) -> Any:
        return getattr(self.instance, self.field.foreign_related_fields[0].attname)

    def restrict(self, queryset: Any) -> Any:
        queryset = queryset._but(_hints=self._hints, _db=self._db or queryset._db)
        key = self._key()
        if key is None:
            return queryset.none()
        rows = queryset if queryset.query_state.sliced else queryset.filter(**{self.field.attname: key})
        return rows._but(_known=(self.field, {key: self.instance}))

    def _require_key(self) -> None:
        if self._key() is None:
            name = self.field.foreign_related_fields[0].name
            raise ValueError(
                f"{self.instance!r} needs a value for {name!r} before objects can be related to it."
            )

    async def add(self, *objs: Any, bulk: bool = True) -> None:
        """Let objects point to this one. With ``bulk`` one UPDATE, else each is saved."""
        self._require_key()
        self.check_types(objs)
        self.forget_prefetched()
        database = self.writer()
        if not bulk:
            async with atomic(database, savepoint=False):
                for each in objs:
                    setattr(each, self.field.name, self.instance)
                    await each.save(using=database.alias)
            return
        for each in objs:
            if each._state.adding or each._state.db != database.alias:
                raise ValueError(f"{each!r} instance isn't saved. Use bulk=False or save the object first.")
            setattr(each, self.field.name, self.instance)
        rows = self.model._base_manager.using(database.alias).filter(pk__in=[each.pk for each in objs])
        await rows.update(**{self.field.name: self.instance})

    async def create(self, **kwargs: Any) -> Any:
        """Make and insert an object that points to this one."""
        self._require_key()
        return await self._unrestricted().create(**{**kwargs, self.field.name: self.instance})

    async def get_or_create(self, defaults: Any = None, **kwargs: Any) -> Any:
        """As ``QuerySet.get_or_create``, among the objects of this one."""
        self._require_key()
        return await self._unrestricted().get_or_create(
            defaults, **{**kwargs, self.field.name: self.instance}
        )

    async def update_or_create(self, defaults: Any = None, create_defaults: Any = None, **kwargs: Any) -> Any:
        """As ``QuerySet.update_or_create``, among the objects of this one."""
        self._require_key()
        given = {**kwargs, self.field.name: self.instance}
        return await self._unrestricted().update_or_create(defaults, create_defaults, **given)

    def _unrestricted(self) -> Any:
        self.forget_prefetched()
        return self.everything().using(self.writer().alias)

    async def remove(self, *objs: Any, bulk: bool = True) -> None:
        """Let objects point to nothing. Raises ``DoesNotExist`` for one that does not point here."""
        self._require_null("remove")
        self.check_types(objs)
        key = self._key()
        for each in objs:
            if getattr(each, self.field.attname) != key:
                raise self.field.remote_field.model.DoesNotExist(
                    f"{each!r} is not related to {self.instance!r}."
                )
        await self._clear(self.filter_keys([each.pk for each in objs]), bulk)
        for each in objs:
            setattr(each, self.field.name, None)

    async def clear(self, *, bulk: bool = True) -> None:
        """Let all objects of this one point to nothing."""
        self._require_null("clear")
        await self._clear(self.filter_keys(None), bulk)

    def _require_null(self, method: str) -> None:
        if not self.field.null:
            raise AttributeError(
                f"{type(self.instance).__name__}.{self.cache_name}.{method}() needs a foreign key that may be null: "
                f"{self.field} may not. Delete the objects, or give them another {self.field.name}."
            )

    def filter_keys(self, keys: list[Any] | None) -> Any:
        """Return the rows of this object, all or those with these keys, at the database to write to."""
        rows = self.restrict(self.everything()).using(self.writer().alias)
        return rows if keys is None else rows.filter(pk__in=keys)

    async def _clear(self, rows: Any, bulk: bool) -> None:
        self.forget_prefetched()
        database = self.writer()
        if bulk:
            await rows.update(**{self.field.name: None})
            return
        async with atomic(database, savepoint=False):
            for each in await rows:
                setattr(each, self.field.name, None)
                await each.save(using=database.alias, update_fields=[self.field.name])

    async def set(self, objs: Iterable[Any], *, bulk: bool = True, clear: bool = False) -> None:
        """Make these, and no others, the objects of this one."""
        wanted = list(objs)
        if not self.field.null:
            await self.add(*wanted, bulk=bulk)
            return
        database = self.writer()
        async with atomic(database, savepoint=False):
            if clear:
                await self.clear(bulk=bulk)
                await self.add(*wanted, bulk=bulk)
                return
            present = await self.filter_keys(None)
            await self.remove(*(each for each in present if each not in wanted), bulk=bulk)
            await self.add(*(each for each in wanted if each not in present), bulk=bulk)


class _ManyMethods(_RelatedMethods):
    reverse: bool

    def __init__(self, instance: Any) -> None:
        super().__init__(instance)
        field = self.rel.field
        self.field = field
        self.cache_name = self.rel.get_accessor_name() if self.reverse else field.name
        self.through = self.rel.through
        here, there = field.links
        self.source, self.target = (there, here) if self.reverse else (here, there)
        self.path: str = field.name if self.reverse else field.related_query_name()
        self.symmetrical: bool = self.rel.symmetrical
        self.key = getattr(instance, self.source.foreign_related_fields[0].attname)
        if instance.pk is None or self.key is None:
            raise ValueError(
                f"{instance!r} needs to have a value for field {self.source.foreign_related_fields[0].name!r} "
                "before this many-to-many relationship can be used."
            )

    def restrict(self, queryset: Any) -> Any:
        queryset = queryset._but(_hints=self._hints, _db=self._db or queryset._db)
        if queryset.query_state.sliced:
            return queryset
        return queryset._filter_sticky(
            {f"{self.path}__{self.source.foreign_related_fields[0].name}": self.key}
        )

    # -- writing ------------------------------------------------------------------------------------------------------

    async def add(self, *objs: Any, through_defaults: Any = None) -> None:
        """Relate objects (or keys of them); those that are related already stay as they are."""
        self.forget_prefetched()
        database = self.writer()
        async with atomic(database, savepoint=False):
            await self._add(database, self.source, self.target, objs, through_defaults)
            if self.symmetrical:
                await self._add(database, self.target, self.source, objs, through_defaults)

    async def _add(
        self, database: Database, source: Any, target: Any, objs: Iterable[Any], through_defaults: Any
    ) -> None:
        keys = self.keys(objs, target)
        if not keys:
            return
        listened = source is self.source and m2m_changed.has_listeners(self.through)
        if listened or not self.through._meta.auto_created:
            rows = self.through._base_manager.using(database.alias)
            present = rows.filter(**{source.attname: self.key, f"{target.attname}__in": keys})
            known = set(await present.values_list(target.attname, flat=True))
            keys = [key for key in keys if key not in known]
        if listened:
            await self._send("pre_add", database, keys)
        links = self._links(source, target, keys, through_defaults)
        await self.through._base_manager.using(database.alias).bulk_create(links, ignore_conflicts=True)
        if listened:
            await self._send("post_add", database, keys)

    def _links(self, source: Any, target: Any, keys: list[Any], through_defaults: Any) -> list[Any]:
        defaults: dict[str, Any] = through_defaults or {}
        given = {name: value() if callable(value) else value for name, value in defaults.items()}
        return [self.through(**given, **{source.attname: self.key, target.attname: key}) for key in keys]

    def keys(self, objs: Iterable[Any], target: Any) -> list[Any]:
        """Return the keys of objects, or the given keys checked. Raises for other models and unsaved objects."""
        field = target.foreign_related_fields[0]
        found: dict[Any, None] = {}
        for each in objs:
            if isinstance(each, self.model):
                key = getattr(each, field.attname)
                if key is None:
                    raise ValueError(f"Cannot add {each!r}: the value for field {field.name!r} is None.")
            elif hasattr(each, "_meta"):
                raise TypeError(f"{self.model.__name__!r} instance expected, got {each!r}")
            elif is_expression(each):
                raise TypeError(f"{type(each).__name__} cannot be added: pass objects or keys.")
            else:
                key = field.get_prep_value(field.to_python(each))
            found[key] = None
        return list(found)

    async def _send(self, action: str, database: Database, keys: Iterable[Any] | None) -> None:
        await m2m_changed.send(
            sender=self.through,
            action=action,
            instance=self.instance,
            reverse=self.reverse,
            model=self.model,
            pk_set=None if keys is None else set(keys),
            using=database.alias,
        )

    async def remove(self, *objs: Any) -> None:
        """Relate objects no more."""
        self.forget_prefetched()
        database = self.writer()
        keys = self.keys(objs, self.target)
        if keys:
            await self._remove(database, "remove", keys)

    async def clear(self) -> None:
        """Relate nothing any more."""
        self.forget_prefetched()
        await self._remove(self.writer(), "clear", None)

    async def _remove(self, database: Database, action: str, keys: list[Any] | None) -> None:
        listened = m2m_changed.has_listeners(self.through)
        async with atomic(database, savepoint=False):
            if listened:
                await self._send(f"pre_{action}", database, keys)
            await self._delete_links(database, self.source, self.target, keys)
            if self.symmetrical:
                await self._delete_links(database, self.target, self.source, keys)
            if listened:
                await self._send(f"post_{action}", database, keys)

    async def _delete_links(
        self, database: Database, source: Any, target: Any, keys: list[Any] | None
    ) -> None:
        conditions: dict[str, Any] = {source.attname: self.key}
        if keys is not None:
            conditions[f"{target.attname}__in"] = keys
        await self.through._base_manager.using(database.alias).filter(**conditions).delete()

    async def set(self, objs: Iterable[Any], *, clear: bool = False, through_defaults: Any = None) -> None:
        """Relate these objects (or keys), and no others."""
        wanted = list(objs)
        database = self.writer()
        async with atomic(database, savepoint=False):
            if clear:
                await self.clear()
                await self.add(*wanted, through_defaults=through_defaults)
                return
            rows = self.through._base_manager.using(database.alias).filter(**{self.source.attname: self.key})
            present = set(await rows.values_list(self.target.attname, flat=True))
            keys = self.keys(wanted, self.target)
            await self.remove(*(key for key in present if key not in keys))
            await self.add(*(key for key in keys if key not in present), through_defaults=through_defaults)

    async def create(self, *, through_defaults: Any = None, **kwargs: Any) -> Any:
        """Make, insert and relate an object."""
        made = await self.everything().using(self.writer().alias).create(**kwargs)
        await self.add(made, through_defaults=through_defaults)
        return made

    async def get_or_create(self, *args: Any, through_defaults: Any = None, **kwargs: Any) -> Any:
        """As ``QuerySet.get_or_create``, among the related objects; what is made is related."""
        rows = self.restrict(self.everything()).using(self.writer().alias)
        found, created = await rows.get_or_create(*args, **kwargs)
        if created:
            await self.add(found, through_defaults=through_defaults)
        return found, created

    async def update_or_create(self, *args: Any, through_defaults: Any = None, **kwargs: Any) -> Any:
        """As ``QuerySet.update_or_create``, among the related objects; what is made is related."""
        rows = self.restrict(self.everything()).using(self.writer().alias)
        found, created = await rows.update_or_create(*args, **kwargs)
        if created:
            await self.add(found, through_defaults=through_defaults)
        return found, created


if TYPE_CHECKING:

    class RelatedManager(Manager[M]):
        """What type checkers see of ``author.books``."""

        async def add(self, *objs: M, bulk: bool = True) -> None: ...
        async def remove(self, *objs: M, bulk: bool = True) -> None: ...
        async def clear(self, *, bulk: bool = True) -> None: ...
        async def set(self, objs: Iterable[M], *, bulk: bool = True, clear: bool = False) -> None: ...

    class ManyRelatedManager(Manager[M]):
        """What type checkers see of ``book.tags``."""

        through: Any

        async def add(self, *objs: M | Any, through_defaults: Any = None) -> None: ...
        async def remove(self, *objs: M | Any) -> None: ...
        async def clear(self) -> None: ...
        async def set(
            self, objs: Iterable[M | Any], *, clear: bool = False, through_defaults: Any = None
        ) -> None: ...

else:
    RelatedManager = _ReverseMethods
    ManyRelatedManager = _ManyMethods


__all__ = ["ManyRelatedManager", "RelatedManager", "many_related_manager", "reverse_manager"]
