"""The operation that creates a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.errors import StateError
from vivace.migrations.classes import is_root_only
from vivace.migrations.references import AnyField, Key, key_of, target_of, through_of
from vivace.migrations.state import ModelState

from .base import ModelOperation, Operation, OperationCategory
from .reducing import reduce_created

if TYPE_CHECKING:
    from vivace.migrations.state import ProjectState

Fields = Sequence[tuple[str, AnyField]]


class CreateModel(ModelOperation):
    """Create a model and its table."""

    category = OperationCategory.ADDITION
    serialization_expand_args: ClassVar[tuple[str, ...]] = ("fields", "options", "managers")

    def __init__(
        self,
        name: str,
        fields: Fields,
        options: Mapping[str, Any] | None = None,
        bases: Sequence[Any] | None = None,
        managers: Sequence[tuple[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.fields = list(fields)
        self.options = dict(options or {})
        self.bases = tuple(bases or ())
        self.managers = list(managers or [])
        _refuse_doubles(name, [field for field, _ in self.fields])

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"name": self.name, "fields": self.fields}
        kwargs.update({key: value for key, value in (("options", self.options),) if value})
        if self.bases and not is_root_only(self.bases):
            kwargs["bases"] = self.bases
        if self.managers:
            kwargs["managers"] = self.managers
        return type(self).__name__, (), kwargs

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.add_model(
            ModelState(app_label, self.name, self.fields, self.options, self.bases, self.managers)
        )

    def describe(self) -> str:
        return f"Create {'proxy ' if self.options.get('proxy') else ''}model {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return self.name_lower

    def references_model(self, name: str, app_label: str) -> bool:
        if name.lower() == self.name_lower:
            return True
        wanted, owner = (app_label, name.lower()), (app_label, self.name_lower)
        if any(_is_base(base, owner, wanted) for base in self.bases):
            return True
        return any(wanted in (target_of(field, owner), through_of(field, owner)) for _, field in self.fields)

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        found = reduce_created(self, operation, app_label)
        return found if found is not None else super().reduce(operation, app_label)

    def replace(self, **changes: Any) -> CreateModel:
        """Return a copy with some arguments changed."""
        names = ("name", "fields", "options", "bases", "managers")
        return CreateModel(**{name: changes.get(name, getattr(self, name)) for name in names})


def _is_base(base: Any, owner: Key, wanted: Key) -> bool:
    if isinstance(base, str) or hasattr(base, "_meta"):
        return key_of(base, owner) == wanted
    return False


def _refuse_doubles(model: str, names: list[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise StateError(f"CreateModel of {model} names the field {name!r} twice.", got=name)


__all__ = ["CreateModel"]
