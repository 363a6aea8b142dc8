"""What else must change when a field gets a new name: options, indexes and constraints, foreign keys to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .expressions import renamed
from .references import AnyField, Key, parents_of, points, target_names, target_of, through_of

if TYPE_CHECKING:
    from .state import ProjectState


def rename_in_options(options: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """Return options that name the field ``new`` where they named it ``old``."""
    changed = dict(options)
    if options.get("unique_together"):
        changed["unique_together"] = {
            tuple(new if name == old else name for name in names) for names in options["unique_together"]
        }
    if options.get("order_with_respect_to") == old:
        changed["order_with_respect_to"] = new
    for name in ("indexes", "constraints"):
        changed[name] = [rename_in_object(each, old, new) for each in options[name]]
    return changed


def rename_in_object(value: Any, old: str, new: str) -> Any:
    """Return an index or constraint over the renamed field: a copy, or the same where it does not name it."""
    _, args, kwargs = value.deconstruct()
    changed_args = tuple(_renamed(each, old, new) for each in args)
    changed = {key: _renamed_argument(key, each, old, new) for key, each in kwargs.items()}
    if _unchanged(changed_args, tuple(args)) and all(_unchanged(changed[key], kwargs[key]) for key in kwargs):
        return value
    return type(value)(*changed_args, **changed)


def _unchanged(new: Any, old: Any) -> bool:
    """Say whether nothing was renamed; comparing expressions is left to themselves only where they are values."""
    if isinstance(new, (list, tuple)):
        pairs = zip(cast("list[Any]", new), old, strict=True)
        return all(_unchanged(one, other) for one, other in pairs)
    return new is old or (isinstance(new, str) and new == old)


def _renamed_argument(key: str, value: Any, old: str, new: str) -> Any:
    if key in ("fields", "include"):
        return type(value)(_renamed_order(each, old, new) for each in value)
    return _renamed(value, old, new)


def _renamed_order(name: str, old: str, new: str) -> str:
    return f"-{new}" if name == f"-{old}" else new if name == old else name


def _renamed(value: Any, old: str, new: str) -> Any:
    """Return an expression, condition or list of them that names the renamed field."""
    if type(value) in (list, tuple):
        return type(value)(_renamed(each, old, new) for each in value)
    return renamed(value, old, new)


def rename_in_relations(state: ProjectState, key: Key, old: str, new: str) -> None:
    """Let foreign keys that refer to the renamed field, and ``through_fields``, name it by its new name."""
    children = {owner for owner, model in state.models.items() if key in parents_of(model)} | {key}
    for owner, model in list(state.models.items()):
        changed = {
            name: fresh
            for name, field in model.fields.items()
            if (fresh := _retargeted(field, owner, children, key, (old, new))) is not None
        }
        if changed:
            state.models[owner] = model.replace(fields={**model.fields, **changed})


def _retargeted(
    field: AnyField, owner: Key, targets: set[Key], changed_key: Key, names: tuple[str, str]
) -> AnyField | None:
    old, new = names
    if getattr(field, "remote_field", None) is None:
        return None
    if points(field) and target_of(field, owner) in targets and target_names(field) == (old,):
        changed = field.clone()
        changed.remote_field.field_name = new
        changed.to_fields = [new]
        return changed
    through_fields = getattr(field.remote_field, "through_fields", None)
    if through_fields and old in through_fields and through_of(field, owner) == changed_key:
        changed = field.clone()
        changed.remote_field.through_fields = tuple(new if each == old else each for each in through_fields)
        return changed
    return None


__all__ = ["rename_in_object", "rename_in_options", "rename_in_relations"]
