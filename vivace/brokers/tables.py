"""The tables that the broker on PostgreSQL makes for itself: they belong to no model, and migrations leave them alone."""

from __future__ import annotations

from typing import Final

TABLES: Final = (
    "vivace_broker_counters",
    "vivace_broker_leases",
    "vivace_broker_locks",
    "vivace_broker_log",
    "vivace_broker_members",
    "vivace_broker_quiet",
    "vivace_broker_state",
)

__all__ = ["TABLES"]
