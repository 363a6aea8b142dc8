"""Values that can say how they were made, so that a migration file can make them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

C = TypeVar("C", bound=type[Any])

PUBLIC = "vivace.models"
"""What the modules below have in common, and under which name their classes are written into migrations."""

POSTGRESQL = "vivace.models.postgresql"
"""The room of what only PostgreSQL has; its classes are not among those of ``vivace.models``."""

Deconstructed = tuple[str, tuple[Any, ...], dict[str, Any]]


def public_path(cls: type[Any]) -> str:
    """Return the dotted name to import a class by: ours through ``vivace.models``, others where they live."""
    if cls.__module__.startswith(POSTGRESQL + "."):
        return f"{POSTGRESQL}.{cls.__qualname__}"
    if cls.__module__ == PUBLIC or cls.__module__.startswith(PUBLIC + "."):
        return f"{PUBLIC}.{cls.__qualname__}"
    return f"{cls.__module__}.{cls.__qualname__}"


@overload
def deconstructible(cls: C, /) -> C: ...
@overload
def deconstructible(*, path: str | None = None) -> Callable[[C], C]: ...
def deconstructible(cls: Any = None, /, *, path: str | None = None) -> Any:
    """Give a class ``deconstruct()``: the path, positional and keyword arguments each instance was made with."""

    def decorate(target: C) -> C:
        def new(owner: type[Any], *args: Any, **kwargs: Any) -> Any:
            instance = object.__new__(owner)
            instance._constructor_args = (args, kwargs)
            return instance

        def deconstruct(self: Any) -> Deconstructed:
            args, kwargs = self._constructor_args
            kind: Any = self.__class__
            own = path if path and kind is target else f"{kind.__module__}.{kind.__qualname__}"
            return own, args, kwargs

        made: Any = target
        made.__new__ = staticmethod(new)
        made.deconstruct = deconstruct
        return target

    return decorate if cls is None else decorate(cls)
