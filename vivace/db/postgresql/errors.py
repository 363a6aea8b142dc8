"""From what asyncpg raises to our errors: a table by SQLSTATE, and what is taken from the server's message.

What gets into a message
------------------------
Errors end up in logs and sometimes on pages, so **no value of a row or a parameter is ever in one**. The server's
primary message is shown, with what it quotes in data errors (class 22) left out; its detail, which lists values ("Key
(email)=(…) already exists", "Failing row contains (…)") is only read for the names of columns. The driver's own error
is not chained, as Python would print it with that detail; it stays in ``__context__`` for a debugger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vivace.errors import (
    CheckViolation,
    CommitUnknown,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    DataError,
    ExclusionViolation,
    ForeignKeyViolation,
    IntegrityError,
    LockTimeout,
    NotNullViolation,
    PoolerDetected,
    ProgrammingError,
    ReadOnlyDatabase,
    SerializationFailure,
    StatementTimeout,
    TransactionTimeout,
    UniqueViolation,
)
from vivace.errors.database import BEHIND

from .wire import (
    InterfaceError,
    InternalClientError,
    InvalidCachedStatementError,
    OutdatedSchemaCacheError,
    PostgresError,
)

# The whole code, else its class (the first two characters).
CLASSES: Final[Mapping[str, type[DatabaseError]]] = {
    "08": DatabaseUnavailable,
    "0A": ProgrammingError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "23001": ForeignKeyViolation,  # restrict_violation: ON DELETE RESTRICT has its own code since PostgreSQL 18
    "23502": NotNullViolation,
    "23503": ForeignKeyViolation,
    "23505": UniqueViolation,
    "23514": CheckViolation,
    "23P01": ExclusionViolation,
    "25006": ReadOnlyDatabase,
    "25P03": TransactionTimeout,  # idle_in_transaction_session_timeout
    "25P04": TransactionTimeout,  # transaction_timeout
    "26000": PoolerDetected,  # prepared statement does not exist
    "28": DatabaseUnavailable,
    "2BP01": ProgrammingError,
    "3D": DatabaseUnavailable,
    "3F": ProgrammingError,
    "40001": SerializationFailure,
    "40002": IntegrityError,
    "40003": CommitUnknown,
    "40P01": SerializationFailure,  # deadlock: one of the two is told to run again
    "42": ProgrammingError,
    "42P05": PoolerDetected,  # prepared statement exists already
    "44000": CheckViolation,  # WITH CHECK OPTION of a view
    "53": DatabaseUnavailable,
    "53100": DatabaseFull,
    "55P03": LockTimeout,
    "57014": StatementTimeout,
    "57": DatabaseUnavailable,
}

FIXES: Final[Mapping[str, str]] = {
    "23001": "Delete or change the rows that point to it first.",
    "28": "Check user, password and the server's pg_hba.conf.",
    "3D": "Create the database, or correct the name in DATABASE_URL.",
    "42703": BEHIND,  # undefined_column
    "42P01": BEHIND,  # undefined_table
    "42501": "GRANT the right to the database user, or use another user.",
    "53300": "Lower max_connections × processes, or raise the server's max_connections.",
    "55P03": "Try again, or skip rows that are locked.",
    "57014": "Make the statement faster, or raise statement_timeout.",
}

_POOLER_FIX: Final = 'Add ?pooler=transaction to DATABASE_URL (PostgreSQLOptions(pooler="transaction")).'
_KEY_COLUMNS: Final = re.compile(r"\((.*?)\)=\(")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_ARGUMENT: Final = re.compile(r"query argument \$(\d+)")


def translate(error: Exception, sql: str = "", parameters: Sequence[Any] = ()) -> Exception:
    """Return our error for one of asyncpg's or of the system's; others, such as those of your code, come back as is."""
    if isinstance(error, PostgresError | InterfaceError) and _ARGUMENT.search(str(error)):
        return _wrong_parameter(error, parameters)  # asyncpg refused it, nothing was sent
    if isinstance(error, PostgresError):
        return _from_server(error, sql)
    if isinstance(error, TimeoutError):
        return StatementTimeout("The statement ran longer than statement_timeout.", fix=FIXES["57014"])
    if isinstance(error, InterfaceError):
        return _from_client(error, sql)
    if isinstance(error, OSError | InternalClientError):
        return DatabaseUnavailable("The connection to the database was lost.", got=str(error))
    return error


def _from_server(error: PostgresError, sql: str) -> DatabaseError:
    code = error.sqlstate or ""
    if isinstance(error, InvalidCachedStatementError | OutdatedSchemaCacheError):
        return _schema_changed(error)
    cls = CLASSES.get(code) or CLASSES.get(code[:2]) or DatabaseError
    message = _message(error, code)
    made = cls(f"PostgreSQL: {message}", got=_sql_in(cls, sql), fix=_fix(cls, code, error))
    made.sqlstate = code
    if isinstance(made, IntegrityError):
        _locate(made, error)
    return made


def _message(error: PostgresError, code: str) -> str:
    message: str = error.args[0] if error.args else str(error)
    return _QUOTED.sub("…", message) if code.startswith("22") else message


def _sql_in(cls: type[DatabaseError], sql: str) -> str:
    return shortened(sql) if issubclass(cls, ProgrammingError) else ""


def shortened(sql: str, limit: int = 300) -> str:
    """Return SQL on one line, cut to ``limit`` characters."""
    line = " ".join(sql.split())
    return line if len(line) <= limit else f"{line[:limit]}…"


def _fix(cls: type[DatabaseError], code: str, error: PostgresError) -> str:
    if cls is PoolerDetected:
        return _POOLER_FIX
    hint: str | None = getattr(error, "hint", None)
    known = FIXES.get(code) or FIXES.get(code[:2], "")
    if known == BEHIND and hint:  # of names that are near
        return f"{hint} {known}"
    return known or (hint if hint and issubclass(cls, ProgrammingError) else "")


def _schema_changed(error: PostgresError) -> DatabaseError:
    made = SerializationFailure(
        "A table was changed while a transaction used a statement that was prepared before.",
        fix="Run the transaction again: its statements are prepared anew.",
    )
    made.sqlstate = error.sqlstate or ""
    return made


def _locate(made: IntegrityError, error: PostgresError) -> None:
    made.constraint = getattr(error, "constraint_name", None) or ""
    made.table = getattr(error, "table_name", None) or ""
    column: str | None = getattr(error, "column_name", None)
    made.columns = (column,) if column else key_columns(getattr(error, "detail", None) or "")


def key_columns(detail: str) -> tuple[str, ...]:
    """Return the columns that a detail names: ``Key (a, b)=(1, 2) already exists.``, in whatever language."""
    found = _KEY_COLUMNS.search(detail)
    if found is None:
        return ()
    return tuple(part.strip().strip('"') for part in found[1].split(", "))


def _wrong_parameter(error: Exception, parameters: Sequence[Any]) -> DatabaseError:
    found = _ARGUMENT.search(str(error))
    place = int(found[1]) if found else 0
    got = type(parameters[place - 1]).__name__ if 0 < place <= len(parameters) else ""
    reason = "" if error.__cause__ is None else _QUOTED.sub("…", str(error.__cause__))
    return DataError(
        f"The parameter ${place} does not fit its place in the statement.", expected=reason, got=got
    )


def _from_client(error: InterfaceError, sql: str) -> DatabaseError:
    message = str(error).partition("\n")[0]
    if "closed" in message:
        return DatabaseUnavailable("The connection to the database is closed.")
    return ProgrammingError(f"asyncpg: {message or type(error).__name__}", got=shortened(sql))


def unreachable(error: BaseException, address: str) -> DatabaseError:
    """Return the error of a connection that could not be opened."""
    if isinstance(error, DatabaseError):
        return error
    code: str = getattr(error, "sqlstate", None) or ""
    if code == "08P01" and "startup parameter" in str(error):
        return PoolerDetected(
            f"A pooler stands before the database at {address}, and refuses a setting.",
            got=str(error.args[0]),
            fix=_POOLER_FIX,
        )
    reason = "no answer in time (connect_timeout)" if isinstance(error, TimeoutError) else str(error)
    made = DatabaseUnavailable(
        f"The database at {address} cannot be reached.",
        got=reason.splitlines()[0] if reason else type(error).__name__,
        fix=FIXES.get(code) or FIXES.get(code[:2]) or "Start the server, or correct DATABASE_URL.",
    )
    made.sqlstate = code
    return made


__all__ = ["CLASSES", "FIXES", "key_columns", "shortened", "translate", "unreachable"]
