"""Model: a class whose objects are rows.

The metaclass builds a class in this order, which the comments of ``ModelBase.__new__`` follow:

1. the plain attributes make an ordinary class (so ``super()`` and ``__set_name__`` work);
2. ``_meta`` is read from ``class Meta``;
3. what has ``contribute_to_class`` (fields, managers) enters in the order in which it was written;
4. bases give their fields (see ``inheritance``);
5. the primary key and the manager are added where none was written, and the registry is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from vivace.errors import nearest
from vivace.errors.models import (
    FieldDoesNotExist,
    ModelError,
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    UnexpectedArgument,
)

from .cachekeys import instance_key
from .filling import DEFERRED as DEFERRED
from .inheritance import bases_of, family_of, inherit_fields, inherit_options, promote_link, set_up_proxy
from .jsonable import json_of
from .labels import label_of
from .options import Options
from .signals import class_prepared, post_init, pre_init
from .state import NEW, StateOfOrigin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .access import AutoId, DefaultManager
    from .query.queryset import QuerySet
    from .state import ModelState, Origin

M = TypeVar("M", bound="Model")

_DESCRIPTORS = {
    "forward": "ForwardManyToOneDescriptor",
    "forward-one": "ForwardOneToOneDescriptor",
    "reverse-one": "ReverseOneToOneDescriptor",
    "reverse-many": "ReverseManyToOneDescriptor",
    "many": "ManyToManyDescriptor",
    "many-reverse": "ManyToManyDescriptor",
}


class ModelBase(type):
    """The metaclass of models."""

    if TYPE_CHECKING:
        _meta: Options

        def __getattr__(cls, name: str) -> Any: ...

    def __new__(
        mcs, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        if not any(isinstance(base, ModelBase) for base in bases):
            return super().__new__(mcs, name, bases, namespace, **kwargs)
        meta = namespace.pop("Meta", None)
        contributing = {key: value for key, value in namespace.items() if _contributes(value)}
        plain = {key: value for key, value in namespace.items() if key not in contributing}
        cls = cast("type[Model]", super().__new__(mcs, name, bases, plain, **kwargs))
        mcs._give_options(cls, meta)
        for key, value in contributing.items():
            cls.add_to_class(key, value)
        if cls._meta.proxy:
            set_up_proxy(cls)
        inherit_fields(cls)
        if cls._meta.abstract:
            cls.Meta = _concrete(meta)
            return cls
        cls._prepare()
        cls._meta.apps.register_model(cls._meta.app_label, cls)
        return cls

    @staticmethod
    def _give_options(model: type[Model], meta: Any) -> None:
        own = meta or getattr(model, "Meta", None)
        label = getattr(own, "app_label", None) or label_of(model.__module__)
        options = Options(own, label)
        options.contribute_to_class(model, "_meta")
        options.concrete_model = model
        inherit_options(model)
        if not options.abstract:
            model.DoesNotExist = _error("DoesNotExist", model, ObjectDoesNotExist)
            model.MultipleObjectsReturned = _error("MultipleObjectsReturned", model, MultipleObjectsReturned)

    def _prepare(cls) -> None:
        model = cast("type[Model]", cls)
        options = model._meta
        if options.order_with_respect_to:
            from .ordering import order_with_respect_to

            order_with_respect_to(model)
        if options.pk is None and options.parents:
            promote_link(options)
        elif options.pk is None:
            from .fields.auto import BigAutoField

            model.add_to_class("id", BigAutoField("ID", primary_key=True, auto_created=True))
        if model.__doc__ is None:
            model.__doc__ = f"{model.__name__}({', '.join(field.name for field in options.fields)})"
        if not any(base._meta.local_managers for base in family_of(model)):
            _give_manager(model)
        for index in options.indexes:
            if not index.name:
                index.set_name_with_model(model)
        class_prepared.send_now(sender=model)

    def add_to_class(cls, name: str, value: Any) -> None:
        """Set an attribute; a field or manager takes its place in ``_meta`` too."""
        if _contributes(value):
            value.contribute_to_class(cls, name)
        else:
            setattr(cls, name, value)

    def attach_relation(cls, name: str, kind: str, relation: Any) -> None:
        """Set the attribute by which objects reach related ones."""
        from .instances import descriptors  # queries are above relations, which ask for this

        make = getattr(descriptors, _DESCRIPTORS[kind])
        reverse = {"reverse": kind == "many-reverse"} if kind.startswith("many") else {}
        attribute = make(relation, **reverse)
        if "reverse" in kind:
            from .sharing import way_back

            relation.way_back = attribute
            attribute = way_back(cls.__dict__.get(name), cls, name, relation)
        setattr(cls, name, attribute)

    def detach_relation(cls, rel: Any) -> None:
        """Take back the attribute of a relation that turned out to point elsewhere."""
        name = rel.get_accessor_name()
        held = cls.__dict__.get(name) if name else None
        if held is not None and rel in (getattr(held, "rel", None), getattr(held, "related", None)):
            delattr(cls, name)

    def define(cls, name: str, attributes: dict[str, Any]) -> type[Model]:
        """Make another model class, for relations that need a table between."""
        return cast("type[Model]", type(cls)(name, (Model,), attributes))

    @property
    def _base_manager(cls) -> Any:
        return cls._meta.base_manager

    @property
    def _default_manager(cls) -> Any:
        return cls._meta.default_manager


def _contributes(value: Any) -> bool:
    return not isinstance(value, type) and hasattr(value, "contribute_to_class")


def _concrete(meta: Any) -> Any:
    """Return the ``Meta`` of an abstract class as its children inherit it: they are not abstract."""
    if meta is None:
        return type("Meta", (), {})
    meta.abstract = False
    return meta


def _error(name: str, cls: type[Model], root: type[Exception]) -> type[Any]:
    parents = tuple(getattr(base, name) for base in bases_of(cls) if not base._meta.abstract)
    namespace = {"__module__": cls.__module__, "__qualname__": f"{cls.__qualname__}.{name}"}
    return type(name, parents or (root,), namespace)


def _give_manager(model: type[Model]) -> None:
    if any(field.name == "objects" for field in model._meta.fields):
        raise ModelError(
            f"{model._meta.label} has a field called 'objects'.", fix="Declare a manager of another name."
        )
    from .query.manager import Manager

    manager: Any = Manager()
    manager.auto_created = True
    model.add_to_class("objects", manager)


class Model(metaclass=ModelBase):
    """Base of all models: a subclass is a table, its objects are rows."""

    __vivace_changes__: ClassVar[frozenset[str]] = frozenset(
        {"save", "delete"}
    )  # templates may not call them

    if TYPE_CHECKING:
        id = AutoId()
        pk: Any
        objects = DefaultManager()
        DoesNotExist: ClassVar[type[ObjectDoesNotExist]]
        MultipleObjectsReturned: ClassVar[type[MultipleObjectsReturned]]
        Meta: ClassVar[Any]
        _meta: ClassVar[Options]
        _state: ModelState
        _origin: Origin

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        options = self._meta
        if pre_init.connected:
            pre_init.send_now(type(self), args=args, kwargs=kwargs)
        self._origin = NEW
        if args:
            _by_position(options, args, kwargs)
        options.fill(self, kwargs)
        if kwargs:
            self._set_properties(kwargs)
        if post_init.connected:
            post_init.send_now(type(self), instance=self)

    def _set_properties(self, given: dict[str, Any]) -> None:
        """Set what is no field but a property (``pk`` is one). Raises ``UnexpectedArgument`` for anything else."""
        options = self._meta
        for name, value in given.items():
            if name in options.property_names:
                if value is not DEFERRED:
                    setattr(self, name, value)
                continue
            raise _unexpected(self, name)

    @classmethod
    def from_db(cls, db: str | None, field_names: Iterable[str], values: Sequence[Any]) -> Self:
        """Make an object of a row. Override it to act on loading; rows then take this slower way."""
        given = dict(zip(field_names, values, strict=True))
        columns = [field for field in cls._meta.concrete_fields if not field.generated]
        new = cls(**{field.attname: given.pop(field.attname, DEFERRED) for field in columns})
        vars(new).update(given)  # what the database computed
        new._state.adding = False
        new._state.db = db
        return new

    # -- identity ------------------------------------------------------------------------------------------------

    if not TYPE_CHECKING:
        _state = StateOfOrigin()

        @property
        def pk(self) -> Any:
            return getattr(self, self._meta.pk.attname)

        @pk.setter
        def pk(self, value: Any) -> None:
            options = self._meta
            for link in options.parents.values():
                if link is not None and link is not options.pk:
                    setattr(self, link.target_field.attname, value)
            setattr(self, options.pk.attname, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __str__(self) -> str:
        return f"{type(self).__name__} object ({self._key_shown()})"

    def _key_shown(self) -> Any:
        return self.__dict__.get(self._meta.pk.attname) if not self._meta.is_composite_pk else self.pk

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        if self._meta.concrete_model is not other._meta.concrete_model:
            return False
        key = self.pk
        return self is other if _is_unset(key) else bool(key == other.pk)

    def __hash__(self) -> int:
        key = self.pk
        if _is_unset(key):
            raise TypeError(f"A {type(self).__name__} without a primary key has no hash.")
        return hash(key)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or a pickle takes over: values and loaded relations, not the other rows of a result."""
        values = {**self.__dict__, "_state": self._state.copied()}
        values.pop("_origin", None)
        return values

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __vivace_json__(self) -> dict[str, Any]:
        return json_of(self)

    def __vivace_key__(self, keying: Any) -> Any:
        return instance_key(self, keying)

    @staticmethod
    def __vivace_join__(objects: Any) -> None:
        from .query.peers import join

        join(objects)

    # -- values --------------------------------------------------------------------------------------------------

    def get_deferred_fields(self) -> set[str]:
        """Return the names of the columns that were not fetched."""
        return {field.attname for field in self._meta.concrete_fields if field.attname not in self.__dict__}

    def serializable_value(self, field_name: str) -> Any:
        """Return the value of a field, for a relation its key."""
        try:
            field = self._meta.get_field(field_name)
        except FieldDoesNotExist:
            return getattr(self, field_name)
        return getattr(self, field.attname)

    def value_not_loaded(self, attname: str) -> Any:
        """Return a column's value from within a render, which may load it; anywhere else raise ``NotLoaded``."""
        from .instances.missing import field_not_loaded, load_in_render

        if load_in_render(self, attname):
            return self.__dict__[attname]
        raise field_not_loaded(type(self), attname)

    # -- writing -------------------------------------------------------------------------------------------------

    async def save(
        self,
        *,
        force_insert: bool | tuple[type[Model], ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Insert the row, or update it if it is there. ``update_fields``: only these columns, only an update."""
        from .instances.saving import save

        await save(
            self,
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=update_fields,
        )

    async def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Delete the row and what must go with it; return how many rows went, in all and by model."""
        from .instances.deletion import delete

        return await delete(self, using=using, keep_parents=keep_parents)

    @classmethod
    async def _delete_rows(cls, rows: Any, using: str, origin: Any) -> tuple[int, dict[str, int]]:
        """Delete what a queryset of this model selects: querysets are below objects, and call this."""
        from .instances.deletion import delete_rows

        return await delete_rows(rows, using, origin)

    def _prepare_for_bulk_create(self) -> None:
        from .instances.unsaved import prepare_for_bulk_create

        prepare_for_bulk_create(self)

    def _prepare_related_fields_for_save(
        self, operation_name: str, fields: Iterable[Any] | None = None
    ) -> None:
        from .instances.unsaved import prepare_related_fields

        prepare_related_fields(self, operation_name, fields)

    async def load(self, *names: str) -> Self:
        """Load relations or deferred columns, for this object and all that came with it; return it."""
        from .instances.loading import load

        await load(self, *names)
        return self

    async def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: QuerySet[Self] | None = None,
    ) -> None:
        """Read the columns again, all or those named, and forget the loaded relations they belong to."""
        from .instances.loading import refresh

        await refresh(self, using=using, fields=fields, from_queryset=from_queryset)

    # -- validation ----------------------------------------------------------------------------------------------

    async def full_clean(
        self,
        exclude: Iterable[str] | None = None,
        validate_unique: bool = True,
        validate_constraints: bool = True,
    ) -> None:
        """Check everything. Raises ``ValidationError`` with the problems by field."""
        from .validation import full_clean

        await full_clean(self, exclude, validate_unique, validate_constraints)

    async def clean_fields(self, exclude: Iterable[str] | None = None) -> None:
        """Check and convert each field's value. Raises ``ValidationError``."""
        from .validation import clean_fields

        await clean_fields(self, set(exclude or ()))

    async def clean(self) -> None:
        """Check what concerns several fields: override it, raise ``ValidationError``."""

    async def validate_unique(self, exclude: Iterable[str] | None = None) -> None:
        """Ask the database whether the unique fields are free. Raises ``ValidationError``."""
        from .validation import validate_unique

        await validate_unique(self, set(exclude or ()))

    async def validate_constraints(self, exclude: Iterable[str] | None = None) -> None:
        """Check the constraints of ``Meta``. Raises ``ValidationError``."""
        from .validation import validate_constraints

        await validate_constraints(self, set(exclude or ()))


def _by_position(options: Options, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Name the positional values after the columns. Raises ``TypeError`` when there are too many or twice the same."""
    names = [field.attname for field in options.concrete_fields]
    if len(args) > len(names):
        raise IndexError(f"{options.object_name} takes at most {len(names)} values, {len(args)} were given.")
    for field, value in zip(options.concrete_fields, args, strict=False):
        if field.name in kwargs or field.attname in kwargs:
            raise TypeError(f"{options.object_name} got {field.name!r} by position and by name.")
        kwargs[field.attname] = value


def _unexpected(instance: Model, name: str) -> Exception:
    options = instance._meta
    label = options.label
    if name in {field.name for field in (*options.many_to_many, *options.related_objects)}:
        return UnexpectedArgument(
            f"{label}: {name!r} holds many objects and cannot be given.",
            fix=f"Save the object first, then `await obj.{name}.set(…)`.",
        )
    generated = {field.name for field in options.fields if field.generated}
    if name in generated:
        return UnexpectedArgument(f"{label}: {name!r} is computed by the database and cannot be given.")
    known = [name for field in options.fields for name in (field.name, field.attname)]
    if name in known:
        return UnexpectedArgument(f"{label}: {name!r} was given twice, under both names of its field.")
    return UnexpectedArgument(f"{label} has no field {name!r}.", fix=nearest(name, known))


def _is_unset(key: Any) -> bool:
    return key is None or (isinstance(key, tuple) and None in key)
