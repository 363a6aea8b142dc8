"""From a project state to tables: which columns, constraints and indexes a model should have on a dialect.

The only place that knows how fields become DDL. It needs no database and no model classes; the SQL of expressions
(conditions, generated columns, database defaults) comes from ``expressions``.

A model has one table, and one more for each many-to-many field without a ``through`` model. The place of a table in
the project is its ``Slot``: (app, model, field), the field ``""`` for the model's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from vivace.db.types import Dialect
from vivace.errors import StateError
from vivace.migrations.references import (
    AnyField,
    Key,
    column_of,
    concrete_key,
    find_field,
    is_column,
    points,
    primary_field,
    target_names,
    target_of,
    through_of,
)
from vivace.migrations.state import ModelState, ProjectState
from vivace.models import BigAutoField, IntegerField

from . import constraints, defaults
from .names import foreign_key_name, object_name, shorten_table
from .values import Column, ForeignKey, Index, Table, Unique

Slot: TypeAlias = tuple[str, str, str]


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A table, and which field each column belongs to: so a renamed column is known to be the same."""

    table: Table
    fields: dict[str, str]  # field name → column


class Context(msgspec.Struct, frozen=True):
    """What a model is described in."""

    state: ProjectState
    dialect: Dialect
    model: ModelState

    @property
    def table(self) -> str:
        """The name of the model's table."""
        return table_name(self.model)

    def column(self, name: str) -> str:
        """Return the column of one of the model's fields, named by its name or attribute."""
        return column_named(self.state, self.model.key, name)


def column_named(state: ProjectState, key: Key, name: str) -> str:
    """Return the column of a field."""
    found = find_field(state, key, name)
    if found is None:
        if name == "_order":
            return name
        raise StateError(f"{key[0]}.{key[1]} has no field {name!r} at this point of its history.", got=name)
    _, field = found
    own = next(
        each for each, other in state.models[found[0]].fields.items() if other is field
    )  # the name, where ``name`` was the attribute
    return column_of(own, field)


def table_name(model: ModelState) -> str:
    """Return the name of a model's table."""
    given: str | None = model.options.get("db_table")
    return given or shorten_table(model.table)


def slots(state: ProjectState, key: Key) -> Iterator[Slot]:
    """Yield the places of the tables that a model has."""
    model = state.models.get(key)
    if model is None or not model.has_table:
        return
    yield (*key, "")
    for name, field in model.fields.items():
        if field.many_to_many and through_of(field, key) is None:
            yield (*key, name)


def describe(state: ProjectState, slot: Slot, dialect: Dialect) -> Described:
    """Return the table at a place."""
    context = Context(state, dialect, state.model(slot[0], slot[1]))
    return describe_through(context, slot[2]) if slot[2] else describe_model(context)


def describe_all(state: ProjectState, dialect: Dialect) -> dict[Slot, Described]:
    """Return all tables of a project."""
    return {slot: describe(state, slot, dialect) for key in state.models for slot in slots(state, key)}


def describe_model(context: Context) -> Described:
    """Return a model's own table."""
    model, dialect = context.model, context.dialect
    columns: list[Column] = []
    keys: list[ForeignKey] = []
    indexes: list[Index] = []
    names: dict[str, str] = {}
    for name, field in _stored_fields(model):
        column = _column(context, name, field)
        columns.append(column)
        names[name] = column.name
        if points(field) and getattr(field, "db_constraint", True):
            keys.append(_foreign_key(context, column.name, field))
        indexes.extend(_field_indexes(context.table, column, field, dialect))
    declared = constraints.of_model(context)
    table = Table(
        name=context.table,
        columns=tuple(columns),
        primary=_composite(context),
        foreign_keys=tuple(keys),
        uniques=(*_together(context), *declared.uniques),
        checks=tuple(declared.checks),
        exclusions=tuple(declared.exclusions),
        indexes=(*_together_indexes(context), *declared.indexes, *indexes, *constraints.indexes_of(context)),
        comment=(model.options.get("db_table_comment") or "") if dialect == "postgresql" else "",
    )
    return Described(table=table, fields=names)


def _stored_fields(model: ModelState) -> Iterator[tuple[str, AnyField]]:
    for name, field in model.fields.items():
        if is_column(field):
            yield name, field
    if model.options.get("order_with_respect_to") and "_order" not in model.fields:
        yield "_order", IntegerField()


