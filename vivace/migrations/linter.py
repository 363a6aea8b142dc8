"""Says what each operation means for a site that is running, before it is run.

Two things hurt: a statement that locks a large table for long, and a schema that the code which is still running does not
understand. So operations are judged by what changes in the tables, not by their names:

=========  ===========================================================================================
safe       neither
expand     adds what old code does not know and need not: deploy the migration, then the code
contract   takes away what old code uses: deploy the code that no longer does, then the migration
unsafe     stops writers, or breaks old code, whatever the order; ``fix`` says how to part it
=========  ===========================================================================================

Tables that the same run creates are nobody's yet: nothing done to them is unsafe. A migration that was thought through
says so with ``reviewed = "why it is all right"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from vivace.db.types import Dialect
from vivace.errors import UnsafeMigration

from .migration import Migration
from .operations.base import Operation
from .operations.indexes import AddIndex
from .operations.postgresql import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from .operations.special import RunPython, RunSQL, SeparateDatabaseAndState
from .schema.change import TableChange, differences
from .schema.compare import Difference
from .schema.editor import Editor
from .schema.values import Column
from .state import ProjectState

Level: TypeAlias = Literal["safe", "expand", "contract", "unsafe"]
LEVELS: Final[tuple[Level, ...]] = ("safe", "expand", "contract", "unsafe")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation means. ``position``: its place in the migration, from 0."""

    app_label: str
    name: str
    position: int
    operation: str
    level: Level
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        head = f"{self.level:8} {self.app_label}.{self.name} {self.operation}"
        return "\n".join([head, *(f"         {text}" for text in (self.why, self.fix) if text)])


class _Note(msgspec.Struct, frozen=True):
    level: Level
    why: str = ""
    fix: str = ""


SAFE: Final = _Note("safe")


def lint(
    migrations: Sequence[Migration], before: ProjectState, dialect: Dialect = "postgresql"
) -> list[Verdict]:
    """Return a verdict for each operation of migrations that run one after another from the state ``before``."""
    found: list[Verdict] = []
    fresh: set[str] = set()  # tables that this run makes
    state = before
    for migration in migrations:
        states = migration.states(state)
        for position, operation in enumerate(migration.operations):
            pair = (states[position], states[position + 1])
            note = _judge(migration, operation, pair, dialect, fresh)
            found.append(_verdict(migration, position, operation, note))
        state = states[-1]
    return found


def _verdict(migration: Migration, position: int, operation: Operation, note: _Note) -> Verdict:
    reviewed = getattr(migration, "reviewed", "")
    if reviewed and note.level == "unsafe":
        note = _Note("safe", f"Reviewed: {reviewed}")
    return Verdict(
        app_label=migration.app_label,
        name=migration.name,
        position=position,
        operation=operation.describe(),
        level=note.level,
        why=note.why,
        fix=note.fix,
    )


def refuse_unsafe(verdicts: Iterable[Verdict]) -> None:
    """Raise ``UnsafeMigration`` when an operation is unsafe, with all of them and what to do."""
    unsafe = [verdict for verdict in verdicts if verdict.level == "unsafe"]
    if unsafe:
        raise UnsafeMigration(
            f"{len(unsafe)} operation{'s' if len(unsafe) > 1 else ''} would stop or break the site that is running.",
            got="\n".join(map(str, unsafe)),
            fix='Part them as told, or say `reviewed = "why"` in the Migration.',
        )


def worst(notes: Iterable[_Note]) -> _Note:
    """Return the note of the highest level, the first of them."""
    return max(notes, key=lambda note: LEVELS.index(note.level), default=SAFE)


def _judge(
    migration: Migration,
    operation: Operation,
    states: tuple[ProjectState, ProjectState],
    dialect: Dialect,
    fresh: set[str],
) -> _Note:
    if isinstance(operation, (RunPython, RunSQL)):
        return _data(migration, operation)
    if isinstance(operation, SeparateDatabaseAndState):
        return _separate(migration, operation, states, dialect, fresh)
    if isinstance(operation, (AddIndexConcurrently, RemoveIndexConcurrently)):
        return _Note("expand" if isinstance(operation, AddIndex) else "safe")
    if isinstance(operation, (AddConstraintNotValid, ValidateConstraint)):
        return _Note("expand")
    scope = operation.scope(migration.app_label, *states)
    changes = Editor(dialect).changes(*states, scope)
    notes = list(_tables(changes, dialect, fresh))
    for change, difference in differences(changes):
        if difference.new.name not in fresh:
            notes += _difference(change, difference, dialect)
    return worst(notes)


def _separate(
    migration: Migration,
    operation: SeparateDatabaseAndState,
    states: tuple[ProjectState, ProjectState],
    dialect: Dialect,
    fresh: set[str],
) -> _Note:
    before = states[0]
    notes: list[_Note] = []
    for inner in operation.database_operations:
        after = before.clone()
        inner.state_forwards(migration.app_label, after)
        notes.append(_judge(migration, inner, (before, after), dialect, fresh))
        before = after
    return worst(notes)


def _data(migration: Migration, operation: Operation) -> _Note:
    others = [each for each in migration.operations if not isinstance(each, (RunPython, RunSQL))]
    if others and migration.atomic:
        return _Note(
            "unsafe",
            "It works on rows while the schema changes of the same migration hold their locks.",
            "Move it into a migration of its own.",
        )
    if isinstance(operation, RunSQL):
        return _Note("expand", "What this SQL locks, nobody but you can tell.")
    if migration.atomic:
        return _Note(
            "expand",
            "All rows are changed in one transaction.",
            "For large tables: atomic = False and RunPython(migrations.batched(…)).",
        )
    return SAFE


