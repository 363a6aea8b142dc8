"""Carries operations out: describes tables before and after, and runs the statements between, or only collects them.

Without a database (``sqlmigrate``, ``--plan``) the statements are collected; names that a database chose itself are
then those that PostgreSQL would choose. With one, the live tables are looked at before a constraint or index is dropped
or renamed, so that a database which another tool made, or Django's renames left with old names, is migrated all the same.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from vivace.changes import EVERYTHING
from vivace.db.databases import DEFAULT, Databases, current_databases
from vivace.db.types import Dialect, Statement
from vivace.migrations.references import Key, concrete_key, referring

from . import adopt, defaults, postgresql, sqlite
from .change import TableChange
from .describe import Described, Slot, describe, slots
from .names import quote

if TYPE_CHECKING:
    from vivace.db.database import Database
    from vivace.migrations.operations.base import Scope
    from vivace.migrations.state import ProjectState

RENDERERS: Final[dict[Dialect, Callable[[Sequence[TableChange]], list[str]]]] = {
    "sqlite": sqlite.render,
    "postgresql": postgresql.render,
}


class Progress(Protocol):
    """How far a data migration got, kept in the database."""

    async def position(self) -> Any: ...

    async def reach(self, position: Any) -> None: ...


class Editor:
    """Changes a database from state to state. ``statements`` are those that ran, or would run, in order.

    ``allows`` asks the routers whether an app's (or model's) tables belong on the database.
    """

    def __init__(
        self,
        dialect: Dialect,
        database: Database | None = None,
        *,
        allows: Callable[..., bool] | None = None,
        dry: bool = False,
    ) -> None:
        self.dialect: Dialect = dialect
        self.database = database
        self.dry = dry or database is None
        self.statements: list[str] = []
        self.in_transaction = False
        self.lock_timeout: float | None = None
        self.progress: Progress | None = None  # of a data migration in batches
        self.batch: Callable[[], contextlib.AbstractAsyncContextManager[None]] = contextlib.nullcontext
        self._allows = allows

    def allows(self, app_label: str, **hints: Any) -> bool:
        """Say whether an app's tables belong on this database."""
        return self._allows is None or self._allows(app_label, **hints)

    # -- statements

    async def run(
        self, sql: str, parameters: Sequence[Any] = (), *, tables: Iterable[str] | None = ()
    ) -> None:
        """Run one statement or a script. ``tables``: whose rows it writes, ``None`` for "any"; DDL writes none."""
        self.statements.append(sql)
        if self.dry or self.database is None:
            return
        written = None if tables is None else frozenset(tables)
        if tables is None and self.dialect == "postgresql" and self.in_transaction:
            await self._defer()
        if parameters or written is not None:
            await self.database.execute(Statement(sql=sql, writes=written or None), parameters)
        elif self.in_transaction:
            await self.database.run_script(sql)
        else:
            await self._run_bounded(sql)
        if tables is None and self.dialect == "postgresql" and self.in_transaction:
            await self._settle()

    async def run_alone(self, sql: str, *, unless_index: str = "", table: str = "") -> None:
        """Run a statement that PostgreSQL takes outside of transactions only.

        ``unless_index``: it builds that index: a valid one stays, one that was left half built is dropped first.
        """
        self.statements.append(sql)
        if self.dry or self.database is None:
            return
        if unless_index:
            valid = await self._index_valid(unless_index)
            if valid:
                return
            if valid is False:
                await self._run_bounded(f"DROP INDEX CONCURRENTLY IF EXISTS {quote(unless_index)}")
        await self._run_bounded(sql)

    async def _run_bounded(self, sql: str) -> None:
        """Run SQL in no transaction, on a connection of its own that waits for locks no longer than allowed."""
        database = self.database
        connect: Any = getattr(database.driver, "connect", None) if database is not None else None
        if connect is None:
            await self._execute(sql)
            return
        from vivace.db.postgresql.errors import translate  # loads asyncpg: only who has such a database

        connection = await connect()
        try:
            if self.lock_timeout is not None:
                await connection.execute(f"SET lock_timeout = {max(1, round(self.lock_timeout * 1000))}")
            await connection.execute(sql)
        except Exception as error:
            raise translate(error, sql) from None
        finally:
            await connection.leave(5.0)
        if database is not None:
            database.announce(EVERYTHING)

    async def _index_valid(self, name: str) -> bool | None:
        if self.database is None:
            return None
        rows = await self.database.fetch(
            Statement(
                sql="SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                "WHERE c.relname = $1 AND pg_table_is_visible(c.oid)"
            ),
            (name,),
        )
        return bool(rows[0][0]) if rows else None

    async def _execute(self, sql: str) -> None:
        if self.database is not None:
            await self.database.execute(Statement(sql=sql, writes=None))

    async def _settle(self) -> None:
        """Look at what foreign keys were put off: pending checks would forbid changing the tables."""
        await self._execute(postgresql.CHECK_DEFERRED)

    async def _defer(self) -> None:
        await self._execute("SET CONSTRAINTS ALL DEFERRED")

    async def run_python(self, code: Any, state: ProjectState, description: str) -> None:
        """Run a function of a data migration with the models of ``state``."""
        self.statements.append(f"-- {description}")
        if self.dry or self.database is None:
            return
        postgresql_block = self.dialect == "postgresql" and self.in_transaction
        if postgresql_block:
            await self._defer()
        with self._models_use_this():
            result = code(state.apps, self)
            if inspect.isawaitable(result):
                await result
        if postgresql_block:
            await self._settle()

    @contextlib.contextmanager
    def _models_use_this(self) -> Any:
        """Let queries of historical models go to this database."""
        if self.database is None:
            yield
            return
        token = current_databases.set(Databases({DEFAULT: self.database, self.database.alias: self.database}))
        try:
            yield
        finally:
            current_databases.reset(token)

    # -- states

    async def evolve(self, before: ProjectState, after: ProjectState, scope: Scope) -> None:
        """Bring the tables of a scope from one state to another."""
        changes = self.changes(before, after, scope)
        if not changes:
            return
        if not self.dry and self.database is not None:
            changes = [await adopt.adopted(self.database, change) for change in changes]
        for sql in RENDERERS[self.dialect](changes):
            await self.run(sql)

    def changes(self, before: ProjectState, after: ProjectState, scope: Scope) -> list[TableChange]:
        """Return what changes in the tables of a scope, those that stay as they are left out."""
        old = self._described(before, _spread(before, scope), scope)
        back = {new: key for key, new in scope.models.items()}
        new_keys = {scope.models.get(key, key) for key in _spread(before, scope)} | scope.keys
        new = self._described(after, new_keys, scope)
        found: list[TableChange] = []
        for slot, described in new.items():
            origin = _origin(slot, scope, back)
            earlier = old.pop(origin, None)
            change = self._change(before, after, scope, (origin, earlier), (slot, described))
            if change is not None:
                found.append(change)
        removed = [TableChange(old=each.table) for each in reversed(old.values())]
        return [*removed, *found]

    def _described(self, state: ProjectState, keys: Iterable[Key], scope: Scope) -> dict[Slot, Described]:
        order = [key for key in state.models if key in set(keys)]
        found: dict[Slot, Described] = {}
        for key in order:
            if self.allows(key[0], model_name=key[1]):
                for slot in slots(state, key):
                    found[slot] = describe(state, slot, self.dialect)
        return {slot: found[slot] for slot in sorted(found, key=lambda slot: bool(slot[2]))}

    def _change(
        self,
        before: ProjectState,
        after: ProjectState,
        scope: Scope,
        old: tuple[Slot, Described | None],
        new: tuple[Slot, Described],
    ) -> TableChange | None:
        (origin, earlier), (slot, described) = old, new
        if earlier is None:
            return TableChange(new=described.table)
        key = (origin[0], origin[1])
        columns: dict[str, str] = {}
        for name, column in earlier.fields.items():
            fresh = described.fields.get(scope.fields.get((key, name), name))
            if fresh is not None and fresh != column:
                columns[column] = fresh
        if not columns and earlier.table == described.table:
            return None
        fills = {} if slot[2] else self._fills(after, (slot[0], slot[1]), (earlier, described), scope)
        return TableChange(old=earlier.table, new=described.table, columns=columns, fills=fills)

    def _fills(
        self, state: ProjectState, key: Key, tables: tuple[Described, Described], scope: Scope
    ) -> dict[str, str]:
        """Return what fills rows that exist, for each column that comes or must no longer be empty."""
        (earlier, described), model = tables, state.models[key]
        before = {name: earlier.table.column(column) for name, column in earlier.fields.items()}
        renamed = {new: old for (_, old), new in scope.fields.items()}
        found: dict[str, str] = {}
        for name, column in described.fields.items():
            old, new = before.get(renamed.get(name, name)), described.table.column(column)
            if new is None or (old is not None and (new.null or not old.null)):
                continue
            field = scope.fills.get((key, name)) or model.fields.get(name)
            filling = "" if field is None else defaults.fill(name, field, self.dialect)
            if filling:
                found[column] = filling
        return found


def _origin(slot: Slot, scope: Scope, back: dict[Key, Key]) -> Slot:
    """Return where a table was before the renames of a scope."""
    key = back.get((slot[0], slot[1]), (slot[0], slot[1]))
    name = slot[2]
    for (owner, old), new in scope.fields.items():
        if owner == key and new == name:
            name = old
    return (*key, name)


def _spread(state: ProjectState, scope: Scope) -> set[Key]:
    """Return the models of a scope, with those that refer to them if it spreads, and so on along their keys."""
    found = {key for key in scope.keys if key in state.models}
    if not scope.spread:
        return found
    waiting = list(found)
    while waiting:
        key = waiting.pop()
        named = {key} | {other for other in state.models if concrete_key(state, other) == key}
        for target in named:
            for owner, _, field in referring(state, target):
                if owner not in found:
                    found.add(owner)
                    if field.many_to_many or field.unique or field.primary_key:
                        waiting.append(owner)
    return found


__all__ = ["RENDERERS", "Editor"]
