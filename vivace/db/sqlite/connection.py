"""Opening the file: who may do what on a connection, and noticing that the file was replaced.

A ``Home`` is the place of the database. ``:memory:`` is a file as well, in a folder of its own that goes with the
driver: SQLite's shared in-memory databases have no write-ahead log, so there one writer would stop all readers. A
``Link`` is one connection that is opened when it is needed, and anew after an error that says that the file is gone,
damaged or another one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import apsw

from vivace.errors import DatabaseUnavailable, VivaceError

from .binding import convert
from .errors import BROKEN, translate
from .functions import FUNCTIONS, register
from .options import SQLiteOptions

Role: TypeAlias = Literal["write", "read", "inline"]
Identity: TypeAlias = "tuple[int, int] | None"

_CACHE_KIB: Final = 8192
_LOG_KEPT: Final = 64 << 20  # a write-ahead log that grew behind a long reader is cut back to this


class Home:
    """Where a database lives. ``generation`` rises when another file has taken its place."""

    def __init__(self, options: SQLiteOptions) -> None:
        self.options = options
        self.generation = 0
        self.path = options.path
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._identity: Identity = None

    def settle(self) -> None:
        """Make the folder of an in-memory database."""
        if not self.options.in_memory or self._folder is not None:
            return
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="vivace-", ignore_cleanup_errors=True)
        except OSError as error:
            raise DatabaseUnavailable(
                f"There is no room for an in-memory database: {error}.",
                fix="Give the process a writable folder for temporary files (TMPDIR).",
            ) from error
        self.path = os.path.join(self._folder.name, "memory.sqlite3")

    def leave(self) -> None:
        """Forget the file, and remove it when it was in memory."""
        self._identity = None
        self.generation = 0
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def check(self) -> None:
        """Raise the generation when the path names another file than the one that was opened."""
        if self._identity is not None and _identity(self.path) != self._identity:
            self._identity = None
            self.generation += 1

    @property
    def known(self) -> bool:
        """Whether the file was there before: it is then never made anew in place of one that went away."""
        return self._identity is not None or self.generation > 0

    def opened(self) -> None:
        """Remember which file the path names."""
        self._identity = self._identity or _identity(self.path)


def _identity(path: str) -> Identity:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Link:
    """One connection to a database, opened when it is first asked for. Belongs to one thread at a time."""

    __slots__ = ("_busy", "_connection", "_generation", "_home", "_role")

    def __init__(self, home: Home, role: Role, busy: Callable[[int], bool] | None = None) -> None:
        self._home = home
        self._role: Role = role
        self._busy = busy
        self._connection: apsw.Connection | None = None
        self._generation = -1

    def get(self) -> apsw.Connection:
        """Return the connection. Raises what SQLite raises."""
        if self._connection is not None and self._generation == self._home.generation:
            return self._connection
        self.drop()
        self._generation = self._home.generation
        self._connection = _open(self._home, self._role, self._busy)
        return self._connection

    @property
    def current(self) -> apsw.Connection | None:
        """The connection, if there is one now."""
        return self._connection

    def failed(self, error: BaseException | None) -> None:
        """Drop the connection after an error that says that its file is gone, damaged or another one."""
        cause = error.__cause__ if isinstance(error, VivaceError) else error
        if isinstance(cause, apsw.ReadOnlyError) and self._role != "write":
            return  # a write was tried where only reads belong
        if isinstance(cause, BROKEN):
            self.drop()

    def drop(self) -> None:
        """Close the connection; the next ``get`` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close(True)
            except apsw.Error:  # the file is gone or damaged: there is nothing left to save
                pass


def _open(home: Home, role: Role, busy: Callable[[int], bool] | None) -> apsw.Connection:
    options = home.options
    flags = apsw.SQLITE_OPEN_READWRITE
    if role == "write" and not home.known:
        flags |= apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(home.path, flags, statementcachesize=options.cached_statements)
    try:
        _prepare(connection, options, role, busy)
    except BaseException:
        connection.close(True)
        raise
    home.opened()
    return connection


def _prepare(
    connection: apsw.Connection, options: SQLiteOptions, role: Role, busy: Callable[[int], bool] | None
) -> None:
    connection.convert_binding = convert
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)  # "no such column", not a text, for a mistyped name
    if busy is not None:
        connection.set_busy_handler(busy)
    elif role == "read":
        connection.set_busy_timeout(int(options.busy_timeout * 1000))
    if role == "write":
        _use_write_ahead_log(connection, options)
    synchronous = "off" if options.in_memory else options.synchronous
    for name, value in (
        ("synchronous", synchronous),
        ("foreign_keys", 1),
        ("cache_size", -_CACHE_KIB),
        ("temp_store", "memory"),
        ("journal_size_limit", _LOG_KEPT),
        *options.pragmas,
    ):
        connection.pragma(name, value)
    register(connection, (*FUNCTIONS, *options.functions))
    if role != "write":
        connection.pragma("query_only", 1)


def _use_write_ahead_log(connection: apsw.Connection, options: SQLiteOptions) -> None:
    """Switch the file to WAL; that SQLite does not wait for others who do the same at once is why we do."""
    deadline = time.monotonic() + options.busy_timeout
    while True:
        try:
            connection.pragma("journal_mode", "wal")  # a file that cannot be written keeps the mode it has
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def opening(link: Link) -> apsw.Connection:
    """Open a link, with our errors."""
    try:
        return link.get()
    except apsw.Error as error:
        raise translate(error) from error


__all__ = ["Home", "Link", "Role", "opening"]
