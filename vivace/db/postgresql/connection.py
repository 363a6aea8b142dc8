"""One connection: opened as the options say, and everything that touches asyncpg's private parts.

What asyncpg does well is kept: its protocol, codecs and statement cache. Three things are done here instead:

- ``rows`` and ``run`` find the prepared statement and bind it without asyncpg's five layers of coroutines (10 to 15 %
  of a query's CPU time, measured).
- Types that asyncpg does not know (enums, domains, citext, hstore) are looked up once per pool, not per connection:
  ``TypeCache``. hstore gets its codec then, too.
- ``recover`` brings a connection whose statement was cancelled back to a known state, or says that it cannot: it waits
  until the server has answered the cancel request, rolls back, and asks for a random number. Only the right answer
  proves that no late answer or late cancel request can reach the next user.

How values come and go: numeric is ``Decimal``, uuid ``uuid.UUID`` (asyncpg's subclass), interval ``timedelta`` (a month
counts 30 days), timestamptz an aware ``datetime`` in UTC, json and jsonb ``str``, inet ``ipaddress`` objects (``str`` is
taken as well), arrays ``list``, enums and citext ``str``, hstore ``dict``.
"""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, cast

from vivace.db.types import Parameters, Row

from .errors import unreachable
from .options import PostgreSQLOptions
from .wire import AsyncpgConnection, InterfaceError, InternalClientError, PostgresError, Record
from .wire import connect as asyncpg_connect

_SPOILING: Final = (b"SET", b"RESET", b"LISTEN", b"UNLISTEN", b"PREPARE", b"DEALLOCATE", b"DISCARD", b"LOAD")
_KEEPALIVE: Final = (
    ("TCP_KEEPIDLE", 30),
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 60_000),
)
_HARMLESS: Final = ("SET LOCAL", "SET TRANSACTION", "SET CONSTRAINTS")


class TypeCache:
    """What the server said about types that asyncpg does not know: one for all connections of a pool."""

    __slots__ = ("oids", "rows")

    def __init__(self) -> None:
        self.oids: set[int] = set()
        self.rows: list[Any] = []

    def add(self, rows: Iterable[Any]) -> None:
        """Keep rows of asyncpg's introspection; what a type is made of comes before it."""
        for row in rows:
            if row["oid"] not in self.oids:
                self.oids.add(row["oid"])
                self.rows.append(row)

    def clear(self) -> None:
        """Forget all: a type was changed."""
        self.oids.clear()
        self.rows.clear()


class _Known:
    """Stands for the introspection statement that did not have to run; a name means: nothing was overwritten."""

    name = "known"


