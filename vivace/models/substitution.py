"""Conditions and expressions with the values of one object in place of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.errors.models import FieldError

from .expressions.base import Expression
from .naming import SEPARATOR
from .shapes import is_listed

if TYPE_CHECKING:
    from .base import Model


def substituted(expression: Any, model: type[Model], instance: Model) -> Any:
    """Return an expression without names: each is the value that the object has. Lookups stay what they are."""
    from .expressions.names import F
    from .expressions.q import Q

    def change(node: Any) -> Any:
        if isinstance(node, Q):
            children = tuple(_child(each, model, instance, change) for each in node.conditions)
            return node.but(conditions=children)
        if isinstance(node, F):
            return _valued(node.name.split(SEPARATOR), model, instance)[0]
        return node.map(change) if isinstance(node, Expression) else node

    return change(expression)


def _child(child: Any, model: type[Model], instance: Model, change: Any) -> Any:
    """Return a condition of a ``Q`` as a lookup on a value."""
    if not is_listed(child):
        return change(child)
    path, value = child
    *parts, last = path.split(SEPARATOR)
    left, field = _valued(parts or [last], model, instance)
    lookup = _lookup(field, last) if parts else None
    if lookup is None:
        if parts:
            left, field = _transformed(left, field, last)
        lookup = _lookup(field, "isnull" if value is None else "exact")
        value = True if value is None else value
    if lookup is None:
        raise FieldError(f"{path!r} cannot be checked: it ends with no lookup.")
    return lookup(left, change(value) if isinstance(value, Expression) else value)


def _lookup(field: Any, name: str) -> Any:
    return field.get_lookup(name)


def _valued(parts: list[str], model: type[Model], instance: Model) -> tuple[Any, Any]:
    """Return the expression of a path: the object's value, and transforms of it."""
    from .expressions.values import Value

    name, *transforms = parts
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if field.generated:
        left: Any = substituted(field.expression, model, instance)
        field = field.output_field
    else:
        field = getattr(field, "target_field", field)
        left = Value(
            getattr(instance, (model._meta.pk if name == "pk" else model._meta.get_field(name)).attname),
            field,
        )
    for transform in transforms:
        left, field = _transformed(left, field, transform)
    return left, field


def _transformed(left: Any, field: Any, name: str) -> tuple[Any, Any]:
    make = field.get_transform(name)
    if make is None:
        raise FieldError(f"{name!r} is no lookup or transform of {type(field).__name__}.")
    expression = make(left)
    return expression, getattr(expression, "output_field", None) or field
