"""One process alone on a database of PostgreSQL, wherever it runs: an advisory lock that goes with its connection.

Who uses the memory broker holds it alone, each broker on PostgreSQL holds it together with all others, so neither begins
where the other is. A claim whose connection is lost is made again; where somebody else came meanwhile that can only be said.
Brokers on Valkey, and hubs on other machines, hold nothing here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from vivace.db.postgresql import PostgreSQLDriver, PostgreSQLOptions
from vivace.db.postgresql.connection import Connection
from vivace.db.postgresql.locks import lock_number
from vivace.errors import BrokerRefused, BrokerUnavailable, DatabaseError

logger: Final = logging.getLogger("vivace.brokers")
AGAIN: Final = 0.5  # seconds between tries
SHARED: Final = "SELECT pg_try_advisory_lock_shared($1)"
_FIX: Final = (
    "Leave VIVACE_BROKER empty in all processes, or set it to the URL of one server for all of them."
)


def key_of(schema: str) -> int:
    """Return the number of the lock for the apps in a schema."""
    return lock_number(f"vivace alone {schema}")


def company() -> BrokerRefused:
    """Return the error for who would not be alone."""
    return BrokerRefused(
        "Another process works on the same PostgreSQL database, and would not hear of this one's changes, nor be heard.",
        expected="one process with VIVACE_BROKER=memory, or the same broker in all",
        fix=_FIX,
    )


class DatabaseSolitude:
    """The claim to be the only process on a database."""

    def __init__(self, options: PostgreSQLOptions) -> None:
        self._driver = PostgreSQLDriver(options)
        self._connection: Connection | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    async def claim(self, *, inherit: bool) -> None:
        """Be alone from now on; ``inherit``: as soon as the one is gone that this process takes over from.

        Raises ``BrokerRefused`` where another process is there, ``BrokerUnavailable``.
        """
        self._lost = asyncio.Event()
        try:
            held = await self._try()
        except DatabaseError as error:
            raise BrokerUnavailable(f"PostgreSQL cannot be reached. {error.what}", got=error.got) from None
        if not held and not inherit:
            await self.release()
            raise company()
        self._keeping = asyncio.get_running_loop().create_task(
            self._keep(held=held), name="alone on PostgreSQL"
        )

    async def release(self) -> None:
        """Let others come."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait({keeping})
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=1.0)

    async def _try(self) -> bool:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await self._driver.connect()
            connection.add_termination_listener(lambda _: self._lost.set())
        schema: Any = await connection.fetchval("SELECT coalesce(current_schema(), '')")
        held: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", key_of(schema))
        return held

    async def _keep(self, *, held: bool) -> None:
        """Take the lock when it is free, and again when the connection was lost."""
        told = False
        while True:
            if held:
                await self._lost.wait()
                self._lost.clear()
            else:
                await asyncio.sleep(AGAIN)
            try:
                was, held = held, await self._try()
            except Exception as error:
                logger.debug("the claim to be alone waits for PostgreSQL: %s", error)
                held = False
                continue
            if was and not held and not told:
                logger.error("%s", company())
                told = True


__all__ = ["SHARED", "DatabaseSolitude", "company", "key_of"]
