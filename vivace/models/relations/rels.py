"""A relation seen from the other side: what ``field.remote_field`` is, and what reverse lookups find in ``_meta``."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from vivace.errors.models import FieldDoesNotExist

if TYPE_CHECKING:
    from vivace.models.base import Model
    from vivace.models.deletion_rules import DeletionRule

    from .paths import PathInfo


class ForeignObjectRel:
    """The reverse of a relation. ``field`` points to ``model``; ``related_model`` is where the field is declared."""

    auto_created = True
    concrete = False
    editable = False
    is_relation = True
    generated = False
    primary_key = False
    null = True  # nobody need point to an object
    empty_strings_allowed = False
    symmetrical = False
    multiple = True

    def __init__(self, field: Any, to: Any, **options: Any) -> None:
        self.field = field
        self.model: Any = to
        self.related_name: str | None = options.pop("related_name", None)
        self.related_query_name: str | None = options.pop("related_query_name", None)
        self.limit_choices_to: Any = options.pop("limit_choices_to", None) or {}
        self.parent_link: bool = options.pop("parent_link", False)
        self.on_delete: DeletionRule | None = options.pop("on_delete", None)
        self.way_back: Any = None  # the attribute that leads back

    @property
    def hidden(self) -> bool:
        """Whether the other side has no accessor: ``related_name`` ends with ``+``."""
        return bool(self.related_name) and str(self.related_name).endswith("+")

    is_hidden = hidden

    @property
    def name(self) -> str:
        """What lookups call the relation from this side."""
        return str(self.field.related_query_name())

    @property
    def remote_field(self) -> Any:
        return self.field

    @property
    def related_model(self) -> type[Model]:
        model: type[Model] = self.field.model
        return model

    @property
    def many_to_many(self) -> bool:
        return bool(self.field.many_to_many)

    @property
    def many_to_one(self) -> bool:
        return bool(self.field.one_to_many)

    @property
    def one_to_many(self) -> bool:
        return bool(self.field.many_to_one)

    @property
    def one_to_one(self) -> bool:
        return bool(self.field.one_to_one)

    @property
    def target_field(self) -> Any:
        """The field on the other side that a value compared with this relation is meant for."""
        return self.path_infos[-1].target_fields[0]

    @property
    def accessor_name(self) -> str | None:
        return self.get_accessor_name()

    cache_name = accessor_name

    def get_cache_name(self) -> str | None:
        return self.get_accessor_name()

    def get_accessor_name(self, model: type[Model] | None = None) -> str | None:
        """Return the attribute that leads back: ``related_name``, else ``book_set``; ``None`` if symmetrical."""
        owner = model or self.related_model
        if self.multiple and self.symmetrical and owner is self.model:
            return None
        if self.related_name:
            return self.related_name
        return owner._meta.model_name + ("_set" if self.multiple else "")

    def get_lookup(self, lookup_name: str) -> Any:
        return self.field.get_lookup(lookup_name)

    def get_lookups(self) -> dict[str, Any]:
        lookups: dict[str, Any] = self.field.get_lookups()
        return lookups

    def get_transform(self, name: str) -> Any:
        return self.field.get_transform(name)

    def get_internal_type(self) -> str:
        return str(self.field.get_internal_type())

    @cached_property
    def path_infos(self) -> list[PathInfo]:
        """The steps from the model pointed to, to the one that points."""
        infos: list[PathInfo] = self.field.reverse_path_infos
        return infos

    def get_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        infos: list[PathInfo] = self.field.get_reverse_path_info(filtered_relation)
        return infos

    def get_joining_fields(self) -> tuple[tuple[Any, Any], ...]:
        fields: tuple[tuple[Any, Any], ...] = self.field.get_reverse_joining_fields()
        return fields

    def set_field_name(self) -> None:
        """Find the name of the field pointed to, once the model is known."""

    def __copy__(self) -> ForeignObjectRel:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.__dict__.pop("path_infos", None)
        return twin

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.related_model._meta.label_lower}.{self.field.name}>"


class ManyToOneRel(ForeignObjectRel):
    """The reverse of a foreign key. ``field_name``: the field it points to."""

    def __init__(self, field: Any, to: Any, field_name: str | None = None, **options: Any) -> None:
        super().__init__(field, to, **options)
        self.field_name = field_name

    def get_related_field(self) -> Any:
        """Return the field pointed to. Raises ``FieldDoesNotExist``."""
        field = self.model._meta.get_field(self.field_name)
        if not field.concrete:
            raise FieldDoesNotExist(f"{self.model._meta.label}.{self.field_name} has no column to point to.")
        return field

    def set_field_name(self) -> None:
        self.field_name = self.field_name or self.model._meta.pk.name


class OneToOneRel(ManyToOneRel):
    """The reverse of a one-to-one relation: a single object."""

    multiple = False


class ManyToManyRel(ForeignObjectRel):
    """The reverse of a many-to-many relation. ``through``: the model of the table between."""

    def __init__(self, field: Any, to: Any, **options: Any) -> None:
        self.through: Any = options.pop("through", None)
        self.through_fields: tuple[str, str] | None = options.pop("through_fields", None)
        self.db_constraint: bool = options.pop("db_constraint", True)
        symmetrical: bool = options.pop("symmetrical", False)
        super().__init__(field, to, **options)
        self.symmetrical = symmetrical

    def get_related_field(self) -> Any:
        """Return the field of the target that the table between points to."""
        options = self.through._meta
        if self.through_fields:
            return options.get_field(self.through_fields[0]).foreign_related_fields[0]
        for field in options.fields:
            if field.remote_field is not None and field.remote_field.model is self.model:
                return field.foreign_related_fields[0]
        raise FieldDoesNotExist(f"{options.label} has no foreign key to {self.model._meta.label}.")
