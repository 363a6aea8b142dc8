"""What a PostgreSQL driver is told: where the server is, how many connections it may have, how long things may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from vivace.errors import ConfigurationError

Pooler: TypeAlias = Literal["none", "transaction"]
SSLMode: TypeAlias = Literal["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_AT_LEAST: Final[Mapping[str, float]] = {
    "max_connections": 1,
    "min_connections": 0,
    "acquire_timeout": 0,
    "connect_timeout": 0.001,
    "idle_lifetime": 0.001,
    "max_lifetime": 0.001,
    "cleanup_timeout": 0.001,
    "close_timeout": 0,
}


class PostgreSQLOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where a PostgreSQL database is, and how its connections are used. Times are in seconds.

    ``host`` is a name, an address, or the folder of a Unix socket; what is not given comes from the ``PG…`` variables
    and ``~/.pgpass``, as with libpq. A name is looked up (by a thread of the event loop) when a connection is opened.

    ``max_connections`` is a hard cap for this process, also while connections are being opened or cleaned up; those
    for LISTEN and for advisory locks, which the pool does not lend, come on top. Who waits
    longer than ``acquire_timeout`` for one gets ``PoolTimeout`` (503). Connections above ``min_connections`` that were
    not needed for ``idle_lifetime`` are closed, and all after ``max_lifetime``.

    ``statement_timeout``: how long a statement may run (``None``: as the server says).

    ``pooler="transaction"`` when PgBouncer or the like stands between, in transaction mode: no prepared statement and
    no session state outlives a transaction. PgBouncer 1.21 with ``max_prepared_statements`` can do better: then give
    ``statement_cache_size`` as well.

    ``sslmode`` is libpq's; by default "prefer", and "disable" on the own machine. ``ssl`` takes an ``SSLContext`` of
    your own instead. ``server_settings`` are set at the start of each connection. ``origin`` marks this process's writes
    for the change triggers; by default each driver has its own. ``old_by_join`` finds old values as servers before 18 must.
    """

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    database: str | None = None
    sslmode: SSLMode = ""
    ssl: Any = None
    application_name: str = "vivace"
    max_connections: int = 10
    min_connections: int = 1
    acquire_timeout: float = 10.0
    connect_timeout: float = 5.0
    idle_lifetime: float = 300.0
    max_lifetime: float = 3600.0
    cleanup_timeout: float = 5.0
    close_timeout: float = 10.0
    statement_timeout: float | None = None
    statement_cache_size: int | None = None
    pooler: Pooler = "none"
    server_settings: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    origin: str = ""
    old_by_join: bool = False

    def __post_init__(self) -> None:
        for name, least in _AT_LEAST.items():
            if getattr(self, name) < least:
                raise _wrong(name, f"at least {least:g}", getattr(self, name))
        most = self.max_connections
        if self.min_connections > most:
            raise _wrong("min_connections", f"at most max_connections, {most}", self.min_connections)
        limit = self.statement_timeout
        if limit is not None and limit <= 0:
            raise _wrong("statement_timeout", "more than 0, or None for the server's own", limit)

    def __repr__(self) -> str:
        return f"<PostgreSQLOptions {self.address}>"

    __str__ = __repr__

    @property
    def address(self) -> str:
        """Where the database is, for messages: without user and password."""
        host = self.host or "(PGHOST or local socket)"
        return f"{host}:{self.port or 5432}/{self.database or self.user or ''}"

    @property
    def cached_statements(self) -> int:
        """How many prepared statements a connection keeps."""
        if self.statement_cache_size is not None:
            return self.statement_cache_size
        return 0 if self.pooler == "transaction" else 512

    @property
    def security(self) -> Any:
        """What asyncpg takes as ``ssl``."""
        if self.ssl is not None:
            return self.ssl
        local = self.host is not None and (self.host in _LOOPBACK or self.host.startswith("/"))
        return self.sslmode or ("disable" if local else "prefer")

    def settings(self, origin: str) -> dict[str, str]:
        """Return what each connection sets when it starts.

        A pooler passes on only what it knows; there the time-out is kept on our side, and writes are not marked.
        """
        common = {"application_name": self.application_name, "TimeZone": "UTC"}
        if self.pooler == "transaction":
            return common | self.server_settings
        common[ORIGIN_SETTING] = origin
        if self.statement_timeout is not None:
            common["statement_timeout"] = str(max(1, round(self.statement_timeout * 1000)))
        return common | self.server_settings


ORIGIN_SETTING: Final = "vivace.origin"


def _wrong(name: str, expected: str, got: object) -> ConfigurationError:
    return ConfigurationError(f"The PostgreSQL option {name} cannot work.", expected=expected, got=str(got))


__all__ = ["ORIGIN_SETTING", "Pooler", "PostgreSQLOptions", "SSLMode"]
