"""Errors that come from a database, the same for every driver."""

from __future__ import annotations

from typing import ClassVar, Final

from .base import VivaceError

BEHIND: Final = "Run `vivace migrate` if the tables are behind the models, or correct the name."
"""How to mend a table or column that does not exist."""


class DatabaseError(VivaceError):
    """The database refused a statement.

    ``sqlstate`` is the five-character code of the SQL standard, "" where the database has none.
    """

    code: ClassVar[str] = "database"
    sqlstate: str = ""


class IntegrityError(DatabaseError):
    """A statement would break a rule of the schema.

    ``constraint`` is the rule's name ("" when the database does not tell), ``table`` and ``columns`` where it stands;
    ``fields`` are the model's fields that it is about, when an object was saved.
    """

    code: ClassVar[str] = "integrity"
    status: int = 409
    constraint: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class UniqueViolation(IntegrityError):
    """A row with the same unique values exists."""

    code: ClassVar[str] = "unique-violation"


class ForeignKeyViolation(IntegrityError):
    """A row points to one that is not there, or is pointed to by others."""

    code: ClassVar[str] = "foreign-key-violation"


class CheckViolation(IntegrityError):
    """A row fails a check constraint."""

    code: ClassVar[str] = "check-violation"


class NotNullViolation(IntegrityError):
    """A column that must have a value got none."""

    code: ClassVar[str] = "not-null-violation"


class ExclusionViolation(IntegrityError):
    """A row conflicts with another under an exclusion constraint."""

    code: ClassVar[str] = "exclusion-violation"


class DataError(DatabaseError):
    """A value does not fit its column: out of range, too long, of the wrong type."""

    code: ClassVar[str] = "data"
    status: int = 400


class ProgrammingError(DatabaseError):
    """The SQL is wrong, or names something that does not exist.

    ``filename``, ``lineno`` and ``asked_by`` are the handler for which a query ran that its traceback does not lead to.
    """

    code: ClassVar[str] = "sql"
    filename: str = ""
    lineno: int = 0
    asked_by: str = ""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or the connection was lost."""

    code: ClassVar[str] = "database-unavailable"
    status: int = 503


class CommitUnknown(DatabaseUnavailable):
    """The connection was lost during COMMIT: whether the transaction took place is not known."""

    code: ClassVar[str] = "commit-unknown"


class PoolTimeout(DatabaseUnavailable):
    """No connection came free within ``acquire_timeout``."""

    code: ClassVar[str] = "pool-timeout"


class PoolerDetected(DatabaseError):
    """A pooler in transaction mode stands before the database, and the driver was not told."""

    code: ClassVar[str] = "pooler-detected"


class ReadOnlyDatabase(DatabaseError):
    """A write was sent to a database or a transaction that only reads."""

    code: ClassVar[str] = "database-read-only"
    status: int = 503


class DatabaseFull(DatabaseError):
    """The database has no room left."""

    code: ClassVar[str] = "database-full"
    status: int = 507


class SerializationFailure(DatabaseError):
    """The transaction met another one and must be run again; ``atomic(retries=…)`` and ``retrying`` do so."""

    code: ClassVar[str] = "serialization-failure"
    status: int = 503


class LockTimeout(DatabaseError):
    """A lock did not come free in time, or at once where ``nowait`` asked for that."""

    code: ClassVar[str] = "lock-timeout"
    status: int = 503


class StatementTimeout(DatabaseError):
    """A statement ran longer than allowed."""

    code: ClassVar[str] = "statement-timeout"
    status: int = 503


class TransactionTimeout(DatabaseError):
    """A transaction held the only writer too long and was rolled back."""

    code: ClassVar[str] = "transaction-timeout"
    status: int = 503


class TransactionError(VivaceError):
    """A transaction was used wrongly: after an error in it, after its end, durable within another."""

    code: ClassVar[str] = "transaction"


class UnknownDatabase(VivaceError):
    """A database alias that is not configured."""

    code: ClassVar[str] = "unknown-database"


class DatabaseURLInvalid(VivaceError):
    """A database URL cannot be read."""

    code: ClassVar[str] = "database-url"
