"""Telling kinds of values apart where a declaration may be written in several forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_listed(value: Any) -> TypeGuard[Sequence[Any]]:
    """Say whether it is a list or a tuple."""
    return isinstance(value, list | tuple)


def is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def is_class(value: Any) -> TypeGuard[type[Any]]:
    return isinstance(value, type)
