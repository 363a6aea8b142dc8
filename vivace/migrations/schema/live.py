"""How live databases are read: what readers ask with, and what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from .values import Table

Rows: TypeAlias = "Sequence[Sequence[Any]]"
Fetch: TypeAlias = "Callable[[str, Sequence[Any]], Awaitable[Rows]]"


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """A table as it is, and the names that the database chose, by kind and columns."""

    table: Table
    chosen: dict[tuple[str, tuple[str, ...]], str] = {}
    view: bool = False


__all__ = ["Fetch", "Live", "Rows"]
