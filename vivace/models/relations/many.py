"""ManyToManyField: rows of two tables joined by a table between, which is a model like any other."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast, overload

from vivace.errors.models import ModelError
from vivace.models.deletion_rules import CASCADE
from vivace.models.fields.base import FieldDeconstruction
from vivace.models.names import shortened
from vivace.models.registry import SELF

from .base import RelatedField, RelationOptions, check_names
from .foreign import ForeignKey, _check_target
from .paths import PathInfo
from .rels import ForeignObjectRel, ManyToManyRel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar, Unpack

    from typing_extensions import TypeVar as DefaultTypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.expressions.names import RelationRef
    from vivace.models.query.managers import ManyRelatedManager

    M = TypeVar("M", bound=Model)
    T = DefaultTypeVar("T", bound=Model, default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

MAX_NAME_LENGTH = 63


class ManyOptions(RelationOptions, total=False):
    """What may be said about a many-to-many relation."""

    verbose_name: str | None
    symmetrical: bool | None
    through: Any
    through_fields: tuple[str, str] | list[str] | None
    db_table: str | None
    null: bool


class ManyToManyField(RelatedField[T]):
    """Objects of this model and of another, any number on both sides.

    ``through``: the model of the table between, with two foreign keys (``through_fields`` when there are more); without it
    one is made. ``symmetrical``: for ``"self"``, whether the relation holds both ways (it does by default).
    """

    many_to_many = True
    has_null_arg = False
    empty_strings_allowed = False
    default_error_messages: ClassVar[Mapping[str, str]] = {}

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: type[Any]) -> RelationRef[T]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Any]) -> ManyRelatedManager[T]: ...
        def __get__(  # pyright: ignore[reportIncompatibleMethodOverride] - a manager, not an object
            self, instance: Any, owner: Any = None
        ) -> Any: ...

    @overload
    def __init__(self: ManyToManyField[M], to: type[M], **options: Unpack[ManyOptions]) -> None: ...
    @overload
    def __init__(self: ManyToManyField[Any], to: str, **options: Unpack[ManyOptions]) -> None: ...
    def __init__(self, to: Any, **options: Unpack[ManyOptions]) -> None:
        kind = type(self).__name__
        check_names(kind, cast("Mapping[str, Any]", options), ManyOptions)
        _check_target(kind, to)
        given: dict[str, Any] = {**options}
        symmetrical = given.pop("symmetrical", None)
        through, through_fields = given.pop("through", None), given.pop("through_fields", None)
        self.db_table: str | None = given.pop("db_table", None)
        self.has_null_arg = "null" in given
        given.pop("null", None)
        way_back = self._take(given)
        _check_through(kind, through, through_fields, self.db_table, self.db_constraint)
        super().__init__(given.pop("verbose_name", None), **given)
        self.remote_field: Any = ManyToManyRel(
            self,
            to,
            symmetrical=to == SELF if symmetrical is None else symmetrical,
            through=through,
            through_fields=None if through_fields is None else tuple(through_fields),
            db_constraint=self.db_constraint,
            **way_back,
        )

    def get_attname_column(self) -> tuple[str, str | None]:
        return self.get_attname(), None

    def db_type(self, connection: Any) -> str | None:
        return None

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        return {"type": None, "check": None}

    # -- joining the classes --------------------------------------------------------------------------------------

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        rel = self.remote_field
        if rel.symmetrical and rel.model in (SELF, cls.__name__):
            rel.related_name = f"{name}_rel_+"
        elif rel.hidden:
            # unique per relation: several may ask for no way back
            rel.related_name = f"_{cls._meta.app_label}_{cls.__name__.lower()}_{name}_+"
        super().contribute_to_class(cls, name, private_only)
        if not cls._meta.abstract:
            self._find_through(cls)
            cls.attach_relation(self.name, "many", rel)

    def _find_through(self, cls: type[Model]) -> None:
        rel = self.remote_field
        if rel.through is None:
            rel.through = make_through(self, cls)
        else:
            cls._meta.apps.when_defined(cls, rel.through, self._through_known)

    def _through_known(self, model: type[Model], through: type[Model]) -> None:
        self.remote_field.through = through
        model._meta.apps.clear_cache()

    def _target_known(self, model: type[Model], related: type[Model]) -> None:
        before = self.remote_field.model
        super()._target_known(model, related)
        through = self.remote_field.through
        if isinstance(before, type) and before is not related and hasattr(through, "_meta"):
            _lead_on(through, before, related)

    def contribute_to_related_class(self, cls: type[Model], related: ForeignObjectRel) -> None:
        accessor = related.get_accessor_name()
        if not related.hidden and accessor is not None:
            cls.attach_relation(accessor, "many-reverse", related)

    # -- the table between -----------------------------------------------------------------------------------------

    def m2m_db_table(self) -> str:
        """Return the name of the table between."""
        through = self.remote_field.through
        if through is not None and not isinstance(through, str):
            return str(through._meta.db_table)
        return self.own_table(self.model)

    def own_table(self, cls: type[Model]) -> str:
        """Return the name of the table that is made when no model is given for it."""
        return self.db_table or shortened(f"{cls._meta.db_table}_{self.name}", MAX_NAME_LENGTH)

    @cached_property
    def links(self) -> tuple[ForeignKey[Any], ForeignKey[Any]]:
        """The foreign keys of the table between: to this model, and to the other."""
        rel = self.remote_field
        named = rel.through_fields or (None, None)
        options = rel.through._meta
        here = [f for f in options.fields if _points_to(f, rel.related_model, named[0])]
        there = [f for f in options.fields if _points_to(f, rel.model, named[1])]
        if rel.related_model is rel.model and named[1] is None:
            there = there[1:]
        if not here or not there:
            raise ModelError(
                f"{options.label}, the table between of {self}, lacks a foreign key.",
                expected=f"one to {rel.related_model._meta.label} and one to {_label(rel.model)}",
            )
        return here[0], there[0]

    def m2m_field_name(self) -> str:
        return self.links[0].name

    def m2m_reverse_field_name(self) -> str:
        return self.links[1].name

    def m2m_column_name(self) -> str:
        return str(self.links[0].column)

    def m2m_reverse_name(self) -> str:
        return str(self.links[1].column)

    def m2m_target_field_name(self) -> str:
        """Return the field of this model that the table between points to."""
        return self.links[0].foreign_related_fields[0].name

    def m2m_reverse_target_field_name(self) -> str:
        return self.links[1].foreign_related_fields[0].name

    @property
    def target_field(self) -> Any:
        return self.path_infos[-1].target_fields[0]

    def get_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        here, there = self.links
        return _through_path(here, there, filtered_relation)

    def get_reverse_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        here, there = self.links
        return _through_path(there, here, filtered_relation)

    # -- values and description ------------------------------------------------------------------------------------

    def value_from_object(self, obj: Model) -> Any:
        return [] if obj.pk is None else list(getattr(obj, self.name).all())

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        rel = self.remote_field
        if self.db_table is not None:
            kwargs["db_table"] = self.db_table
        if not self.db_constraint:
            kwargs["db_constraint"] = False
        kwargs["to"] = self.target_reference()
        if isinstance(rel.through, str):
            kwargs["through"] = rel.through
        elif rel.through is not None and not rel.through._meta.auto_created:
            kwargs["through"] = rel.through._meta.label
        if rel.through_fields:
            kwargs["through_fields"] = rel.through_fields
        if rel.symmetrical is False and self._refers_to_itself():
            kwargs["symmetrical"] = False  # Django leaves it out, so that its migrations forget it
        return name, path, args, kwargs

    def _refers_to_itself(self) -> bool:
        return self.remote_field.model in (SELF, getattr(self, "model", None))

    def check(self) -> list[Finding]:
        from vivace.models.checks.relations import check_many_to_many

        return [*super().check(), *check_many_to_many(self)]


def make_through(field: ManyToManyField[Any], cls: type[Model]) -> type[Model]:
    """Define the model of the table between, with Django's names for its table, fields and columns."""
    target = field.remote_field.model
    here = cls._meta.model_name
    target = cls if target == SELF else target
    there = (target if isinstance(target, str) else target.__name__).rpartition(".")[2].lower()
    if here == there:
        here, there = f"from_{here}", f"to_{there}"
    meta = {
        "db_table": field.own_table(cls),
        "auto_created": cls,
        "app_label": cls._meta.app_label,
        "db_tablespace": cls._meta.db_tablespace,
        "unique_together": (here, there),
        "verbose_name": f"{here}-{there} relationship",
        "verbose_name_plural": f"{here}-{there} relationships",
        "apps": cls._meta.apps,
        "managed": cls._meta.managed,
    }
    name = f"{cls.__name__}_{field.name}"
    through = cls.define(
        name,
        {
            "Meta": type("Meta", (), meta),
            "__module__": cls.__module__,
            "__qualname__": f"{cls.__qualname__}_{field.name}",
            here: _link(field, cls, name),
            there: _link(field, target, name),
        },
    )
    cls._meta.apps.when_defined(cls, target, _set_managed_of(through))
    return through


