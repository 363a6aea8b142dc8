"""Which broker an app has: what its settings say, else what fits its default database.

=======================  ===============================================================================================
``VIVACE_BROKER``        the broker
=======================  ===============================================================================================
nothing                  in the test client: memory; PostgreSQL as the default database: that; a SQLite database in
                         memory, or Windows: memory; else the hub
``memory``               messages stay in this process; refused while another process of the app runs
``hub``                  a Unix socket on this machine, see ``vivace.brokers.hub``
``postgresql://…``       LISTEN and NOTIFY of that server, also ``postgres://``
``valkey://…``           a Valkey or Redis server, also ``valkeys://``, ``redis://``, ``rediss://``
=======================  ===============================================================================================
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from vivace.errors import BrokerRefused, nearest

from .base import Broker
from .memory import MemoryBroker

WORDS: Final = ("memory", "hub")
POSTGRESQL: Final = ("postgresql", "postgres")
VALKEY: Final = ("valkey", "valkeys", "redis", "rediss")


class Surroundings(NamedTuple):
    """Where a broker is to work: the default database, if there is one, and the file or folder of the app.

    ``alone``: a test's, which nobody else is to hear.
    """

    database: Any  # a Database, or None
    home: Path
    alone: bool = False

    @property
    def name(self) -> str:
        """What all processes of the app on this machine have in common, and no other app has: an address in words."""
        database = self.database
        if database is None:
            return f"app {self.home.resolve()}"
        options = database.driver.options
        if database.dialect == "sqlite":
            return os.path.realpath(str(options.path))
        return f"{database.dialect} {options.host} {options.port} {options.database}"

    @property
    def in_memory(self) -> bool:
        """Whether the database is within this process, so that no other one can share it."""
        database = self.database
        return (
            database is not None
            and database.dialect == "sqlite"
            and database.driver.options.path == ":memory:"
        )


def choose(setting: str, surroundings: Surroundings) -> Broker:
    """Return the broker that a setting asks for, not started; raises ``BrokerRefused`` and what is wrong with a URL."""
    if surroundings.alone:
        return MemoryBroker()
    scheme, separator, _ = setting.partition("://")
    if setting in WORDS:
        return _guarded(surroundings) if setting == "memory" else _hub(surroundings)
    if separator and scheme in POSTGRESQL:
        from .postgresql import PostgreSQLBroker

        return PostgreSQLBroker(setting)
    if separator and scheme in VALKEY:
        from .valkey import ValkeyBroker

        return ValkeyBroker(setting)
    if setting:
        known = (*WORDS, *(f"{name}://" for name in (*POSTGRESQL, *VALKEY)))
        raise BrokerRefused(
            f"VIVACE_BROKER names no broker: {scheme if separator else setting!r}.",
            expected="memory, hub, or a URL that begins with postgresql:// or valkey://",
            fix=nearest(scheme + separator if separator else setting, known),
        )
    return _fitting(surroundings)


def _fitting(surroundings: Surroundings) -> Broker:
    database = surroundings.database
    if surroundings.in_memory:
        return MemoryBroker()
    if database is not None and database.dialect == "postgresql":
        from .postgresql import PostgreSQLBroker

        return PostgreSQLBroker(database.driver.options)
    return _guarded(surroundings) if sys.platform == "win32" else _hub(surroundings)


def _hub(surroundings: Surroundings) -> Broker:
    if sys.platform == "win32":
        raise BrokerRefused(
            "There is no hub on Windows: it needs Unix sockets.",
            fix="Run one worker with VIVACE_BROKER=memory, or name a server: VIVACE_BROKER=valkey://localhost.",
        )
    from .hub import HubBroker, hub_path

    return HubBroker(hub_path(surroundings.name))


def _guarded(surroundings: Surroundings) -> Broker:
    if surroundings.in_memory:
        return MemoryBroker()
    from .alone import Solitude
    from .hub.place import hub_path

    elsewhere, database = None, surroundings.database
    if database is not None and database.dialect == "postgresql" and database.driver.options.pooler == "none":
        from .postgresql.solitude import DatabaseSolitude

        elsewhere = DatabaseSolitude(database.driver.options)
    return MemoryBroker(solitude=Solitude(hub_path(surroundings.name), elsewhere))


__all__ = ["Surroundings", "choose"]
