"""What queries may name: the paths of each model by kind of value, its relations, and the lookups of each kind.

It is read from Django's ``_meta``, so a new field in ``models.py`` is reached without a change here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.differential import django_side
from tests.differential.schema import KINDS

MODELS: Final = (
    "Book",
    "Author",
    "Publisher",
    "Tag",
    "Review",
    "Novel",
    "Oldest",
    "Cover",
    "Club",
    "Membership",
    "Shelf",
)
ORDERED: Final = ("exact", "in", "gt", "gte", "lt", "lte", "range", "isnull")
TEXTUAL: Final = (
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "iregex",
)
DATED: Final = (
    "year",
    "iso_year",
    "month",
    "day",
    "week",
    "week_day",
    "iso_week_day",
    "quarter",
)
TIMED: Final = ("hour", "minute", "second")
LOOKUPS: Final[dict[str, tuple[str, ...]]] = {
    "text": (*ORDERED, *TEXTUAL),
    "int": (*ORDERED, *TEXTUAL),
    "float": ORDERED,
    "decimal": ORDERED,
    "bool": ("exact", "in", "isnull"),
    "uuid": (*ORDERED, "contains", "startswith", "iexact"),
    "duration": ORDERED,
    "time": (*ORDERED, *TIMED),
    "date": (*ORDERED, *DATED),
    "datetime": (*ORDERED, *DATED, *TIMED, "date", "time"),
    "json": ("exact", "in", "isnull", "has_key", "has_keys", "has_any_keys", "contains", "contained_by"),
}
TRANSFORMS: Final = {**dict.fromkeys((*DATED, *TIMED), "int"), "date": "date", "time": "time"}
KEYS: Final = ("a", "t", "b__c", "list", "n", "f", "a__b", "b__c__0", "list__1", "1", "0", "missing", "1__a")


@dataclass(frozen=True, slots=True)
class Path:
    """A column that can be reached from a model."""

    name: str
    kind: str
    null: bool
    many: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation of a model: its name in queries and on objects."""

    name: str
    accessor: str
    model: str
    many: bool
    null: bool
    key: str  # kind of the key that it is compared with


@functools.cache
def relations(model: str) -> tuple[Relation, ...]:
    """Return the relations of a model, forward and reverse."""
    found: list[Relation] = []
    for field in django_side.names()[model]._meta.get_fields(include_hidden=False):
        if not field.is_relation:
            continue
        target = field.related_model._meta
        forward = not field.auto_created or field.concrete
        accessor = field.name if forward else field.get_accessor_name()
        many = bool(field.many_to_many or field.one_to_many)
        null = bool(getattr(field, "null", True)) or not forward
        key = "tuple" if target.pk.name == "pk" else "int"
        found.append(Relation(field.name, accessor, target.object_name, many, null, key))
    return tuple(found)


@functools.cache
def own_paths(model: str) -> tuple[Path, ...]:
    """Return a model's own columns."""
    fields: Sequence[Any] = django_side.names()[model]._meta.concrete_fields
    return tuple(
        Path(field.name, KINDS[field.get_internal_type()], field.null, False)
        for field in fields
        if not field.is_relation
    )


@functools.cache
def paths(model: str, kind: str, depth: int = 2) -> tuple[Path, ...]:
    """Return the columns of a kind within reach of a model, the near ones first."""
    found = [each for each in own_paths(model) if kind in (each.kind, "any")]
    if depth:
        for relation in relations(model):
            found += (
                Path(
                    f"{relation.name}__{far.name}",
                    far.kind,
                    relation.null or far.null,
                    relation.many or far.many,
                )
                for far in paths(relation.model, kind, depth - 1)
            )
    return tuple(sorted(found, key=lambda each: each.name.count("__")))


@functools.cache
def relation_paths(model: str, depth: int = 2) -> tuple[Relation, ...]:
    """Return the relations within reach of a model, the near ones first."""
    found = list(relations(model))
    if depth > 1:
        for near in relations(model):
            found += (
                Relation(
                    f"{near.name}__{far.name}",
                    f"{near.accessor}__{far.accessor}",
                    far.model,
                    near.many or far.many,
                    near.null or far.null,
                    far.key,
                )
                for far in relations(near.model)
            )
    return tuple(sorted(found, key=lambda each: each.name.count("__")))
