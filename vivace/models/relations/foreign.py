"""ForeignKey: a column that holds the key of a row of another table (or of the same)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, overload

from vivace.errors.models import ModelError, UnknownModel, ValidationError
from vivace.models.deletion_rules import DeletionRule, is_rule
from vivace.models.fields.base import Convert, Field, FieldDeconstruction
from vivace.models.registry import SELF

from .base import ForeignOptions, RelatedField, T, check_names
from .paths import PathInfo
from .rels import ForeignObjectRel, ManyToOneRel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar, Unpack

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.expressions.base import Expression
    from vivace.models.expressions.names import RelationRef

    M = TypeVar("M", bound=Model)


class ForeignKey(RelatedField[T]):
    """Many objects of this model belong to one of another.

    ``to``: a model, its name, or ``"self"``. ``on_delete``: a rule of ``models`` (CASCADE, PROTECT, SET_NULL …).
    The attribute ``<name>`` is the object, ``<name>_id`` its key. ``to_field``: the unique field to point to.
    """

    many_to_one = True
    empty_strings_allowed = False
    rel_class: ClassVar[type[ManyToOneRel]] = ManyToOneRel
    forward_kind: ClassVar[str] = "forward"
    reverse_kind: ClassVar[str] = "reverse-many"
    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid": "%(model)s instance with %(field)s %(value)r does not exist or is not a valid choice.",
    }

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> RelationRef[T]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Any]) -> T: ...
        def __get__(self, instance: Any, owner: Any = None) -> Any: ...

        def __set__(self, instance: Model, value: T | Expression) -> None: ...

    else:

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            """Return what the key is, ``Book.author_id``: the relation itself has a descriptor of its own."""
            if instance is not None:
                return self.unloaded_value(instance)
            from vivace.models.expressions.names import FieldRef

            return FieldRef(owner, self.attname)

    @overload
    def __init__(
        self: ForeignKey[M],
        to: type[M],
        on_delete: DeletionRule,
        *,
        null: Literal[False] = False,
        **options: Unpack[ForeignOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ForeignKey[M | None],
        to: type[M],
        on_delete: DeletionRule,
        *,
        null: Literal[True],
        **options: Unpack[ForeignOptions],
    ) -> None: ...
    @overload
    def __init__(
        self: ForeignKey[Any],
        to: str,
        on_delete: DeletionRule,
        *,
        null: bool = False,
        **options: Unpack[ForeignOptions],
    ) -> None: ...
    def __init__(
        self,
        to: Any,
        on_delete: DeletionRule | None = None,
        *,
        null: bool = False,
        **options: Unpack[ForeignOptions],
    ) -> None:
        kind = type(self).__name__
        check_names(kind, cast("Mapping[str, Any]", options), ForeignOptions)
        _check_target(kind, to)
        if not is_rule(on_delete):
            raise ModelError(
                f"{kind}({to if isinstance(to, str) else to.__name__}): on_delete is not a rule.",
                expected="models.CASCADE, PROTECT, RESTRICT, SET_NULL, SET_DEFAULT, SET(…), DO_NOTHING or a DB_… one",
                got="nothing" if on_delete is None else repr(on_delete),
                fix="Say what becomes of the row when the one it points to is deleted: on_delete=models.CASCADE.",
            )
        given: dict[str, Any] = {"db_index": True, **options}
        way_back = self._take(given)
        self._to_field: str | None = given.pop("to_field", None)
        parent_link: bool = given.pop("parent_link", False)
        super().__init__(given.pop("verbose_name", None), null=null, **given)
        self.remote_field: Any = self.rel_class(
            self, to, self._to_field or _pk_name(to), parent_link=parent_link, on_delete=on_delete, **way_back
        )

    # -- where it leads ------------------------------------------------------------------------------------------

    def get_attname(self) -> str:
        return f"{self.name}_id"

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        cls.attach_relation(self.name, self.forward_kind, self)

    def contribute_to_related_class(self, cls: type[Model], related: ForeignObjectRel) -> None:
        accessor = related.get_accessor_name()
        if not related.hidden and accessor is not None:
            cls._meta.concrete_model.attach_relation(accessor, self.reverse_kind, related)

    def forget_target(self) -> None:
        super().forget_target()
        self.remote_field.field_name = self._to_field

    @cached_property
    def related_fields(self) -> list[tuple[Field[Any], Field[Any]]]:
        """Pairs of a field here and the field there whose values are equal. Raises when the target is unknown."""
        target = self.remote_field.model
        if isinstance(target, str):
            raise UnknownModel(f"{self} points to {target!r}, which no model is called.")
        name = self.remote_field.field_name
        there: Any = target._meta.pk if name is None else target._meta.get_field(name)
        return [(self, there)]

    @property
    def reverse_related_fields(self) -> list[tuple[Field[Any], Field[Any]]]:
        return [(there, here) for here, there in self.related_fields]

    @property
    def local_related_fields(self) -> tuple[Field[Any], ...]:
        return tuple(here for here, _ in self.related_fields)

    @property
    def foreign_related_fields(self) -> tuple[Field[Any], ...]:
        return tuple(there for _, there in self.related_fields)

    @cached_property
    def target_field(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - computed once
        return self.foreign_related_fields[0]

    def get_local_related_value(self, instance: Model) -> tuple[Any, ...]:
        return tuple(_key_part(instance, field) for field in self.local_related_fields)

    def get_foreign_related_value(self, instance: Model) -> tuple[Any, ...]:
        return tuple(_key_part(instance, field) for field in self.foreign_related_fields)

    def get_joining_fields(self, reverse_join: bool = False) -> tuple[tuple[Field[Any], Field[Any]], ...]:
        return tuple(self.reverse_related_fields if reverse_join else self.related_fields)

    def get_reverse_joining_fields(self) -> tuple[tuple[Field[Any], Field[Any]], ...]:
        return self.get_joining_fields(reverse_join=True)

    def get_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        here, there = self.model._meta, self.remote_field.model._meta
        return [PathInfo(here, there, self.foreign_related_fields, self, False, True, filtered_relation)]

    def get_reverse_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        here, there = self.remote_field.model._meta, self.model._meta
        many = not self.unique
        return [PathInfo(here, there, (there.pk,), self.remote_field, many, False, filtered_relation)]

    # -- values: those of the field pointed to -----------------------------------------------------------------------

    def get_default(self) -> Any:
        default = super().get_default()
        target = self.remote_field.model
        if isinstance(target, type) and isinstance(default, target):
            return getattr(default, self.target_field.attname)
        return default

    def to_python(self, value: Any) -> Any:
        return self.target_field.to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        return self.target_field.get_prep_value(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return self.target_field.get_db_prep_value(value, connection, prepared)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None or (value == "" and not self.target_field.empty_strings_allowed):
            return None
        return self.target_field.get_db_prep_save(value, connection)

    def binder(self, connection: Any) -> Convert | None:
        bind: Convert | None = self.target_field.binder(connection)
        return bind

    def converter(self, connection: Any) -> Convert | None:
        convert: Convert | None = self.target_field.converter(connection)
        return convert

    def db_type(self, connection: Any) -> str | None:
        kind: str | None = self.target_field.rel_db_type(connection)
        return kind

    def cast_db_type(self, connection: Any) -> str | None:
        kind: str | None = self.target_field.cast_db_type(connection)
        return kind

    def db_check(self, connection: Any) -> str | None:
        return None

    def db_type_suffix(self, connection: Any) -> str | None:
        return None

    def db_parameters(self, connection: Any) -> dict[str, Any]:
        target = self.target_field.db_parameters(connection)
        return {"type": self.db_type(connection), "check": None, "collation": target.get("collation")}

    def sa_type(self, connection: Any) -> Any:
        return self.target_field.sa_type(connection)

    # -- cleaning --------------------------------------------------------------------------------------------------

    def validate(self, value: Any, model_instance: Model | None) -> None:
        if not self.remote_field.parent_link:
            super().validate(value, model_instance)

    async def validate_target(self, value: Any, model_instance: Model | None) -> None:
        """Check that a row with this key exists, within ``limit_choices_to``. Raises ``ValidationError``."""
        if value is None or self.remote_field.parent_link or not self.editable:
            return
        target = self.remote_field.model
        name = self.remote_field.field_name
        using = model_instance._state.db if model_instance is not None else None
        found = target._base_manager.using(using).filter(**{name: value})
        if not await found.complex_filter(self.get_limit_choices_to()).exists():
            raise self.absent_row(value)

    def absent_row(self, value: Any) -> ValidationError:
        """Return the error for a key that no row has, or none that may be chosen."""
        target = self.remote_field.model
        return self.refused(
            "invalid",
            model=target._meta.verbose_name,
            pk=value,
            field=self.remote_field.field_name,
            value=value,
        )

    # -- description -------------------------------------------------------------------------------------------------

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self.db_index:
            del kwargs["db_index"]
        else:
            kwargs["db_index"] = False
        kwargs["on_delete"] = self.remote_field.on_delete
        kwargs["to"] = self.target_reference()
        if self.remote_field.parent_link:
            kwargs["parent_link"] = True
        if not self.db_constraint:
            kwargs["db_constraint"] = False
        if self.remote_field.field_name not in (None, _pk_name(self.remote_field.model)):
            kwargs["to_field"] = self.remote_field.field_name
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.relations import check_foreign_key

        return [*super().check(), *check_foreign_key(self)]


def _check_target(kind: str, to: Any) -> None:
    if isinstance(to, str) or hasattr(to, "_meta"):
        return
    raise ModelError(
        f"{kind}: {to!r} is not a model.",
        expected=f"a model class, its name or {SELF!r}",
        got=type(to).__name__,
    )


def _pk_name(to: Any) -> str | None:
    pk = None if isinstance(to, str) else to._meta.pk
    return None if pk is None else pk.name


def _key_part(instance: Model, field: Field[Any]) -> Any:
    """Return the value of a key field; that of a parent is the child's own key."""
    if field.primary_key:
        link = instance._meta.get_ancestor_link(field.model)
        if link is None or link.primary_key or link.model._meta.abstract:
            return instance.pk
    return getattr(instance, field.attname)
