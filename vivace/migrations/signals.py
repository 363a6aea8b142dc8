"""Told before and after a run of migrations: ``database``, ``plan`` (migrations with their direction)."""

from __future__ import annotations

from typing import Final

from vivace.models.signals import Signal

pre_migrate: Final = Signal()
post_migrate: Final = Signal()

__all__ = ["post_migrate", "pre_migrate"]
