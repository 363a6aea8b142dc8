"""Advisory locks: one holder for each key in the whole database, on a connection of its own.

The lock lives exactly as long as the connection; ``held`` says whether it still does. Through a pooler in transaction
mode a connection has no session, so there the lock belongs to a transaction that stays open meanwhile.
"""

from __future__ import annotations

from hashlib import blake2b

from vivace.errors import LockTimeout

from .connection import Connection
from .errors import translate


class AdvisoryLock:
    """A lock on a connection that nobody else uses."""

    __slots__ = ("_connection", "_transaction")

    def __init__(self, connection: Connection, *, transaction: bool) -> None:
        self._connection = connection
        self._transaction = transaction

    @property
    def held(self) -> bool:
        """Whether the connection, and so the lock, is still alive."""
        return not self._connection.is_closed()

    async def take(self, key: int | str, wait: float | None) -> None:
        """Take the lock, waiting at most ``wait`` seconds (0: not at all, ``None``: for ever). Raises ``LockTimeout``."""
        number = lock_number(key)
        try:
            if self._transaction:
                await self._connection.execute("BEGIN")
            if wait == 0:
                got: bool = await self._connection.fetchval(f"SELECT {self._function('try_')}($1)", number)
            else:
                local = "LOCAL " if self._transaction else ""
                await self._connection.execute(f"SET {local}lock_timeout = {int((wait or 0) * 1000)}")
                await self._connection.fetchval(f"SELECT {self._function('')}($1)", number)
                got = True
        except Exception as error:
            raise translate(error) from None
        if not got:
            raise LockTimeout("Somebody else holds the lock.", got=f"advisory lock {key!r}")

    def _function(self, how: str) -> str:
        return f"pg_{how}advisory_xact_lock" if self._transaction else f"pg_{how}advisory_lock"


def lock_number(key: int | str) -> int:
    """Return the 64-bit number of a lock: a number is itself, a name is hashed."""
    if isinstance(key, int):
        return key
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


__all__ = ["AdvisoryLock", "lock_number"]
