"""Operations that run SQL or Python, and the one that parts state from database."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from vivace.errors import BadMigration, IrreversibleMigration
from vivace.migrations.batches import Batched

from .base import Operation, OperationCategory

if TYPE_CHECKING:
    from vivace.migrations.historical import HistoricalModels
    from vivace.migrations.schema.editor import Editor
    from vivace.migrations.state import ProjectState

Code: TypeAlias = "Callable[[HistoricalModels, Editor], Awaitable[object] | None]"
SQL: TypeAlias = "str | Sequence[str | tuple[str, Sequence[Any]]]"


async def nothing(apps: HistoricalModels, editor: Editor) -> None:
    """Do nothing: the way back of a data migration that needs none (``RunPython.noop``)."""


class RunPython(Operation):
    """Run ``async def code(apps, editor)``; ``apps.get_model("library", "Book")`` is the model as it then was.

    It runs in the migration's transaction; ``batched(…)`` as code works through many rows in steps of their own.
    """

    category = OperationCategory.PYTHON
    writes_data: ClassVar[bool] = True
    noop: ClassVar[Code] = staticmethod(nothing)

    def __init__(
        self,
        code: Code,
        reverse_code: Code | None = None,
        atomic: bool | None = None,
        hints: Mapping[str, Any] | None = None,
        elidable: bool = False,
    ) -> None:
        for given in (code, reverse_code):
            if given is not None and not callable(given):
                raise BadMigration(
                    "RunPython needs a function.",
                    expected="async def code(apps, editor)",
                    got=type(given).__name__,
                )
        self.code = code
        self.reverse_code = reverse_code
        self.runs_atomic = atomic
        self.hints = dict(hints or {})
        self.elidable = elidable

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        """Whether it has a way back."""
        return self.reverse_code is not None

    @property
    def runs_alone(self) -> bool:  # type: ignore[override]
        """Whether it takes care of its transactions itself: batches do, and what says ``atomic=False``."""
        return not self.runs_atomic and (self.runs_atomic is False or isinstance(self.code, Batched))

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"code": self.code}
        if self.reverse_code is not None:
            kwargs["reverse_code"] = self.reverse_code
        if self.runs_atomic is not None:
            kwargs["atomic"] = self.runs_atomic
        if self.hints:
            kwargs["hints"] = self.hints
        if self.elidable:
            kwargs["elidable"] = True
        return type(self).__name__, (), kwargs

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.allows(app_label, **self.hints):
            await editor.run_python(self.code, from_state, self.describe())

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if self.reverse_code is None:
            raise IrreversibleMigration(
                f"A data migration of {app_label} has no way back: {self.describe()}.",
                fix="Give RunPython a reverse_code; RunPython.noop when nothing need be undone.",
            )
        if editor.allows(app_label, **self.hints):
            await editor.run_python(self.reverse_code, from_state, self.describe())

    def describe(self) -> str:
        name = getattr(self.code, "__name__", type(self.code).__name__)
        return "Raw Python operation" if name == "<lambda>" else f"Run Python: {name}"


class RunSQL(Operation):
    """Run SQL: a script, or a list of statements, each with parameters if it is a pair.

    ``tables`` names the tables that it writes, for those who listen to changes; without it, all of them.
    ``state_operations`` tell the state what the SQL did to the schema.
    """

    category = OperationCategory.SQL
    writes_data: ClassVar[bool] = True
    noop: ClassVar[str] = ""

    def __init__(
        self,
        sql: SQL,
        reverse_sql: SQL | None = None,
        state_operations: Sequence[Operation] | None = None,
        hints: Mapping[str, Any] | None = None,
        elidable: bool = False,
        tables: Iterable[str] | None = None,
    ) -> None:
        self.sql = sql
        self.reverse_sql = reverse_sql
        self.state_operations = list(state_operations or [])
        self.hints = dict(hints or {})
        self.elidable = elidable
        self.tables = None if tables is None else frozenset(tables)

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        """Whether it has a way back."""
        return self.reverse_sql is not None

    @property
    def runs_alone(self) -> bool:  # type: ignore[override]
        """Whether it runs outside of a transaction: in a migration that is not one, as it may have to."""
        return True

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        kwargs: dict[str, Any] = {"sql": self.sql}
        for name in ("reverse_sql", "tables"):
            if getattr(self, name) is not None:
                kwargs[name] = getattr(self, name)
        for name in ("state_operations", "hints", "elidable"):
            if getattr(self, name):
                kwargs[name] = getattr(self, name)
        return type(self).__name__, (), kwargs

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        for operation in self.state_operations:
            operation.state_forwards(app_label, state)

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if editor.allows(app_label, **self.hints):
            await self._run(editor, self.sql)

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if self.reverse_sql is None:
            raise IrreversibleMigration(
                f"SQL of a migration of {app_label} has no way back.",
                fix="Give RunSQL a reverse_sql; RunSQL.noop when nothing need be undone.",
            )
        if editor.allows(app_label, **self.hints):
            await self._run(editor, self.reverse_sql)

    async def _run(self, editor: Editor, sql: SQL) -> None:
        if isinstance(sql, str):
            if sql:
                await editor.run(sql, tables=self.tables)
            return
        for each in sql:
            if isinstance(each, str):
                await editor.run(each, tables=self.tables)
            else:
                text, parameters = each
                await editor.run(text, parameters, tables=self.tables)

    def describe(self) -> str:
        return "Raw SQL operation"


class SeparateDatabaseAndState(Operation):
    """Run some operations on the database only, and others on the state only."""

    category = OperationCategory.MIXED
    serialization_expand_args: ClassVar[tuple[str, ...]] = ("database_operations", "state_operations")

    def __init__(
        self,
        database_operations: Sequence[Operation] | None = None,
        state_operations: Sequence[Operation] | None = None,
    ) -> None:
        self.database_operations = list(database_operations or [])
        self.state_operations = list(state_operations or [])

    @property
    def reversible(self) -> bool:  # type: ignore[override]
        """Whether all that it does to the database has a way back."""
        return all(operation.reversible for operation in self.database_operations)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        names = ("database_operations", "state_operations")
        return type(self).__name__, (), {name: getattr(self, name) for name in names if getattr(self, name)}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        for operation in self.state_operations:
            operation.state_forwards(app_label, state)

    async def database_forwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        before = from_state
        for operation in self.database_operations:
            after = before.clone()
            operation.state_forwards(app_label, after)
            await operation.database_forwards(app_label, editor, before, after)
            before = after

    async def database_backwards(
        self, app_label: str, editor: Editor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        states = [to_state]
        for operation in self.database_operations:
            state = states[-1].clone()
            operation.state_forwards(app_label, state)
            states.append(state)
        for operation in reversed(self.database_operations):
            after = states.pop()
            await operation.database_backwards(app_label, editor, after, states[-1])

    def describe(self) -> str:
        return "Custom state/database change combination"


def is_asynchronous(code: object) -> bool:
    """Say whether calling it gives something to await."""
    call = getattr(code, "__call__", None)  # noqa: B004 - an object with an async __call__
    return inspect.iscoroutinefunction(code) or inspect.iscoroutinefunction(call)


__all__ = ["SQL", "Code", "RunPython", "RunSQL", "SeparateDatabaseAndState", "is_asynchronous", "nothing"]
