"""A store that keeps nothing: to see a program without its cache."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from .store import MISSING, Counts, Found, Keep


class DummyStore:
    """Forgets at once."""

    shared: Literal[False] = False

    def __repr__(self) -> str:
        return "<DummyStore>"

    async def get(self, key: str) -> Any:
        """See ``Store``."""
        return MISSING

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """See ``Store``."""
        return {}

    async def find(self, key: str) -> Found | None:
        """See ``Store``."""
        return None

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """See ``Store``."""
        return False

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """See ``Store``; nobody has it, so it is added, and gone."""
        return True

    async def incr(self, key: str, delta: int) -> Any:
        """See ``Store``."""
        return MISSING

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """See ``Store``."""
        return False

    async def delete(self, keys: Collection[str]) -> int:
        """See ``Store``."""
        return 0

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """See ``Store``."""
        return dict.fromkeys(tags, 0)

    async def delete_tags(self, tags: Collection[str]) -> None:
        """See ``Store``."""

    async def clear(self) -> None:
        """See ``Store``."""

    async def counts(self) -> Counts:
        """See ``Store``."""
        return Counts(0, 0, 0)

    async def close(self) -> None:
        """See ``Store``."""


__all__ = ["DummyStore"]
