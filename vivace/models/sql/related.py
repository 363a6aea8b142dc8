"""Model instances and querysets as values of relations: ``filter(author=ada)`` compares Ada's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from vivace.errors import FieldError

if TYPE_CHECKING:
    from vivace.models.sql.names import Path


def related_value(path: Path, value: Any, lookup: str) -> Any:
    """Return what a relation is compared with: keys in place of instances. Raises ``FieldError`` for another model's."""
    targets = _targets(path)
    if lookup == "in" and isinstance(value, (list, tuple, set, frozenset)):
        return [_key(path, targets, each) for each in cast("list[Any]", value)]
    if hasattr(value, "query_state"):
        return _selected(path, targets, value)
    return _key(path, targets, value)


def _targets(path: Path) -> tuple[Any, ...]:
    infos = getattr(path.final, "path_infos", None)
    return tuple(infos[-1].target_fields) if infos else path.targets


def _selected(path: Path, targets: tuple[Any, ...], value: Any) -> Any:
    state = value.query_state
    if state.values_names() is not None:
        return value  # columns that somebody chose: keys of another table are what `author__in=Follow…values("followed")` means
    _check_model(path, state.model)
    if not targets[0].primary_key and len(targets) == 1:
        return value.values(targets[0].attname)
    return value


def _key(path: Path, targets: tuple[Any, ...], value: Any) -> Any:
    if not hasattr(value, "_meta") or isinstance(value, type):
        return value
    _check_model(path, type(value))
    if value.pk is None:
        raise FieldError(
            f"An unsaved {type(value).__name__} cannot stand in a query.",
            fix="save it first: await obj.save().",
        )
    keys = tuple(_read(value, field) for field in targets)
    return keys[0] if len(keys) == 1 else keys


def _read(value: Any, field: Any) -> Any:
    while not isinstance(value, field.model) and getattr(field, "is_relation", False):
        field = field.target_field
    return getattr(value, field.attname)


def _check_model(path: Path, model: Any) -> None:
    wanted = path.final.related_model
    own, other = wanted._meta.concrete_model, model._meta.concrete_model
    if own is not other and not issubclass(other, own) and not issubclass(own, other):
        raise FieldError(
            f"{path.model._meta.label}.{path.text} cannot be compared with a {model.__name__}.",
            expected=f"a {wanted.__name__}",
            got=model.__name__,
        )


__all__ = ["related_value"]
