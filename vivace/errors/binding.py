"""Errors of handlers and their dependencies: what cannot be provided, bound or called."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class DuplicateProvider(VivaceError):
    """Two providers were given for one type."""

    code: ClassVar[str] = "duplicate-provider"


class UnknownDependency(VivaceError):
    """No provider was given for a type that is overridden, or a provider does not say what it provides."""

    code: ClassVar[str] = "unknown-dependency"


class DependencyNotReady(VivaceError):
    """A dependency of the app's scope was used while the app is not running."""

    code: ClassVar[str] = "dependency-not-ready"


class BrokenEndpoint(VivaceError):
    """A handler was called that cannot be bound: its findings were ignored, or an override broke it."""

    code: ClassVar[str] = "broken-endpoint"
