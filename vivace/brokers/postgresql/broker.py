"""The broker on PostgreSQL: a log that is a table, and NOTIFY to say that it grew. See ``sql`` for the tables.

Theory
------
- One connection of each process does everything; nobody's transaction carries a NOTIFY, which would serialise its commit
  with those of all others. What is published while a statement runs goes with the next one, so many messages share
  one commit and one NOTIFY.
- NOTIFY carries the last number and the topics, never a payload (it takes less than 8,000 bytes). Who subscribed to one
  of the topics reads the log behind the last number it saw; number order is commit order, so nothing is skipped.
- The connection must lead to the server itself. Through a pooler LISTEN would end with its transaction: an URL with
  ``pooler=transaction`` is refused, and so is a server process that is not the one that greeted us.
- Closed connections are noticed by the server at once. As a short cut closes one, too, a process counts as dead when
  its connection is gone *and* nothing was heard of it for two beats; or after ``death_after``, whatever its connection
  looks like.
- Transactions of more than one statement hold up all publishers, so the server ends them when their process falls
  silent (``idle_in_transaction_session_timeout``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from vivace.brokers.base import BrokerOptions, Lease, Message, encode_lease, first_number, leases_of
from vivace.brokers.remote import BEATS, Hearing, Joined, RemoteBroker
from vivace.brokers.tables import TABLES
from vivace.db.postgresql import PostgreSQLDriver, PostgreSQLOptions
from vivace.db.postgresql.connection import Connection
from vivace.db.postgresql.errors import translate
from vivace.db.postgresql.locks import lock_number
from vivace.db.types import Row
from vivace.db.urls import connect
from vivace.errors import (
    BrokerError,
    BrokerRefused,
    BrokerUnavailable,
    DatabaseError,
    DatabaseUnavailable,
    PoolerDetected,
    TransactionTimeout,
)

from . import sql
from .solitude import SHARED, company, key_of

logger: Final = logging.getLogger("vivace.brokers")
T = TypeVar("T")
_TOLD: Final = 7_000
"""Bytes of topics that a NOTIFY names; for more it says that there may be any."""
_TOGETHER: Final = 500
_TOGETHER_BYTES: Final = 8 * 1024 * 1024
"""How many messages and bytes one statement publishes or fetches."""
_SETTINGS: Final = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "5000",
}
_DIRECT: Final = "Set VIVACE_BROKER to a URL that leads to the server directly, or to another kind of broker."


class PostgreSQLBroker(RemoteBroker):
    """A broker on the database of a URL or of options. See ``vivace.brokers.base.Broker``.

    Raises ``BrokerRefused`` for options with ``pooler="transaction"``.
    """

    def __init__(self, server: str | PostgreSQLOptions, *, options: BrokerOptions | None = None) -> None:
        where = _options(server) if isinstance(server, str) else server
        if where.pooler != "none":
            raise BrokerRefused(
                "The broker cannot listen through a pooler in transaction mode.",
                expected="a URL that leads to PostgreSQL directly",
                got=f"{where.address} with pooler={where.pooler}",
                fix=_DIRECT,
            )
        settings = _SETTINGS | where.server_settings
        where = msgspec.structs.replace(where, server_settings=settings, statement_timeout=None)
        chosen = options or BrokerOptions()
        super().__init__("postgresql", lambda process: _PostgreSQLBackend(where, chosen, process), chosen)


def _options(url: str) -> PostgreSQLOptions:
    driver = connect(url)
    if not isinstance(driver, PostgreSQLDriver):
        raise BrokerRefused("The URL of a PostgreSQL broker is that of another database.", got=driver.dialect)
    return driver.options


class _Sending(NamedTuple):
    number: asyncio.Future[int]
    topic: str
    seq: int
    payload: bytes


class _PostgreSQLBackend:
    """See ``vivace.brokers.remote.Backend``."""

    def __init__(self, server: PostgreSQLOptions, options: BrokerOptions, process: str) -> None:
        self._options = options
        self._process = process
        self._driver = PostgreSQLDriver(server)
        self._connection: Connection | None = None
        self._hearing: Hearing | None = None
        self._one_at_a_time = asyncio.Lock()
        self._channel = ""
        self._lock = 0
        self._topics: set[str] = set()
        self._seen = 0  # what the log has up to here was handed on, or was not for us
        self._wanted = False  # it has more for us
        self._out: list[_Sending] = []
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._published: Counter[str] = Counter()
        self._swept = time.monotonic()

    # -- life -----------------------------------------------------------------------------------------------------

    async def open(self, hearing: Hearing, topics: Iterable[str], *, first: bool, clean: bool) -> Joined:
        """See ``Backend``."""
        await self.close()
        connection = await self._connect()
        self._one_at_a_time, self._wake = asyncio.Lock(), asyncio.Event()
        self._connection, self._hearing = connection, hearing
        self._topics, self._wanted = set(topics), False
        connection.add_termination_listener(self._lost)
        await self._prepare(connection)
        try:
            await connection.add_listener(self._channel, self._hear)
        except Exception as error:
            raise self._translated(error, connection) from None
        joined = await self._together(lambda: self._join(first=first, clean=clean))
        self._seen = joined.position
        self._worker = asyncio.get_running_loop().create_task(self._work(), name="broker on PostgreSQL")
        return joined

    async def _connect(self) -> Connection:
        try:
            return await self._driver.connect()
        except PoolerDetected as error:
            raise self._refused(error.got) from None
        except DatabaseError as error:
            raise BrokerUnavailable(
                f"The broker on PostgreSQL cannot be reached. {error.what}", got=error.got, fix=error.fix
            ) from None

    async def _prepare(self, connection: Connection) -> None:
        [(pid, schema, ready, recovering)] = await self._fetch(sql.ABOUT, list(TABLES))
        if pid != connection.get_server_pid():
            raise self._refused("the server process that answers is not the one that greeted")
        if recovering:
            raise BrokerUnavailable("The broker's PostgreSQL server is a standby, which takes no messages.")
        self._channel = (
            "vivace_broker" if schema == "public" else f"vivace_broker_{lock_number(schema) % 2**64}"
        )
        self._lock = lock_number(f"vivace broker {schema}")
        [(free,)] = await self._fetch(SHARED, key_of(schema))  # as long as this connection lasts
        if not free:
            raise company()
        if not ready:
            await self._create()

    def _refused(self, reason: str) -> BrokerRefused:
        return BrokerRefused(
            f"A pooler stands between the broker and PostgreSQL at {self._driver.options.address}; it would lose LISTEN.",
            expected="a URL that leads to PostgreSQL directly",
            got=reason,
            fix=_DIRECT,
        )

    async def _create(self) -> None:
        script = sql.CREATE.format(lock=self._lock, first=first_number(int(time.time() * 1000)))
        try:
            await self._execute(script)
        except BrokerUnavailable:
            raise
        except BrokerError as error:
            raise BrokerRefused(
                f"The tables of the broker are missing and cannot be made. {error.what}",
                got=self._driver.options.address,
                fix="Let the database user create tables in its schema, or make them as the guide on brokers shows.",
            ) from None

    async def _join(self, *, first: bool, clean: bool) -> Joined:
        pid = self._alive().get_server_pid()
        await self._fetch_now(sql.STATE)
        known = bool(await self._fetch_now(sql.KNOWN, self._process, pid))
        if not known:
            await self._fetch_now(sql.ENTER, self._process, pid)
        if not clean or not (first or known):
            await self._fetch_now(sql.RENEW, self._channel)
        [(epoch, position)] = await self._fetch_now(sql.TOP)
        return Joined(epoch, position, known)

    async def close(self) -> None:
        """See ``Backend``."""
        self._hearing = None
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
        out, self._out = self._out, []
        _fail(out, self._unavailable())

    async def leave(self, *, goodbye: bool) -> None:
        """See ``Backend``."""

        async def leave() -> None:
            if await self._fetch_now(sql.DEPART, self._process):
                await self._forget(self._process)
                if not goodbye:
                    await self._fetch_now(sql.RENEW, self._channel)

        await self._together(leave)

    def _lost(self, connection: Any) -> None:
        if connection is self._connection and self._hearing is not None:
            self._hearing.lost()

    # -- statements -----------------------------------------------------------------------------------------------

    def _alive(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            raise self._unavailable()
        return self._connection

    def _unavailable(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"The connection to PostgreSQL at {self._driver.options.address} was lost.")

    async def _fetch(self, statement: str, *parameters: Any) -> list[Row]:
        """Run one statement as a transaction of its own."""
        return await self._whole(lambda: self._fetch_now(statement, *parameters))

    async def _execute(self, script: str) -> None:
        await self._whole(lambda: self._execute_now(script))

    async def _together(self, steps: Callable[[], Awaitable[T]]) -> T:
        """Run statements as one transaction, while nobody else publishes."""

        async def transaction() -> T:
            await self._execute_now(f"BEGIN; SELECT pg_advisory_xact_lock({self._lock})")
            try:
                result = await steps()
                await self._execute_now("COMMIT")
            except BaseException:
                with suppress(Exception):
                    await self._execute_now("ROLLBACK")
                raise
            return result

        return await self._whole(transaction)

    async def _whole(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work alone on the connection, to its end, also when who waits for it is cancelled."""

        async def alone() -> T:
            async with self._one_at_a_time:
                return await work()

        task = asyncio.ensure_future(alone())
        task.add_done_callback(_seen)
        return await asyncio.shield(task)

    async def _fetch_now(self, statement: str, *parameters: Any) -> list[Row]:
        connection = self._alive()
        try:
            return await connection.rows(statement, parameters)
        except Exception as error:
            raise self._translated(error, connection) from None

    async def _execute_now(self, script: str) -> None:
        connection = self._alive()
        try:
            await connection.execute(script)
        except Exception as error:
            raise self._translated(error, connection) from None

    def _translated(self, error: Exception, connection: Connection) -> Exception:
        made = translate(error)
        if connection.is_closed() or isinstance(made, DatabaseUnavailable | TransactionTimeout):
            self._lost(connection)
            return self._unavailable()
        if isinstance(made, DatabaseError):
            return BrokerError(f"The broker on PostgreSQL failed. {made.what}", got=made.got)
        return made

    # -- what the server says -------------------------------------------------------------------------------------

    def _hear(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        hearing = self._hearing
        if hearing is None or connection is not self._connection:
            return
        kind, _, rest = payload.partition(" ")
        if kind == "m":
            number, _, topics = rest.partition(" ")
            self._grown(int(number), topics)
        elif kind == "e":
            hearing.renewed(int(rest))
        else:
            hearing.granted(rest)

    def _grown(self, number: int, topics: str) -> None:
        if topics == "*" or not self._topics.isdisjoint(msgspec.json.decode(topics, type=list[str])):
            self._wanted = True
            self._wake.set()
        elif not self._wanted:
            self._seen = max(self._seen, number)

    async def _work(self) -> None:
        """Publish what is waiting and fetch what came, in turn."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._out or self._wanted:
                try:
                    await self._publish_some()
                    await self._fetch_some()
                except BrokerUnavailable:
                    return
                except BrokerError:
                    logger.exception("The broker on PostgreSQL failed; connecting again.")
                    self._lost(self._connection)
                    return

    async def _fetch_some(self) -> None:
        if not self._wanted:
            return
        self._wanted = False
        rows = await self._fetch(sql.FETCH, self._seen, list(self._topics), _TOGETHER)
        self._wanted = self._wanted or len(rows) == _TOGETHER
        for number, topic, origin, payload in rows:
            self._seen = max(self._seen, number)
            if self._hearing is not None:
                self._hearing.message(Message(topic, number, payload, origin))

    # -- publishing -----------------------------------------------------------------------------------------------

    async def publish(self, topic: str, payload: bytes, seq: int, *, again: bool) -> int:
        """See ``Backend``."""
        if again:
            found = await self._fetch(sql.FIND, topic, self._process, seq)
            if found:
                number: int = found[0][0]
                return number
        self._alive()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._out.append(_Sending(future, topic, seq, payload))
        self._wake.set()
        return await future

    async def _publish_some(self) -> None:
        part = self._next_part()
        if not part:
            return
        topics = list({each.topic: None for each in part})
        try:
            [(numbers, _)] = await self._fetch(
                sql.PUBLISH,
                *self._telling(topics),
                [each.topic for each in part],
                [each.seq for each in part],
                [each.payload for each in part],
            )
        except Exception as error:
            _fail(part, error)
            raise
        except asyncio.CancelledError:  # the connection is being closed
            _fail(part, self._unavailable())
            raise
        for each, number in zip(part, numbers, strict=True):
            if not each.number.done():
                each.number.set_result(number)
        await self._trim(part)

    def _next_part(self) -> list[_Sending]:
        size = count = 0
        for each in self._out[:_TOGETHER]:
            if count and size + len(each.payload) > _TOGETHER_BYTES:
                break
            size += len(each.payload)
            count += 1
        part, self._out = self._out[:count], self._out[count:]
        return part

    def _telling(self, topics: list[str]) -> tuple[int, str, str, str]:
        told = msgspec.json.encode(topics)
        return self._lock, self._channel, told.decode() if len(told) <= _TOLD else "*", self._process

    async def _trim(self, part: list[_Sending]) -> None:
        self._published.update(each.topic for each in part)
        most = self._options.log_messages
        for topic in {each.topic for each in part}:
            if self._published[topic] >= most:
                del self._published[topic]
                await self._fetch(sql.TRIM, topic, most)

    # -- topics ---------------------------------------------------------------------------------------------------

    async def listen(self, topic: str) -> int:
        """See ``Backend``."""
        self._topics.add(topic)
        [(_, position)] = await self._fetch(sql.TOP)
        number: int = position
        return number

    async def unlisten(self, topic: str) -> None:
        """See ``Backend``."""
        self._topics.discard(topic)

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """See ``Backend``."""
        most = self._options.log_messages
        rows = await self._fetch(sql.SINCE, topic, number, most + 1)
        lost, top, first, _, _ = rows[0]
        if number < lost or number > top or (len(rows) > most and number < first):
            return None
        return [
            Message(topic, at, payload, origin) for _, _, at, origin, payload in rows if payload is not None
        ]

    # -- members --------------------------------------------------------------------------------------------------

    async def beat(self) -> bool:
        """See ``Backend``."""
        if not await self._fetch(sql.BEAT, self._process):
            return False
        death = self._options.death_after
        limits = (self._process, death, death * 2 / BEATS)
        [(some,)] = await self._fetch(sql.DEAD, *limits)
        if some:
            await self._together(lambda: self._bury(limits))
        if time.monotonic() - self._swept > self._options.log_seconds / 10:
            self._swept = time.monotonic()
            await self._fetch(sql.FORGET, self._options.log_seconds)
            self._published.clear()
        return True

    async def _bury(self, limits: tuple[str, float, float]) -> None:
        dead = await self._fetch_now(sql.BURY, *limits)
        for (process,) in dead:
            await self._forget(process)
        if dead:
            await self._fetch_now(sql.RENEW, self._channel)

    async def _forget(self, process: str) -> None:
        """Take away what a process held: within a transaction."""
        for topic, key in await self._fetch_now(sql.LEASES_GONE, process):
            told = leases_of(topic)
            lock, channel, topics, _ = self._telling([told])
            payload = encode_lease(Lease(process, key, None))
            await self._fetch_now(sql.PUBLISH, lock, channel, topics, process, [told], [0], [payload])
        for name in {row[0] for row in await self._fetch_now(sql.LOCKS_GONE, process)}:
            await self._tell_head(name)

    async def renew(self) -> int:
        """See ``Backend``."""
        [(epoch, _)] = await self._fetch(sql.RENEW, self._channel)
        number: int = epoch
        return number

    # -- leases, counters, locks ----------------------------------------------------------------------------------

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """See ``Backend``."""
        told = leases_of(topic)
        payload = encode_lease(Lease(self._process, key, value))
        await self._fetch(sql.PUT, *self._telling([told]), told, payload, topic, key, value)

    async def drop(self, topic: str, key: str) -> None:
        """See ``Backend``."""
        told = leases_of(topic)
        payload = encode_lease(Lease(self._process, key, None))
        await self._fetch(sql.DROP, *self._telling([told]), told, payload, topic, key)

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """See ``Backend``."""
        return {(process, key): value for process, key, value in await self._fetch(sql.ENTRIES, topic)}

    async def incr(self, name: str, delta: int) -> int:
        """See ``Backend``."""
        [(value,)] = await (self._fetch(sql.INCR, name, delta) if delta else self._fetch(sql.COUNT, name))
        number: int = value
        return number

    async def claim(self, name: str, ticket: str) -> bool:
        """See ``Backend``."""

        async def claim() -> bool:
            await self._fetch_now(sql.CLAIM, name, ticket, self._process)
            return await self._head(name) == ticket

        return await self._together(claim)

    async def give_up(self, name: str, ticket: str) -> bool:
        """See ``Backend``."""

        async def give_up() -> bool:
            held = await self._head(name) == ticket
            await self._fetch_now(sql.GIVE_UP, ticket)
            if held:
                await self._tell_head(name)
            return held

        return await self._together(give_up)

    async def _head(self, name: str) -> str | None:
        rows = await self._fetch_now(sql.HEAD, name)
        return rows[0][0] if rows else None

    async def _tell_head(self, name: str) -> None:
        head = await self._head(name)
        if head is not None:
            await self._fetch_now(sql.TELL, self._channel, head)


def _fail(sendings: list[_Sending], error: Exception) -> None:
    for each in sendings:
        if not each.number.done():
            each.number.set_exception(error)


def _seen(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


__all__ = ["PostgreSQLBroker"]
