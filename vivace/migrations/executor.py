"""Runs migrations on a database.

Rules:

1. One deployer at a time. PostgreSQL: an advisory lock for the whole run. SQLite: each migration takes the only writer,
   and looks again whether another process has applied it meanwhile.
2. A migration is one transaction, with its record. One with ``atomic = False`` is a transaction for each operation,
   with a note of how many are done; operations that no transaction can hold run alone and can be repeated.
   So a run that failed is simply started again.
3. Every step waits for locks no longer than ``lock_timeout``: a waiting ALTER TABLE stops all who come after it. What was
   rolled back by that is tried again, with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.db.types import Statement, TransactionOptions
from vivace.errors import LockTimeout, MigrationLocked, ProgrammingError, TablesDiffer

from .loader import Folders, Loader
from .migration import Migration, Node
from .recorder import Recorder
from .schema import introspect
from .schema.describe import describe, slots
from .schema.editor import Editor
from .signals import post_migrate, pre_migrate
from .state import ProjectState

if TYPE_CHECKING:
    from vivace.db.database import Database

    from .schema.live import Live
    from .schema.values import Table

LOCK: Final = "vivace migrate"


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How migrations run. Times are seconds.

    ``lock_timeout``: how long a statement waits for a lock (``None``: as the server says), tried ``attempts`` times in all.
    ``wait``: how long to wait for another deployer. ``fake`` only records; ``fake_initial`` does so for first
    migrations whose tables are there.
    """

    lock_timeout: float | None = 4.0
    attempts: int = 5
    wait: float | None = 60.0
    fake: bool = False
    fake_initial: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One migration of a plan. ``target`` ``None`` in a plan's request: all of an app undone."""

    migration: Migration
    backwards: bool = False


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go: to a migration of an app; ``name`` ``None``: to before the first."""

    app_label: str
    name: str | None


Report = Callable[[str, Step], None]


def quiet(event: str, step: Step) -> None:
    """Tell nobody."""


class Executor:
    """Plans and runs migrations on one database.

    ``report`` is called with ``begin``, ``done``, ``faked`` or ``there already`` and the step.
    """

    def __init__(
        self,
        database: Database,
        folders: Folders,
        options: RunOptions | None = None,
        *,
        report: Report = quiet,
        allows: Callable[..., bool] | None = None,
    ) -> None:
        self.database = database
        self.folders = folders
        self.options = options or RunOptions()
        self.recorder = Recorder(database)
        self._replacements: list[Migration] = []
        self._report = report
        self._allows = allows

    async def loader(self) -> Loader:
        """Return the migrations as this database knows them; raises ``InconsistentHistory``."""
        loader = Loader(self.folders, await self.recorder.applied())
        loader.check_history()
        self._replacements = list(loader.replacements.values())
        return loader

    async def migrate(self, targets: Sequence[Target] | None = None) -> list[Step]:
        """Go to some migrations, or to the last ones of all apps; returns the steps that were taken."""
        async with self._locked():
            await self.recorder.prepare()
            loader = await self.loader()
            loader.graph.refuse_conflicts()
            steps = plan(loader, targets)
            if not steps:
                await self._note_replaced(loader)
                return []
            await pre_migrate.send(sender=type(self), database=self.database, plan=steps)
            await self._run(loader, steps)
            await self._note_replaced(loader)
            await post_migrate.send(sender=type(self), database=self.database, plan=steps)
            return steps

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        await self.database.open()
        lock: Any = getattr(self.database.driver, "advisory_lock", None)
        if lock is None:
            yield
            return
        try:
            held = lock(LOCK, wait=self.options.wait)
            await held.__aenter__()
        except LockTimeout:
            raise MigrationLocked(
                f"Another process is migrating the database {self.database.alias!r}.",
                got=f"waited {self.options.wait or 0:g} s",
                fix="Wait for it; it is safe to start again.",
            ) from None
        try:
            yield
        finally:
            await held.__aexit__(None, None, None)

    # -- steps

    async def _run(self, loader: Loader, steps: Sequence[Step]) -> None:
        before = states_before(loader, [step.migration for step in steps])
        for step in steps:
            self._report("begin", step)
            state = before[step.migration.node]
            event = await (self._undo(step, state) if step.backwards else self._apply(step, state))
            self._report(event, step)

    async def _apply(self, step: Step, state: ProjectState) -> str:
        migration = step.migration
        if self.options.fake or (self.options.fake_initial and await self._is_there(migration, state)):
            await self._record(migration)
            return "faked"
        if not migration.atomic:
            return await self._apply_in_parts(migration, state)

        async def work() -> str:
            async with self._transaction(migration) as editor:
                if await self.recorder.is_applied(migration.node):
                    return "there already"
                at = state
                for position in range(len(migration.operations)):
                    at = await migration.forwards(editor, at, position)
                await self._record(migration)
            return "done"

        try:
            event: str = await self._patiently(work)
        except ProgrammingError as error:
            if not error.fix and await self._has_tables(migration, state):
                error.fix = (
                    "The tables are there already: `vivace migrate --fake-initial` notes that, if they agree."
                )
            raise
        return event

    async def _has_tables(self, migration: Migration, state: ProjectState) -> bool:
        return any(live is not None for _, live in await self._first_tables(migration, state))

    async def _undo(self, step: Step, state: ProjectState) -> str:
        migration = step.migration
        if self.options.fake:
            await self.recorder.forget(migration.node)
            return "faked"
        for operation in migration.operations:
            migration.check_reversible(operation)
        states = migration.states(state)
        if not migration.atomic:
            return await self._undo_in_parts(migration, states)

        async def work() -> str:
            async with self._transaction(migration) as editor:
                if not await self.recorder.is_applied(migration.node):
                    return "there already"
                for position in reversed(range(len(migration.operations))):
                    await migration.backwards(editor, states, position)
                await self._forget(migration)
            return "done"

        event: str = await self._patiently(work)
        return event

    # -- migrations that are several transactions

    async def _apply_in_parts(self, migration: Migration, state: ProjectState) -> str:
        at = state
        for position in range(len(migration.operations)):
            before = at
            at = before.clone()
            migration.operations[position].state_forwards(migration.app_label, at)
            await self._part(migration, position, partial(_forwards, migration, before, position))
        await self._record(migration)
        return "done"

    async def _undo_in_parts(self, migration: Migration, states: Sequence[ProjectState]) -> str:
        for position in reversed(range(len(migration.operations))):
            run = partial(_backwards_one, migration, states, position)
            await self._part(migration, position, run, backwards=True)
        await self._forget(migration)
        return "done"

    async def _part(
        self, migration: Migration, position: int, run: Callable[[Editor], Any], *, backwards: bool = False
    ) -> None:
        """Run one operation unless an earlier run did, and note that it is done."""
        node, key = migration.node, f"{'undone' if backwards else 'done'}:{position}"

        async def work() -> None:
            if migration.operations[position].runs_alone:
                if await self.recorder.position(node, key) is None:
                    await run(self._editor(migration, f"{key}:rows"))
                    await self.recorder.reach(node, key, True)
                return
            async with self._transaction(migration) as editor:
                if await self.recorder.position(node, key) is None:
                    await run(editor)
                    await self.recorder.reach(node, key, True)

        await self._patiently(work)

    # -- transactions

    def _editor(self, migration: Migration, step: str = "") -> Editor:
        editor = Editor(self.database.dialect, self.database, allows=self._allows)
        editor.lock_timeout = self.options.lock_timeout
        if step:
            editor.progress = Progress(self.recorder, migration.node, step)
            editor.batch = lambda: self._batch(migration)
        return editor

    @contextlib.asynccontextmanager
    async def _transaction(self, migration: Migration) -> AsyncGenerator[Editor]:
        options = TransactionOptions(place=f"the migration {migration}", unchecked=True)
        async with self.database.transaction(options, durable=True):
            await self._limit_locks()
            editor = self._editor(migration)
            editor.in_transaction = True
            yield editor

    @contextlib.asynccontextmanager
    async def _batch(self, migration: Migration) -> AsyncGenerator[None]:
        async with self.database.transaction(TransactionOptions(place=f"a batch of {migration}")):
            await self._limit_locks()
            yield

    async def _limit_locks(self) -> None:
        limit = self.options.lock_timeout
        if self.database.dialect == "postgresql" and limit is not None:
            sql = f"SET LOCAL lock_timeout = {max(1, round(limit * 1000))}"
            await self.database.execute(Statement(sql=sql, writes=frozenset(("",))))

    async def _patiently(self, work: Callable[[], Any]) -> Any:
        """Run work that a lock may stop, again and again; it must leave nothing behind when it fails."""
        for attempt in range(1, self.options.attempts + 1):
            try:
                return await work()
            except LockTimeout:
                if attempt == self.options.attempts:
                    raise
                await asyncio.sleep(min(0.5 * 2**attempt, 10.0))
        return None

    # -- records

    async def _record(self, migration: Migration) -> None:
        await self.recorder.record(migration.node)
        if migration.replaces and await self._is_last_replacement(migration):
            for each in migration.replaces:
                await self.recorder.record((each[0], each[1]))
        await self.recorder.finish(migration.node)

    async def _is_last_replacement(self, migration: Migration) -> bool:
        """Say whether all others that replace the same ones are applied: only then is what they replace done."""
        applied = await self.recorder.applied()
        mine = {tuple(each) for each in migration.replaces}
        return all(
            other.node in applied
            or other.node == migration.node
            or mine.isdisjoint(map(tuple, other.replaces))
            for other in self._replacements
        )

    async def _forget(self, migration: Migration) -> None:
        for node in [*((each[0], each[1]) for each in migration.replaces), migration.node]:
            await self.recorder.forget(node)
        await self.recorder.finish(migration.node)

    async def _note_replaced(self, loader: Loader) -> None:
        """Record squashed migrations of which all that they replace is applied."""
        applied = await self.recorder.applied()
        for node, migration in loader.replacements.items():
            if node not in applied and all((each[0], each[1]) in applied for each in migration.replaces):
                await self.recorder.record(node)

    async def _is_there(self, migration: Migration, state: ProjectState) -> bool:
        """Say whether all tables and columns that a first migration makes are there; raise ``TablesDiffer`` for a part."""
        found = await self._first_tables(migration, state)
        missing: list[str] = []
        for table, live in found:
            names: set[str] = set() if live is None else {each.name.lower() for each in live.table.columns}
            without = [column.name for column in table.columns if column.name.lower() not in names]
            if live is None:
                missing.append(f"the table {table.name}")
            elif without:
                missing.append(f"{table.name}.{', '.join(without)}")
        if missing and any(live is not None for _, live in found):
            raise TablesDiffer(
                f"{migration} cannot only be recorded: the database has a part of what it makes.",
                expected="all of its tables and columns, or none of its tables",
                got=f"missing: {'; '.join(missing)}",
                fix="Make the models agree with the tables (`vivace inspectdb` writes them) and the migration anew, "
                "or add by SQL what is missing.",
            )
        return bool(found) and not missing

    async def _first_tables(
        self, migration: Migration, state: ProjectState
    ) -> list[tuple[Table, Live | None]]:
        """Return the tables that a first migration makes, each with what is there of that name."""
        if not migration.is_initial:
            return []
        after = migration.change_state(state)
        fresh = [key for key in after.models if key not in state.models and key[0] == migration.app_label]
        tables = [
            describe(after, slot, self.database.dialect).table for key in fresh for slot in slots(after, key)
        ]
        return [(table, await introspect.read(self.database, table.name)) for table in tables]


async def _forwards(migration: Migration, state: ProjectState, position: int, editor: Editor) -> None:
    await migration.forwards(editor, state, position)


async def _backwards_one(
    migration: Migration, states: Sequence[ProjectState], position: int, editor: Editor
) -> None:
    await migration.backwards(editor, states, position)


class Progress:
    """How far one step got."""

    def __init__(self, recorder: Recorder, node: Node, step: str) -> None:
        self._recorder = recorder
        self._node = node
        self._step = step

    async def position(self) -> Any:
        """Return where to go on, ``None`` at the beginning."""
        return await self._recorder.position(self._node, self._step)

    async def reach(self, position: Any) -> None:
        """Note how far it got, in the transaction of the work."""
        await self._recorder.reach(self._node, self._step, position)


def plan(loader: Loader, targets: Sequence[Target] | None = None) -> list[Step]:
    """Return the steps to some migrations, or to the last ones of all apps."""
    applied = set(loader.applied or ())
    if targets is None:
        targets = [Target(app_label=app, name=name) for app, name in loader.graph.leaves()]
    steps: list[Step] = []
    for target in targets:
        steps += _plan_one(loader, target, applied)
    return steps


def _plan_one(loader: Loader, target: Target, applied: set[Node]) -> list[Step]:
    graph = loader.graph
    if target.name is None:
        nodes = [node for root in graph.roots(target.app_label) for node in graph.plan_back(root)]
        return _backwards(loader, nodes, applied)
    node = (target.app_label, target.name)
    graph.check(node)
    if node in applied:
        later = sorted(child for child in graph.children[node] if child[0] == node[0])
        return _backwards(loader, [each for child in later for each in graph.plan_back(child)], applied)
    steps: list[Step] = []
    for each in graph.plan_to(node):
        if each not in applied:
            applied.add(each)
            steps.append(Step(migration=graph.migrations[each]))
    return steps


def _backwards(loader: Loader, nodes: Collection[Node], applied: set[Node]) -> list[Step]:
    steps: list[Step] = []
    for node in dict.fromkeys(nodes):
        if node in applied:
            applied.discard(node)
            steps.append(Step(migration=loader.graph.migrations[node], backwards=True))
    return steps


def states_before(loader: Loader, migrations: Sequence[Migration]) -> dict[Node, ProjectState]:
    """Return the state in front of each migration, as the whole history makes it."""
    wanted = {migration.node for migration in migrations}
    found: dict[Node, ProjectState] = {}
    state = ProjectState()
    for node in loader.graph.full_plan():
        if node in wanted:
            found[node] = state
        state = loader.graph.migrations[node].change_state(state)
    return found


__all__ = ["Executor", "Progress", "Report", "RunOptions", "Step", "Target", "plan", "quiet", "states_before"]
