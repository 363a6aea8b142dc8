"""The broker on PostgreSQL: many machines, no further server. Needs the extra ``postgres``."""

from __future__ import annotations

from .broker import PostgreSQLBroker as PostgreSQLBroker

__all__ = ["PostgreSQLBroker"]
