"""Errors of caches."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class CacheKeyError(VivaceError):
    """A key that not every cache could keep a value under: no text, empty or too long."""

    code: ClassVar[str] = "cache-key"


class CacheValueError(VivaceError):
    """What a cache has, or has not, under a key does not allow what was asked for."""

    code: ClassVar[str] = "cache-value"


class CacheURLInvalid(VivaceError):
    """A cache URL, or an option in it, cannot be used."""

    code: ClassVar[str] = "cache-url"


class UnknownCache(VivaceError):
    """The app has no cache of that name."""

    code: ClassVar[str] = "unknown-cache"
