"""What an app asks of the models it adopts: whether they are sound together, and which columns its changes report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from vivace.db.types import TableColumns
from vivace.errors import Finding

from .checks import check_model
from .checks.places import about_field
from .checks.relations import check_ways_back
from .reported import reported_columns

if TYPE_CHECKING:
    from vivace.db import Databases

NAMES: Final[Mapping[str, str]] = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


def check_models(models: Sequence[Any]) -> list[Finding]:
    """Return everything that is wrong with these models, each alone and all together."""
    findings = [finding for model in models for finding in check_model(model)]
    adopted = frozenset(models)
    for model in models:
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            if field.is_relation:
                findings += check_ways_back(field, adopted)
    return [*findings, *_shared_tables(models), *_shared_labels(models)]


def check_places(databases: Databases, models: Sequence[Any]) -> list[Finding]:
    """Return the fields whose columns a database, on which their model's table belongs, does not have."""
    return [
        about_field(
            field,
            "field-needs-database",
            f"this field needs {NAMES[field.only_on]}, and the database {database.alias!r} is {NAMES[database.dialect]}.",
            "Set DATABASE_URL to a PostgreSQL database, or use a JSONField, which both have.",
        )
        for model in models
        for field in model._meta.local_concrete_fields
        if field.only_on
        for database in databases
        if database.dialect != field.only_on and databases.may_have(database, model)
    ]


def _shared_tables(models: Sequence[Any]) -> list[Finding]:
    tables: defaultdict[str, list[Any]] = defaultdict(list)
    for model in models:
        if not model._meta.proxy:
            tables[model._meta.db_table].append(model)
        for field in model._meta.local_many_to_many:
            through = field.remote_field.through
            if not isinstance(through, str) and through._meta.auto_created:
                tables[through._meta.db_table].append(through)
    return [
        Finding(
            "models-share-a-table",
            f"The table {table!r} belongs to {' and '.join(sorted(m._meta.label for m in owners))}.",
            "Give one of them another Meta.db_table, or make it a proxy or unmanaged.",
            _place(owners[-1]),
            level="warning" if any(not m._meta.managed for m in owners) else "error",
        )
        for table, owners in tables.items()
        if len(owners) > 1
    ]


def _shared_labels(models: Sequence[Any]) -> list[Finding]:
    labels: defaultdict[str, list[Any]] = defaultdict(list)
    for model in models:
        labels[model._meta.label_lower].append(model)
    return [
        Finding(
            "models-share-a-label",
            f"Two models of the app are called {owners[0]._meta.label}: {', '.join(map(_place, owners))}.",
            "Rename one, or give its module another Meta.app_label.",
            _place(owners[-1]),
        )
        for owners in labels.values()
        if len(owners) > 1
    ]


def _place(model: Any) -> str:
    return f"{model.__module__}.{model.__qualname__}"


def watched_columns(models: Sequence[Any]) -> list[TableColumns]:
    """Return, for each table, which columns of it changes report."""
    found: dict[str, TableColumns] = {}
    for model in _with_through(models):
        meta = model._meta
        if not meta.proxy:
            key = tuple(field.column for field in meta.pk_fields)
            found[meta.db_table] = TableColumns(table=meta.db_table, key=key, columns=reported_columns(model))
    return list(found.values())


def _with_through(models: Sequence[Any]) -> list[Any]:
    through = [f.remote_field.through for m in models for f in m._meta.local_many_to_many]
    return [*models, *through]


__all__ = ["check_models", "check_places", "watched_columns"]
