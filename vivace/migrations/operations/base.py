"""What an operation is: a step of the history that changes the state, and by it the schema.

An operation says how it changes the *state*, and which models that concerns (its ``Scope``). The database follows:
the tables of these models are described before and after, and the difference is rendered. Backwards it is the same the
other way round, so an operation is reversible unless it says otherwise.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from vivace.migrations.references import Key

if TYPE_CHECKING:
    from vivace.migrations.schema.editor import Editor
    from vivace.migrations.state import ProjectState


class OperationCategory(enum.StrEnum):
    """What an operation does, as a sign in front of its description."""

    ADDITION = "+"
    REMOVAL = "-"
    ALTERATION = "~"
    PYTHON = "p"
    SQL = "s"
    MIXED = "?"


class Scope(msgspec.Struct, kw_only=True):
    """Which tables an operation concerns.

    ``keys`` are models (under their old or new name); ``spread`` adds those that refer to them. ``models`` and
    ``fields`` map what was renamed: old key to new key, (old key, old field name) to new field name. ``fills`` are
    fields whose default fills rows that exist, by (new key, field name), where the state does not keep that default.
    """

    keys: set[Key]
    spread: bool = False
    models: dict[Key, Key] = {}
    fields: dict[tuple[Key, str], str] = {}
    fills: dict[tuple[Key, str], Any] = {}

    def inverted(self) -> Scope:
        """Return the scope of the way back."""
        models = {new: old for old, new in self.models.items()}
        fields = {(self.models.get(key, key), new): old for (key, old), new in self.fields.items()}
        return Scope(keys=self.keys, spread=self.spread, models=models, fields=fields)


class Operation:
    """The base of all operations; a project's own ones derive from it too.

    Override ``state_forwards``, and ``scope`` or the two ``database_…`` methods.
    """

    reversible: bool = True
    atomic: bool = False
    """Whether it must run in a transaction although the migration does not."""
    elidable: bool = False
    """Whether squashing may leave it out."""
    category: ClassVar[OperationCategory | None] = None
    writes_data: ClassVar[bool] = False
    runs_alone: bool = False
    """Whether it runs outside of a transaction, in a migration that is not one."""
    serialization_expand_args: ClassVar[tuple[str, ...]] = ()

    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Keep the arguments, which is what a migration file shows."""
        self = super().__new__(cls)
        self._given = (args, kwargs)
        return self

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return the class name and the arguments with which it can be made again."""
        return type(self).__name__, *self._given

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change the state as the operation does."""

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        """Return which tables change between the two states."""
        return Scope(keys=set())

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Change the database from the one state to the next."""
        await editor.evolve(from_state, to_state, self.scope(app_label, from_state, to_state))

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Change the database back: ``from_state`` is the one after the operation."""
        scope = self.scope(app_label, to_state, from_state)
        await editor.evolve(from_state, to_state, scope.inverted())

    def describe(self) -> str:
        """Return what it does, in a line."""
        return f"{type(self).__name__}: {self._given}"

    def formatted_description(self) -> str:
        """Return the line with the sign of its category."""
        sign = self.category.value if self.category is not None else OperationCategory.MIXED.value
        return f"{sign} {self.describe()}"

    @property
    def migration_name_fragment(self) -> str | None:
        """A part of the name of a migration that holds it."""
        return None

    def references_model(self, name: str, app_label: str) -> bool:
        """Say whether it may concern a model; in doubt yes, as the optimizer moves operations past each other."""
        return True

    def references_field(self, model_name: str, name: str, app_label: str) -> bool:
        """Say whether it may concern a field."""
        return self.references_model(model_name, app_label)

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        """Return what this and a later operation make together; true: they can swap; false: they cannot."""
        if self.elidable:
            return [operation]
        if operation.elidable:
            return [self]
        return False

    def __repr__(self) -> str:
        args, kwargs = self._given
        given = [repr(each) for each in args] + [f"{name}={value!r}" for name, value in kwargs.items()]
        return f"<{type(self).__name__} {', '.join(given)}>"


class ModelOperation(Operation):
    """An operation on one model, which is named by ``name``."""

    name: str

    @property
    def name_lower(self) -> str:
        """The model's name as keys have it."""
        return self.name.lower()

    def key(self, app_label: str) -> Key:
        """Return the key of its model."""
        return app_label, self.name_lower

    def scope(self, app_label: str, before: ProjectState, after: ProjectState) -> Scope:
        return Scope(keys={self.key(app_label)})

    def references_model(self, name: str, app_label: str) -> bool:
        return name.lower() == self.name_lower

    def reduce(self, operation: Operation, app_label: str) -> list[Operation] | bool:
        return super().reduce(operation, app_label) or self.can_reduce_through(operation, app_label)

    def can_reduce_through(self, operation: Operation, app_label: str) -> bool:
        """Say whether a later operation can be moved in front of this one."""
        return not operation.references_model(self.name_lower, app_label)


__all__ = ["ModelOperation", "Operation", "OperationCategory", "Scope"]
