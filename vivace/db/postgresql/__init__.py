"""PostgreSQL: asyncpg's connections, our own pool. Needs the extra ``postgres``."""

from __future__ import annotations

from .driver import PostgreSQLDriver as PostgreSQLDriver
from .options import PostgreSQLOptions as PostgreSQLOptions
from .pool import PoolState as PoolState
from .session import PostgreSQLSession as PostgreSQLSession

__all__ = ["PoolState", "PostgreSQLDriver", "PostgreSQLOptions", "PostgreSQLSession"]
