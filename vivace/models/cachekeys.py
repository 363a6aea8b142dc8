"""Objects and queries as parts of a cache's key: see ``vivace.cache.keys``, whose protocol this is.

An object has the key of all that it holds: its columns as loaded, what a query or a view added, and the relations that
were loaded with it. A template that shows it can show nothing else without a query, and queries are recorded. A queryset
that has not been fetched has the key of its question, so that a page whose fragments are kept asks no database at all.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from vivace.cache.keys import Keying

_NOT_VALUES: Final = frozenset({"_state", "_origin"})
_NOT_THE_QUESTION: Final = frozenset(
    "model query_state _db _hints _rows _prefetch _known _loader _strict _sticky _cache".split()
)
_STANDARD: Final = len(_NOT_THE_QUESTION)  # what each queryset has


def _kind(value: Any) -> Hashable:
    return cast("Hashable", value.__class__)


def instance_key(instance: Any, keying: Keying) -> Hashable:
    """Return the key of an object: class, database, values and loaded relations."""
    again = (_kind(instance), "again", _key_value(instance))
    return keying.once(instance, lambda: _instance_key(instance, keying), again)


def _instance_key(instance: Any, keying: Keying) -> Hashable:
    values = instance.__dict__
    state = values.get("_state")
    origin = values.get("_origin") if state is None else state
    own = [(name, keying.of(value)) for name, value in values.items() if name not in _NOT_VALUES]
    _note_rows(instance, keying)
    relations = None if state is None else state.cache
    loaded = [(name, keying.of(value)) for name, value in relations.items()] if relations else ()
    return _kind(instance), getattr(origin, "db", None), tuple(own), tuple(loaded)


def _key_value(instance: Any) -> Hashable:
    options: Any = instance._meta
    return tuple(repr(instance.__dict__.get(field.attname)) for field in options.pk_fields)


def _note_rows(instance: Any, keying: Keying) -> None:
    """Note the row, in the tables of parents, too, whose columns stand in the same object."""
    values = instance.__dict__
    for table, column, attname in key_places(instance.__class__):
        keying.used_row(table, column, values.get(attname))


def key_places(model: Any) -> tuple[tuple[str, str, str], ...]:
    """Return (table, column, attribute) of the key of a model and its parents; known after the first time."""
    options = model._meta
    found: tuple[tuple[str, str, str], ...] | None = options.__dict__.get("_key_places")
    if found is None:
        models = [options.concrete_model, *options.parents]
        found = tuple(
            (each._meta.db_table, field.column, field.attname)
            for each in models
            for field in each._meta.pk_fields[:1]
        )
        options.__dict__["_key_places"] = found
    return found


def queryset_key(queryset: Any, keying: Keying) -> Hashable:
    """Return the key of a queryset: its rows where they were fetched, else its question."""
    values = queryset.__dict__
    if values["_cache"] is not None:
        return queryset.__class__, "rows", keying.all_of(values["_cache"])
    state = values["query_state"]
    params = state.params
    key: tuple[Hashable, ...] = (
        queryset.__class__,
        state.model,
        state.steps,
        keying.all_of(params) if params else params,
        state.shape,
        state.low,
        state.high,
        values["_db"],
        values["_rows"],
        values["_strict"],
    )
    if len(values) > _STANDARD or values["_known"] is not None or values["_prefetch"]:
        return (*key, *_more(values, keying))
    return key


def _more(values: dict[str, Any], keying: Keying) -> tuple[Hashable, ...]:
    """Return what few querysets have: what is loaded with them, objects they came from, attributes of a class of one's own."""
    known = values["_known"]
    owners = () if known is None else keying.all_of(known[1].values())
    others = [(name, keying.of(value)) for name, value in values.items() if name not in _NOT_THE_QUESTION]
    return owners, keying.all_of(values["_prefetch"]), *others


def raw_key(queryset: Any, keying: Keying) -> Hashable:
    """Return the key of a raw query: its rows where they were fetched, else its SQL and values."""
    if queryset._cache is not None:
        return _kind(queryset), "rows", keying.all_of(queryset._cache)
    parts = (queryset.params, queryset.translations, queryset._tables, queryset._db, queryset._prefetch)
    return _kind(queryset), queryset.model, queryset.raw_query, keying.all_of(parts)


def manager_key(manager: Any, keying: Keying) -> Hashable:
    """Return the key of a manager: that of all its rows."""
    return _kind(manager), keying.of(manager.all())


def prefetch_key(prefetch: Any, keying: Keying) -> Hashable:
    """Return the key of a ``Prefetch``."""
    parts = (prefetch.prefetch_through, prefetch.prefetch_to, prefetch.queryset, prefetch.to_attr)
    return _kind(prefetch), keying.all_of(parts)


def prefetched_key(found: Any, keying: Keying) -> Hashable:
    """Return the key of the rows of a relation that were loaded."""
    return _kind(found), keying.all_of(found.rows), keying.of(found.given)


def absent_key(found: Any, keying: Keying) -> Hashable:
    """Return the key of a relation that leads nowhere."""
    return _kind(found), keying.of(found.key)


__all__ = [
    "absent_key",
    "instance_key",
    "key_places",
    "manager_key",
    "prefetch_key",
    "prefetched_key",
    "queryset_key",
    "raw_key",
]
