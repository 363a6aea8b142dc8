"""What a CreateModel and a later operation on its model make together: the model as it is after both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.migrations.references import AnyField
from vivace.migrations.renaming import rename_in_options

from .base import ModelOperation, Operation
from .existing import DeleteModel, RenameModel
from .fields import AddField, AlterField, FieldOperation, RemoveField, RenameField, without_default
from .indexes import AddConstraint, AddIndex, AlterConstraint, RemoveConstraint, RemoveIndex, RenameIndex
from .options import (
    AlterModelManagers,
    AlterModelOptions,
    AlterModelTable,
    AlterModelTableComment,
    AlterOrderWithRespectTo,
    AlterUniqueTogether,
)

if TYPE_CHECKING:
    from .models import CreateModel


def reduce_created(created: CreateModel, operation: Operation, app_label: str) -> list[Operation] | None:
    """Return what both make, ``None`` when they do not reduce."""
    if not isinstance(operation, ModelOperation) or operation.name_lower != created.name_lower:
        return None
    if isinstance(operation, DeleteModel):
        return []
    if isinstance(operation, RenameModel):
        return [_renamed(created, operation)]
    if isinstance(operation, FieldOperation):
        return _with_field(created, operation)
    changed = _options(created, operation)
    if changed is None:
        return None
    if isinstance(operation, AlterModelManagers):
        return [created.replace(managers=operation.managers)]
    return [created.replace(options=changed)]


def _renamed(created: CreateModel, operation: RenameModel) -> CreateModel:
    return created.replace(name=operation.new_name)


def _with_field(created: CreateModel, operation: FieldOperation) -> list[Operation] | None:
    fields = created.fields
    if isinstance(operation, AddField):
        return [created.replace(fields=[*fields, (operation.name, _stored(operation))])]
    if isinstance(operation, AlterField):
        field = _stored(operation)
        return [
            created.replace(fields=[(name, field if name == operation.name else old) for name, old in fields])
        ]
    if isinstance(operation, RemoveField):
        kept = [(name, field) for name, field in fields if name != operation.name]
        return [created.replace(fields=kept, options=_forget(created.options, operation.name))]
    if isinstance(operation, RenameField):
        new = operation.new_name
        renamed = [(new if name == operation.old_name else name, field) for name, field in fields]
        options = rename_in_options(
            {"indexes": [], "constraints": [], **created.options}, operation.old_name, new
        )
        return [created.replace(fields=renamed, options=_trim(options))]
    return None


def _stored(operation: AddField | AlterField) -> AnyField:
    return operation.field if operation.preserve_default else without_default(operation.field)


def _forget(options: dict[str, Any], name: str) -> dict[str, Any]:
    """Return options that no longer name a removed field."""
    changed = dict(options)
    if changed.get("unique_together"):
        kept = {names for names in changed["unique_together"] if name not in names}
        changed["unique_together"] = kept
        if not kept:
            del changed["unique_together"]
    if changed.get("order_with_respect_to") == name:
        del changed["order_with_respect_to"]
    return changed


def _trim(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value or name not in ("indexes", "constraints")}


def _options(created: CreateModel, operation: ModelOperation) -> dict[str, Any] | None:
    """Return the options after an operation that only changes options, ``None`` for others."""
    options = dict(created.options)
    if isinstance(operation, AlterModelManagers):
        return options
    if isinstance(operation, AlterModelOptions):
        kept = {
            name: value
            for name, value in options.items()
            if name in operation.options or name not in operation.ALTER_OPTION_KEYS
        }
        return {**kept, **operation.options}
    single = _SINGLE.get(type(operation))
    if single is not None:
        value = getattr(operation, single[1])
        return (
            {**options, single[0]: value} if value else {k: v for k, v in options.items() if k != single[0]}
        )
    return _parts(options, operation)


_SINGLE: dict[type[Any], tuple[str, str]] = {
    AlterModelTable: ("db_table", "table"),
    AlterModelTableComment: ("db_table_comment", "table_comment"),
    AlterUniqueTogether: ("unique_together", "unique_together"),
    AlterOrderWithRespectTo: ("order_with_respect_to", "order_with_respect_to"),
}


def _parts(options: dict[str, Any], operation: ModelOperation) -> dict[str, Any] | None:
    indexes, constraints = list(options.get("indexes", ())), list(options.get("constraints", ()))
    if type(operation) is AddIndex:
        indexes.append(operation.index)
    elif type(operation) is RemoveIndex:
        indexes = [each for each in indexes if each.name != operation.name]
    elif isinstance(operation, RenameIndex):
        indexes = [_named(each, operation) for each in indexes]
    elif type(operation) is AddConstraint:
        constraints.append(operation.constraint)
    elif isinstance(operation, AlterConstraint):
        constraints = [operation.constraint if each.name == operation.name else each for each in constraints]
    elif isinstance(operation, RemoveConstraint):
        constraints = [each for each in constraints if each.name != operation.name]
    else:
        return None
    return _trim({**options, "indexes": indexes, "constraints": constraints})


def _named(index: Any, operation: RenameIndex) -> Any:
    if index.name != operation.old_name:
        return index
    index = index.clone()
    index.name = operation.new_name
    return index


__all__ = ["reduce_created"]
