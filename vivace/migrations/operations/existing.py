"""Operations on models that are there: delete, rename, set an option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.migrations.operations.base import ModelOperation, Operation, OperationCategory, Scope

if TYPE_CHECKING:
    from vivace.migrations.state import ProjectState


class DeleteModel(ModelOperation):
    """Delete a model and its table."""

    category = OperationCategory.REMOVAL

    def __init__(self, name: str) -> None:
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.remove_model(app_label, self.name)

    def references_model(self, name: str, app_label: str) -> bool:
        return True  # deleting it frees relations of any other

    def describe(self) -> str:
        return f"Delete model {self.name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"delete_{self.name_lower}"


class RenameModel(ModelOperation):
    """Rename a model, its table and the columns that many-to-many tables name after it."""

    category = OperationCategory.ALTERATION

    def __init__(self, old_name: str, new_name: str) -> None:
        self.old_name = self.name = old_name
        self.new_name = new_name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.rename_model(app_label, self.old_name, self.new_name)

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        old, new = (app_label, self.old_name.lower()), (app_label, self.new_name.lower())
        return Scope(keys={old, new}, spread=True, models={old: new})

    def references_model(self, name: str, app_label: str) -> bool:
        return name.lower() in (self.old_name.lower(), self.new_name.lower())

    def describe(self) -> str:
        return f"Rename model {self.old_name} to {self.new_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"rename_{self.old_name.lower()}_{self.new_name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if isinstance(operation, RenameModel) and operation.old_name.lower() == self.new_name.lower():
            return [RenameModel(self.old_name, operation.new_name)]
        return Operation.reduce(self, operation, app_label) or not operation.references_model(
            self.new_name, app_label
        )


class ModelOptionOperation(ModelOperation):
    """An operation that sets one option of a model: of two, the later one counts."""

    category = OperationCategory.ALTERATION

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if isinstance(operation, (type(self), DeleteModel)) and self.name_lower == operation.name_lower:
            return [operation]
        return super().reduce(operation, app_label)


__all__ = ["DeleteModel", "ModelOptionOperation", "RenameModel"]
