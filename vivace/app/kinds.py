"""Types that strict checkers need a name for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

class_of: Callable[[Any], Any] = type
"""``type(value)`` as ``Any``: pyright takes ``type(Any)`` for a partially unknown type and reports each use."""

RunBlocking: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function without arguments in a thread, with a copy of the caller's context variables."""
