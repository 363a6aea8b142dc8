"""The options of an SQLite database, in one frozen object."""

from __future__ import annotations

from typing import Literal

import msgspec

from vivace.errors import ConfigurationError

from .functions import UserAggregate, UserFunction


class SQLiteOptions(msgspec.Struct, frozen=True):
    """Where the database is and how it is used. Times are seconds.

    ``path``: a file, which ``open`` creates, or ``:memory:``, which lives until the driver is closed.
    ``readers`` threads run reads that are not short; as many connections serve streams and read-only transactions.
    ``inline`` lets short reads run on the event loop; one that took over ``inline_limit`` goes to the threads.
    ``acquire_timeout`` bounds the wait for a connection or for the writer's turn, ``busy_timeout`` the wait for a lock
    of another process. A transaction that writes is logged when it is open over ``transaction_warning`` and rolled back
    over ``transaction_limit``. At most ``group_limit`` autocommit writes share a transaction.

    ``synchronous`` is ``normal``: with a write-ahead log a killed process loses nothing that was acknowledged and a
    power cut never corrupts the file, but may take the last transactions before it, as other servers do with delayed
    fsync. ``full`` waits for the disk at each commit (a group shares that wait), ``off`` is for data that can be made
    again. ``pragmas`` are set on each connection after ours.
    """

    path: str = ":memory:"
    readers: int = 4
    inline: bool = True
    inline_limit: float = 0.002
    acquire_timeout: float = 10.0
    busy_timeout: float = 5.0
    transaction_warning: float = 2.0
    transaction_limit: float = 10.0
    group_limit: int = 500
    synchronous: Literal["off", "normal", "full"] = "normal"
    cached_statements: int = 500
    functions: tuple[UserFunction | UserAggregate, ...] = ()
    pragmas: tuple[tuple[str, str | int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("readers", "group_limit"):
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"The SQLite option {name!r} is too small.",
                    expected="1 or more",
                    got=str(getattr(self, name)),
                )

    @property
    def in_memory(self) -> bool:
        """Whether the database is gone when the driver is closed."""
        return self.path in ("", ":memory:")


__all__ = ["SQLiteOptions"]