def _column(context: Context, name: str, field: AnyField) -> Column:
    dialect = context.dialect
    kind, collation = column_type(context.state, context.model.key, name, field, dialect)
    column = column_of(name, field)
    identity = field.get_internal_type() in ("AutoField", "BigAutoField", "SmallAutoField")
    generated = bool(getattr(field, "generated", False))
    return Column(
        name=column,
        type=kind,
        null=bool(field.null) and not field.primary_key,
        primary=bool(field.primary_key),
        unique=bool(field.unique) and not field.primary_key,
        identity=identity,
        default=defaults.database_default(context, field),
        generated=constraints.generated_sql(context, field) if generated else "",
        stored=generated and bool(field.db_persist),
        collation=collation,
        check=column_check(name, field, dialect),
        comment=(field.db_comment or "") if dialect == "postgresql" else "",
    )


def column_type(
    state: ProjectState, owner: Key, name: str, field: AnyField, dialect: Dialect
) -> tuple[str, str]:
    """Return the SQL type and the collation of a field's column; a foreign key's are those of what it refers to."""
    if not points(field):
        return plain_type(name, field, dialect)
    target_owner, target_name, target = target_field(state, owner, field)
    _, collation = column_type(state, target_owner, target_name, target, dialect)
    if points(target):
        return column_type(state, target_owner, target_name, target, dialect)
    return str(bound(target_name, target).rel_db_type(dialect)), collation


def plain_type(name: str, field: AnyField, dialect: Dialect) -> tuple[str, str]:
    """Return type and collation of a field that is no relation."""
    parameters = bound(name, field).db_parameters(dialect)
    return str(parameters["type"] or ""), str(parameters.get("collation") or "")


def column_check(name: str, field: AnyField, dialect: Dialect) -> str:
    """Return the check that a field's column brings along: positive numbers, JSON on SQLite."""
    if points(field):
        return ""
    return str(bound(name, field).db_parameters(dialect).get("check") or "")


def bound(name: str, field: AnyField) -> AnyField:
    """Return a copy of a field that knows its name and column."""
    copy = field.clone()
    copy.set_attributes_from_name(name)
    return copy


def target_field(state: ProjectState, owner: Key, field: AnyField) -> tuple[Key, str, AnyField]:
    """Return the model, name and field that a foreign key refers to."""
    target = target_of(field, owner)
    if target is None or target not in state.models:
        raise StateError(
            f"A foreign key of {owner[0]}.{owner[1]} refers to {field.remote_field.model!r}, which is not there at "
            "this point of the history.",
            fix="Let the migration depend on the one that makes it.",
        )
    names = target_names(field)
    if names:
        found = find_field(state, target, names[0])
        if found is not None:
            return found[0], names[0], found[1]
    key = concrete_key(state, target)
    primary = primary_field(state, key)
    if primary is None:
        raise StateError(f"{target[0]}.{target[1]} has no primary key to refer to.")
    return key, *primary


def _foreign_key(context: Context, column: str, field: AnyField) -> ForeignKey:
    owner, name, target = target_field(context.state, context.model.key, field)
    table = table_name(context.state.models[owner])
    to_column = column_of(name, target)
    named = context.dialect == "postgresql"
    return ForeignKey(
        name=foreign_key_name(context.dialect, context.table, column, table, to_column) if named else "",
        columns=(column,),
        table=table,
        targets=(to_column,),
        on_delete=_on_delete(field),
    )


def _on_delete(field: AnyField) -> str:
    rule = getattr(field.remote_field.on_delete, "on_delete_sql", "")
    return f"ON DELETE {rule}" if rule else ""


def _field_indexes(table: str, column: Column, field: AnyField, dialect: Dialect) -> list[Index]:
    """Return the indexes of ``db_index``, and the ones with which PostgreSQL answers LIKE in any collation."""
    found: list[Index] = []
    indexed = bool(field.db_index)
    if indexed and not field.unique:
        found.append(plain_index(object_name(dialect, table, [column.name]), column.name))
    if dialect == "postgresql" and (indexed or field.unique) and _wants_like(column):
        kind = "varchar" if column.type.startswith("varchar") else "text"
        name = object_name(dialect, table, [column.name], "_like")
        found.append(plain_index(name, column.name, f" {kind}_pattern_ops"))
    return found


def _wants_like(column: Column) -> bool:
    return (
        column.type.startswith(("varchar", "text"))
        and "[" not in column.type
        and (not column.collation or column.collation in ("C", "POSIX", "en-x-icu"))
    )


def plain_index(name: str, column: str, suffix: str = "") -> Index:
    """Return an index over one column."""
    return Index(name=name, parts=(f'"{column}"{suffix}',), columns=(column,))


def _composite(context: Context) -> tuple[str, ...]:
    for field in context.model.fields.values():
        names = getattr(field, "field_names", None)
        if names and field.primary_key:
            return tuple(context.column(name) for name in names)
    return ()


def _sets(context: Context) -> list[tuple[str, ...]]:
    given = context.model.options.get("unique_together") or ()
    return sorted(tuple(context.column(name) for name in names) for names in given)


