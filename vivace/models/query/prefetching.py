"""prefetch_related: related objects of many objects, one query for each relation and level.

A lookup is a path of attribute names (``"books__tags"``). Each level is fetched for all objects of the level before at
once; a level that several lookups share is fetched once. Objects that have a relation loaded already are left as they
are, unless the lookup brings a queryset of its own.

What a relation does to fetch itself is the business of the ``prefetcher`` on its descriptor (see ``prefetchers.py``): that
is how other kinds of relations take part.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vivace.errors import FieldError, QueryError, nearest
from vivace.models.cachekeys import prefetch_key

if TYPE_CHECKING:
    from .prefetchers import Prefetcher

SEPARATOR = "__"


class Prefetch:
    """A lookup for ``prefetch_related``: with a queryset of its own, and the attribute (``to_attr``) to put a list into."""

    def __init__(self, lookup: str, queryset: Any = None, to_attr: str | None = None) -> None:
        self.prefetch_through = lookup
        self.prefetch_to = lookup
        if queryset is not None and getattr(queryset, "_rows", "raw") != "instances":
            raise ValueError("Prefetch querysets cannot use raw(), values(), and values_list().")
        if to_attr:
            self.prefetch_to = SEPARATOR.join([*lookup.split(SEPARATOR)[:-1], to_attr])
        self.queryset = queryset
        self.to_attr = to_attr

    @classmethod
    def of(cls, written: Any) -> Prefetch:
        """Return what was given to ``prefetch_related`` as a ``Prefetch``."""
        if isinstance(written, Prefetch):
            return written
        if isinstance(written, str):
            return cls(written)
        raise TypeError(f"prefetch_related() takes names and Prefetch objects, not {type(written).__name__}.")

    def under(self, prefix: str) -> Prefetch:
        """Return the same lookup behind a relation."""
        return Prefetch(f"{prefix}{SEPARATOR}{self.prefetch_through}", self.queryset, self.to_attr)

    def __vivace_key__(self, keying: Any) -> Any:
        return prefetch_key(self, keying)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prefetch) and self.prefetch_to == other.prefetch_to

    def __hash__(self) -> int:
        return hash((Prefetch, self.prefetch_to))

    def __repr__(self) -> str:
        return f"Prefetch({self.prefetch_through!r}, to_attr={self.to_attr!r})"


class GenericPrefetch(Prefetch):
    """As ``Prefetch``, with one queryset for each kind of object that a generic relation may lead to."""

    def __init__(self, lookup: str, querysets: Iterable[Any], to_attr: str | None = None) -> None:
        super().__init__(lookup, to_attr=to_attr)
        self.querysets = list(querysets)


async def prefetch_related_objects(model_instances: Iterable[Any], *related_lookups: Any) -> None:
    """Fetch related objects for objects at hand, as ``prefetch_related`` does for a query's."""
    instances = list(model_instances)
    done: dict[str, list[Any]] = {}
    for lookup in map(Prefetch.of, related_lookups):
        if lookup.prefetch_to in done and lookup.queryset is not None:
            raise QueryError(
                f"{lookup.prefetch_to!r} was already fetched with a different queryset.",
                fix="Put the lookup with its queryset before the others, or name a to_attr.",
            )
        await _follow(instances, lookup, done)


async def _follow(instances: list[Any], lookup: Prefetch, done: dict[str, list[Any]]) -> None:
    """Fetch one lookup level by level; ``done`` holds the objects that each level led to."""
    objects = instances
    names = lookup.prefetch_through.split(SEPARATOR)
    places = lookup.prefetch_to.split(SEPARATOR)
    for level, name in enumerate(names):
        place = SEPARATOR.join(places[: level + 1])
        is_last = level == len(names) - 1
        if not objects:
            return
        if place not in done:
            done[place] = await _fetch_level(objects, name, lookup if is_last else Prefetch(name))
        objects = done[place]


async def _fetch_level(objects: list[Any], name: str, lookup: Prefetch) -> list[Any]:
    """Fetch a relation for objects, perhaps of several classes, and return what it led to."""
    groups: dict[Any, list[Any]] = {}
    for each in objects:
        model: Any = each.__class__
        groups.setdefault(model, []).append(each)
    found: list[Any] = []
    for model, members in groups.items():
        prefetcher = prefetcher_of(model, name)
        if prefetcher is None:
            found += _attribute(members, model, name, lookup)
        else:
            found += await _fetch(prefetcher, members, lookup)
    return found


async def _fetch(prefetcher: Prefetcher, objects: list[Any], lookup: Prefetch) -> list[Any]:
    wanted = objects
    if lookup.queryset is None and not lookup.to_attr:
        wanted = [each for each in objects if not prefetcher.is_loaded(each)]
    if wanted:
        await prefetcher.fetch(wanted, lookup.queryset, lookup.to_attr)
    return [found for each in objects for found in _related(prefetcher, each, lookup.to_attr)]


def _related(prefetcher: Prefetcher, instance: Any, to_attr: str | None) -> list[Any]:
    if not to_attr:
        return prefetcher.related(instance)
    return _listed(getattr(instance, to_attr))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    several: Any = isinstance(value, (list, tuple))
    return [*value] if several else [value]


def prefetcher_of(model: Any, name: str) -> Prefetcher | None:
    """Return what fetches the relation of an attribute; ``None`` when the attribute is no relation."""
    for base in model.__mro__:
        if name in base.__dict__:
            prefetcher: Prefetcher | None = getattr(base.__dict__[name], "prefetcher", None)
            return prefetcher
    return None


def _attribute(objects: list[Any], model: Any, name: str, lookup: Prefetch) -> list[Any]:
    """Return objects that an attribute holds (a ``to_attr`` list, a property). Raises ``FieldError`` for what is none."""
    found: list[Any] = []
    for each in objects:
        value = getattr(each, name) if hasattr(model, name) or name in each.__dict__ else _NOTHING
        if value is _NOTHING or not _holds_objects(value):
            raise _no_relation(model, name, lookup)
        found += _listed(value)
    return found


_NOTHING: Any = object()


def _holds_objects(value: Any) -> bool:
    return value is None or isinstance(value, (list, tuple)) or hasattr(value, "_state")


def _no_relation(model: Any, name: str, lookup: Prefetch) -> FieldError:
    known = sorted(attribute for attribute in dir(model) if prefetcher_of(model, attribute) is not None)
    return FieldError(
        f"{model.__name__} has no relation {name!r} to prefetch (in {lookup.prefetch_through!r}).",
        expected=f"one of {', '.join(known)}" if known else "a relation; it has none",
        fix=nearest(name, known),
    )


__all__ = ["GenericPrefetch", "Prefetch", "prefetch_related_objects", "prefetcher_of"]
