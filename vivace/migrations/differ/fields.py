"""Phases 2 and 4: fields removed, added, altered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.migrations.operations.fields import AddField, AlterField, RemoveField
from vivace.migrations.questioner import NOTHING
from vivace.migrations.references import AnyField, Key, parents_of, points, through_of

from .same import field_source

if TYPE_CHECKING:
    from .differ import Differ


def remove_clashing(differ: Differ) -> None:
    """Remove fields from models of which a new child has fields of the same names."""
    for key in sorted(differ.wanted.models):
        if key not in differ.current.models:
            model = differ.wanted.models[key]
            for parent in parents_of(model):
                for name in _gone(differ, parent):
                    if name in model.fields:
                        differ.decide(parent[0], RemoveField(differ.current.models[parent].name, name))


def _gone(differ: Differ, key: Key) -> list[str]:
    old, new = differ.current.models.get(key), differ.wanted.models.get(key)
    if old is None or new is None:
        return []
    return [name for name in old.fields if name not in new.fields]


def remove(differ: Differ) -> None:
    """Remove the fields that are not wanted, and those that cannot become what is wanted."""
    for key in differ.kept():
        model = differ.wanted.models[key]
        for name in _gone(differ, key):
            differ.decide(key[0], RemoveField(model.name, name))
        for name, field in list(differ.current.models[key].fields.items()):
            if _must_be_made_anew(field, model.fields[name], key):
                differ.decide(key[0], RemoveField(model.name, name))


def _must_be_made_anew(old: AnyField, new: AnyField, key: Key) -> bool:
    """Say whether no ALTER leads from one to the other: a column to a table, a table to one of other columns."""
    if old.many_to_many != new.many_to_many:
        return True
    return bool(old.many_to_many) and through_of(old, key) != through_of(new, key)


def add(differ: Differ) -> None:
    """Add the fields that are not there; keys first, so that tables always have one."""
    for key in differ.kept():
        model = differ.wanted.models[key]
        for name, field in model.fields.items():
            if name not in differ.current.models[key].fields:
                _add(differ, key, name, field)


def _add(differ: Differ, key: Key, name: str, field: AnyField) -> None:
    model = differ.wanted.models[key]
    if key in differ.created or not needs_value(field):
        differ.decide(key[0], AddField(model.name, name, field))
        return
    filled = field.clone()
    filled.default = differ.questioner.default_for_new(model, name, field)
    differ.decide(key[0], AddField(model.name, name, filled, preserve_default=False))


def needs_value(field: AnyField) -> bool:
    """Say whether rows that exist need a value that nothing provides."""
    if field.many_to_many or field.null or field.has_default() or field.has_db_default():
        return False
    if getattr(field, "generated", False) or hasattr(field, "field_names"):
        return False
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return False
    if field.get_internal_type() in ("AutoField", "BigAutoField", "SmallAutoField"):
        return False
    return not (field.blank and field.empty_strings_allowed and not points(field))


def alter(differ: Differ) -> None:
    """Alter the fields that differ."""
    for key in differ.kept():
        model = differ.wanted.models[key]
        for name, field in model.fields.items():
            old = differ.current.models[key].fields[name]
            if old is not field and field_source(old, key) != field_source(field, key):
                _alter(differ, key, name, (old, field))


def _alter(differ: Differ, key: Key, name: str, fields: tuple[AnyField, AnyField]) -> None:
    old, field = fields
    model = differ.wanted.models[key]
    if old.null and not field.null and needs_value(field):
        value = differ.questioner.default_for_null(model, name, field)
        if value is not NOTHING:
            filled = field.clone()
            filled.default = value
            differ.decide(key[0], AlterField(model.name, name, filled, preserve_default=False))
            return
    differ.decide(key[0], AlterField(model.name, name, field))


__all__ = ["add", "alter", "needs_value", "remove", "remove_clashing"]
