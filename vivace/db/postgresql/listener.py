"""LISTEN on a channel, for as long as the process lives, on a connection of its own.

PostgreSQL keeps nothing for who is away. So a listener says when it may have missed something: after each gap, once it
listens again, it calls ``on_gap``, and whoever trusts it must take everything for changed. A connection that died
without goodbye is found out by a heartbeat.

It needs a direct connection: a pooler in transaction mode would drop the LISTEN with the transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from vivace.errors import ConfigurationError

from .connection import Connection
from .options import PostgreSQLOptions
from .pool import BACKOFF

logger: Final = logging.getLogger("vivace.db")


class Connects(Protocol):
    """What a listener needs of a driver."""

    options: PostgreSQLOptions

    async def connect(self) -> Connection: ...


class Listener:
    """Calls ``on_payload`` for each notification of ``channel``, and ``on_gap`` when some may have been missed.

    ``prepare`` runs on each new connection before anything is read. ``heartbeat`` is in seconds.
    """

    def __init__(
        self,
        driver: Connects,
        channel: str,
        *,
        on_payload: Callable[[str], None],
        on_gap: Callable[[], None],
        prepare: Callable[[Connection], Awaitable[None]] | None = None,
        heartbeat: float = 30.0,
    ) -> None:
        if driver.options.pooler == "transaction":
            raise ConfigurationError(
                f"LISTEN {channel} cannot go through a pooler in transaction mode.",
                expected="a driver with a URL that leads to the server directly",
                got=driver.options.address,
                fix="Give the listener a driver of its own, without pooler=transaction.",
            )
        self._driver = driver
        self._channel = channel
        self._on_payload = on_payload
        self._on_gap = on_gap
        self._prepare = prepare
        self._heartbeat = heartbeat
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; what is committed after this returns is heard. Raises ``DatabaseUnavailable``."""
        connection, lost = await self._connect()
        self._task = asyncio.get_running_loop().create_task(
            self._run(connection, lost), name=f"listen to {self._channel}"
        )

    async def stop(self) -> None:
        """Stop listening."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _connect(self) -> tuple[Connection, asyncio.Future[None]]:
        connection = await self._driver.connect()
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            connection.add_termination_listener(lambda _: _resolve(lost))
            await connection.add_listener(self._channel, self._hear)
            if self._prepare is not None:
                await self._prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection, lost

    async def _run(self, connection: Connection, lost: asyncio.Future[None]) -> None:
        try:
            while True:
                await self._attend(connection, lost)
                logger.warning("The connection that listens to %s was lost; connecting again.", self._channel)
                connection, lost = await self._reconnect()
                self._call(self._on_gap)
        finally:
            connection.terminate()

    async def _attend(self, connection: Connection, lost: asyncio.Future[None]) -> None:
        while not connection.is_closed():
            await asyncio.wait([lost], timeout=self._heartbeat)
            if not lost.done() and not await self._alive(connection):
                connection.terminate()

    async def _alive(self, connection: Connection) -> bool:
        try:
            async with asyncio.timeout(self._driver.options.cleanup_timeout):
                await connection.fetchval("SELECT 1")
        except Exception:
            return False
        return True

    async def _reconnect(self) -> tuple[Connection, asyncio.Future[None]]:
        failures = 0
        while True:
            try:
                return await self._connect()
            except Exception as error:
                await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF) - 1)])
                failures += 1
                if failures == len(BACKOFF):
                    logger.warning("Still no connection to listen to %s: %s", self._channel, error)

    def _hear(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        self._call(self._on_payload, payload)

    def _call(self, callback: Callable[..., None], *arguments: str) -> None:
        try:
            callback(*arguments)
        except Exception:
            logger.exception("A listener of %s failed.", self._channel)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


__all__ = ["Listener"]
