"""Names in queries: ``author__name__icontains`` into hops over relations, a field, transforms and a lookup.

A ``Path`` depends on model classes only, not on a query; ``Model._meta.path_cache`` keeps it until the classes change.

*Trimming*: a path that ends at what a foreign key points to (``author__id``, ``author``) ends at the key's own column,
without a join. A path that ends at a relation to many ends at the other table's primary key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from vivace.errors import FieldDoesNotExist, FieldError
from vivace.errors.nearest import nearest
from vivace.models.sharing import of_running_app

SEPARATOR: Final = "__"
CACHED: Final = 4000  # entries of one model's path_cache; JSON keys may come from users, so it is bounded


class Hop(msgspec.Struct, frozen=True, cache_hash=True):
    """One join: from a model over ``relation`` to ``model``, where the (own field, other field) ``pairs`` are equal.

    ``many``: one row may meet several. ``direct``: the key is on this side. ``filtered``: the name of the
    ``FilteredRelation`` that it is.
    """

    relation: Any
    model: Any
    pairs: tuple[tuple[Any, Any], ...]
    many: bool
    direct: bool
    nullable: bool
    filtered: str = ""


class Path:
    """``hops`` lead to the table of the ``targets`` (one field, or those of a composite key).

    ``final`` is the field or relation that was named, ``rest`` the names behind it.
    """

    __slots__ = ("all_hops", "final", "hops", "model", "ref", "rest", "shared", "targets", "text")

    ref: Any

    def __init__(
        self,
        model: Any,
        text: str,
        hops: tuple[Hop, ...],
        targets: tuple[Any, ...],
        final: Any,
        rest: tuple[str, ...],
    ) -> None:
        self.model = model
        self.text = text
        self.final = final
        self.rest = rest
        self.all_hops = hops
        self.hops, self.targets = trimmed(hops, targets)
        self.ref = None  # the one reference to it: made once, so that its hash is too
        self.shared = False  # a name in it means something else in another app

    @property
    def many(self) -> bool:
        """Whether it crosses a relation to many rows."""
        return any(hop.many for hop in self.all_hops)

    @property
    def whole(self) -> Any:
        """The field whose values all targets together are: a composite key."""
        return self.final.path_infos[-1].to_opts.pk if self.final.is_relation else self.final

    def __repr__(self) -> str:
        return f"<Path {self.text} of {self.model._meta.label}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return find, (self.model, self.text)


def trimmed(hops: tuple[Hop, ...], targets: tuple[Any, ...]) -> tuple[tuple[Hop, ...], tuple[Any, ...]]:
    """Drop final joins whose only use would be to read what the own key column has already."""
    while hops and hops[-1].direct and not hops[-1].filtered:
        own = {other: field for field, other in hops[-1].pairs}
        if not all(target in own for target in targets):
            break
        targets = tuple(own[target] for target in targets)
        hops = hops[:-1]
    return hops, targets


def find(model: Any, text: str) -> Path:
    """Return the path of a name. Raises ``FieldError`` when its first part, or a part behind a relation, is unknown."""
    cache: dict[Any, Any] = model._meta.path_cache
    key = ("path", text)
    known: Path | None = cache.get(key)
    if known is None:
        known = _find(model, text)
        if known.shared:
            return _of_this_app(known)
        remember(model, key, known)
    return known


def _of_this_app(path: Path) -> Path:
    """Return the one path that stands for these relations: the name alone does not say which they are."""
    key = ("path", path.text, *(hop.relation for hop in path.all_hops))
    known: Path | None = path.model._meta.path_cache.get(key)
    if known is None:
        remember(path.model, key, path)
    return known or path


def remember(model: Any, key: Any, value: Any) -> None:
    """Keep something in a model's cache of names."""
    cache: dict[Any, Any] = model._meta.path_cache
    if len(cache) >= CACHED:
        cache.clear()
    if not cache:
        model._meta.apps.warmed(model._meta)  # so that it is emptied when classes change
    cache[key] = value