class Connection(AsyncpgConnection):
    """A connection of the pool. ``opened_at`` is when, by the pool's clock; ``spoiled``: not for another user."""

    __slots__ = ("bind", "known", "opened_at", "spoiled", "transacts", "types", "works")

    # asyncpg's own methods, found once: each look-up of one makes an object
    bind: Callable[..., Awaitable[Any]]
    transacts: Callable[[], bool]
    works: Callable[[], bool]

    known: dict[str, Any]
    opened_at: float
    spoiled: bool
    types: TypeCache

    def begin_life(self, now: float, types: TypeCache) -> None:
        """Set what asyncpg does not know of, once it is connected."""
        self.opened_at, self.spoiled, self.types, self.known = now, False, types, {}
        protocol = self._protocol
        self.bind = protocol.bind_execute
        self.transacts, self.works = protocol.is_in_transaction, protocol.is_connected

    def rows(self, sql: str, parameters: Parameters) -> Awaitable[list[Row]]:
        """Run a statement and return its rows."""
        state = self.known.get(sql)
        if state is None or state.closed:
            state = self._prepared(sql)
            if state is None:
                return self.fetch(sql, *parameters)
        return self.bind(state, parameters, "", 0, False, None)

    def _prepared(self, sql: str) -> Any:
        """Return the statement that asyncpg's cache has for a text, ``None`` when it has none, and know it from now on.

        Its cache costs three dictionaries, a tuple and two calls for each query. What it drops it marks closed, so that a
        statement known here and not closed is one that the server has.
        """
        state = self._stmt_cache.get((sql, Record, False))
        if state is None:
            self.known.pop(sql, None)
        else:
            if len(self.known) >= self._stmt_cache.get_max_size():
                self.known.clear()
            self.known[sql] = state
        return state

    async def run(self, sql: str, parameters: Parameters) -> bytes:
        """Run a statement for what it does and return its command tag, such as ``b"UPDATE 3"``."""
        state = self.known.get(sql)
        if state is None or state.closed:
            state = self._prepared(sql)
        if state is not None:
            _, tag, _ = await self.bind(state, parameters, "", 0, True, None)
        else:
            _, tag, _ = await self._execute(sql, parameters, 0, None, return_status=True)
        if not tag[-1:].isdigit():
            self._note(sql, tag)
        answer: bytes = tag
        return answer

    def _note(self, sql: str, tag: bytes) -> None:
        if tag.startswith(_SPOILING) and not sql.lstrip()[:20].upper().startswith(_HARMLESS):
            self.spoiled = True

    def unfit(self) -> bool:
        """Say whether the next user must not get it: closed, in a transaction, or with changed settings."""
        return self.spoiled or self.transacts() or not self.works()

    async def recover(self) -> bool:
        """Wait for what was cancelled, roll back, and say whether the connection is in a known state again."""
        if self.is_closed():
            return False
        await self._protocol._wait_for_cancellation()
        if self.is_in_transaction():
            await self.execute("ROLLBACK")
        number = random.getrandbits(62)
        answer: int = await self.fetchval("SELECT $1::int8", number)
        return answer == number and not self.unfit()

    def forget_statements(self) -> None:
        """Prepare all statements anew: the schema was changed."""
        self._drop_local_statement_cache()

    async def once(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement whose text will not come again, past the statement cache."""
        statement = await self.prepare(sql, name="")
        return await statement.fetch(*parameters)

    async def copy(
        self, table: str, columns: Sequence[str], rows: Iterable[Any] | AsyncIterable[Any], schema: str | None
    ) -> int:
        """Write rows with COPY and return how many."""
        status = await self.copy_records_to_table(
            table, columns=list(columns), records=rows, schema_name=schema
        )
        return int(status.rpartition(" ")[2])

    async def leave(self, timeout: float) -> None:
        """Close, and return once the server has let go of it."""
        try:
            await self.close(timeout=timeout)
        except Exception:
            self.terminate()

    def _drop_local_statement_cache(self) -> None:
        super()._drop_local_statement_cache()
        self.known.clear()

    def _drop_global_type_cache(self) -> None:
        super()._drop_global_type_cache()
        self.types.clear()

    async def _introspect_types(self, typeoids: Any, timeout: Any) -> Any:
        wanted: set[int] = set(typeoids)
        if not wanted <= self.types.oids:
            found, statement = await super()._introspect_types(typeoids, timeout)
            self.types.add(found)
        else:
            statement = _Known
        self._register_extensions()
        return self.types.rows, statement

    def _register_extensions(self) -> None:
        settings = self._protocol.get_settings()
        for row in self.types.rows:
            if row["name"] == "hstore":
                settings.set_builtin_type_codec(
                    row["oid"], "hstore", row["ns"], "scalar", "pg_contrib.hstore", None
                )


async def connect(options: PostgreSQLOptions, types: TypeCache, *, origin: str, now: float) -> Connection:
    """Open a connection. Raises ``DatabaseUnavailable`` with the address and the reason, or ``PoolerDetected``."""
    try:
        made = await asyncpg_connect(
            host=options.host,
            port=options.port,
            user=options.user,
            password=options.password,
            database=options.database,
            ssl=options.security,
            timeout=options.connect_timeout,
            command_timeout=options.statement_timeout if options.pooler == "transaction" else None,
            statement_cache_size=options.cached_statements,
            max_cached_statement_lifetime=0,
            server_settings=options.settings(origin),
            connection_class=Connection,
        )
    except (PostgresError, InterfaceError, InternalClientError, OSError, ValueError) as error:
        raise unreachable(error, options.address) from None
    connection = cast("Connection", made)
    connection.begin_life(now, types)
    _notice_dead_peers(connection)
    return connection


def _notice_dead_peers(connection: Connection) -> None:
    # A peer that vanished without goodbye is noticed after a minute, not after the system's two hours.
    sock: Any = connection._transport.get_extra_info("socket")
    if sock is None or sock.family == getattr(socket, "AF_UNIX", None):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def changed(tag: bytes) -> int:
    """Return the number of rows in a command tag; 0 for commands without one."""
    count = tag.rpartition(b" ")[2]
    return int(count) if count.isdigit() else 0


__all__ = ["Connection", "TypeCache", "changed", "connect"]
