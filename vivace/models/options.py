"""``Model._meta``: what a model says of itself, and what follows from its fields and relations.

What follows is computed when first asked for and kept in the instance's ``__dict__`` (an ordinary attribute read after
that); ``expire`` drops it when a field or a model is added.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, overload
from weakref import WeakSet

from vivace.errors import nearest
from vivace.errors.models import FieldDoesNotExist, ModelError

from .deconstruct import PUBLIC
from .filling import Fill, fill_of
from .labels import words
from .registry import Registry, registry
from .shapes import is_listed

if TYPE_CHECKING:
    from .base import Model
    from .constraints import BaseConstraint, UniqueConstraint
    from .fields.base import Field
    from .indexes import Index

T = TypeVar("T")

_REPLACED: Final = {"index_together": "Write indexes = [models.Index(fields=[…])]."}  # gone since Django 5.1
META_DEFAULTS: Final[dict[str, Any]] = {
    "verbose_name": None,
    "verbose_name_plural": None,
    "db_table": "",
    "db_table_comment": "",
    "ordering": (),
    "unique_together": (),
    "permissions": (),
    "get_latest_by": None,
    "order_with_respect_to": None,
    "app_label": None,
    "db_tablespace": "",
    "abstract": False,
    "managed": True,
    "proxy": False,
    "swappable": None,
    "auto_created": False,
    "apps": registry,
    "default_permissions": ("add", "change", "delete", "view"),
    "select_on_save": False,
    "default_related_name": None,
    "required_db_features": (),
    "required_db_vendor": None,
    "base_manager_name": None,
    "default_manager_name": None,
    "indexes": (),
    "constraints": (),
}
"""Everything that may stand in ``class Meta``."""

MAX_NAME_LENGTH: Final = 63  # PostgreSQL's limit for identifiers; longer names are cut, with a hash


class derived(Generic[T]):  # noqa: N801 - reads as the decorator it is
    """An attribute computed when first read and forgotten when models change."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> derived[T]: ...
    @overload
    def __get__(self, instance: Options, owner: type[Any]) -> T: ...
    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        instance.apps.warmed(instance)
        return value


class InitField(NamedTuple):
    """A field as ``Model.__init__`` sees it."""

    attname: str
    relation: str | None  # under this name an object may be given
    constant: bool
    default: Any  # the value when it is constant, else a function
    plain: bool  # stored without asking a descriptor

    @classmethod
    def of(cls, field: Any, model: type[Model]) -> InitField:
        relation = field.name if field.remote_field is not None else None
        ours = str(field.get_default.__module__).startswith(PUBLIC)  # a custom one may answer anew each time
        constant: bool = ours and not callable(field.default) and not field.has_db_default()
        default = field.get_default() if constant else field.get_default
        plain = getattr_static(model, field.attname) is field
        return cls(field.attname, relation, constant, default, plain)


