"""How each kind of relation fetches itself for many objects at once: one query with one array of keys.

Kinds: forward (foreign key, one-to-one), reverse one-to-one, reverse foreign key, many-to-many from either side. Each
asks whether an object has the relation loaded, fetches it for those that lack it, and tells what it led to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from vivace.models.cachekeys import prefetched_key
from vivace.models.expressions.names import F

from .hydrate import Absent

KEY = "_prefetch_related_key"
"""The annotation that tells which object a row of a many-to-many prefetch belongs to."""


class Prefetcher(Protocol):
    """What ``prefetch_related`` and ``load`` need of a relation."""

    def is_loaded(self, instance: Any) -> bool: ...

    def related(self, instance: Any) -> list[Any]:
        """Return the objects that a loaded relation leads to."""
        ...

    async def fetch(self, instances: Sequence[Any], queryset: Any, to_attr: str | None) -> None:
        """Fetch with one query and store: under the relation's name, or as ``to_attr``."""
        ...


class Prefetched:
    """The rows of a relation to many that were fetched.

    Not their queryset, which knows the object that they belong to: a circle that would stay until Python looks for circles.
    """

    __slots__ = ("given", "rows")

    def __init__(self, rows: list[Any], given: Any = None) -> None:
        self.rows = rows
        self.given = given  # the queryset of a Prefetch

    def __vivace_key__(self, keying: Any) -> Any:
        return prefetched_key(self, keying)


def keys_of(instances: Iterable[Any], attname: str) -> list[Any]:
    """Return the distinct values of an attribute, without ``None``."""
    found = dict.fromkeys(
        each.__dict__.get(attname) if attname in each.__dict__ else getattr(each, attname)
        for each in instances
    )
    found.pop(None, None)
    return list(found)


def aimed(queryset: Any, instances: Sequence[Any]) -> Any:
    """Return a queryset that asks the database from which the objects came, unless it names one."""
    hints = {**queryset._hints, "instance": instances[0]}
    return queryset._but(_hints=hints)


class ForwardPrefetcher:
    """The object of a foreign key or one-to-one field."""

    def __init__(self, descriptor: Any) -> None:
        self.descriptor = descriptor

    def is_loaded(self, instance: Any) -> bool:
        return bool(self.descriptor.is_cached(instance))

    def related(self, instance: Any) -> list[Any]:
        found = self.descriptor.loaded(instance)
        return [found] if hasattr(found, "_meta") else []

    async def fetch(self, instances: Sequence[Any], queryset: Any, to_attr: str | None) -> None:
        field = self.descriptor.field
        (here, there), *_ = self.descriptor.pairs
        keys = keys_of(instances, here)
        found: dict[Any, Any] = {}
        if keys:
            rows = queryset if queryset is not None else field.remote_field.model._base_manager.all()
            rows = aimed(rows, instances).filter(**{f"{field.foreign_related_fields[0].name}__in": keys})
            found = {getattr(each, there): each for each in await rows}
        remote = "" if field.remote_field.multiple else field.remote_field.get_cache_name()
        for each in instances:
            key = getattr(each, here)
            target = found.get(key) if key is not None else None
            if to_attr:
                setattr(each, to_attr, target)
            elif key is not None:
                each._state.fields_cache[field.name] = Absent((key,)) if target is None else target
            if target is not None and remote:
                target._state.fields_cache[remote] = each


class ReverseOnePrefetcher:
    """The object that points here with a one-to-one field."""

    def __init__(self, descriptor: Any) -> None:
        self.descriptor = descriptor

    def is_loaded(self, instance: Any) -> bool:
        return bool(self.descriptor.is_cached(instance))

    def related(self, instance: Any) -> list[Any]:
        found = instance._state.fields_cache.get(self.descriptor.name)
        return [] if found is None else [found]

    async def fetch(self, instances: Sequence[Any], queryset: Any, to_attr: str | None) -> None:
        field = self.descriptor.related.field
        here, there = field.local_related_fields[0].attname, field.foreign_related_fields[0].attname
        rows = queryset if queryset is not None else self.descriptor.related.related_model._base_manager.all()
        keys = keys_of(instances, there)
        found: dict[Any, Any] = {}
        if keys:
            rows = aimed(rows, instances).filter(**{f"{field.name}__in": keys})
            found = {getattr(each, here): each for each in await rows}
        for each in instances:
            target = found.get(getattr(each, there))
            if to_attr:
                setattr(each, to_attr, target)
            else:
                each._state.fields_cache[self.descriptor.name] = target
            if target is not None:
                target._state.fields_cache[field.name] = each


