"""Types that strict checkers need a name for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import EnumMeta
from typing import Any, TypeAlias

class_of: Callable[[Any], Any] = type
"""``type(value)`` as ``Any``: pyright takes ``type(Any)`` for a partially unknown type and reports each use."""


def is_choice(info: Any) -> bool:
    """Return whether msgspec's description of a type is that of an enum with a metaclass of its own, such as TextChoices.

    msgspec reads and writes those like any enum and describes them as unknown (``msgspec.inspect``, 0.20).
    """
    cls = getattr(info, "cls", None)
    return isinstance(cls, EnumMeta) and not hasattr(info, "fields")


RunBlocking: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function without arguments in a thread, with a copy of the caller's context variables."""
