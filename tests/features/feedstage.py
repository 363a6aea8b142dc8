"""What the tests of the change feed share: a filled database that is listened to, snapshots of its tables, and what
a write set must say about the difference of two of them.
"""

from __future__ import annotations

import contextvars
import random
from asyncio import Runner
from collections import Counter
from collections.abc import Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.differential.compare import canonical, refusal, same
from tests.differential.programs import Case
from tests.differential.schema import KINDS, POOLS
from tests.differential.vivace_side import declared, names, read
from vivace.changes import Change, ReadSet, WriteSet, recording
from vivace.db import Database, Databases, Statement, atomic, current_databases
from vivace.db.urls import connect
from vivace.migrations.create import create_tables
from vivace.models.adoption import watched_columns

T = TypeVar("T")
Rows = dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]  # by table and key

KEYS: Final = range(1, 9)
"""Keys of the rows that a stage begins with: few, so that conditions find them. Later ones come from sequences."""


@dataclass
class Answer:
    """What a query said, and what it read for that."""

    case: Case
    value: Any
    reads: ReadSet = field(default_factory=ReadSet)


@contextmanager
def stage(url: str) -> Generator[Stage]:
    """Run the body with a stage on an empty database."""
    made = Stage(url)
    try:
        yield made
    finally:
        made.close()


class Stage:
    """The models of the differential test on a database, with a subscriber to its commits."""

    def __init__(self, url: str) -> None:
        self._runner = Runner()
        self._context = contextvars.copy_context()
        self.heard: list[WriteSet] = []
        self.models: dict[str, Any] = {model.__name__: model for model in declared() if not model._meta.proxy}
        self.database: Database = self.run(self._open(url))
        self.columns = {each.table: each for each in watched_columns(list(self.models.values()))}
        self.layouts = {
            model._meta.db_table: [field.column for field in model._meta.local_concrete_fields]
            for model in _with_through(self.models.values())
        }

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the stage's loop, with its database as the current one."""
        return self._runner.run(work, context=self._context)

    async def _open(self, url: str) -> Database:
        database = Database("default", connect(url, root=Path("/")))
        current_databases.set(Databases({"default": database}))
        await create_tables(database, list(self.models.values()))
        if database.dialect == "postgresql":
            for model in self.models.values():
                if model._meta.auto_field is not None:
                    await database.run_script(
                        f'ALTER TABLE "{model._meta.db_table}" ALTER COLUMN id RESTART WITH 1000'
                    )
        database.watch(watched_columns(list(self.models.values())))
        database.subscribe(self.heard.append)
        return database

    def close(self) -> None:
        """Close the database."""
        self.run(self.database.close())
        self._runner.close()

    # -- rows -----------------------------------------------------------------------------------------------------

    async def fill(self, seed: int) -> None:
        """Replace all rows by random ones."""
        chance = random.Random(seed)
        async with atomic():
            for table in reversed(self.columns):
                await self.database.execute(
                    Statement(sql=f'DELETE FROM "{table}"', writes=frozenset((table,)))
                )
            for name, model in self.models.items():
                await self._fill(chance, name, model)
        self.heard.clear()

    async def _fill(self, chance: random.Random, name: str, model: Any) -> None:
        rows: list[Any] = []
        for key in range(1, 8 if name == "Book" else chance.randint(4, 8)):
            values = random_values(chance, model, key)
            if name == "Novel":
                await model(**values, id=key + 20).save(force_insert=True)
            else:
                rows.append(model(**values, **({} if name == "Shelf" else {"id": key})))
        if rows:
            await model._base_manager.bulk_create(rows)
        for relation in model._meta.local_many_to_many:
            through = relation.remote_field.through
            if through._meta.auto_created:
                pairs = {(chance.randint(1, 3), chance.randint(1, 3)) for _ in range(4)}
                await through._base_manager.bulk_create(
                    [_link(through, relation, *pair) for pair in sorted(pairs)]
                )

    async def snapshot(self) -> Rows:
        """Return all rows of all tables, in the database's own forms."""
        found: Rows = {}
        for table, columns in self.layouts.items():
            listed = ", ".join(f'"{column}"' for column in columns)
            rows = await self.database.fetch(Statement(sql=f'SELECT {listed} FROM "{table}"'))
            places = [columns.index(column) for column in self.columns[table].key]
            found[table] = {tuple(row[i] for i in places): tuple(row) for row in rows}
        return found

    # -- questions ------------------------------------------------------------------------------------------------

    async def ask(self, case: Case) -> Answer:
        """Run a query and record what it reads."""
        answer = Answer(case, None)
        with recording(answer.reads):
            try:
                program: Any = case.program
                answer.value = await read(program, lambda value: canonical(value, case.touches))
            except Exception as error:
                answer.value = refusal(error)
        return answer


