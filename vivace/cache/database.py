"""A store in a table that it makes itself: shared by all processes on a database, without any other service.

Theory
------
1. It has a ``Database`` of its own, so that nothing waits for, is rolled back with, or is announced like what programs
   write: on PostgreSQL a small pool and an unlogged table; on SQLite **another file** than the models' (one writer at a time
   is SQLite's rule, and a transaction that keeps something in the cache would wait for itself).
2. Reading writes nothing. Keeping is one upsert of one row. No column but the key is indexed, so that PostgreSQL can write a
   new version of a row beside the old one without touching an index.
3. What has expired is swept by who writes: once for every ``SWEEP_EVERY`` rows written, the next ``SWEEP_ROWS`` rows in the
   order of the keys are looked at. So each write pays for ten rows, garbage is a part of the table that does not grow, and
   nobody ever scans it whole. Going once around counts the rows: where there are more than ``entries``, each window of the
   next round also loses that part of its rows (a fifth at most) that expires first.
4. The versions of a value's tags stand in its row, as JSON, and are compared with the current ones by the statement that
   reads it. Versions are random, so that a new one is never an old one; they live for ``TAG_LIFE`` after they were last
   asked for, and what is kept for them goes with them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from random import SystemRandom
from typing import Any, Final, Literal

import msgspec

from vivace.db import Database
from vivace.errors import DatabaseError, DatabaseFull, SerializationFailure

from .store import MISSING, NUMBERS, Counts, Found, Keep, Refused
from .tables import MAKE, Prepared, statements

logger: Final = logging.getLogger("vivace.cache")
ENTRIES: Final = 1_000_000
TAG_LIFE: Final = 30 * 86_400.0
SWEEP_EVERY: Final = 100
SWEEP_ROWS: Final = 1_000
_MOST_AT_ONCE: Final = 0.2  # of a table that is too large: other processes make it smaller, too
_EVER: Final = math.inf
_LARGEST_VERSION: Final = 2**53  # exact in JSON, too
_TRIES: Final = 3  # of a write that met another one
_json: Final = msgspec.json.Encoder().encode
_read_tags: Final = msgspec.json.Decoder(dict[str, int]).decode


class DatabaseStore:
    """Keeps values in a table of ``database``, which nobody else uses and which ``close`` closes.

    ``space`` keeps several caches in one table apart. About ``entries`` values are kept at most. ``clock`` is in Unix seconds,
    and the clocks of all machines have to agree as well as times matter.
    """

    shared: Literal[True] = True

    def __init__(
        self,
        database: Database,
        *,
        space: str = "default",
        entries: int = ENTRIES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._space = space
        self._entries = entries
        self._clock = clock
        self._sql: dict[str, Prepared] = statements(database.dialect)
        self._random = SystemRandom()
        self._made = False
        self._written = 0
        self._sweeping: asyncio.Task[None] | None = None
        self._after = ""  # the key up to which the table was swept
        self._seen = 0  # rows of this round
        self._excess = 0.0  # which part of the rows has to go
        self._dropped = 0

    def __repr__(self) -> str:
        return f"<DatabaseStore {self._database!r}>"

    # -- statements -----------------------------------------------------------------------------------------------

    async def _fetch(self, name: str, **values: Any) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = await self._run(self._database.fetch, name, values)
        return rows

    async def _execute(self, name: str, **values: Any) -> int:
        count: int = await self._run(self._database.execute, name, values)
        return count

    async def _run(self, run: Callable[..., Any], name: str, values: Mapping[str, Any]) -> Any:
        if not self._made:
            await self._make()
        prepared = self._sql[name]
        parameters = prepared.parameters({"space": self._space, **values})
        for tries in range(_TRIES):
            try:
                with _refusing():
                    return await run(prepared.statement, parameters)
            except SerializationFailure:  # a deadlock: we were chosen to give way
                if tries == _TRIES - 1:
                    raise
            except DatabaseError:
                self._made = False  # perhaps somebody dropped the table
                raise
        return None

    async def _execute_many(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        prepared = self._sql[name]
        with _refusing():
            await self._database.execute_many(
                prepared.statement, [prepared.parameters({"space": self._space, **row}) for row in rows]
            )

    async def _make(self) -> None:
        try:
            await self._database.run_script(MAKE[self._database.dialect])
        except (
            DatabaseError
        ):  # another process makes them now: PostgreSQL's IF NOT EXISTS does not wait for it
            await self._database.run_script(MAKE[self._database.dialect])
        self._made = True

    def _keys(self, keys: Collection[str]) -> Any:
        return sorted(keys) if self._database.dialect == "postgresql" else _json(sorted(keys)).decode()

    def _row(self, key: str, value: Any, keep: Keep) -> dict[str, Any]:
        now, number = self._clock(), isinstance(value, int)
        return {
            "key": key,
            "value": None if number else value,
            "number": value if number else None,
            "fresh": _EVER if keep.seconds is None else now + keep.seconds,
            "until": _EVER if keep.total is None else now + keep.total,
            "tags": _json(keep.tags).decode() if keep.tags else None,
            "now": now,
        }

    # -- reading --------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Any:
        """See ``Store``."""
        rows = await self._fetch("get", key=key, now=self._clock())
        return _value(rows[0]) if rows else MISSING

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """See ``Store``."""
        rows = await self._fetch("get_many", keys=self._keys(keys), now=self._clock())
        return {row[0]: _value(row[1:]) for row in rows}

    async def find(self, key: str) -> Found | None:
        """See ``Store``."""
        now = self._clock()
        rows = await self._fetch("find", key=key, now=now)
        if not rows:
            return None
        left, tags = rows[0][2] - now, rows[0][3]
        return Found(_value(rows[0]), left > 0, max(0.0, left), _read_tags(tags) if tags else ())

    # -- writing --------------------------------------------------------------------------------------------------

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """See ``Store``."""
        if keep.seconds is not None and keep.seconds <= 0:
            if keep.tags and await self._changed(keep.tags):
                return False
            await self.delete(values.keys())
            return True
        rows = [self._row(key, values[key], keep) for key in sorted(values)]
        if len(rows) == 1:
            kept = await self._execute("keep_tagged" if keep.tags else "keep", **rows[0]) > 0
        else:
            kept = await self._keep_many(rows, keep)
        self._wrote(len(rows))
        return kept

    async def _keep_many(self, rows: Sequence[Mapping[str, Any]], keep: Keep) -> bool:
        if not self._made:
            await self._make()
        async with self._database.transaction():
            if keep.tags and await self._changed(keep.tags):
                return False
            await self._execute_many("keep", rows)
        return True

    async def _changed(self, tags: Mapping[str, int]) -> bool:
        rows = await self._fetch("changed", tags=_json(tags).decode())
        return bool(rows[0][0])

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """See ``Store``."""
        if keep.seconds is not None and keep.seconds <= 0:
            return False
        row = self._row(key, value, keep)
        added = await self._execute("add_tagged" if keep.tags else "add", **row) > 0
        self._wrote(1)
        return added

    async def incr(self, key: str, delta: int) -> Any:
        """See ``Store``."""
        low, high = NUMBERS.start - min(delta, 0), NUMBERS.stop - 1 - max(delta, 0)
        now = self._clock()
        rows = await self._fetch("incr", key=key, now=now, delta=delta, low=low, high=high)
        if rows:
            return rows[0][0]
        value = await self.get(key)
        if value is MISSING:
            return MISSING
        if isinstance(value, int):
            raise OverflowError
        raise TypeError("bytes")

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """See ``Store``."""
        if seconds is not None and seconds <= 0:
            return await self._execute("forget", key=key, now=self._clock()) > 0
        row = self._row(key, 0, Keep(seconds, stale))
        return await self._execute("touch", **row) > 0

    async def delete(self, keys: Collection[str]) -> int:
        """See ``Store``."""
        rows = await self._fetch("delete", keys=self._keys(keys), now=self._clock())
        return sum(bool(row[0]) for row in rows)

    # -- tags -----------------------------------------------------------------------------------------------------

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """See ``Store``."""
        now = self._clock()
        found = await self._current(tags, now)
        due = [tag for tag in sorted(set(tags)) if tag not in found or found[tag][1] - now < TAG_LIFE / 2]
        if due:
            until = now + TAG_LIFE
            rows = [
                {"tag": tag, "version": self._random.randrange(_LARGEST_VERSION), "until": until, "now": now}
                for tag in due
            ]
            await self._execute_many("make_version", rows)
            found = await self._current(tags, now)
        return {tag: version for tag, (version, _) in found.items()}

    async def _current(self, tags: Collection[str], now: float) -> dict[str, tuple[int, float]]:
        rows = await self._fetch("versions", keys=self._keys(tags), now=now)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def delete_tags(self, tags: Collection[str]) -> None:
        """See ``Store``."""
        await self._execute("delete_tags", keys=self._keys(tags))

    # -- room -----------------------------------------------------------------------------------------------------

    def _wrote(self, rows: int) -> None:
        """Sweep a window now and then, beside who writes."""
        self._written += rows
        running = self._sweeping
        if self._written < SWEEP_EVERY or (running is not None and not running.done()):
            return
        self._written = 0
        self._sweeping = asyncio.get_running_loop().create_task(
            self._sweep(), name="sweep the cache", context=Context()
        )

    async def _sweep(self) -> None:
        try:
            await self.sweep()
        except Exception as error:  # who reads and writes finds it out, too, and tells
            logger.debug("Sweeping the cache failed: %s", error)

    async def sweep(self) -> int:
        """Look at the next ``SWEEP_ROWS`` rows and delete those that have expired, or are too many; returns how many.

        One at a time.
        """
        now = self._clock()
        rows = await self._fetch("window", after=self._after, rows=SWEEP_ROWS)
        expired = sum(1 for row in rows if row[1] <= now)
        going = max(expired, int(len(rows) * self._excess))
        doomed = sorted(rows, key=_until)[:going]
        deleted = 0
        if doomed:
            keys = self._keys([row[0] for row in doomed])
            deleted = await self._execute(
                "sweep", keys=keys, until=doomed[-1][1]
            )  # but what was renewed meanwhile
            self._dropped += max(0, deleted - expired)
        self._seen += len(rows) - deleted
        self._after = rows[-1][0] if rows else ""
        if len(rows) < SWEEP_ROWS:
            await self._end_round(now)
        return deleted

    async def _end_round(self, now: float) -> None:
        excess = 1.0 - self._entries / self._seen if self._seen else 0.0
        self._excess = max(0.0, min(_MOST_AT_ONCE, excess))
        self._after, self._seen = "", 0
        await self._execute("sweep_tags", now=now)

    async def clear(self) -> None:
        """See ``Store``."""
        await self._execute("clear_tags")
        await self._execute("clear")

    async def counts(self) -> Counts:
        """See ``Store``."""
        [row] = await self._fetch("count")
        return Counts(row[0], int(row[1]), self._dropped)

    async def close(self) -> None:
        """See ``Store``."""
        sweeping, self._sweeping = self._sweeping, None
        if sweeping is not None and not sweeping.done() and sweeping.get_loop() is asyncio.get_running_loop():
            sweeping.cancel()
            await asyncio.wait([sweeping])
        self._made = self._made and not getattr(self._database.driver, "in_memory", False)
        await self._database.close()


def _until(row: Sequence[Any]) -> float:
    until: float = row[1]
    return until


@contextmanager
def _refusing() -> Generator[None]:
    """Tell a database that is full from one that is down."""
    try:
        yield
    except DatabaseFull as error:
        raise Refused(str(error)) from error


def _value(row: Sequence[Any]) -> Any:
    value, number = row[0], row[1]
    return value if number is None else number


__all__ = ["ENTRIES", "SWEEP_EVERY", "SWEEP_ROWS", "TAG_LIFE", "DatabaseStore"]