def _find(model: Any, text: str) -> Path:
    names = text.split(SEPARATOR)
    hops: list[Hop] = []
    options = model._meta
    final: Any = None
    targets: tuple[Any, ...] = ()
    position, shared = 0, False
    for position, name in enumerate(names):
        shared = shared or name in options.shared_names
        field = field_named(options, name)
        if field is None:
            if position == 0 or (final is not None and final.is_relation and not _may_follow(final, name)):
                raise unknown(options, name, text, after=position > 0)
            position -= 1
            break
        final = field
        options, targets = _step(options, field, hops)
        if options is None:
            break
    path = Path(model, text, tuple(hops), targets, final, tuple(names[position + 1 :]))
    path.shared = shared
    return path


def _step(options: Any, field: Any, hops: list[Hop]) -> tuple[Any, tuple[Any, ...]]:
    """Follow one name; the options are ``None`` when it was a plain field, behind which only transforms come."""
    owner = getattr(field, "model", None)
    concrete = owner._meta.concrete_model if owner is not None else None
    if concrete is not None and concrete is not options.concrete_model:
        hops.extend(hop_of(info) for info in options.get_path_to_parent(concrete))
    infos = getattr(field, "path_infos", None)
    if infos:
        hops.extend(hop_of(info) for info in infos)
        return infos[-1].to_opts, expanded(infos[-1].target_fields)
    return None, expanded((field,))


def expanded(fields: Iterable[Any]) -> tuple[Any, ...]:
    """Return fields that have a column: a composite key stands for those that it is made of."""
    return tuple(
        part
        for field in fields
        for part in (field.fields if getattr(field, "field_names", None) is not None else (field,))
    )


def hop_of(info: Any) -> Hop:
    """Return a join from what a relation says of itself."""
    relation = info.join_field
    pairs = tuple((own, other) for own, other in relation.get_joining_fields())
    nullable = bool(relation.null) if info.direct else True
    return Hop(relation, info.to_opts.model, pairs, bool(info.m2m), bool(info.direct), nullable)


def field_named(options: Any, name: str) -> Any:
    """Return a field or reverse relation, ``pk`` included; ``None`` when there is none."""
    if name in options.shared_names:
        return of_running_app(options.shared_names[name])
    try:
        return options.pk if name == "pk" else options.get_field(name)
    except FieldDoesNotExist:
        return None


def _may_follow(relation: Any, name: str) -> bool:
    """Say whether a name behind a relation is a lookup or transform of the key."""
    field = output_field(relation)
    return field.get_lookup(name) is not None or field.get_transform(name) is not None


def output_field(field: Any) -> Any:
    """Return the field whose values a field or relation holds."""
    while getattr(field, "is_relation", False):
        infos = getattr(field, "path_infos", None)
        following = infos[-1].target_fields[0] if infos else field.target_field
        if following is field:
            break
        field = following
    return field


def choices(options: Any) -> Iterator[str]:
    """Yield the names that may begin a path."""
    for field in options.get_fields():
        if field.name and not getattr(field, "hidden", False):
            yield field.name


def unknown(options: Any, name: str, text: str, *, after: bool, extra: Iterable[str] = ()) -> FieldError:
    """Return the error for a name that is no field, with the nearest match."""
    known = sorted({*choices(options), *extra})
    where = f" (in {text!r})" if after or text != name else ""
    return FieldError(
        f"{options.label} has no field {name!r}{where}.",
        expected=f"one of {', '.join(known)}",
        fix=nearest(name, known),
    )


def with_filter(path: Path, hops: int, name: str) -> Path:
    """Return a path whose hop number ``hops`` (counted from 1) is the filtered relation ``name``."""
    marked = tuple(
        msgspec.structs.replace(hop, filtered=name) if position == hops - 1 else hop
        for position, hop in enumerate(path.all_hops)
    )
    targets = path_targets(path)
    return Path(path.model, path.text, marked, targets, path.final, path.rest)


def path_targets(path: Path) -> tuple[Any, ...]:
    """Return the targets as they were before trimming."""
    infos = getattr(path.final, "path_infos", None)
    return expanded(infos[-1].target_fields if infos else (path.final,))


__all__ = [
    "SEPARATOR",
    "Hop",
    "Path",
    "choices",
    "field_named",
    "find",
    "hop_of",
    "output_field",
    "remember",
    "trimmed",
    "unknown",
    "with_filter",
]
