"""What fields of a project state point to: answers without a model class.

A model's key is ``(app label, name in lower case)``. Relations in a state name their models by text
(``"library.Author"``, ``"Author"``, ``"self"``) or, in a file that imports it, by class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from .state import ModelState, ProjectState

Key: TypeAlias = tuple[str, str]
AnyField: TypeAlias = Any


def key_of(reference: Any, owner: Key) -> Key:
    """Return the key of a model named by text, key or class within the model ``owner``."""
    if isinstance(reference, tuple):
        label, name = cast("Key", reference)
        return label, name.lower()
    if not isinstance(reference, str):
        options = reference._meta
        return options.app_label, options.model_name
    if reference == "self":
        return owner
    label, dot, name = reference.rpartition(".")
    return (label, name.lower()) if dot else (owner[0], name.lower())


def as_text(key: Key) -> str:
    """Return a key as relations write it."""
    return f"{key[0]}.{key[1]}"


def target_of(field: AnyField, owner: Key) -> Key | None:
    """Return the key of the model that a field points to."""
    remote = getattr(field, "remote_field", None)
    model = None if remote is None else remote.model
    return None if model is None else key_of(model, owner)


def through_of(field: AnyField, owner: Key) -> Key | None:
    """Return the key of the model that a many-to-many field names as its table."""
    if not field.many_to_many:
        return None
    through = getattr(field.remote_field, "through", None)
    if through is None or getattr(getattr(through, "_meta", None), "auto_created", False):
        return None
    return key_of(through, owner)


def is_column(field: AnyField) -> bool:
    """Say whether a field has a column of its own."""
    return not field.many_to_many and not hasattr(field, "field_names") and not is_virtual(field)


def is_virtual(field: AnyField) -> bool:
    """Say whether a field stores nothing itself (a generic relation)."""
    return bool(getattr(field, "private_only", False)) or field.get_internal_type() == "GenericForeignKey"


def column_of(name: str, field: AnyField) -> str:
    """Return the name of a field's column."""
    given: str | None = field.db_column
    if given:
        return given
    return f"{name}_id" if points(field) else name


def points(field: AnyField) -> bool:
    """Say whether a field is a foreign key (or one to one)."""
    return getattr(field, "remote_field", None) is not None and not field.many_to_many


def target_names(field: AnyField) -> tuple[str, ...]:
    """Return the names of the fields that a foreign key refers to: empty for the primary key."""
    remote = field.remote_field
    name = getattr(remote, "field_name", None)
    if name is None:
        found = [each for each in getattr(field, "to_fields", ()) if each]
        name = found[0] if found else None
    return (name,) if name else ()


def primary_field(state: ProjectState, key: Key) -> tuple[str, AnyField] | None:
    """Return name and field of a model's primary key, also where a parent has it (proxies)."""
    model = state.models.get(key)
    if model is None:
        return None
    for name, field in model.fields.items():
        if field.primary_key:
            return name, field
    for parent in parents_of(model):
        found = primary_field(state, parent)
        if found is not None:
            return found
    return None


def parents_of(model: ModelState) -> list[Key]:
    """Return the keys of the models that a model inherits from."""
    found: list[Key] = []
    for base in model.bases:
        if isinstance(base, str):
            found.append(key_of(base, model.key))
        elif hasattr(base, "_meta"):
            found.append((base._meta.app_label, base._meta.model_name))
    return found


def concrete_key(state: ProjectState, key: Key) -> Key:
    """Return the key of the model that has the table: for a proxy that of its parent."""
    model = state.models.get(key)
    while model is not None and model.options.get("proxy"):
        parents = parents_of(model)
        if not parents:
            break
        key, model = parents[0], state.models.get(parents[0])
    return key


def find_field(state: ProjectState, key: Key, name: str) -> tuple[Key, AnyField] | None:
    """Return the field of that name (or attribute name) and the model that has it, looking through parents."""
    model = state.models.get(key)
    if model is None:
        return None
    for each, field in model.fields.items():
        if name == each or (points(field) and name == f"{each}_id"):
            return key, field
    if name in ("pk", "id"):
        found = primary_field(state, key)
        if found is not None and name == "pk":
            return find_field(state, concrete_key(state, key), found[0])
    for parent in parents_of(model):
        inherited = find_field(state, parent, name)
        if inherited is not None:
            return inherited
    return None


def referring(state: ProjectState, key: Key) -> Iterator[tuple[Key, str, AnyField]]:
    """Yield each field, with its model and name, that points to a model or runs through it."""
    for owner, model in state.models.items():
        for name, field in model.fields.items():
            if getattr(field, "remote_field", None) is None:
                continue
            if target_of(field, owner) == key or through_of(field, owner) == key:
                yield owner, name, field


def repointed(field: AnyField, owner: Key, renames: Mapping[Key, Key]) -> AnyField | None:
    """Return a copy of a relation that names renamed models by their new names; ``None`` when nothing changes."""
    if getattr(field, "remote_field", None) is None:
        return None
    target, through = target_of(field, owner), through_of(field, owner)
    changed = None
    if target is not None and target in renames:
        changed = field.clone()
        if field.remote_field.model != "self":
            changed.remote_field.model = as_text(renames[target])
    if through is not None and through in renames:
        changed = changed or field.clone()
        changed.remote_field.through = as_text(renames[through])
    return changed


__all__ = [
    "AnyField",
    "Key",
    "as_text",
    "column_of",
    "concrete_key",
    "find_field",
    "is_column",
    "key_of",
    "parents_of",
    "points",
    "primary_field",
    "referring",
    "repointed",
    "target_names",
    "target_of",
    "through_of",
]