class ManyPrefetcher:
    """Base of relations to many: rows are grouped by the object that they belong to."""

    name: str
    """Under which an object keeps what was fetched."""

    def is_loaded(self, instance: Any) -> bool:
        return type(instance._state.fields_cache.get(self.name)) is Prefetched

    def related(self, instance: Any) -> list[Any]:
        found = instance._state.fields_cache.get(self.name)
        return found.rows if type(found) is Prefetched else []

    def store(
        self,
        instances: Sequence[Any],
        attname: str,
        groups: dict[Any, list[Any]],
        given: Any,
        to_attr: str | None,
    ) -> None:
        """Give each object its rows."""
        for each in instances:
            rows = groups.get(getattr(each, attname), [])
            if to_attr:
                setattr(each, to_attr, rows[:])
            else:
                each._state.fields_cache[self.name] = Prefetched(rows[:], given)


class ReverseManyPrefetcher(ManyPrefetcher):
    """The objects whose foreign keys point here."""

    def __init__(self, rel: Any) -> None:
        self.rel = rel

    @property
    def name(self) -> str:  # type: ignore[override]
        accessor: str = self.rel.get_accessor_name()
        return accessor

    async def fetch(self, instances: Sequence[Any], queryset: Any, to_attr: str | None) -> None:
        field = self.rel.field
        here, there = field.local_related_fields[0].attname, field.foreign_related_fields[0].attname
        owners = {getattr(each, there): each for each in instances}
        rows = queryset if queryset is not None else self.rel.related_model._default_manager.all()
        found = await restricted(aimed(rows, instances), field.name, here, keys_of(instances, there))
        groups: dict[Any, list[Any]] = {}
        for each in found:
            key = getattr(each, here)
            groups.setdefault(key, []).append(each)
            each._state.fields_cache.setdefault(field.name, owners[key])
        self.store(instances, there, groups, queryset, to_attr)


class ManyToManyPrefetcher(ManyPrefetcher):
    """The objects at the other end of a many-to-many relation."""

    def __init__(self, rel: Any, reverse: bool) -> None:
        self.rel = rel
        self.reverse = reverse

    @property
    def name(self) -> str:  # type: ignore[override]
        field = self.rel.field
        accessor: str = self.rel.get_accessor_name() if self.reverse else field.name
        return accessor

    async def fetch(self, instances: Sequence[Any], queryset: Any, to_attr: str | None) -> None:
        field = self.rel.field
        model = self.rel.related_model if self.reverse else self.rel.model
        path = field.name if self.reverse else field.related_query_name()
        source = field.links[1] if self.reverse else field.links[0]
        there = source.foreign_related_fields[0]
        rows = queryset if queryset is not None else model._default_manager.all()
        key = f"{path}__{there.name}"
        found = await restricted(aimed(rows, instances), path, key, keys_of(instances, there.attname), key)
        groups: dict[Any, list[Any]] = {}
        for each in found:
            groups.setdefault(each.__dict__.pop(KEY), []).append(each)
        self.store(instances, there.attname, groups, queryset, to_attr)


async def restricted(
    queryset: Any, path: str, partition: str, keys: list[Any], annotated: str = ""
) -> list[Any]:
    """Fetch the rows that a relation leads to from these keys; a slice counts for each key by itself.

    ``annotated`` names the path whose value each row shall carry as ``KEY``.
    """
    if not keys:
        return []
    state = queryset.query_state
    low, high, sliced = state.low, state.high, state.sliced
    if sliced:
        queryset = queryset._with(without_limits(state))
    queryset = queryset._filter_sticky({f"{annotated or path}__in": keys})
    if sliced:
        queryset = numbered(queryset, partition, low, high)
    if annotated:
        queryset = queryset.annotate(**{KEY: F(annotated)})
    rows: list[Any] = await queryset
    return rows


def without_limits(state: Any) -> Any:
    """Return a state before it was sliced."""
    return state.but(low=0, high=None).reshaped(limited=False, few=False, offset=False)


def numbered(queryset: Any, partition: str, low: int, high: int | None) -> Any:
    """Keep rows ``low`` up to ``high`` of each partition, in the queryset's order."""
    from vivace.models.expressions.functions.windowed import RowNumber
    from vivace.models.expressions.windows import Window

    window = Window(
        RowNumber(), partition_by=[F(partition)], order_by=_order_of(queryset.query_state) or None
    )
    conditions = {"_prefetch_row__gt": low}
    if high is not None:
        conditions["_prefetch_row__lte"] = high
    return queryset.alias(_prefetch_row=window).filter(**conditions)


def _order_of(state: Any) -> list[Any]:
    items = state.ordering()
    if items is None:
        return [_ordered(each) for each in state.model._meta.ordering]
    return [_ordered(f"-{item.name}" if item.descending else item.name) for item in items if item.name]


def _ordered(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    return F(written[1:]).desc() if written.startswith("-") else F(written).asc()


__all__ = [
    "ForwardPrefetcher",
    "ManyToManyPrefetcher",
    "Prefetched",
    "Prefetcher",
    "ReverseManyPrefetcher",
    "ReverseOnePrefetcher",
    "keys_of",
]