def _tables(changes: Sequence[TableChange], dialect: Dialect, fresh: set[str]) -> Iterator[_Note]:
    for change in changes:
        if change.new is None and change.old is not None:
            yield _Note(
                "contract",
                f"The table {change.old.name} goes; code that still runs may use it.",
                "Deploy code without the model first.",
            )
        elif change.old is None and change.new is not None:
            fresh.add(change.new.name)
            yield _Note("expand")
        elif change.old is not None and change.new is not None and change.old.name != change.new.name:
            if change.old.name in fresh:
                fresh.add(change.new.name)
                continue
            yield _Note(
                "unsafe",
                f"Code that still runs does not find the table {change.old.name} under its new name.",
                f'Rename only the model: keep Meta.db_table = "{change.old.name}".',
            )


def _difference(change: TableChange, difference: Difference, dialect: Dialect) -> Iterator[_Note]:
    for old in change.columns:
        yield _Note(
            "unsafe",
            f"Code that still runs does not find the column {old!r} under its new name.",
            f'Rename only the field: keep db_column="{old}". Or add a new one, copy, and remove the old one later.',
        )
    for column in difference.removed:
        yield _Note(
            "contract",
            f"The column {column.name!r} goes; code that still runs selects and inserts it.",
            "Deploy code without the field first (SeparateDatabaseAndState with RemoveField as state operation).",
        )
    for column in difference.added:
        yield _added(column)
    for old_column, column in difference.changed:
        yield from _changed(old_column, column, dialect)
    yield from _rules(difference, dialect)


def _added(column: Column) -> _Note:
    if column.null and not column.unique:
        return _Note("expand")
    if column.unique:
        return _Note(
            "unsafe",
            "A unique column is checked under a lock that stops reads and writes.",
            "Add it without unique, fill it, then add a unique index concurrently.",
        )
    if column.default or column.identity or column.generated:
        return _Note("expand")
    return _Note(
        "unsafe",
        f"Code that still runs inserts rows without {column.name!r}, which must have a value.",
        "Give it db_default=…; or add it with null=True, deploy, fill it, and forbid NULL in a later migration.",
    )


def _changed(old: Column, new: Column, dialect: Dialect) -> Iterator[_Note]:
    if old.null and not new.null and not new.generated:
        yield _Note(
            "unsafe",
            "All rows are read under a lock that stops reads and writes, to see that none is empty.",
            "First AddConstraintNotValid of a check that it is not null, and ValidateConstraint; PostgreSQL trusts that. "
            "Then alter the field, and remove the check.",
        )
    elif new.null and not old.null:
        yield _Note("expand")
    if old.type != new.type and not widens(old.type, new.type):
        yield _Note(
            "unsafe",
            f"From {old.type} to {new.type} all rows are written anew under a lock that stops reads and writes.",
            "Add a new column, fill it in batches, switch the code, and remove the old one.",
        )
    if new.unique and not old.unique:
        yield _Note(
            "unsafe",
            "The index of a unique column is built under a lock that stops writes.",
            "Build a unique index concurrently first (RunSQL in a migration with atomic = False).",
        )
    if new.generated and new.generated != old.generated:
        yield _Note(
            "unsafe", "All rows are written anew to compute the column.", "Add it under another name."
        )


def widens(old: str, new: str) -> bool:
    """Say whether a type takes all that another did, without rows being written anew (PostgreSQL)."""
    if old.startswith("varchar") and new in ("text", "varchar"):
        return True
    sizes = [_size(kind) for kind in (old, new)]
    same_kind = old.partition("(")[0] == new.partition("(")[0] and old.startswith("varchar")
    return same_kind and None not in sizes and (sizes[0] or 0) <= (sizes[1] or 0)


def _size(kind: str) -> int | None:
    digits = kind.partition("(")[2].rstrip(")")
    return int(digits) if digits.isdigit() else None


def _rules(difference: Difference, dialect: Dialect) -> Iterator[_Note]:
    if dialect != "postgresql":
        return
    added = {column.name for column in difference.added}
    if any(not set(index.columns) <= added or not index.columns for index in difference.indexes.added):
        yield _Note(
            "unsafe",
            "The index is built under a lock that stops writes.",
            "Use AddIndexConcurrently in a migration with atomic = False.",
        )
    if difference.uniques.added:
        yield _Note(
            "unsafe",
            "The constraint's index is built under a lock that stops reads and writes.",
            "Build a unique index concurrently, then ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX (RunSQL).",
        )
    if difference.checks.added or difference.exclusions.added:
        yield _Note(
            "unsafe",
            "All rows are checked under a lock that stops reads and writes.",
            "Use AddConstraintNotValid, and ValidateConstraint in a later migration.",
        )
    if any(not set(key.columns) <= added for key in difference.foreign_keys.added):
        yield _Note(
            "unsafe",
            "All rows are checked under a lock that stops writes to both tables.",
            "Add the constraint NOT VALID with RunSQL, and validate it in a later migration.",
        )
    if difference.primary_changed:
        yield _Note(
            "unsafe", "The primary key is built anew under a lock.", "Plan it as a move to a new table."
        )


__all__ = ["LEVELS", "Level", "Verdict", "lint", "refuse_unsafe", "widens", "worst"]
