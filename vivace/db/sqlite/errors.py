"""From SQLite's errors to ours, by a table; names of constraints and columns are read from SQLite's messages.

SQLite tells the columns of a broken unique or not-null rule ("UNIQUE constraint failed: app_book.author_id,
app_book.title"), the name of an index over expressions ("index 'name'"), the name of a check (its expression when it has
none), and nothing at all about foreign keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import apsw

from vivace.errors import (
    CheckViolation,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    DataError,
    ForeignKeyViolation,
    IntegrityError,
    LockTimeout,
    NotNullViolation,
    ProgrammingError,
    ReadOnlyDatabase,
    SerializationFailure,
    StatementTimeout,
    UniqueViolation,
    VivaceError,
)
from vivace.errors.database import BEHIND

_CONSTRAINTS: Final[Mapping[int, type[DatabaseError]]] = {
    apsw.SQLITE_CONSTRAINT_UNIQUE: UniqueViolation,
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY: UniqueViolation,
    apsw.SQLITE_CONSTRAINT_ROWID: UniqueViolation,
    apsw.SQLITE_CONSTRAINT_NOTNULL: NotNullViolation,
    apsw.SQLITE_CONSTRAINT_CHECK: CheckViolation,
    apsw.SQLITE_CONSTRAINT_FOREIGNKEY: ForeignKeyViolation,
    apsw.SQLITE_CONSTRAINT_DATATYPE: DataError,  # a STRICT table
}

_CLASSES: Final[Mapping[type[Exception], tuple[type[DatabaseError], str]]] = {
    apsw.BusyError: (LockTimeout, "The database stayed locked by another process"),
    apsw.LockedError: (LockTimeout, "The table is locked"),
    apsw.ProtocolError: (LockTimeout, "The locks of the database are contended"),
    apsw.CantOpenError: (DatabaseUnavailable, "The database file cannot be opened"),
    apsw.IOError: (DatabaseUnavailable, "The database file cannot be read or written"),
    apsw.CorruptError: (DatabaseUnavailable, "The database file is damaged"),
    apsw.NotADBError: (DatabaseUnavailable, "The file is no SQLite database"),
    apsw.PermissionsError: (DatabaseUnavailable, "The database file may not be used"),
    apsw.FullError: (DatabaseFull, "The disk is full"),
    apsw.ReadOnlyError: (ReadOnlyDatabase, "The database takes no writes here"),
    apsw.InterruptError: (StatementTimeout, "The statement was interrupted"),
    apsw.AbortError: (StatementTimeout, "The statement was aborted"),
    apsw.MismatchError: (DataError, "A value has the wrong type"),
    apsw.TooBigError: (DataError, "A value is too large"),
    apsw.RangeError: (DataError, "A value is out of range"),
    apsw.BindingsError: (ProgrammingError, "The number of parameters is wrong"),
    apsw.SQLError: (ProgrammingError, "SQLite refused the SQL"),
    apsw.AuthError: (ProgrammingError, "The statement is not allowed"),
    OverflowError: (DataError, "A value is out of range: SQLite's integers have 64 bits"),
    UnicodeEncodeError: (DataError, "A text has characters that UTF-8 cannot carry"),
    TypeError: (DataError, "A value has a type that SQLite cannot store"),
    ValueError: (DataError, "A value is not acceptable"),
    re.error: (DataError, "A regular expression is wrong"),
}

# SQLite reports these as plain errors of the SQL, but it is the data that is wrong.
_OF_DATA: Final = re.compile(
    r"integer overflow|malformed JSON|JSON path|string or blob too big|fts5: syntax error"
)

BROKEN: Final = (apsw.CantOpenError, apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.ReadOnlyError)
"""After these a connection is opened anew: the file may be another one, or have come back."""

_MISSING: Final = re.compile(r"no such (?:table|column)|table .+ has no column")
_FIELDS: Final = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: (.+)", re.S)
_INDEX: Final = re.compile(r"index '(.+)'", re.S)
_CHECK: Final = re.compile(r"CHECK constraint failed: (.+)", re.S)
_SHOWN: Final = 500


def translate(error: BaseException, sql: str = "") -> BaseException:
    """Return the error of ours that stands for one of SQLite; others (of user functions) as they are."""
    if isinstance(error, VivaceError):
        return error
    if isinstance(error, apsw.ConstraintError):
        return _violation(error, sql)
    kind, what = _class_of(error)
    if kind is None:
        return error
    fix = BEHIND if _MISSING.match(str(error)) else ""
    return _caused(kind(f"{what}: {error}.", got=sql[:_SHOWN], fix=fix), error)


def _class_of(error: BaseException) -> tuple[type[DatabaseError] | None, str]:
    if getattr(error, "extendedresult", 0) == apsw.SQLITE_BUSY_SNAPSHOT:
        return SerializationFailure, "The transaction read rows that another one has changed since"
    if isinstance(error, apsw.SQLError) and _OF_DATA.search(str(error)):
        return DataError, "A value is not acceptable"
    for cls in type(error).__mro__:
        if cls in _CLASSES:
            return _CLASSES[cls]
    return (DatabaseError, "SQLite failed") if isinstance(error, apsw.Error) else (None, "")


def _violation(error: apsw.ConstraintError, sql: str) -> DatabaseError:
    message = str(error)
    kind = _CONSTRAINTS.get(getattr(error, "extendedresult", 0), IntegrityError)
    ours = kind(f"A rule of the schema was broken: {message}.", got=sql[:_SHOWN])
    if isinstance(ours, IntegrityError):
        _locate(ours, message)
    return _caused(ours, error)


def _locate(ours: IntegrityError, message: str) -> None:
    if found := _CHECK.fullmatch(message):
        ours.constraint = found[1]
    elif found := _FIELDS.fullmatch(message):
        if index := _INDEX.fullmatch(found[1]):
            ours.constraint = index[1]
        else:
            pairs = [name.rpartition(".") for name in found[1].split(", ")]
            ours.table = pairs[0][0]
            ours.columns = tuple(column for _, _, column in pairs)


def _caused(ours: DatabaseError, error: BaseException) -> DatabaseError:
    ours.__cause__ = error.with_traceback(
        None
    )  # its frames are a thread's, and would keep the job and its rows
    return ours


def deferred_violation(sql: str = "") -> ForeignKeyViolation:
    """Return the error for rows that point to nothing at the end of a transaction."""
    return ForeignKeyViolation(
        "A rule of the schema was broken: a row points to one that is not there.",
        expected="each foreign key to name an existing row when the transaction ends",
        got=sql[:_SHOWN],
    )


__all__ = ["BROKEN", "deferred_violation", "translate"]
