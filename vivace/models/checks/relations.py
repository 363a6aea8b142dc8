"""Checks of relations: their targets, their way back, their tables between."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from keyword import iskeyword
from typing import Any, TypeAlias

from vivace.errors.findings import Finding
from vivace.errors.models import ModelError
from vivace.models.deletion_rules import DeletionRule

from .places import about_field as about

_RENAME = "Add or change related_name."
_OWN_KEY = "give {} a key of its own and make the columns unique with a UniqueConstraint."


def check_relation(field: Any) -> list[Finding]:
    """Return what is wrong with a relation of any kind."""
    rel = field.remote_field
    if isinstance(rel.model, str):
        return [_unresolved(field, rel.model)]
    if rel.model._meta.abstract:
        return [
            about(
                field, "unknown-model", f"{rel.model._meta.label} is abstract: it has no table to point to."
            )
        ]
    return [*_related_name(field), *_query_name(field), *_clashes(field, _fields_of(rel.model._meta))]


def _unresolved(field: Any, reference: str) -> Finding:
    """Return why a name leads nowhere: nobody has it, or several do."""
    try:
        field.model._meta.apps.resolve(field.model, reference)
    except ModelError as error:
        return about(field, "unknown-model", error.what, error.fix)
    return about(
        field, "unknown-model", f"{reference!r} was defined too late.", "Define it before the app starts."
    )


def _related_name(field: Any) -> list[Finding]:
    name = field.remote_field.related_name
    if name is None or name.endswith("+") or (name.isidentifier() and not iskeyword(name)):
        return []
    return [
        about(
            field,
            "related-name",
            f"related_name={name!r} is no identifier.",
            "Rename it, or end it with '+' for none.",
        )
    ]


def _query_name(field: Any) -> list[Finding]:
    if field.remote_field.hidden:
        return []
    name = field.related_query_name()
    if name.endswith("_") or "__" in name:
        return [
            about(
                field,
                "related-name",
                f"lookups cannot use {name!r}: it ends with '_' or contains '__'.",
                _RENAME,
            )
        ]
    return []


Taken: TypeAlias = tuple[str | None, str, str, str, str]
"""A name on the target as attribute, in lookups, whose it is, how a message about the latter goes on, and
what to do."""


def _clashes(field: Any, taken: Iterable[Taken]) -> list[Finding]:
    """Return where the way back, or the name in lookups, is that of something else on the target."""
    rel = field.remote_field
    if rel.hidden:
        return []
    label, accessor, query_name = rel.model._meta.label, rel.get_accessor_name(), field.related_query_name()
    findings: list[Finding] = []
    for name, asked, whose, also, fix in taken:
        if accessor is not None and name == accessor:
            message = f"its way back {label}.{accessor} is also {whose}."
            findings.append(about(field, "accessor-clash", message, fix))
        elif asked == query_name:
            message = f"lookups from {label} call {also.format(repr(query_name))}."
            findings.append(about(field, "query-name-clash", message, fix))
    return findings


def _fields_of(target: Any) -> Iterator[Taken]:
    for other in (*target.fields, *target.many_to_many):
        yield other.name, other.name, "a field", "it {}, which is a field there", _RENAME


def check_ways_back(field: Any, models: Collection[Any]) -> list[Finding]:
    """Return where another relation among these models leads back by the same name.

    Models of another app of the process are not looked at: an app has no relations to what it did not adopt.
    """
    target = field.remote_field.model
    if isinstance(target, str) or target._meta.abstract:
        return []
    others = (
        (
            other.get_accessor_name(),
            other.name,
            f"that of {other.field}",
            f"both it and {other.field} {{}}",
            _renaming(field, other.field),
        )
        for other in target._meta.related_objects
        if other.field is not field and not other.hidden and other.field.model in models
    )
    return _clashes(field, others)


def _renaming(field: Any, other: Any) -> str:
    """Return what to do where two ways back meet: classes of one name may have inherited the fields from one base."""
    name = field.model.__name__
    if field.model is other.model or name != other.model.__name__:
        return _RENAME
    return f"Rename one of the classes {name}, or write {field.name} in one of them, with related_name and related_query_name."


def check_foreign_key(field: Any) -> list[Finding]:
    """Return what is wrong with a foreign key."""
    if isinstance(field.remote_field.model, str):
        return []
    return [*_target_field(field), *_deletion(field), *_unique(field)]


def _target_field(field: Any) -> list[Finding]:
    rel = field.remote_field
    options = rel.model._meta
    name = rel.field_name
    if name is None or (name not in options._forward_fields_map and name != "pk"):
        return [about(field, "to-field", f"{options.label} has no field {name!r} to point to.")]
    target = field.target_field
    if options.is_composite_pk and target is options.pk:
        return [
            about(
                field,
                "to-field",
                f"{options.label} has a composite primary key, and a foreign key is one column.",
                f"Point to a unique field with to_field, or {_OWN_KEY.format(options.object_name)}",
            )
        ]
    if target.unique or _unique_alone(options, target.name):
        return []
    return [
        about(
            field,
            "to-field",
            f"{options.label}.{target.name} must be unique to be pointed to.",
            "Add unique=True to it.",
        )
    ]


def _unique_alone(options: Any, name: str) -> bool:
    groups = [
        *options.unique_together,
        *(constraint.fields for constraint in options.total_unique_constraints),
    ]
    return any(set(group) <= {name} for group in groups)


def _deletion(field: Any) -> list[Finding]:
    rule: DeletionRule = field.remote_field.on_delete
    if rule.name in ("SET_NULL", "DB_SET_NULL") and not field.null:
        return [
            about(
                field,
                "on-delete",
                f"on_delete={rule} needs null=True.",
                "Add null=True, or choose another rule.",
            )
        ]
    if rule.name == "SET_DEFAULT" and not field.has_default():
        return [about(field, "on-delete", "on_delete=SET_DEFAULT needs a default.", "Add default=…")]
    if rule.name == "DB_SET_DEFAULT" and not field.has_db_default():
        return [about(field, "on-delete", "on_delete=DB_SET_DEFAULT needs db_default.", "Add db_default=…")]
    if rule.by_database and not field.db_constraint:
        return [
            about(
                field,
                "on-delete",
                f"on_delete={rule} needs db_constraint=True: the database must know the relation.",
            )
        ]
    return []


def _unique(field: Any) -> list[Finding]:
    if field.unique and not field.one_to_one:
        return [
            about(
                field,
                "unique-foreign-key",
                "unique=True makes it a one-to-one relation.",
                "Use a OneToOneField.",
                "warning",
            )
        ]
    return []


def check_many_to_many(field: Any) -> list[Finding]:
    """Return what is wrong with a many-to-many relation."""
    return [*_options_without_effect(field), *_composite_ends(field), *_through(field)]


def _options_without_effect(field: Any) -> list[Finding]:
    said = {
        "null": field.has_null_arg,
        "validators": field._validators,
        "db_comment": field.db_comment,
        "related_name": field.remote_field.symmetrical and field._related_name,
    }
    findings = [
        about(field, "no-effect", f"{option} has no effect on it.", "Remove it.", "warning")
        for option, given in said.items()
        if given
    ]
    if field.unique:
        findings.append(about(field, "unique-many-to-many", "a ManyToManyField cannot be unique."))
    return findings


def _composite_ends(field: Any) -> list[Finding]:
    """The table between holds a foreign key to each end."""
    ends = [field.model, field.remote_field.model]
    bad = [end._meta for end in ends if not isinstance(end, str) and end._meta.is_composite_pk]
    return [
        about(
            field,
            "composite-key",
            f"{options.label} has a composite primary key, to which the table between cannot point.",
            "Point to another model, or " + _OWN_KEY.format(options.object_name),
        )
        for options in bad[:1]
        if getattr(field.remote_field.through, "_meta", None) is None
        or field.remote_field.through._meta.auto_created
    ]


def _through(field: Any) -> list[Finding]:
    rel = field.remote_field
    if isinstance(rel.model, str):
        return []
    if isinstance(rel.through, str):
        return [about(field, "unknown-model", f"through={rel.through!r} is no model.")]
    options = rel.through._meta
    if options.auto_created:
        return []
    if rel.through_fields:
        return _named_links(field, options)
    here, there = _links(options, rel.related_model), _links(options, rel.model)
    if rel.related_model is rel.model:
        if len(here) != 2:
            return [
                about(
                    field,
                    "through",
                    f"{options.label} needs two foreign keys to {rel.model._meta.label}; it has {len(here)}.",
                    "Name the two in through_fields.",
                )
            ]
        return []
    return [
        about(
            field,
            "through",
            f"{options.label} needs one foreign key to {model._meta.label}; it has {len(found)}.",
            "Name the two in through_fields." if found else "",
        )
        for model, found in ((rel.related_model, here), (rel.model, there))
        if len(found) != 1
    ]


def _links(options: Any, model: Any) -> list[str]:
    return [
        field.name
        for field in options.fields
        if field.remote_field is not None and field.remote_field.model is model
    ]


def _named_links(field: Any, options: Any) -> list[Finding]:
    rel = field.remote_field
    if len(rel.through_fields) != 2:
        return [
            about(field, "through", "through_fields needs two names.", "First the foreign key to this model.")
        ]
    return [
        about(
            field,
            "through",
            f"{options.label}.{name} is no foreign key to {model._meta.label}.",
            f"Those are: {', '.join(_links(options, model)) or 'none'}.",
        )
        for name, model in zip(rel.through_fields, (rel.related_model, rel.model), strict=True)
        if name not in _links(options, model)
    ]
