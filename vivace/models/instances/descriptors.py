"""The attributes by which an object reaches its related objects.

Five kinds, one class each, with Django's names:

1. ``ForwardManyToOneDescriptor``: ``book.author`` (ForeignKey).
2. ``ForwardOneToOneDescriptor``: ``profile.user`` (OneToOneField); assigning also tells the other side.
3. ``ReverseOneToOneDescriptor``: ``user.profile``.
4. ``ReverseManyToOneDescriptor``: ``author.books``, a manager.
5. ``ManyToManyDescriptor``: ``book.tags`` and ``tag.books``, a manager.

Rules:

1. Loaded objects are kept in ``instance._state.cache`` under the attribute's name. A loaded object counts only while
   its key equals the foreign key's columns (``book.author_id = 7`` forgets the author without being told).
2. An object that was assigned before it had a key is kept as ``Pending``; it counts as long as the column is empty.
3. Reading what is not loaded raises ``NotLoaded``; in a render, and only there, it loads (for all peers).
"""

from __future__ import annotations

from typing import Any, cast

from vivace.errors import InvalidValue
from vivace.models.query.hydrate import Absent
from vivace.models.query.managers import many_related_manager, reverse_manager
from vivace.models.query.prefetchers import (
    ForwardPrefetcher,
    ManyToManyPrefetcher,
    ReverseManyPrefetcher,
    ReverseOnePrefetcher,
)

from .missing import load_in_render, relation_not_loaded

UNSET: Any = object()


class Pending:
    """An object that was assigned to a relation before it was saved."""

    __slots__ = ("target",)

    def __init__(self, target: Any) -> None:
        self.target = target


def cache_of(instance: Any) -> dict[str, Any]:
    """Return the dictionary of the instance's loaded relations, making it when it is the first."""
    state = instance._state
    if state.cache is None:
        state.cache = {}
    return cast("dict[str, Any]", state.cache)


def forget(instance: Any, name: str) -> None:
    """Drop a loaded relation."""
    cache = instance._state.cache
    if cache:
        cache.pop(name, None)


def _no_related_object(owner: Any, name: str, related_model: Any) -> Exception:
    """Return the error of a relation without an object: the related model's DoesNotExist and an AttributeError."""
    kind = type(
        "RelatedObjectDoesNotExist", (related_model.DoesNotExist, AttributeError), {"__module__": __name__}
    )
    error: Exception = kind(f"{owner.__name__} has no {name}.")
    return error


class ForwardManyToOneDescriptor:
    """The object that a foreign key points to."""

    def __init__(self, field: Any) -> None:
        self.field = field
        self.name: str = field.name
        self.prefetcher = ForwardPrefetcher(self)
        self._pairs: tuple[tuple[str, str], ...] | None = None

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Attribute names here and there whose values are equal when the relation holds."""
        if self._pairs is None:
            field = self.field
            self._pairs = tuple(
                (here.attname, there.attname)
                for here, there in zip(field.local_related_fields, field.foreign_related_fields, strict=True)
            )
        return self._pairs

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self.field.class_attribute(owner)
        found = self.loaded(instance)
        if found is UNSET and not any(getattr(instance, here) is None for here, _ in self.pairs):
            if not load_in_render(instance, self.name):
                raise relation_not_loaded(type(instance), self.name)
            found = self.loaded(instance)
        return self._empty(instance) if found is UNSET or found is None else found

    def loaded(self, instance: Any) -> Any:
        """Return the loaded object, or ``UNSET`` when there is none that still counts."""
        cache = instance._state.cache
        if not cache:
            return UNSET
        found = cache.get(self.name, UNSET)
        if found is UNSET:
            return UNSET
        values = instance.__dict__
        if type(found) is Pending:
            return found.target if self._is_empty(instance) else UNSET
        if found is None or type(found) is Absent:
            key = tuple(values.get(here) for here, _ in self.pairs)
            return (
                None if (found is None and None in key) or (found is not None and found.key == key) else UNSET
            )
        for here, there in self.pairs:
            if values.get(here, UNSET) != getattr(found, there):
                return UNSET
        return found

    def _is_empty(self, instance: Any) -> bool:
        return any(instance.__dict__.get(here) is None for here, _ in self.pairs)

    def _empty(self, instance: Any) -> None:
        if not self.field.null:
            raise _no_related_object(type(instance), self.name, self.field.remote_field.model)

    def __set__(self, instance: Any, value: Any) -> None:
        self._check(instance, value)
        if value is None:
            for here, _ in self.pairs:
                setattr(instance, here, None)
            forget(instance, self.name)
            return
        for here, there in self.pairs:
            setattr(instance, here, getattr(value, there))
        self.remember(instance, value)

    def _check(self, instance: Any, value: Any) -> None:
        expected = self.field.remote_field.model._meta.concrete_model
        if value is None or isinstance(value, expected):
            return
        raise InvalidValue(
            f"{type(instance).__name__}.{self.name} cannot be set.",
            expected=f"an object of {expected.__name__}, or None",
            got=f"{type(value).__name__} {str(value)[:60]!r}",
            fix=f"To give a key, set {self.field.attname}." if not hasattr(value, "_meta") else "",
        )

    def remember(self, instance: Any, value: Any) -> None:
        """Keep an object as loaded."""
        pending = value is not None and any(getattr(value, there) is None for _, there in self.pairs)
        cache_of(instance)[self.name] = Pending(value) if pending else value

    def is_cached(self, instance: Any) -> bool:
        """Say whether reading would not need a query."""
        return self.loaded(instance) is not UNSET or self._is_empty(instance)


class ForwardOneToOneDescriptor(ForwardManyToOneDescriptor):
    """As a foreign key; the other side is told, since it has one object only."""

    def __set__(self, instance: Any, value: Any) -> None:
        before = self.loaded(instance)
        super().__set__(instance, value)
        name = self.field.remote_field.get_accessor_name() or self.field.remote_field.get_cache_name()
        if value is not None:
            cache_of(value)[name] = instance
        elif before is not UNSET and before is not None:
            forget(before, name)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is not None and self.field.remote_field.parent_link and self.loaded(instance) is UNSET:
            parent = self._parent(instance)
            if parent is not None:
                return parent
        return super().__get__(instance, owner)

    def _parent(self, instance: Any) -> Any:
        """Build the parent object of a child of multi-table inheritance from the child's own columns."""
        values = instance.__dict__
        model = self.field.remote_field.model
        names = [field.attname for field in model._meta.concrete_fields]
        if any(name not in values for name in names) or self._is_empty(instance):
            return None
        parent = model(**{name: values[name] for name in names})
        parent._state.adding = instance._state.adding
        parent._state.db = instance._state.db
        self.remember(instance, parent)
        return parent


