"""Operations on fields: add, remove, alter, rename."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.migrations.references import AnyField, is_column, target_of, through_of
from vivace.models import NOT_PROVIDED

from .base import ModelOperation, Operation, OperationCategory, Scope
from .existing import DeleteModel

if TYPE_CHECKING:
    from vivace.migrations.state import ProjectState


class FieldOperation(ModelOperation):
    """An operation on one field: ``name`` of the model ``model_name``."""

    model_name: str
    field: AnyField = None

    @property
    def name_lower(self) -> str:
        return self.model_name.lower()

    def references_model(self, name: str, app_label: str) -> bool:
        if name.lower() == self.name_lower:
            return True
        if self.field is None:
            return False
        owner = self.key(app_label)
        return (app_label, name.lower()) in (target_of(self.field, owner), through_of(self.field, owner))

    def references_field(self, model_name: str, name: str, app_label: str) -> bool:
        if model_name.lower() == self.name_lower and name == self.name:
            return True
        return self.field is not None and _relates(
            self.field, self.key(app_label), model_name, name, app_label
        )

    def is_same_model(self, operation: Operation) -> bool:
        """Say whether another operation is on a field of the same model."""
        return isinstance(operation, FieldOperation) and operation.name_lower == self.name_lower

    def is_same_field(self, operation: Operation) -> bool:
        """Say whether another operation is on the same field."""
        return self.is_same_model(operation) and getattr(operation, "name", "") == self.name

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if isinstance(operation, DeleteModel) and operation.name_lower == self.name_lower:
            return [operation]
        return Operation.reduce(self, operation, app_label) or not operation.references_field(
            self.model_name, self.name, app_label
        )


def _relates(field: AnyField, owner: Any, model_name: str, name: str, app_label: str) -> bool:
    """Say whether a relation refers to a field of a model, by its target or through it."""
    key = (app_label, model_name.lower())
    return key in (target_of(field, owner), through_of(field, owner))


def without_default(field: AnyField) -> AnyField:
    """Return a copy of a field without its default: it only filled rows that existed."""
    field = field.clone()
    field.default = NOT_PROVIDED
    return field


class DefinedField(FieldOperation):
    """An operation that says what a field is from now on."""

    def __init__(self, model_name: str, name: str, field: AnyField, preserve_default: bool = True) -> None:
        self.model_name = model_name
        self.name = name
        self.field = field
        self.preserve_default = preserve_default

    @property
    def kept_field(self) -> AnyField:
        """The field as the state has it after the operation."""
        return self.field if self.preserve_default else without_default(self.field)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        given: dict[str, Any] = {"model_name": self.model_name, "name": self.name, "field": self.field}
        if self.preserve_default is not True:
            given["preserve_default"] = self.preserve_default
        return type(self).__name__, (), given


class AddField(DefinedField):
    """Add a field. With ``preserve_default=False`` its default only fills rows that exist."""

    category = OperationCategory.ADDITION

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.add_field(app_label, self.model_name, self.name, self.kept_field)

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        key = self.key(app_label)
        return Scope(keys={key}, fills={(key, self.name): self.field})

    def describe(self) -> str:
        return f"Add field {self.name} to {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.name_lower}_{self.name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if self.is_same_field(operation):
            if isinstance(operation, AlterField):
                return [AddField(self.model_name, self.name, operation.field, operation.preserve_default)]
            if isinstance(operation, RemoveField):
                return []
        if (
            self.is_same_model(operation)
            and isinstance(operation, RenameField)
            and operation.old_name == self.name
        ):
            return [AddField(self.model_name, operation.new_name, self.field, self.preserve_default)]
        return super().reduce(operation, app_label)


class RemoveField(FieldOperation):
    """Remove a field and its column or table."""

    category = OperationCategory.REMOVAL

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.remove_field(app_label, self.model_name, self.name)

    def describe(self) -> str:
        return f"Remove field {self.name} from {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"remove_{self.name_lower}_{self.name.lower()}"


class AlterField(DefinedField):
    """Change a field. With ``preserve_default=False`` its default only fills rows that exist."""

    category = OperationCategory.ALTERATION

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.alter_field(app_label, self.model_name, self.name, self.kept_field)

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        key = self.key(app_label)
        spread = _others_see(before, after, key, self.name)
        return Scope(keys={key}, spread=spread, fills={(key, self.name): self.field})

    def describe(self) -> str:
        return f"Alter field {self.name} on {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_{self.name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if self.is_same_field(operation) and isinstance(operation, (AlterField, RemoveField)):
            return [operation]
        if (
            self.is_same_model(operation)
            and isinstance(operation, RenameField)
            and operation.old_name == self.name
            and self.field.db_column is None
        ):
            return [
                operation,
                AlterField(self.model_name, operation.new_name, self.field, self.preserve_default),
            ]
        return super().reduce(operation, app_label)


def _others_see(before: ProjectState, after: ProjectState, key: Any, name: str) -> bool:
    """Say whether foreign keys to the field's model may have to change with it."""
    fields = [state.models[key].fields.get(name) for state in (before, after) if key in state.models]
    return any(
        field is not None and is_column(field) and (field.unique or field.primary_key) for field in fields
    ) or any(field is not None and hasattr(field, "field_names") for field in fields)


class RenameField(FieldOperation):
    """Rename a field and its column."""

    category = OperationCategory.ALTERATION

    def __init__(self, model_name: str, old_name: str, new_name: str) -> None:
        self.model_name = model_name
        self.old_name = self.name = old_name
        self.new_name = new_name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.rename_field(app_label, self.model_name, self.old_name, self.new_name)

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        key = self.key(app_label)
        return Scope(keys={key}, spread=True, fields={(key, self.old_name): self.new_name})

    def references_field(self, model_name: str, name: str, app_label: str) -> bool:
        return self.references_model(model_name, app_label) and name in (self.old_name, self.new_name)

    def describe(self) -> str:
        return f"Rename field {self.old_name} on {self.model_name} to {self.new_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"rename_{self.old_name.lower()}_{self.name_lower}_{self.new_name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if (
            self.is_same_model(operation)
            and isinstance(operation, RenameField)
            and operation.old_name == self.new_name
        ):
            return [RenameField(self.model_name, self.old_name, operation.new_name)]
        return Operation.reduce(self, operation, app_label) or not (
            operation.references_field(self.model_name, self.old_name, app_label)
            or operation.references_field(self.model_name, self.new_name, app_label)
        )


__all__ = ["AddField", "AlterField", "FieldOperation", "RemoveField", "RenameField"]
