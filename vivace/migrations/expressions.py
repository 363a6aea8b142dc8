"""Expressions of a query as parts that a migration file can be made of: class, positional and keyword arguments.

An expression keeps its arguments under the names of its parameters, or (functions) in ``source`` and ``extra``: so most
can be taken apart by the signature of their class. Those that keep them otherwise stand in a table.
"""

from __future__ import annotations

import inspect
import zoneinfo
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from vivace.models.expressions.arithmetic import Arithmetic
from vivace.models.expressions.base import Expression
from vivace.models.expressions.func import Func
from vivace.models.expressions.names import F, FieldRef
from vivace.models.expressions.ordering import OrderBy
from vivace.models.expressions.q import Q

Parts: TypeAlias = "tuple[type[Any], tuple[Any, ...], dict[str, Any]]"
_OPERATORS: Final = ("+", "-", "*", "/", "%")


def parts_of(node: Expression) -> Parts:
    """Return what makes an expression: its class, positional and keyword arguments."""
    for kind, take in _SPECIAL:
        if isinstance(node, kind):
            return take(node)
    return _by_signature(node)


def operator_of(node: Expression) -> tuple[Any, str, Any] | None:
    """Return the sides and the sign of an arithmetic expression that Python writes with it."""
    if type(node) is Arithmetic and node.operator in _OPERATORS and node.output_field is None:
        return node.left, node.operator, node.right
    return None


def renamed(node: Any, old: str, new: str) -> Any:
    """Return an expression or condition that names a field by its new name; the same where it does not name it."""
    if isinstance(node, Q):
        conditions = tuple(
            (_path(each[0], old, new), renamed(each[1], old, new))
            if isinstance(each, tuple)
            else renamed(each, old, new)
            for each in node.conditions
        )
        if all(one is other or one == other for one, other in zip(conditions, node.conditions, strict=True)):
            return node
        return Q(*conditions, _connector=node.connector, _negated=node.negated)
    if isinstance(node, F):
        path = _path(node.name, old, new)
        return node if path == node.name else F(path)
    if isinstance(node, Expression):
        return node.map(lambda child: renamed(child, old, new))
    return node


def _path(path: str, old: str, new: str) -> str:
    first, separator, rest = path.partition("__")
    if first == f"{old}_id":
        return f"{new}_id{separator}{rest}"
    return f"{new}{separator}{rest}" if first == old else path


def _q(node: Q) -> Parts:
    kwargs: dict[str, Any] = {}
    if node.connector != "AND":
        kwargs["_connector"] = node.connector
    if node.negated:
        kwargs["_negated"] = True
    return Q, node.conditions, kwargs


def _f(node: F) -> Parts:
    return (F if isinstance(node, FieldRef) else type(node)), (node.name,), {}


def _order(node: OrderBy) -> Parts:
    kwargs: dict[str, Any] = {"descending": True} if node.descending else {}
    if node.nulls:
        kwargs[f"nulls_{node.nulls}"] = True
    return type(node), (node.expression,), kwargs


def _func(node: Func) -> Parts:
    kwargs = dict(node.extra)
    if node.__dict__.get("output_field") is not None:
        kwargs["output_field"] = node.output_field
    for name, parameter in inspect.signature(type(node).__init__).parameters.items():
        if name not in kwargs and name not in ("self", "expression", "expressions", "output_field", "extra"):
            own = _own(node, name)
            kwargs.update({} if own.get(name) is parameter.default else own)
    if type(node).__name__ == "JSONObject":
        names, values = node.source[::2], node.source[1::2]
        return (
            type(node),
            (),
            {name.__dict__["value"]: value for name, value in zip(names, values, strict=True)},
        )
    return type(node), node.source, kwargs


def _own(node: Expression, name: str) -> dict[str, Any]:
    """Return an argument that a function keeps for itself, if this one differs from what its class says."""
    known = node.__dict__
    if name == "tzinfo" and known.get("zone"):
        return {name: zoneinfo.ZoneInfo(known["zone"])}
    return {name: known[name]} if name in known else {}


def _by_signature(node: Expression) -> Parts:
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(node).__init__).parameters.items():
        if name not in node.__dict__:
            continue
        value = node.__dict__[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            args = (*args, *value)
        elif parameter.default is parameter.empty and not kwargs:
            args = (*args, value)
        elif value is not parameter.default:
            kwargs[name] = value
    return type(node), args, kwargs


_SPECIAL: Final[tuple[tuple[type[Any], Callable[[Any], Parts]], ...]] = (
    (Q, _q),
    (F, _f),
    (OrderBy, _order),
    (Func, _func),
)

__all__ = ["operator_of", "parts_of", "renamed"]