class ReverseOneToOneDescriptor:
    """The object that points here with its OneToOneField."""

    def __init__(self, related: Any) -> None:
        self.related = related
        self.prefetcher = ReverseOnePrefetcher(self)
        self._name: str | None = None

    @property
    def name(self) -> str:
        """The attribute's name, which is where the object is kept."""
        if self._name is None:
            self._name = self.related.get_accessor_name()
        return self._name or ""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        found = self.loaded(instance)
        if found is UNSET and instance.pk is not None and load_in_render(instance, self.name):
            found = self.loaded(instance)
        if found is UNSET and instance.pk is not None:
            raise relation_not_loaded(type(instance), self.name)
        if found is UNSET or found is None:
            raise _no_related_object(type(instance), self.name, self.related.related_model)
        return found

    def loaded(self, instance: Any) -> Any:
        """Return the loaded object, ``None`` when there is known to be none, ``UNSET`` when not known."""
        cache = instance._state.cache
        found = cache.get(self.name, UNSET) if cache else UNSET
        if found is UNSET or found is None:
            return found
        field = self.related.field
        for here, there in zip(field.local_related_fields, field.foreign_related_fields, strict=True):
            if here.attname not in found.__dict__:
                continue  # deferred, so not changed either
            if getattr(found, here.attname) != getattr(instance, there.attname):
                return UNSET
        return found

    def __set__(self, instance: Any, value: Any) -> None:
        forward = self.related.field
        if value is None:
            before = self.loaded(instance)
            if before is not UNSET and before is not None:
                setattr(before, forward.name, None)
            forget(instance, self.name)
            return
        expected = self.related.related_model
        if not isinstance(value, expected):
            raise InvalidValue(
                f"{type(instance).__name__}.{self.name} cannot be set.",
                expected=f"an object of {expected.__name__}, or None",
                got=f"{type(value).__name__} {str(value)[:60]!r}",
            )
        setattr(value, forward.name, instance)
        cache_of(instance)[self.name] = value

    def is_cached(self, instance: Any) -> bool:
        """Say whether reading would not need a query."""
        return self.loaded(instance) is not UNSET


class ReverseManyToOneDescriptor:
    """The manager of the objects whose foreign keys point here."""

    def __init__(self, rel: Any) -> None:
        self.rel = rel
        self.field = rel.field
        self.prefetcher = ReverseManyPrefetcher(rel)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else reverse_manager(self.rel)(instance)

    def __set__(self, instance: Any, value: Any) -> None:
        raise _assignment(instance, self.rel.get_accessor_name())


class ManyToManyDescriptor:
    """The manager of the objects at the other end of a ManyToManyField."""

    def __init__(self, rel: Any, reverse: bool = False) -> None:
        self.rel = rel
        self.field = rel.field
        self.reverse = reverse
        self.prefetcher = ManyToManyPrefetcher(rel, reverse)

    @property
    def through(self) -> Any:
        """The model of the table between."""
        return self.rel.through

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else many_related_manager(self.rel, self.reverse)(instance)

    def __set__(self, instance: Any, value: Any) -> None:
        raise _assignment(instance, self.rel.get_accessor_name() if self.reverse else self.field.name)


def _assignment(instance: Any, name: str) -> TypeError:
    owner = type(instance).__name__
    return TypeError(
        f"{owner}.{name} holds many objects and cannot be assigned. "
        f"Use `await {owner.lower()}.{name}.set(…)`, add(…), remove(…) or clear()."
    )


__all__ = [
    "UNSET",
    "ForwardManyToOneDescriptor",
    "ForwardOneToOneDescriptor",
    "ManyToManyDescriptor",
    "Pending",
    "ReverseManyToOneDescriptor",
    "ReverseOneToOneDescriptor",
    "cache_of",
    "forget",
]
