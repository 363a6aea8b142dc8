"""Operations that keep PostgreSQL's tables usable while they run. On SQLite they are the plain operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.errors import BadMigration
from vivace.migrations.schema import constraints, describe
from vivace.migrations.schema.names import quote
from vivace.migrations.schema.postgresql import create_index

from .base import OperationCategory
from .indexes import AddConstraint, AddIndex, PartOperation, RemoveIndex

if TYPE_CHECKING:
    from vivace.migrations.schema.editor import Editor
    from vivace.migrations.schema.values import Index
    from vivace.migrations.state import ProjectState


def _index(state: ProjectState, app_label: str, model_name: str, name: str) -> tuple[str, Index]:
    model = state.model(app_label, model_name)
    context = describe.Context(state, "postgresql", model)
    return context.table, constraints.index_of(context, model.named("indexes", name))


async def _create(editor: Editor, table: str, index: Index) -> None:
    """Build an index without locking out writers. One that an earlier try left half built is dropped first."""
    _need_no_transaction(editor)
    await editor.run_alone(
        create_index(table, index, concurrently=True), unless_index=index.name, table=table
    )


async def _drop(editor: Editor, name: str) -> None:
    _need_no_transaction(editor)
    await editor.run_alone(f"DROP INDEX CONCURRENTLY IF EXISTS {quote(name)}")


def _need_no_transaction(editor: Editor) -> None:
    if editor.in_transaction:
        raise BadMigration(
            "An index cannot be built concurrently in a transaction.",
            fix="Set atomic = False in the Migration, and keep other operations out of it.",
        )


class AddIndexConcurrently(AddIndex):
    """Add an index while others write to the table. The migration needs ``atomic = False``."""

    runs_alone = True

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect != "postgresql":
            await super().database_forwards(app_label, editor, from_state, to_state)
        elif editor.allows(app_label, model_name=self.model_name):
            await _create(editor, *_index(to_state, app_label, self.model_name, self.index.name))

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect != "postgresql":
            await super().database_backwards(app_label, editor, from_state, to_state)
        elif editor.allows(app_label, model_name=self.model_name):
            await _drop(editor, self.index.name)

    def describe(self) -> str:
        fields = ", ".join(self.index.fields)
        return f"Concurrently create index {self.index.name} on field(s) {fields} of model {self.model_name}"


class RemoveIndexConcurrently(RemoveIndex):
    """Remove an index while others use the table. The migration needs ``atomic = False``."""

    runs_alone = True

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect != "postgresql":
            await super().database_forwards(app_label, editor, from_state, to_state)
        elif editor.allows(app_label, model_name=self.model_name):
            await _drop(editor, self.name)

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect != "postgresql":
            await super().database_backwards(app_label, editor, from_state, to_state)
        elif editor.allows(app_label, model_name=self.model_name):
            await _create(editor, *_index(to_state, app_label, self.model_name, self.name))

    def describe(self) -> str:
        return f"Concurrently remove index {self.name} from {self.model_name}"


class AddConstraintNotValid(AddConstraint):
    """Add a check that holds for new rows only, without a long lock; ``ValidateConstraint`` looks at the old ones."""

    def __init__(self, model_name: str, constraint: Any) -> None:
        if constraints.kind_of(constraint) != "check":
            raise BadMigration(
                "AddConstraintNotValid takes a CheckConstraint.", got=type(constraint).__name__
            )
        super().__init__(model_name, constraint)

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect != "postgresql":
            await super().database_forwards(app_label, editor, from_state, to_state)
            return
        if editor.allows(app_label, model_name=self.model_name):
            context = describe.Context(to_state, "postgresql", to_state.model(app_label, self.model_name))
            sql = constraints.check_sql(context, self.constraint)
            await editor.run(
                f"ALTER TABLE {quote(context.table)} ADD CONSTRAINT {quote(self.constraint.name)} "
                f"CHECK ({sql}) NOT VALID",
                tables=(),
            )

    def describe(self) -> str:
        return f"Create not valid constraint {self.constraint.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{super().migration_name_fragment}_not_valid"


class ValidateConstraint(PartOperation):
    """Look whether old rows meet a check that was added as not valid; reads and writes go on meanwhile."""

    category = OperationCategory.ALTERATION

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.dialect == "postgresql" and editor.allows(app_label, model_name=self.model_name):
            table = describe.table_name(to_state.model(app_label, self.model_name))
            await editor.run(f"ALTER TABLE {quote(table)} VALIDATE CONSTRAINT {quote(self.name)}", tables=())

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Leave it valid: nothing is lost by that."""

    def describe(self) -> str:
        return f"Validate constraint {self.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.name_lower}_validate_{self.name.lower()}"


__all__ = [
    "AddConstraintNotValid",
    "AddIndexConcurrently",
    "RemoveIndexConcurrently",
    "ValidateConstraint",
]
