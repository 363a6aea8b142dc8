"""Phase 1: what looks like a rename is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.migrations.operations.existing import RenameModel
from vivace.migrations.operations.fields import AlterField, RenameField
from vivace.migrations.references import AnyField, Key, column_of, is_column

from .same import field_source

if TYPE_CHECKING:
    from .differ import Differ


def models(differ: Differ) -> None:
    """Ask for each new model that has the fields of one that is gone."""
    for key in sorted(differ.wanted.models):
        if key in differ.current.models:
            continue
        for gone in sorted(differ.current.models):
            if gone[0] == key[0] and gone not in differ.wanted.models and _alike(differ, gone, key):
                old, new = differ.current.models[gone], differ.wanted.models[key]
                if differ.questioner.rename_model(old, new):
                    differ.decide(key[0], RenameModel(old.name, new.name))
                    break


def _alike(differ: Differ, gone: Key, key: Key) -> bool:
    old, new = differ.current.models[gone], differ.wanted.models[key]
    if bool(old.options.get("proxy")) != bool(new.options.get("proxy")) or not old.fields:
        return False
    if old.fields.keys() != new.fields.keys():
        return False
    return all(
        field_source(field, gone, renamed=key) == field_source(new.fields[name], key, renamed=gone)
        for name, field in old.fields.items()
    )


def fields(differ: Differ) -> None:
    """Ask for each new field that is as one that is gone from the same model."""
    for key in differ.kept():
        for name, field in differ.wanted.models[key].fields.items():
            if name not in differ.current.models[key].fields:
                _field(differ, key, name, field)


def _field(differ: Differ, key: Key, name: str, field: AnyField) -> None:
    model = differ.current.models[key]
    for gone, old in list(model.fields.items()):
        if gone in differ.wanted.models[key].fields:
            continue
        keeps_column = _keeps_column(gone, old, field)
        if not (keeps_column or field_source(old, key) == field_source(field, key)):
            continue
        if differ.questioner.rename_field(model, gone, name, field):
            if keeps_column and field_source(old, key) != field_source(field, key):
                pinned = old.clone()
                pinned.db_column = field.db_column
                differ.decide(key[0], AlterField(model.name, gone, pinned))
            differ.decide(key[0], RenameField(model.name, gone, name))
            return


def _keeps_column(gone: str, old: AnyField, new: AnyField) -> bool:
    """Say whether the new field names, as ``db_column``, the column that the old one had, and is as it otherwise."""
    if not (is_column(old) and is_column(new)) or not new.db_column or new.db_column != column_of(gone, old):
        return False
    pinned = old.clone()
    pinned.db_column = new.db_column
    return field_source(pinned, ("", "")) == field_source(new, ("", ""))


__all__ = ["fields", "models"]
