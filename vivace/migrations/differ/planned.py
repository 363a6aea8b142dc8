"""An operation that the differ decided on, and what it touches and needs: from that follows its place among others."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from vivace.migrations.operations.base import ModelOperation, Operation
from vivace.migrations.operations.existing import DeleteModel, RenameModel
from vivace.migrations.operations.fields import AddField, AlterField, RenameField
from vivace.migrations.operations.models import CreateModel
from vivace.migrations.references import AnyField, Key, key_of, referring, target_of, through_of
from vivace.migrations.state import ProjectState


class Planned(msgspec.Struct, kw_only=True):
    """``touches``: models that it changes; ``needs``: models that must be as they will be before it runs."""

    app_label: str
    operation: Operation
    touches: set[Key]
    needs: set[Key]


def plan(app_label: str, operation: Operation, before: ProjectState, origin: ProjectState) -> Planned:
    """Return an operation with its place. ``before``: the state in which it runs; ``origin``: the one of all."""
    touches: set[Key] = set()
    needs: set[Key] = set()
    if isinstance(operation, RenameModel):
        touches = {(app_label, operation.old_name.lower()), (app_label, operation.new_name.lower())}
    elif isinstance(operation, ModelOperation):
        touches = {operation.key(app_label)}
    if isinstance(operation, CreateModel):
        needs = set(_created_needs(app_label, operation))
    elif isinstance(operation, (AddField, AlterField)):
        needs = set(field_needs(operation.field, operation.key(app_label)))
    elif isinstance(operation, (DeleteModel, RenameField)):
        key = operation.key(app_label)
        needs = {owner for state in (before, origin) for owner, _, _ in referring(state, key)}
    return Planned(app_label=app_label, operation=operation, touches=touches, needs=needs - touches)


def field_needs(field: AnyField, owner: Key) -> Iterator[Key]:
    """Yield the models that a relation names."""
    if getattr(field, "remote_field", None) is None:
        return
    for key in (target_of(field, owner), through_of(field, owner)):
        if key is not None:
            yield key


def _created_needs(app_label: str, operation: CreateModel) -> Iterator[Key]:
    owner = operation.key(app_label)
    for base in operation.bases:
        if isinstance(base, str):
            yield key_of(base, owner)
    for _, field in operation.fields:
        yield from field_needs(field, owner)


__all__ = ["Planned", "field_needs", "plan"]
