"""What all relations share: naming their target, waiting for it, the names of the way back."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, cast

from vivace.errors import nearest
from vivace.errors.models import ModelError
from vivace.models.fields.base import Field, FieldDeconstruction
from vivace.models.fields.options import DEFAULTS, FieldOptions
from vivace.models.registry import SELF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import TypeVar

    from vivace.errors import Finding
    from vivace.models.base import Model
    from vivace.models.expressions.names import FieldRef

    from .paths import PathInfo
    from .rels import ForeignObjectRel

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class RelationOptions(FieldOptions, total=False):
    """What may be said about any relation beside its target."""

    related_name: str | None
    related_query_name: str | None
    limit_choices_to: Any
    db_constraint: bool


class ForeignOptions(RelationOptions, total=False):
    """What may be said about a foreign key."""

    verbose_name: str | None
    to_field: str | None
    parent_link: bool


class _Taken(TypedDict):
    """Options of the relation itself, taken out of those of the field."""

    related_name: str | None
    related_query_name: str | None
    limit_choices_to: Any


def check_names(kind: str, options: Mapping[str, Any], own: type[Any]) -> None:
    """Raise ``ModelError`` with the nearest match for an option that a relation does not have."""
    known = {*DEFAULTS, *own.__annotations__, *RelationOptions.__annotations__, "verbose_name", "null"}
    for name in sorted(options.keys() - known):
        raise ModelError(
            f"{kind} has no option {name!r}.",
            expected=f"one of {', '.join(sorted(known))}",
            fix=nearest(name, known),
        )


class RelatedField(Field[T]):
    """Base of relations. ``remote_field`` is the relation seen from the target."""

    is_relation = True
    swappable = True
    derived: ClassVar[tuple[str, ...]] = (
        "path_infos",
        "reverse_path_infos",
        "related_fields",
        "target_field",
        "links",
    )
    """What is computed from the target once and kept."""

    def _take(self, options: dict[str, Any]) -> _Taken:
        """Keep what was said about the way back and remove it from the field's options."""
        self._related_name: str | None = options.pop("related_name", None)
        self._related_query_name: str | None = options.pop("related_query_name", None)
        self._limit_choices_to: Any = options.pop("limit_choices_to", None)
        self.db_constraint: bool = options.pop("db_constraint", True)
        return {
            "related_name": self._related_name,
            "related_query_name": self._related_query_name,
            "limit_choices_to": self._limit_choices_to,
        }

    @property
    def related_model(self) -> Any:
        """The class pointed to; a text as long as it is not defined."""
        return self.remote_field.model

    @property
    def opts(self) -> Any:
        return self.model._meta

    def _new_reference(self, owner: type[Model]) -> FieldRef[T]:
        from vivace.models.expressions.names import RelationRef

        return RelationRef(owner, self.name)

    def contribute_to_class(self, cls: type[Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        if cls._meta.abstract:
            return
        self._name_way_back(self.remote_field, cls)
        target = SELF if self.remote_field.model is cls else self.remote_field.model
        cls._meta.apps.when_defined(cls, target, self._target_known)

    def _name_way_back(self, rel: ForeignObjectRel, cls: type[Model]) -> None:
        options = cls._meta
        values = {
            "class": cls.__name__.lower(),
            "model_name": options.model_name,
            "app_label": options.app_label.lower(),
        }
        related_name = rel.related_name or options.default_related_name
        if related_name:
            rel.related_name = related_name % values
        if rel.related_query_name:
            rel.related_query_name = rel.related_query_name % values

    def _target_known(self, model: type[Model], related: type[Model]) -> None:
        self.forget_target()
        before = self.remote_field.model
        if isinstance(before, type) and before is not related:
            cast("type[Model]", before).detach_relation(self.remote_field)
        self.remote_field.model = related
        self.set_attributes_from_rel()
        related._meta.concrete_model._meta.add_incoming(self)
        self.contribute_to_related_class(related, self.remote_field)

    def get_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        """Return the steps to the target; one that only names columns elsewhere has none."""
        return []

    def get_reverse_path_info(self, filtered_relation: Any = None) -> list[PathInfo]:
        """Return the steps back from the target."""
        return []

    @cached_property
    def path_infos(self) -> list[PathInfo]:
        return self.get_path_info()

    @cached_property
    def reverse_path_infos(self) -> list[PathInfo]:
        return self.get_reverse_path_info()

    def forget_target(self) -> None:
        """Drop what was derived from a target of which there is a new class now."""
        for name in self.derived:
            self.__dict__.pop(name, None)
        self.remote_field.__dict__.pop("path_infos", None)

    def __copy__(self) -> Field[T]:
        twin = super().__copy__()
        for name in self.derived:
            twin.__dict__.pop(name, None)
        return twin

    def set_attributes_from_rel(self) -> None:
        if self.verbose_name is None:
            self.verbose_name = self.remote_field.model._meta.verbose_name
        self.remote_field.set_field_name()

    def contribute_to_related_class(self, cls: type[Model], related: ForeignObjectRel) -> None:
        """Put the way back into the class pointed to."""

    def related_query_name(self) -> str:
        """Return what lookups call this relation from the other side."""
        rel = self.remote_field
        return str(rel.related_query_name or rel.related_name or self.model._meta.model_name)

    def get_limit_choices_to(self) -> Any:
        limit = self.remote_field.limit_choices_to
        return limit() if callable(limit) else limit

    @property
    def cache_name(self) -> str:
        return self.name

    def get_cache_name(self) -> str:
        return self.name

    def target_reference(self) -> str:
        """Return how a migration names the target: ``label.model`` in small letters."""
        target = self.remote_field.model
        if isinstance(target, str):
            return target.lower()
        return cast("type[Model]", target)._meta.label_lower

    def deconstruct(self) -> FieldDeconstruction:
        name, path, args, kwargs = super().deconstruct()
        if self._limit_choices_to:
            kwargs["limit_choices_to"] = self._limit_choices_to
        if self._related_name is not None:
            kwargs["related_name"] = self._related_name
        if self._related_query_name is not None:
            kwargs["related_query_name"] = self._related_query_name
        return name, path, args, kwargs

    def check(self) -> list[Finding]:
        from vivace.models.checks.relations import check_relation

        return [*super().check(), *check_relation(self)]
