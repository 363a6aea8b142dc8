"""Checks of a model as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import get_annotations
from typing import TYPE_CHECKING, Any

from vivace.errors import nearest
from vivace.errors.base import VivaceError
from vivace.errors.findings import Finding
from vivace.errors.models import FieldDoesNotExist
from vivace.models.naming import paths_in
from vivace.models.shapes import is_listed

from .overrides import check_overrides
from .places import about, place_of

if TYPE_CHECKING:
    from vivace.models.base import Model


def check_model(model: type[Model]) -> list[Finding]:
    """Return everything that is wrong with a model."""
    options = model._meta
    findings = [*_name(model), *check_overrides(model)]
    if options.proxy:
        return findings
    for field in (*options.local_fields, *options.local_many_to_many):
        findings += _guarded(model, field.check)
    findings += [
        *_managers(model),
        *_columns(model),
        *_attributes(model),
        *_id_field(model),
        *_groups(model),
        *_ordering(model),
        *_indexes(model),
        *_constraints(model),
        *_declarations(model),
    ]
    return findings


def _guarded(model: type[Model], check: Any) -> list[Finding]:
    """Run a check; what makes it fail is a finding too."""
    try:
        findings: list[Finding] = check()
    except VivaceError as error:
        return [Finding.from_error(error, place_of(model))]
    return findings


def _name(model: type[Model]) -> list[Finding]:
    name = model.__name__
    if name.startswith("_") or name.endswith("_"):
        return [
            about(
                model,
                "model-name",
                "a model's name cannot begin or end with an underscore: lookups use it.",
                "Rename it.",
            )
        ]
    if "__" in name:
        return [
            about(
                model,
                "model-name",
                "a model's name cannot contain '__': lookups are separated by it.",
                "Rename it.",
            )
        ]
    return []


def _managers(model: type[Model]) -> list[Finding]:
    options = model._meta
    findings = _guarded(model, lambda: _named_managers(options))
    for manager in options.managers:
        findings += _guarded(model, manager.check)
    return findings


def _named_managers(options: Any) -> list[Finding]:
    """Look up the managers that ``Meta`` names, which raises when there are none."""
    _ = options.default_manager, options.base_manager
    return []


def _columns(model: type[Model]) -> list[Finding]:
    """Find columns that two fields share, and names longer than PostgreSQL's 63 bytes."""
    seen: dict[str, str] = {}
    findings: list[Finding] = []
    for field in model._meta.local_concrete_fields:
        column = str(field.column)
        if column in seen:
            findings.append(
                about(
                    model,
                    "column-clash",
                    f"{seen[column]} and {field.name} have the same column {column!r}.",
                    "Set db_column on one of them.",
                )
            )
        seen[column] = field.name
        if len(column.encode()) > 63:
            findings.append(
                about(
                    model, "column-name", f"the column {column!r} is longer than 63 bytes.", "Set db_column."
                )
            )
    return findings


def _attributes(model: type[Model]) -> list[Finding]:
    """Find fields that hide each other: an attname and a name, a property and a relation's key, two parents' fields."""
    options = model._meta
    seen: dict[str, Any] = {}
    findings: list[Finding] = []
    for field in options.fields:
        for name in {field.name, field.attname}:
            other = seen.get(name)
            if other is not None and other is not field:
                findings.append(
                    about(
                        model,
                        "field-clash",
                        f"{field} and {other} both need the attribute {name!r}.",
                        "Rename one.",
                    )
                )
            seen[name] = field
        if field.is_relation and field.attname in options.property_names:
            findings.append(
                about(
                    model,
                    "field-clash",
                    f"the property {field.attname!r} hides the key of {field.name!r}.",
                    "Rename it.",
                )
            )
    return findings


def _id_field(model: type[Model]) -> list[Finding]:
    for field in model._meta.local_fields:
        if field.name == "id" and field is not model._meta.pk:
            return [
                about(
                    model,
                    "id-field",
                    "a field called 'id' must be the primary key.",
                    "Add primary_key=True, or rename it.",
                )
            ]
    return []


# -- Meta ------------------------------------------------------------------------------------------------------------


def _groups(model: type[Model]) -> list[Finding]:
    groups = model._meta.unique_together
    if not is_listed(groups) or not all(is_listed(group) for group in groups):
        return [about(model, "unique-together", "unique_together must be a list of lists of names.")]
    return [finding for group in groups for finding in local_names(model, group, "unique_together")]


def local_names(model: type[Model], names: Iterable[str], option: str) -> list[Finding]:
    """Return findings for names in ``Meta`` that are no columns of the model's own table."""
    options = model._meta
    known = {
        name: field
        for field in (*options.fields, *options.many_to_many)
        for name in (field.name, field.attname)
    }
    findings: list[Finding] = []
    for name in names:
        field = options.pk if name == "pk" else known.get(name)
        if field is None:
            findings.append(
                about(
                    model,
                    "unknown-field",
                    f"Meta.{option} names {name!r}, which is no field.",
                    nearest(name, known),
                )
            )
        elif field.many_to_many:
            findings.append(
                about(
                    model,
                    "unknown-field",
                    f"Meta.{option} names {name!r}, which is many-to-many and has no column.",
                )
            )
        elif field not in options.local_fields:
            findings.append(
                about(
                    model,
                    "unknown-field",
                    f"Meta.{option} names {name!r}, which is in the table of {field.model._meta.label}.",
                )
            )
    return findings


