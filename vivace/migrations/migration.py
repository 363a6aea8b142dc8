"""A migration: operations with what must come before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from vivace.errors import IrreversibleMigration

from .operations.base import Operation

if TYPE_CHECKING:
    from .schema.editor import Editor
    from .state import ProjectState

Node = tuple[str, str]


class SwappableDependency(tuple[str, str]):
    """A dependency on the app of a model that a setting names."""

    setting: str

    def __new__(cls, value: Node, setting: str) -> Self:
        self = super().__new__(cls, value)
        self.setting = setting
        return self


def swappable_dependency(value: str) -> SwappableDependency:
    """Return a dependency on the first migration of the app of a model ``"app.Model"``."""
    return SwappableDependency((value.split(".", 1)[0], "__first__"), value)


class Migration:
    """A step of an app's history; each file in a ``migrations`` folder has a subclass of this name.

    ``dependencies`` and ``run_before`` are (app, name) pairs, where the name may be ``__first__`` or ``__latest__``.
    ``replaces`` names the migrations that a squashed one stands for. ``initial``: it makes an app's first tables
    (``None``: it does when it depends on none of its own app). ``atomic``: it runs as one transaction. ``reviewed``: why the
    linter need not call it unsafe.
    """

    operations: Sequence[Operation] = ()
    dependencies: Sequence[Any] = ()
    run_before: Sequence[Node] = ()
    replaces: Sequence[Node] = ()
    initial: bool | None = None
    atomic: bool = True
    reviewed: str = ""

    def __init__(self, name: str, app_label: str) -> None:
        self.name = name
        self.app_label = app_label
        self.operations = list(type(self).operations)
        self.dependencies = list(type(self).dependencies)
        self.run_before = list(type(self).run_before)
        self.replaces = list(type(self).replaces)

    @property
    def node(self) -> Node:
        """``(app, name)``."""
        return self.app_label, self.name

    @property
    def is_initial(self) -> bool:
        """Whether it makes an app's first tables."""
        if self.initial is not None:
            return self.initial
        return all(app != self.app_label for app, _ in self.dependencies)

    def __repr__(self) -> str:
        return f"<Migration {self.app_label}.{self.name}>"

    def __str__(self) -> str:
        return f"{self.app_label}.{self.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Migration) and self.node == other.node

    def __hash__(self) -> int:
        return hash(self.node)

    def change_state(self, state: ProjectState) -> ProjectState:
        """Return the state after this migration; the one given stays as it is."""
        state = state.clone()
        for operation in self.operations:
            operation.state_forwards(self.app_label, state)
        return state

    def states(self, before: ProjectState) -> list[ProjectState]:
        """Return the states before, between and after the operations."""
        found = [before]
        for operation in self.operations:
            after = found[-1].clone()
            operation.state_forwards(self.app_label, after)
            found.append(after)
        return found

    async def forwards(self, editor: Editor, before: ProjectState, position: int) -> ProjectState:
        """Run the operation at ``position`` on the database; returns the state after it."""
        operation = self.operations[position]
        after = before.clone()
        operation.state_forwards(self.app_label, after)
        await operation.database_forwards(self.app_label, editor, before, after)
        return after

    async def backwards(self, editor: Editor, states: Sequence[ProjectState], position: int) -> None:
        """Undo the operation at ``position``; ``states`` are those of ``states()``."""
        operation = self.operations[position]
        self.check_reversible(operation)
        await operation.database_backwards(self.app_label, editor, states[position + 1], states[position])

    def check_reversible(self, operation: Operation) -> None:
        """Raise ``IrreversibleMigration`` when an operation cannot be undone."""
        if not operation.reversible:
            raise IrreversibleMigration(
                f"{self} cannot be undone: {operation.describe()}.",
                fix="Give the operation its way back (reverse_code, reverse_sql), or restore a backup.",
            )

    def suggest_name(self) -> str:
        """Return a name by what the operations do."""
        if self.is_initial:
            return "initial"
        fragments = [
            fragment.lower()
            for operation in self.operations
            if (fragment := operation.migration_name_fragment)
        ]
        if not fragments:
            return "auto"
        name = fragments[0]
        for fragment in fragments[1:]:
            if len(name) + len(fragment) + 1 > 52:
                return f"{name}_and_more"
            name = f"{name}_{fragment}"
        return name


__all__ = ["Migration", "Node", "SwappableDependency", "swappable_dependency"]
