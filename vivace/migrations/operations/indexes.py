"""Operations on the indexes and constraints of ``Meta``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.errors import StateError

from .base import ModelOperation, Operation, OperationCategory

if TYPE_CHECKING:
    from vivace.migrations.state import ProjectState


class PartOperation(ModelOperation):
    """An operation on one index or constraint of the model ``model_name``."""

    model_name: str

    @property
    def name_lower(self) -> str:
        return self.model_name.lower()


def _without(parts: list[Any], name: str) -> list[Any]:
    return [each for each in parts if each.name != name]


class AddIndex(PartOperation):
    """Add an index."""

    category = OperationCategory.ADDITION

    def __init__(self, model_name: str, index: Any) -> None:
        if not index.name:
            raise StateError(
                f"AddIndex on {model_name} has an index without a name.",
                expected="Index(…, name=…)",
                fix="Let makemigrations write the operation, or name the index.",
            )
        self.model_name = model_name
        self.index = index

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.change_list(app_label, self.model_name, "indexes", lambda parts: [*parts, self.index])

    def describe(self) -> str:
        fields = ", ".join(self.index.fields)
        over = f"on field(s) {fields} of" if fields else "on expressions of"
        return f"Create index {self.index.name} {over} model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.name_lower}_{self.index.name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if isinstance(operation, RemoveIndex) and self.index.name == operation.name:
            return []
        if isinstance(operation, RenameIndex) and self.index.name == operation.old_name:
            renamed = self.index.clone()
            renamed.name = operation.new_name
            return [type(self)(self.model_name, renamed)]
        return super().reduce(operation, app_label)


class RemoveIndex(PartOperation):
    """Remove an index."""

    category = OperationCategory.REMOVAL

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.model(app_label, self.model_name).named("indexes", self.name)
        state.change_list(app_label, self.model_name, "indexes", lambda parts: _without(parts, self.name))

    def describe(self) -> str:
        return f"Remove index {self.name} from {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"remove_{self.name_lower}_{self.name.lower()}"


class RenameIndex(PartOperation):
    """Rename an index."""

    category = OperationCategory.ALTERATION

    def __init__(self, model_name: str, new_name: str, old_name: str) -> None:
        self.model_name = model_name
        self.new_name = new_name
        self.old_name = old_name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        renamed = state.model(app_label, self.model_name).named("indexes", self.old_name).clone()
        renamed.name = self.new_name

        def change(parts: list[Any]) -> list[Any]:
            return [renamed if each.name == self.old_name else each for each in parts]

        state.change_list(app_label, self.model_name, "indexes", change)

    def describe(self) -> str:
        return f"Rename index {self.old_name} on {self.model_name} to {self.new_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"rename_{self.old_name.lower()}_{self.new_name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if isinstance(operation, RenameIndex) and operation.old_name == self.new_name:
            return [RenameIndex(self.model_name, operation.new_name, self.old_name)]
        return super().reduce(operation, app_label)


class AddConstraint(PartOperation):
    """Add a constraint."""

    category = OperationCategory.ADDITION

    def __init__(self, model_name: str, constraint: Any) -> None:
        self.model_name = model_name
        self.constraint = constraint

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.change_list(app_label, self.model_name, "constraints", lambda parts: [*parts, self.constraint])

    def describe(self) -> str:
        return f"Create constraint {self.constraint.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.name_lower}_{self.constraint.name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if isinstance(operation, PartOperation) and operation.name_lower == self.name_lower:
            if isinstance(operation, RemoveConstraint) and self.constraint.name == operation.name:
                return []
            if isinstance(operation, AlterConstraint) and self.constraint.name == operation.name:
                return [type(self)(self.model_name, operation.constraint)]
        return super().reduce(operation, app_label)


class RemoveConstraint(PartOperation):
    """Remove a constraint."""

    category = OperationCategory.REMOVAL

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.model(app_label, self.model_name).named("constraints", self.name)
        state.change_list(app_label, self.model_name, "constraints", lambda parts: _without(parts, self.name))

    def describe(self) -> str:
        return f"Remove constraint {self.name} from model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"remove_{self.name_lower}_{self.name.lower()}"


class AlterConstraint(PartOperation):
    """Change what of a constraint leaves no trace in the database: its messages."""

    category = OperationCategory.ALTERATION

    def __init__(self, model_name: str, name: str, constraint: Any) -> None:
        self.model_name = model_name
        self.name = name
        self.constraint = constraint

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        state.model(app_label, self.model_name).named("constraints", self.name)

        def change(parts: list[Any]) -> list[Any]:
            return [self.constraint if each.name == self.name else each for each in parts]

        state.change_list(app_label, self.model_name, "constraints", change)

    def describe(self) -> str:
        return f"Alter constraint {self.name} on {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"alter_{self.name_lower}_{self.constraint.name.lower()}"

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        if (
            isinstance(operation, (AlterConstraint, RemoveConstraint))
            and operation.name_lower == self.name_lower
            and operation.name == self.name
        ):
            return [operation]
        return super().reduce(operation, app_label)


__all__ = [
    "AddConstraint",
    "AddIndex",
    "AlterConstraint",
    "PartOperation",
    "RemoveConstraint",
    "RemoveIndex",
    "RenameIndex",
]