def _lead_on(through: type[Model], before: Any, related: type[Model]) -> None:
    """Point the automatic table between to the class that took another's place."""
    if through._meta.auto_created:
        for field in through._meta.local_fields:
            if isinstance(field, ForeignKey) and field.remote_field.model is before:
                field._target_known(through, related)


def _link(field: ManyToManyField[Any], target: Any, name: str) -> ForeignKey[Any]:
    return ForeignKey(
        target,
        CASCADE,
        related_name=f"{name}+",
        db_tablespace=field.db_tablespace,
        db_constraint=field.db_constraint,
    )


def _set_managed_of(through: type[Model]) -> Any:
    def set_managed(model: type[Model], related: type[Model]) -> None:
        through._meta.managed = model._meta.managed or related._meta.managed

    return set_managed


def _points_to(field: Any, model: Any, name: str | None) -> bool:
    rel = field.remote_field
    return rel is not None and rel.model is model and name in (None, field.name)


def _label(model: Any) -> str:
    return model if isinstance(model, str) else model._meta.label


def _through_path(first: ForeignKey[Any], second: ForeignKey[Any], filtered_relation: Any) -> list[PathInfo]:
    """Return the steps from what ``first`` points to, over the table between, to what ``second`` points to."""
    into = first.reverse_path_infos
    out = second.get_path_info(filtered_relation) if filtered_relation else second.path_infos
    arrived, leaving = into[-1].to_opts, out[0].from_opts
    if arrived is leaving:
        between: list[PathInfo] = []
    elif issubclass(arrived.model, leaving.model):
        between = arrived.get_path_to_parent(leaving.model)
    else:
        between = leaving.get_path_from_parent(arrived.model)
    return [*into, *between, *out]


def _check_through(kind: str, through: Any, fields: Any, table: str | None, constraint: bool) -> None:
    if through is not None and table is not None:
        raise ModelError(
            f"{kind}: db_table cannot be given with through.", fix="Set Meta.db_table of the through model."
        )
    if through is not None and not constraint:
        raise ModelError(f"{kind}: db_constraint=False cannot be given with through.")
    if fields and through is None:
        raise ModelError(f"{kind}: through_fields needs through.")