def _ordering(model: type[Model]) -> list[Finding]:
    options = model._meta
    if options._ordering_clash:
        return [
            about(model, "ordering", "ordering and order_with_respect_to exclude each other.", "Keep one.")
        ]
    if not options.ordering or options.order_with_respect_to:
        return []
    if not is_listed(options.ordering):
        return [
            about(model, "ordering", "ordering must be a list.", f'Write ordering = ["{options.ordering}"].')
        ]
    findings: list[Finding] = []
    for item in options.ordering:
        paths = [tuple(item.lstrip("-+").split("__"))] if isinstance(item, str) else list(paths_in(item))
        findings += [finding for path in paths if path != ("?",) for finding in _path(model, path)]
    return findings


def _path(model: type[Model], path: tuple[str, ...]) -> list[Finding]:
    """Return a finding when a path leads nowhere; its end may be transforms."""
    here: Any = model
    field: Any = None
    for part in path:
        if here is None:
            if field is not None and field.get_transform(part) is None and field.get_lookup(part) is None:
                return [
                    about(
                        model,
                        "ordering",
                        f"Meta.ordering names {'__'.join(path)!r}: {part!r} is no transform.",
                    )
                ]
            continue
        try:
            field = here._meta.pk if part == "pk" else here._meta.get_field(part)
        except FieldDoesNotExist as error:
            return [
                about(model, "ordering", f"Meta.ordering names {'__'.join(path)!r}: {error.what}", error.fix)
            ]
        target = (
            field.related_model if field.is_relation and part != getattr(field, "attname", None) else None
        )
        here = None if isinstance(target, str) else target
        if target is None and len(path) == 1:
            return []
    return []


def _indexes(model: type[Model]) -> list[Finding]:
    findings: list[Finding] = []
    for index in model._meta.indexes:
        if len(index.name) > index.max_name_length:
            findings.append(
                about(
                    model,
                    "index-name",
                    f"the index name {index.name!r} is longer than {index.max_name_length}.",
                )
            )
        if index.name[:1] == "_" or index.name[:1].isdigit():
            findings.append(
                about(model, "index-name", f"the index name {index.name!r} begins with '_' or a digit.")
            )
        names = [name for name, _ in index.fields_orders]
        referenced = [path[0] for expression in index.expressions for path in paths_in(expression)]
        findings += local_names(model, dict.fromkeys([*names, *index.include, *referenced]), "indexes")
    return [*findings, *_repeated(model, "index", [index.name for index in model._meta.indexes])]


def _constraints(model: type[Model]) -> list[Finding]:
    findings: list[Finding] = []
    for constraint in model._meta.constraints:
        names = [*getattr(constraint, "fields", ()), *getattr(constraint, "include", ())]
        parts = [*getattr(constraint, "expressions", ()), getattr(constraint, "condition", None)]
        for path in (path for part in parts for path in paths_in(part)):
            names.append(path[0])
            findings += _join(model, path)
        findings += local_names(model, dict.fromkeys(names), "constraints")
    return [*findings, *_repeated(model, "constraint", [each.name for each in model._meta.constraints])]


def _join(model: type[Model], path: tuple[str, ...]) -> list[Finding]:
    field = model._meta._forward_fields_map.get(path[0])
    if field is None or not field.is_relation or len(path) == 1:
        return []
    if field.get_transform(path[1]) is not None or field.get_lookup(path[1]) is not None:
        return []
    return [
        about(model, "constraint-join", f"a constraint names {'__'.join(path)!r}, a column of another table.")
    ]


def _repeated(model: type[Model], kind: str, names: list[str]) -> list[Finding]:
    twice = sorted({name for name in names if names.count(name) > 1})
    return [
        about(model, f"{kind}-name", f"two of its {kind}s are called {name!r}.", "Rename one.")
        for name in twice
    ]


# -- declared lines ----------------------------------------------------------------------------------------------------


def _declarations(model: type[Model]) -> list[Finding]:
    """Find ``author_id: models.Id[int]`` and ``books: models.Reverse["Book"]`` that no relation gives."""
    options = model._meta
    columns = {field.attname for field in options.fields}
    accessors = {rel.get_accessor_name() for rel in options.related_objects}
    kinds = {"Id[": columns, "Reverse[": accessors, "ReverseOne[": accessors}
    findings: list[Finding] = []
    for name, annotation in get_annotations(model).items():
        said = annotation if isinstance(annotation, str) else repr(annotation)
        kind = next(
            (
                each
                for each in kinds
                if said.startswith((each, f"models.{each}", f"vivace.models.access.{each}"))
            ),
            None,
        )
        if kind is not None and name not in kinds[kind]:
            known = sorted(filter(None, kinds[kind]))
            findings.append(
                about(
                    model,
                    "unknown-declaration",
                    f"it declares {name!r} as {said}, but nothing gives it.",
                    nearest(name, known),
                )
            )
    return findings