def _together(context: Context) -> list[Unique]:
    if context.dialect != "postgresql":
        return []
    return [
        Unique(name=object_name("postgresql", context.table, columns, "_uniq"), columns=columns)
        for columns in _sets(context)
    ]


def _together_indexes(context: Context) -> list[Index]:
    """SQLite keeps ``unique_together`` as unique indexes: they come and go without a rebuild."""
    if context.dialect != "sqlite":
        return []
    return [
        Index(
            name=object_name("sqlite", context.table, columns, "_uniq"),
            parts=tuple(f'"{column}"' for column in columns),
            columns=columns,
            unique=True,
        )
        for columns in _sets(context)
    ]


def describe_through(context: Context, name: str) -> Described:
    """Return the table of a many-to-many field: an own key, the two foreign keys, together unique."""
    model, dialect, field = context.model, context.dialect, context.model.field(name)
    target = target_of(field, model.key)
    if target is None or target not in context.state.models:
        raise StateError(f"{model.label}.{name} refers to {field.remote_field.model!r}, which is not there.")
    table = through_table(context, name, field)
    source_name, target_name = _through_names(model.key, target)
    identity = _column(context, "id", BigAutoField(primary_key=True))
    ends = ((source_name, model.key), (target_name, target))
    columns = tuple(f"{each}_id" for each, _ in ends)
    constrained = bool(getattr(field.remote_field, "db_constraint", True))
    unique = object_name(dialect, table, columns, "_uniq")
    described = Table(
        name=table,
        columns=(identity, *(_end(context, each, key) for each, key in ends)),
        foreign_keys=tuple(_end_key(context, table, each, key) for each, key in ends) if constrained else (),
        uniques=(Unique(name=unique, columns=columns),) if dialect == "postgresql" else (),
        indexes=(*_end_uniques(unique, columns, dialect), *_end_indexes(context, table, columns, ends)),
    )
    return Described(table=described, fields={"id": "id", "(source)": columns[0], "(target)": columns[1]})


def through_table(context: Context, name: str, field: AnyField) -> str:
    """Return the name of a many-to-many field's table."""
    given: str | None = field.db_table
    return given or shorten_table(f"{context.table.strip(chr(34))}_{name}")


def _through_names(source: Key, target: Key) -> tuple[str, str]:
    if source == target:
        return f"from_{source[1]}", f"to_{target[1]}"
    if source[1] == target[1]:
        return f"from_{source[1]}", f"to_{target[1]}"
    return source[1], target[1]


def _end_target(context: Context, key: Key) -> tuple[Key, str, AnyField]:
    concrete = concrete_key(context.state, key)
    primary = primary_field(context.state, concrete)
    if primary is None:
        raise StateError(f"{key[0]}.{key[1]} has no primary key to refer to.")
    return concrete, *primary


def _end(context: Context, name: str, key: Key) -> Column:
    owner, field_name, field = _end_target(context, key)
    kind, collation = column_type(context.state, owner, field_name, field, context.dialect)
    if not points(field):
        kind = str(bound(field_name, field).rel_db_type(context.dialect))
    return Column(name=f"{name}_id", type=kind, collation=collation)


def _end_key(context: Context, table: str, name: str, key: Key) -> ForeignKey:
    owner, field_name, field = _end_target(context, key)
    to_table = table_name(context.state.models[owner])
    to_column = column_of(field_name, field)
    named = context.dialect == "postgresql"
    return ForeignKey(
        name=foreign_key_name(context.dialect, table, f"{name}_id", to_table, to_column) if named else "",
        columns=(f"{name}_id",),
        table=to_table,
        targets=(to_column,),
    )


def _end_uniques(name: str, columns: tuple[str, ...], dialect: Dialect) -> list[Index]:
    if dialect != "sqlite":
        return []
    return [Index(name=name, parts=tuple(f'"{each}"' for each in columns), columns=columns, unique=True)]


def _end_indexes(context: Context, table: str, columns: tuple[str, ...], ends: Any) -> list[Index]:
    found: list[Index] = []
    for column, (name, key) in zip(columns, ends, strict=True):
        found.append(plain_index(object_name(context.dialect, table, [column]), column))
        end = _end(context, name, key)
        if context.dialect == "postgresql" and _wants_like(end):
            kind = "varchar" if end.type.startswith("varchar") else "text"
            like = object_name(context.dialect, table, [column], "_like")
            found.append(plain_index(like, column, f" {kind}_pattern_ops"))
    return found


__all__ = [
    "Context",
    "Described",
    "Slot",
    "column_check",
    "column_type",
    "describe",
    "describe_all",
    "plain_index",
    "slots",
    "table_name",
    "target_field",
]