def changed(before: Answer, after: Answer) -> bool:
    """Say whether a query now says something else."""
    return not same(before.case, before.value, after.value)


def _with_through(models: Iterable[Any]) -> list[Any]:
    given = list(models)
    return [*given, *(f.remote_field.through for m in given for f in m._meta.local_many_to_many)]


def _link(through: Any, relation: Any, one: int, other: int) -> Any:
    source, target = relation.m2m_field_name(), relation.m2m_reverse_field_name()
    return through(**{f"{source}_id": one, f"{target}_id": other})


def random_values(chance: random.Random, model: Any, number: int = 0) -> dict[str, Any]:
    """Return values for all columns of a new row but its key."""
    return {
        each.attname: random_value(chance, each, number)
        for each in model._meta.concrete_fields
        if not (each.primary_key and model.__name__ != "Shelf")
        and not each.attname.endswith("_ptr_id")
        and each.attname != "id"
    }


def random_value(chance: random.Random, column: Any, number: int = 0) -> Any:
    """Return a value for a column, from the few that queries ask for."""
    if column.model.__name__ == "Shelf" and column.name in ("room", "number"):
        return number // 3 if column.name == "room" else number % 3
    if column.null and chance.random() < 0.25:
        return None
    if column.is_relation:
        first = 20 if column.name == "sequel" else 0  # novels are books with keys of their own
        return number if column.unique else first + chance.randint(1, 3)
    pool = POOLS[KINDS[column.get_internal_type()]]
    value = chance.choice(
        [each for each in pool if not (column.get_internal_type().startswith("Positive") and each < 0)]
    )
    return f"{value[:30]}{number}" if column.unique else value


# -- what a write set must say --------------------------------------------------------------------------------------


def check_told(stage: Stage, before: Rows, after: Rows, heard: Sequence[WriteSet]) -> None:
    """Assert that write sets say exactly what became of the rows: nothing missing, no value made up."""
    whole = {table for written in heard for table in written.tables}
    everything = any(written.everything for written in heard)
    changes: dict[str, list[Change]] = {}
    for written in heard:
        for change in written.changes:
            changes.setdefault(change.table, []).append(change)
    assert changes.keys() <= before.keys()
    for table in before:
        if not everything and table not in whole:
            _check_table(stage, table, before[table], after[table], changes.get(table, []))


def _check_table(
    stage: Stage,
    table: str,
    before: Mapping[tuple[Any, ...], tuple[Any, ...]],
    after: Mapping[tuple[Any, ...], tuple[Any, ...]],
    changes: Iterable[Change],
) -> None:
    changes = list(changes)
    told = {change.key for change in changes} | {_key(stage, table, c.old) for c in changes if c.old}
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert differing <= told, (table, "not told", differing - told)
    for change in changes:
        _check_sides(stage, table, change)
    if any(change.old is None or change.new is None for change in changes):
        return  # unknown: whoever asks gets a yes
    balance: Counter[Any] = Counter(_told_of(stage, table, row) for row in before.values())
    for change in changes:
        for side, step in ((change.old, -1), (change.new, 1)):
            if side:
                balance[tuple(side[name] for name in stage.columns[table].columns)] += step
    expected = Counter(_told_of(stage, table, row) for row in after.values())
    assert +balance == expected, (table, changes)
    assert all(count >= 0 for count in balance.values()), (table, changes)


def _check_sides(stage: Stage, table: str, change: Change) -> None:
    assert (change.old == {}) == (change.operation == "insert"), change
    assert (change.new == {}) == (change.operation == "delete"), change
    row = change.new or change.old
    if row:
        assert _key(stage, table, row) == change.key


def _key(stage: Stage, table: str, side: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(side[name] for name in stage.columns[table].key)


def _told_of(stage: Stage, table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    columns = stage.layouts[table]
    return tuple(row[columns.index(name)] for name in stage.columns[table].columns)


__all__ = [
    "KEYS",
    "Answer",
    "Stage",
    "changed",
    "check_told",
    "names",
    "random_value",
    "random_values",
    "stage",
]
