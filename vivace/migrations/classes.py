"""From model classes to states: what ``makemigrations`` compares the migration files with."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Final

from .state import ModelState, ProjectState

OPTION_NAMES: Final = (
    "base_manager_name",
    "constraints",
    "db_table",
    "db_table_comment",
    "db_tablespace",
    "default_manager_name",
    "default_permissions",
    "default_related_name",
    "get_latest_by",
    "indexes",
    "managed",
    "order_with_respect_to",
    "ordering",
    "permissions",
    "proxy",
    "required_db_features",
    "required_db_vendor",
    "select_on_save",
    "swappable",
    "unique_together",
    "verbose_name",
    "verbose_name_plural",
)


def state_of(model: type[Any], *, relations: bool = True) -> ModelState:
    """Return the state of a model class; without ``relations`` only its plain columns."""
    options: Any = model._meta
    fields = {field.name: field.clone() for field in options.local_fields if _wanted(field, relations)}
    if relations:
        fields.update((field.name, field.clone()) for field in options.local_many_to_many)
    return ModelState(
        options.app_label,
        options.object_name,
        fields,
        _options(model),
        _bases(model),
        _managers(model),
    )


def project_state(models: Iterable[type[Any]]) -> ProjectState:
    """Return the state of model classes: what the files of a project's migrations should add up to."""
    return ProjectState(state_of(model) for model in models)


def _wanted(field: Any, relations: bool) -> bool:
    if field.name == "_order" and type(field).__name__ == "OrderWrt":
        return False  # follows from the option
    return relations or getattr(field, "remote_field", None) is None


def _options(model: type[Any]) -> dict[str, Any]:
    options: Any = model._meta
    given = options.original_attrs
    found = {name: given[name] for name in OPTION_NAMES if name in given}
    if "unique_together" in found:
        found["unique_together"] = normal_together(found["unique_together"])
    if "constraints" in found:
        found["constraints"] = [each.clone() for each in options.constraints]
    if "indexes" in found:
        found["indexes"] = [_named_index(each, model) for each in options.indexes]
    return found


def normal_together(value: Any) -> set[tuple[str, ...]]:
    """Return ``unique_together`` as a set of tuples, however it was written."""
    if not value:
        return set()
    if isinstance(next(iter(value)), str):
        return {tuple(value)}
    return {tuple(names) for names in value}


def _named_index(index: Any, model: type[Any]) -> Any:
    index = index.clone()
    if not index.name:
        index.set_name_with_model(model)
    return index


def _bases(model: type[Any]) -> tuple[Any, ...]:
    """Return the bases, those that are abstract models replaced by theirs, in the order of the MRO."""
    flat = sorted(set(_flattened(model)), key=model.__mro__.index)
    bases = tuple(_label(base) if hasattr(base, "_meta") else base for base in flat)
    if any(isinstance(base, str) for base in bases) or any(_is_root(base) for base in bases):
        return bases
    return (_root(),)


def _flattened(model: type[Any]) -> list[type[Any]]:
    found: list[type[Any]] = []
    for base in model.__bases__:
        if _meta(base) is not None and _meta(base).abstract:
            found.extend(_flattened(base))
        elif base.__name__ != "Generic":
            found.append(base)
    return found


def _meta(base: type[Any]) -> Any:
    return getattr(base, "_meta", None)


def _label(base: type[Any]) -> str:
    return f"{_meta(base).app_label}.{_meta(base).model_name}"


def _is_root(base: Any) -> bool:
    return (
        isinstance(base, type)
        and _meta(base) is None
        and any(each.__name__ == "Model" for each in base.__mro__)
    )


def is_root_only(bases: Any) -> bool:
    """Say whether bases are only ``Model``, which a file need not say."""
    return len(bases) == 1 and _is_root(bases[0]) and bases[0].__name__ == "Model"


def _root() -> type[Any]:
    """Return ``vivace.models.Model``, which ends the line of every model's bases."""
    from vivace.models import Model

    return Model


def _managers(model: type[Any]) -> list[tuple[str, Any]]:
    """Return the managers that data migrations may use; a custom default manager leaves a plain one behind."""
    found: dict[str, Any] = {}
    options: Any = model._meta
    for manager in getattr(options, "managers", ()):
        if manager.name not in found and getattr(manager, "use_in_migrations", False):
            found[manager.name] = copy.copy(manager)
    return list(found.items())


__all__ = ["OPTION_NAMES", "is_root_only", "normal_together", "project_state", "state_of"]
