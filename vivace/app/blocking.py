"""How plain ``def`` code gets off the event loop: the pool is ``vivace.engine.offload.Pool``, one for each app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

RunBlocking: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function without arguments in a thread, with a copy of the caller's context variables."""