class Options:
    """The options of one model, under Django's names. Raises ``ModelError`` for one that does not exist."""

    verbose_name: str
    verbose_name_plural: str
    db_table: str
    db_table_comment: str
    ordering: Any
    unique_together: Any
    permissions: Any
    get_latest_by: Any
    order_with_respect_to: Any
    app_label: str
    db_tablespace: str
    abstract: bool
    managed: bool
    proxy: bool
    swappable: str | None
    auto_created: Any
    apps: Registry
    default_permissions: Any
    select_on_save: bool
    default_related_name: str | None
    required_db_features: Any
    required_db_vendor: str | None
    base_manager_name: str | None
    default_manager_name: str | None
    indexes: list[Index]
    constraints: list[BaseConstraint]

    def __init__(self, meta: Any, app_label: str) -> None:
        self.__dict__.update(META_DEFAULTS)
        self.app_label = app_label
        self.meta = meta
        self.local_fields: list[Field[Any]] = []
        self.local_many_to_many: list[Any] = []
        self.private_fields: list[Any] = []
        self.local_managers: list[Any] = []
        self.incoming: dict[tuple[str, str, str], Any] = {}
        self.parents: dict[type[Model], Any] = {}
        self.pk: Any = None
        self.auto_field: Any = None
        self.concrete_model: Any = None
        self.proxy_for_model: Any = None
        self.position = -1
        self.original_attrs: dict[str, Any] = {}
        self.path_cache: dict[Any, Any] = {}
        self.adopters: WeakSet[Any] = WeakSet()
        self.callbacks: list[Callable[[type[Model], type[Model]], None]] = []  # see ``Registry.when_defined``
        self._get_fields_cache: dict[Any, list[Any]] = {}

    def contribute_to_class(self, cls: type[Model], name: str) -> None:
        cls._meta = self
        self.model = cls
        self.object_name = cls.__name__
        self.model_name = cls.__name__.lower()
        self._read(self.meta)
        self.verbose_name = self.verbose_name or words(cls.__name__)
        self.verbose_name_plural = self.verbose_name_plural or f"{self.verbose_name}s"
        self.unique_together = as_tuples(self.unique_together)
        self.indexes = self._named(self.indexes)
        self.constraints = self._named(self.constraints)
        self._ordering_clash = bool(self.ordering and self.order_with_respect_to)
        if not self.db_table:
            from .names import shortened

            self.db_table = shortened(f"{self.app_label}_{self.model_name}", MAX_NAME_LENGTH)

    def _read(self, meta: Any) -> None:
        """Take over what ``class Meta`` and its bases say."""
        given = {name for name in (dir(meta) if meta is not None else ()) if not name.startswith("_")}
        unknown = sorted(given - META_DEFAULTS.keys())
        if unknown:
            raise ModelError(
                f"{self.model.__module__}.{self.model.__qualname__}.Meta has no option {unknown[0]!r}.",
                expected=f"one of {', '.join(sorted(META_DEFAULTS))}",
                fix=_REPLACED.get(unknown[0]) or nearest(unknown[0], META_DEFAULTS),
            )
        for name in META_DEFAULTS:
            if name in given:
                value = getattr(meta, name)
                setattr(self, name, value)
                self.original_attrs[name] = value
        if not self.app_label:
            raise ModelError(f"{self.model.__qualname__}.Meta.app_label is empty.", expected="a text")

    def _named(self, items: Iterable[Any]) -> list[Any]:
        """Copy indexes or constraints, so that each class has its own, with the class's name in theirs."""
        own = [item.clone() for item in items]
        if not self.abstract:
            for item in own:
                item.name = item.name % {"app_label": self.app_label.lower(), "class": self.model_name}
        return own

    @property
    def label(self) -> str:
        return f"{self.app_label}.{self.object_name}"

    @property
    def label_lower(self) -> str:
        return f"{self.app_label}.{self.model_name}"

    @property
    def verbose_name_raw(self) -> str:
        return str(self.verbose_name)

    @property
    def swapped(self) -> None:
        """Always ``None``: an app brings the model it wants instead of swapping one."""
        return None

    @property
    def is_composite_pk(self) -> bool:
        return getattr(self.pk, "field_names", None) is not None

    def __repr__(self) -> str:
        return f"<Options for {self.object_name}>"

    def __str__(self) -> str:
        return self.label_lower

    # -- fields in -----------------------------------------------------------------------------------------------

    def add_field(self, field: Any, private: bool = False) -> None:
        """Take in a field in the order in which fields were written."""
        if private:
            self.private_fields.append(field)
        elif field.many_to_many:
            insort(self.local_many_to_many, field)
        else:
            insort(self.local_fields, field)
            self.setup_pk(field)
        self.expire()
        self.apps.clear_cache()

    def add_manager(self, manager: Any) -> None:
        self.local_managers.append(manager)
        self.expire()

    def add_incoming(self, field: Any) -> None:
        """Note a relation that points to this model."""
        owner = field.model
        self.incoming[owner.__module__, owner.__qualname__, field.name] = field
        self.apps.clear_cache()

    def setup_pk(self, field: Any) -> None:
        if self.pk is None and field.primary_key:
            self.pk = field
            field.serialize = False

    def setup_proxy(self, target: type[Model]) -> None:
        self.pk = target._meta.pk
        self.proxy_for_model = target
        self.db_table = target._meta.db_table

    def expire(self) -> None:
        """Forget what was derived."""
        for name in _DERIVED:
            self.__dict__.pop(name, None)
        self._get_fields_cache = {}
        self.path_cache.clear()

    # -- fields out ----------------------------------------------------------------------------------------------

    def get_fields(self, include_parents: bool = True, include_hidden: bool = False) -> list[Any]:
        """Return all fields and reverse relations; hidden ones (``related_name="+"``) only on request."""
        return list(self._get_fields(True, True, include_parents, include_hidden))

    def _get_fields(
        self,
        forward: bool,
        reverse: bool,
        include_parents: bool = True,
        include_hidden: bool = False,
        topmost: bool = True,
    ) -> list[Any]:
        key = (forward, reverse, include_parents, include_hidden, topmost)
        known = self._get_fields_cache.get(key)
        if known is None:
            known = self._collect_fields(*key)
            self._get_fields_cache[key] = known
            self.apps.warmed(self)
        return known

    def _collect_fields(
        self, forward: bool, reverse: bool, include_parents: bool, include_hidden: bool, topmost: bool
    ) -> list[Any]:
        found: dict[Any, None] = {}
        for parent in self.parents:
            if not include_parents and parent._meta.concrete_model is not self.concrete_model:
                continue
            inherited = parent._meta._get_fields(forward, reverse, include_parents, include_hidden, False)
            found.update(
                (field, None)
                for field in inherited
                if not getattr(field, "parent_link", False) or field.model is self.concrete_model
            )
        fields = list(found)
        if reverse and not self.proxy:
            fields += [
                f.remote_field for f in self.relation_tree if include_hidden or not f.remote_field.hidden
            ]
        if forward:
            fields += self.local_fields
            fields += self.local_many_to_many
            fields += self.private_fields if topmost else []
        return fields

    @derived
    def relation_tree(self) -> list[Any]:
        """The relations that point here, in the order in which their models and they themselves were written."""
        known = self.apps
        live = [
            field
            for field in self.concrete_model._meta.incoming.values()
            if field.model in known and field.remote_field.model._meta.concrete_model is self.concrete_model
        ]
        return sorted(
            live, key=lambda field: (field.model._meta.position, field.many_to_many, field.creation_counter)
        )

    @derived
    def has_relations(self) -> bool:
        """Whether any relation leads from here or to here, hidden ones among them."""
        own = self._get_fields(True, True, include_hidden=True)
        if self.concrete_model._meta is not self:  # a proxy: what leads to its table leads to it
            return self.concrete_model._meta.has_relations or any(field.is_relation for field in own)
        return any(field.is_relation for field in own)

    @derived
    def saved_first(self) -> list[Field[Any]]:
        """Fields that have something to do before a row is written."""
        return [field for field in self.concrete_fields if field.saves_first]

    @derived
    def fields(self) -> list[Field[Any]]:
        """Fields with a place in the table (and composite keys): neither many-to-many nor reverse relations."""
        forward = self._get_fields(True, False)
        return [f for f in forward if not f.is_relation or f.many_to_one or (f.one_to_one and f.remote_field)]

    @derived
    def concrete_fields(self) -> list[Field[Any]]:
        """Fields that have a column, those of parents first."""
        return [field for field in self.fields if field.concrete]

    @derived
    def local_concrete_fields(self) -> list[Field[Any]]:
        """Fields that have a column in this model's own table."""
        return [field for field in self.local_fields if field.concrete]

    @derived
    def many_to_many(self) -> list[Any]:
        return [field for field in self._get_fields(True, False) if field.is_relation and field.many_to_many]

    @derived
    def related_objects(self) -> list[Any]:
        """Reverse relations, hidden ones only when they are many-to-many."""
        found = self._get_fields(False, True, include_hidden=True)
        return [rel for rel in found if not rel.hidden or rel.field.many_to_many]

    @derived
    def _forward_fields_map(self) -> dict[str, Any]:
        return _by_name(self._get_fields(True, False))

    @derived
    def fields_map(self) -> dict[str, Any]:
        """Reverse relations by the name that lookups use."""
        return _by_name(self._get_fields(False, True, include_hidden=True))

    @derived
    def shared_names(self) -> dict[str, list[Any]]:
        """Names in lookups by which several models lead here, those of several apps of the process (see ``sharing``)."""
        found: dict[str, list[Any]] = {}
        for rel in self._get_fields(False, True, include_hidden=True):
            if not rel.hidden:
                found.setdefault(rel.name, []).append(rel)
        return {name: rels for name, rels in found.items() if len(rels) > 1}

    @derived
    def pk_fields(self) -> list[Any]:
        """The fields of the primary key, in its order."""
        return list(self.pk.fields) if self.is_composite_pk else [self.pk]

    @derived
    def db_returning_fields(self) -> list[Field[Any]]:
        """Fields whose value an INSERT must tell."""
        return [field for field in self.fields if field.db_returning]

    @derived
    def fill(self) -> Fill:
        """What ``Model.__init__`` does with the columns that it is given, and those that it is not."""
        if self.abstract:
            raise TypeError(f"{self.model.__qualname__} is abstract: it has no objects.")
        columns = (field for field in self.fields if field.concrete and not field.generated)
        return fill_of(self.model, [InitField.of(field, self.model) for field in columns])

    @derived
    def property_names(self) -> frozenset[str]:
        """What ``Model(…)`` may be given beside fields: properties, and ``pk`` in any form."""
        names = (name for name in dir(self.model) if isinstance(getattr_static(self.model, name), property))
        return frozenset((*names, "pk"))

    @derived
    def total_unique_constraints(self) -> list[UniqueConstraint]:
        """Unique constraints over plain fields without a condition."""
        from .constraints import UniqueConstraint

        return [
            constraint
            for constraint in self.constraints
            if isinstance(constraint, UniqueConstraint)
            and constraint.condition is None
            and not constraint.contains_expressions
        ]

    def get_field(self, field_name: str) -> Any:
        """Return the field or reverse relation of this name. Raises ``FieldDoesNotExist`` with the nearest match."""
        found = self._forward_fields_map.get(field_name)
        if found is None:
            found = self.fields_map.get(field_name)
        if found is None:
            known = [*self._forward_fields_map, *self.fields_map]
            raise FieldDoesNotExist(
                f"{self.label} has no field {field_name!r}.", fix=nearest(field_name, known)
            )
        return found

    # -- managers ------------------------------------------------------------------------------------------------

    @derived
    def managers(self) -> list[Any]:
        """Managers of this class and its bases, a nearer one hiding another of its name."""
        from .inheritance import inherited_managers

        return inherited_managers(self)

    @derived
    def managers_map(self) -> dict[str, Any]:
        return {manager.name: manager for manager in self.managers}

    @derived
    def default_manager(self) -> Any:
        from .inheritance import default_manager

        return default_manager(self)

    @derived
    def base_manager(self) -> Any:
        from .inheritance import base_manager

        return base_manager(self)

    # -- ancestors -----------------------------------------------------------------------------------------------

    def get_base_chain(self, model: type[Model]) -> list[type[Model]]:
        """Return the parents from here to an ancestor, nearest first; empty when it is none."""
        if model in self.parents:
            return [model]
        for parent in self.parents:
            chain = parent._meta.get_base_chain(model)
            if chain:
                return [parent, *chain]
        return []

    @derived
    def all_parents(self) -> tuple[type[Model], ...]:
        found: dict[type[Model], None] = dict.fromkeys(self.parents)
        for parent in self.parents:
            found.update(dict.fromkeys(parent._meta.all_parents))
        return tuple(found)

    def get_parent_list(self) -> list[type[Model]]:
        return list(self.all_parents)

    def get_ancestor_link(self, ancestor: type[Model]) -> Any:
        """Return the field of this model that leads to an ancestor, perhaps in several steps; ``None``: no ancestor."""
        if ancestor in self.parents:
            return self.parents[ancestor]
        for parent, link in self.parents.items():
            further = parent._meta.get_ancestor_link(ancestor)
            if further is not None:
                return link or further
        return None

    def get_path_to_parent(self, parent: type[Model]) -> list[Any]:
        from .relations.paths import path_to_parent

        return path_to_parent(self, parent)

    def get_path_from_parent(self, parent: type[Model]) -> list[Any]:
        from .relations.paths import path_from_parent

        return path_from_parent(self, parent)

    def can_migrate(self, dialect: str) -> bool:
        """Whether a database of this dialect is to have the model's table."""
        wanted = self.required_db_vendor
        return self.managed and not self.proxy and wanted in (None, dialect)


_DERIVED: Final = tuple(name for name, value in vars(Options).items() if isinstance(value, derived))


def getattr_static(owner: type[Any], name: str) -> Any:
    """Return an attribute as it stands in a class or its bases, without asking descriptors."""
    for base in owner.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _by_name(fields: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        found[field.name] = field
        attname = getattr(field, "attname", None)
        if attname is not None:
            found[attname] = field
    return found


def as_tuples(given: Any) -> Any:
    """Return ``unique_together`` as tuples of names; what it cannot be is returned for the check to tell."""
    if not is_listed(given) or not given:
        return given or ()
    groups: Any = given if is_listed(given[0]) else (given,)
    return tuple(tuple(group) if is_listed(group) else group for group in groups)
