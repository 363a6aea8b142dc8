"""Errors of migrations: their files, their graph, their state and their runs."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class MigrationError(VivaceError):
    """A migration cannot be what its file says, or cannot run."""

    code: ClassVar[str] = "migration"


class BadMigration(MigrationError):
    """A file in a migrations folder is no migration."""

    code: ClassVar[str] = "migration-file"


class UnknownMigration(MigrationError):
    """No migration has this name, or the name fits several."""

    code: ClassVar[str] = "unknown-migration"


class MigrationGraphError(MigrationError):
    """Migrations depend on what is not there, or on each other in a circle."""

    code: ClassVar[str] = "migration-graph"


class MigrationConflict(MigrationError):
    """Two migrations of an app both claim to be its last: branches that need a merge or a rebase."""

    code: ClassVar[str] = "migration-conflict"


class InconsistentHistory(MigrationError):
    """A migration is applied before one that it depends on."""

    code: ClassVar[str] = "migration-history"


class IrreversibleMigration(MigrationError):
    """A migration cannot be undone since one of its operations cannot."""

    code: ClassVar[str] = "irreversible-migration"


class StateError(MigrationError):
    """An operation names a model or a field that is not there at that point of the history."""

    code: ClassVar[str] = "migration-state"


class UnserializableValue(MigrationError):
    """A value cannot be written into a migration file."""

    code: ClassVar[str] = "migration-value"


class QuestionUnanswered(MigrationError):
    """A change needs an answer that nobody gave: a rename, or a value for rows that exist."""

    code: ClassVar[str] = "migration-question"


class MigrationLocked(MigrationError):
    """Another process is migrating this database."""

    code: ClassVar[str] = "migration-lock"
    status: int = 503


class TablesDiffer(MigrationError):
    """The tables that a first migration would make are there, but not as it would make them."""

    code: ClassVar[str] = "migration-tables"


class UnsafeMigration(MigrationError):
    """A migration would stop or break the code that is running."""

    code: ClassVar[str] = "unsafe-migration"
