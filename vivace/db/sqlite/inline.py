"""Short reads on the event loop itself: 5 µs where a thread takes 80.

The compiler promises that a statement is short; this is what holds when the promise is wrong. The connection does not
wait for locks (busy: a thread does it). A progress handler stops a statement that runs too long (a thread does it
again). A statement that took longer than ``inline_limit`` is watched, and goes to the threads if that was its own doing
(``trust``): its file may be cold, its table may have grown, and the loop must not wait for the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Final, TypeAlias, cast

import apsw

from vivace.db.types import Parameters, Row

from .connection import Home, Link
from .effort import Effort
from .errors import translate
from .standing import LONGEST, Standing, standing_on
from .trust import Trust

_STEPS: Final = 1000
"""Instructions of SQLite's machine between two looks at the clock: some 20 µs."""

_LOOK_AGAIN: Final = 1.0
"""Seconds between two looks whether the file is still the same one."""

_BUSY: Final = (apsw.BusyError, apsw.LockedError, apsw.ProtocolError)

Later: TypeAlias = Callable[[float, Callable[[], object]], object]
"""Calls a function after some seconds, in the thread that reads."""


class InlineReader:
    """One connection that the loop's thread reads with; reads in quick succession share a transaction (``standing``)."""

    def __init__(
        self, home: Home, clock: Callable[[], float] = perf_counter, later: Later | None = None
    ) -> None:
        self.trust = Trust(home.options.inline_limit)
        self.ran = self.busy = self.stopped = 0
        self._home = home
        self._link = Link(home, "inline")
        self._clock = clock
        self._limit = home.options.inline_limit
        self._deadline = 0.0
        self._away = self.trust.away
        self._watched = self.trust.watched
        self._look_at = 0.0
        self._later = later
        self._timed = False
        self._cursor: apsw.Cursor | None = None
        self._standing: Standing | None = None

    def warm(self) -> None:
        """Open the connection and read the schema, in a thread: neither should be the first request's business."""
        try:
            self._open().execute("SELECT 1 FROM sqlite_schema").fetchall()
        except _BUSY:  # others open the file just now: the first read will wait for them, in a thread
            pass

    def fetch(self, sql: str, parameters: Parameters) -> list[Row] | None:
        """Return the rows, or ``None`` when a thread must do it. Raises what the statement raises."""
        if sql in self._away:
            return None
        started = self._clock()
        if started > self._look_at:
            self._look(started)
        try:
            cursor = self._cursor or self._open()
            if self._standing is not None:
                self._deadline = inf  # of the read before: BEGIN and COMMIT must not be stopped for it
                self._standing.before(started)
            return self._run(cursor, sql, parameters, started)
        except Exception as error:
            self._leave()
            self._link.failed(error)
            raise translate(error, sql)  # noqa: B904 - it has its cause

    def fetch_on(self, connection: apsw.Connection, sql: str, parameters: Parameters) -> list[Row] | None:
        """Do the same on another connection, which nobody uses just now: that of a transaction."""
        if sql in self._away:
            return None
        connection.set_progress_handler(self._too_long, _STEPS)
        try:
            return self._run(connection.cursor(), sql, parameters, self._clock())
        except Exception as error:
            raise translate(error, sql)  # noqa: B904 - it has its cause
        finally:
            connection.set_progress_handler(None)

    def _run(self, cursor: apsw.Cursor, sql: str, parameters: Parameters, started: float) -> list[Row] | None:
        self._deadline = started + self._limit
        effort = Effort() if sql in self._watched else None
        try:
            rows = cast("list[Row]", cursor.execute(sql, parameters).fetchall())
        except apsw.InterruptError:
            self.stopped += 1
            self.trust.accuse(sql, self.ran)
            return None
        except _BUSY:
            self.busy += 1
            return None
        self.ran += 1
        if effort is not None:
            self.trust.weigh(sql, effort.seconds(), self.ran)
        elif self._clock() > self._deadline:
            self.trust.watch(sql)
        return rows

    def _look(self, now: float) -> None:
        self._look_at = now + _LOOK_AGAIN
        generation = self._home.generation
        self._home.check()
        if self._home.generation != generation:
            self._leave()

    def _open(self) -> apsw.Cursor:
        connection = self._link.get()
        connection.set_progress_handler(self._too_long, _STEPS)
        cursor = connection.cursor()
        try:
            self._standing = None if self._later is None else standing_on(connection, self._begun)
        except _BUSY:
            return cursor  # to be asked again with the next read
        self._cursor = cursor
        return cursor

    def _begun(self) -> None:
        if self._later is not None and not self._timed:
            self._timed = True
            self._later(LONGEST, self._end)

    def _end(self) -> None:
        """End the transaction that stands; without one that can be ended the connection is of no use."""
        self._timed = False
        if self._standing is not None:
            self._deadline = inf
            try:
                self._standing.end()
            except apsw.Error:
                self._standing = self._cursor = None
                self._link.drop()

    def _leave(self) -> None:
        """Let go of the connection: it was closed, or must be looked at anew."""
        timed = self._timed
        self._end()
        self._timed = timed  # the timer still runs
        self._standing = self._cursor = None

    def _too_long(self) -> bool:
        return self._clock() > self._deadline

    def close(self) -> None:
        """Close the connection."""
        self._leave()
        self._timed = False  # a timer of a loop that is gone will not come
        self._link.drop()


__all__ = ["InlineReader"]
