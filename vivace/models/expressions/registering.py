"""Lookups and transforms by class: each class has a table of its own, found along its bases."""

from __future__ import annotations

from typing import Any, ClassVar


class Lookups:
    """Base of what can stand left of ``__lookup``: fields, transforms, expressions with an output field.

    ``register_lookup`` adds to the class it is called on; subclasses inherit, a nearer entry wins.
    """

    class_lookups: ClassVar[dict[str, type[Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.class_lookups = {}

    @classmethod
    def register_lookup(cls, lookup: type[Any], lookup_name: str | None = None) -> type[Any]:
        """Make a Lookup or Transform class available under its name; usable as a decorator."""
        cls.class_lookups[lookup_name or lookup.lookup_name] = lookup
        return lookup

    @classmethod
    def unregister_lookup(cls, lookup: type[Any], lookup_name: str | None = None) -> None:
        """Take it back: for tests."""
        del cls.class_lookups[lookup_name or lookup.lookup_name]

    @classmethod
    def get_lookups(cls) -> dict[str, type[Any]]:
        """Return all names, the nearest class's winning."""
        tables = (vars(base).get("class_lookups", {}) for base in reversed(cls.__mro__))
        return {name: lookup for table in tables for name, lookup in table.items()}

    @classmethod
    def _find(cls, name: str) -> type[Any] | None:
        for base in cls.__mro__:
            found: type[Any] | None = vars(base).get("class_lookups", {}).get(name)
            if found is not None:
                return found
        return None

    def get_lookup(self, name: str) -> type[Any] | None:
        """Return the Lookup class of this name, or ``None``. A field may override it for names of its own."""
        found = self._find(name)
        return found if found is not None and not getattr(found, "is_transform", False) else None

    def get_transform(self, name: str) -> Any:
        """Return what makes the Transform of this name from an expression, or ``None``."""
        found = self._find(name)
        if found is not None:
            return found if getattr(found, "is_transform", False) else None
        factory = self._find("*")  # a class that takes any name: keys of JSON
        return factory(name) if factory is not None else None


__all__ = ["Lookups"]
