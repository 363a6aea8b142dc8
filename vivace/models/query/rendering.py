"""The one place where an attribute may wait for rows: inside a render, and only there.

In Python code reading an attribute never queries. Templates are rendered synchronously in a greenlet that can yield to
the event loop; while one runs, ``current_wait`` names how it waits for a coroutine, and relations load themselves.
Models ask here and know nothing of templates; whoever renders sets ``rendering``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

Wait: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end and returns its result, from synchronous code."""

rendering: ContextVar[Callable[[], Wait | None] | None] = ContextVar("vivace_rendering", default=None)
"""Returns how the running code waits, or ``None`` when it is not (any more) part of a render."""

strict_by_default: ContextVar[bool] = ContextVar("vivace_strict", default=False)
"""Whether queries are strict without saying so: an app's choice. What a strict query did not fetch never loads itself."""


CHANGES: Final = frozenset(
    "add bulk_create bulk_update clear create delete get_or_create remove save set update update_or_create".split()
)
"""Methods of querysets and managers that change data: ``__vivace_changes__`` of a class names those that templates may
not call."""


def current_wait() -> Wait | None:
    """Return how the running code may wait for rows; ``None`` in ordinary Python code."""
    ask = rendering.get()
    return None if ask is None else ask()


__all__ = ["CHANGES", "Wait", "current_wait", "rendering", "strict_by_default"]
