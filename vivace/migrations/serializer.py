"""Values as Python source for migration files.

Each kind of value has its writer in one table. Whatever has ``deconstruct()`` (fields, constraints, expressions,
validators, a project's own classes) is written as the call that makes it. What is left cannot be written, and the
error says how to make it so.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import functools
import math
import pathlib
import re
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final, TypeAlias, cast

from vivace.errors import UnserializableValue
from vivace.models.deconstruct import POSTGRESQL as POSTGRESQL_ROOM

from .expressions import operator_of, parts_of
from .operations.base import Operation
from .source import Group, Item, Node, call, flat, sequence

Imports: TypeAlias = "set[str]"
LOOSE: Final = "vivace_migrations_"  # what migration files are called that belong to no package
MODELS: Final = "from vivace import models"
FUNCTIONS: Final = "from vivace.models import functions"
POSTGRESQL: Final = "from vivace.models import postgresql"
MIGRATIONS: Final = "from vivace import migrations"


def serialize(value: Any, imports: Imports) -> Node:
    """Return the source of a value; what it needs imported is added to ``imports``. Raises ``UnserializableValue``."""
    for kind, write in _writers():
        if isinstance(value, kind):
            return write(value, imports)
    raise _cannot(value)


def text_of(value: Any) -> tuple[str, Imports]:
    """Return the source of a value on one line, and its imports: to tell whether two values are the same."""
    imports: Imports = set()
    return flat(serialize(value, imports)), imports


def _cannot(value: Any, why: str = "") -> UnserializableValue:
    return UnserializableValue(
        f"A value of type {type(value).__name__} cannot be written into a migration{why}.",
        expected="plain values, functions and classes of modules, objects with deconstruct()",
        got=repr(value)[:80],
        fix="Give its class a deconstruct() (vivace.models.deconstructible), or use a function of a module.",
    )


# -- plain values


def _repr(value: Any, imports: Imports) -> Node:
    text = repr(value)
    if isinstance(value, str) and "'" in text[:1] and '"' not in text:
        return f'"{text[1:-1]}"'.replace("\\'", "'")
    return text


def _text(value: Any, imports: Imports) -> Node:
    return _repr(str(value), imports)


def _float(value: float, imports: Imports) -> Node:
    if math.isnan(value) or math.isinf(value):
        return f'float("{value}")'
    return repr(value)


def _with_module(module: str) -> Callable[[Any, Imports], Node]:
    def write(value: Any, imports: Imports) -> Node:
        imports.add(f"import {module}")
        text = repr(value)
        return text if text.startswith(f"{module}.") else f"{module}.{text}"

    return write


def _decimal(value: decimal.Decimal, imports: Imports) -> Node:
    imports.add("from decimal import Decimal")
    return f'Decimal("{value}")'


def _uuid(value: uuid.UUID, imports: Imports) -> Node:
    imports.add("import uuid")
    return f'uuid.UUID("{value}")'


def _zone(value: zoneinfo.ZoneInfo, imports: Imports) -> Node:
    imports.add("import zoneinfo")
    return f'zoneinfo.ZoneInfo("{value.key}")'


def _moment(value: Any, imports: Imports) -> Node:
    zone = getattr(value, "tzinfo", None)
    if zone is not None and zone is not datetime.UTC:
        value = value.astimezone(datetime.UTC) if isinstance(value, datetime.datetime) else value
    imports.add("import datetime")
    return repr(value)


def _path(value: pathlib.PurePath, imports: Imports) -> Node:
    imports.add("import pathlib")
    name = "PurePosixPath" if isinstance(value, pathlib.PurePosixPath) else "PureWindowsPath"
    return f"pathlib.{name}({_repr(value.as_posix(), imports)})"


def _pattern(value: re.Pattern[Any], imports: Imports) -> Node:
    imports.add("import re")
    flags = value.flags & ~(re.UNICODE if isinstance(value.pattern, str) else 0)
    args = [serialize(value.pattern, imports)] + ([str(int(flags))] if flags else [])
    return call("re.compile", args)


def _address(value: Any, imports: Imports) -> Node:
    imports.add("import ipaddress")
    return f'ipaddress.{type(value).__name__}("{value}")'


def _range(value: range, imports: Imports) -> Node:
    return repr(value)


def _enum(value: enum.Enum, imports: Imports) -> Node:
    if hasattr(type(value), "choices"):  # TextChoices and the like: the file must not need the class
        return serialize(value.value, imports)
    cls = type(value)
    names = [member.name for member in value] if isinstance(value, enum.Flag) else [value.name]
    place = _reference(cls, imports)
    return " | ".join(f'{place}["{name}"]' for name in names)


# -- containers


def _list(value: Iterable[Any], imports: Imports) -> Node:
    return sequence("[", [serialize(each, imports) for each in value], "]")


def _tuple(value: Iterable[Any], imports: Imports) -> Node:
    return sequence("(", [serialize(each, imports) for each in value], ")")


def _set(value: Any, imports: Imports) -> Node:
    nodes = sorted((serialize(each, imports) for each in value), key=flat)
    if isinstance(value, frozenset):
        return call("frozenset", [sequence("[", nodes, "]")])
    return sequence("{", nodes, "}") if nodes else "set()"


def _mapping(value: Mapping[Any, Any], imports: Imports) -> Node:
    items = [
        Item(serialize(each, imports), f"{flat(serialize(key, imports))}: ") for key, each in value.items()
    ]
    return Group(opening="{", closing="}", items=items)


# -- things of modules


def _function(value: Any, imports: Imports) -> Node:
    owner = getattr(value, "__self__", None)
    if isinstance(owner, type):
        return f"{_reference(owner, imports)}.{value.__name__}"
    if value.__name__ == "<lambda>":
        raise _cannot(value, ": it is a lambda")
    if "<locals>" in value.__qualname__:
        raise _cannot(value, ": it is defined within a function")
    return _reference(value, imports)


def _builtin(value: Any, imports: Imports) -> Node:
    return value.__name__ if value.__module__ == "builtins" else _reference(value, imports)


def _class(value: type[Any], imports: Imports) -> Node:
    if value is type(None):
        return "type(None)"
    if value.__module__ == "builtins":
        return value.__qualname__
    if "<locals>" in value.__qualname__:
        raise _cannot(value, ": it is defined within a function")
    return _reference(value, imports)


def _reference(value: Any, imports: Imports) -> str:
    return dotted(f"{value.__module__}.{value.__qualname__}", imports, module=value.__module__)


def dotted(path: str, imports: Imports, *, module: str = "") -> str:
    """Return how a file names what is at a dotted path; vivace's models and migrations by their short names."""
    module = module or path.rpartition(".")[0]
    if not all(part.isidentifier() for part in module.split(".")):  # a migration file: 0001_initial
        if module.startswith(LOOSE):
            raise UnserializableValue(
                f"{path.rpartition('.')[2]!r} lives in a migration file of a folder that is no package.",
                fix="Move it into a module of the app, or give the folders an __init__.py.",
            )
        imports.add("from importlib import import_module")
        return f'import_module("{module}").{path[len(module) + 1 :]}'
    public = _public(path, module)
    if public is not None:
        short, needed = public
        imports.add(needed)
        return short
    imports.add(f"import {module}")
    return path


def _public(path: str, module: str) -> tuple[str, str] | None:
    name = path[len(module) + 1 :]
    if module == POSTGRESQL_ROOM or (
        module.startswith(f"{POSTGRESQL_ROOM}.") and _is_exported(POSTGRESQL_ROOM, name)
    ):
        return f"postgresql.{name}", POSTGRESQL
    if module == "vivace.models" or (
        module.startswith("vivace.models.") and _is_exported("vivace.models", name)
    ):
        return f"models.{name}", MODELS
    if module.startswith("vivace.models.") and _is_exported("vivace.models.functions", name):
        return f"functions.{name}", FUNCTIONS
    if module.startswith("vivace.migrations") and _is_exported("vivace.migrations", name):
        return f"migrations.{name}", MIGRATIONS
    return None


def _is_exported(package: str, name: str) -> bool:
    import importlib

    return hasattr(importlib.import_module(package), name.partition(".")[0])


def _partial(value: functools.partial[Any], imports: Imports) -> Node:
    imports.add("import functools")
    args = [serialize(each, imports) for each in (value.func, *value.args)]
    kwargs = [(name, serialize(each, imports)) for name, each in value.keywords.items()]
    return call("functools.partial", args, kwargs)


def _expression(value: Any, imports: Imports) -> Node:
    sides = operator_of(value)
    if sides is not None:
        left, sign, right = (
            each if isinstance(each, str) else flat(serialize(each, imports)) for each in sides
        )
        return f"({left} {sign} {right})"
    cls, args, kwargs = parts_of(value)
    return construct(_reference(cls, imports), args, kwargs, imports)


def _deconstructed(value: Any, imports: Imports) -> Node:
    parts = value.deconstruct()
    if len(parts) == 5:
        return _manager(parts, imports)
    path, args, kwargs = parts[-3:]
    if not isinstance(path, str):
        raise _cannot(value, ": its deconstruct() gives no path")
    return construct(dotted(path, imports), args, kwargs, imports)


def construct(name: str, args: Iterable[Any], kwargs: Mapping[str, Any], imports: Imports) -> Node:
    """Return the source of a call."""
    return call(
        name,
        [serialize(each, imports) for each in args],
        [(key, serialize(each, imports)) for key, each in kwargs.items()],
    )


def _rule(value: Any, imports: Imports) -> Node:
    """Write what happens at a deletion: a name, only ``SET(…)`` is a call."""
    path, args, kwargs = value.deconstruct()
    name = dotted(path, imports)
    return construct(name, args, kwargs, imports) if args else name


def _manager(parts: Any, imports: Imports) -> Node:
    as_manager, manager_path, queryset_path, args, kwargs = parts
    if as_manager:
        return f"{dotted(queryset_path, imports)}.as_manager()"
    return construct(dotted(manager_path, imports), args or (), kwargs or {}, imports)


# -- operations


def _operation(value: Operation, imports: Imports) -> Node:
    name, args, kwargs = value.deconstruct()
    cls = type(value)
    if _is_exported("vivace.migrations", name) and cls.__module__.startswith("vivace.migrations"):
        imports.add(MIGRATIONS)
        place = f"migrations.{name}"
    else:
        place = _reference(cls, imports)
    expand = set(value.serialization_expand_args)
    items = [(key, _argument(each, imports, expand=key in expand)) for key, each in kwargs.items()]
    return call(place, [serialize(each, imports) for each in args], items, expand=True)


def _argument(value: Any, imports: Imports, *, expand: bool) -> Node:
    node = serialize(value, imports)
    if expand and isinstance(node, Group) and not node.before:
        return Group(
            opening=node.opening, closing=node.closing, items=node.items, expand=True, comma=node.comma
        )
    return node


_Writer: TypeAlias = "Callable[[Any, Imports], Node]"


@functools.cache
def _writers() -> tuple[tuple[Any, _Writer], ...]:
    """The first kind that fits decides: enums before numbers, datetimes before dates."""
    from vivace.models.deletion_rules import DeletionRule
    from vivace.models.expressions.base import Expression

    return cast(
        "tuple[tuple[Any, _Writer], ...]",
        (
            (enum.Enum, _enum),
            (Operation, _operation),
            (DeletionRule, _rule),
            (Expression, _expression),
            ((type(None), bool, int, bytes), _repr),
            (str, _text),
            (float, _float),
            ((datetime.datetime, datetime.date, datetime.time), _moment),
            ((datetime.timedelta, datetime.timezone), _with_module("datetime")),
            (decimal.Decimal, _decimal),
            (uuid.UUID, _uuid),
            (zoneinfo.ZoneInfo, _zone),
            (pathlib.PurePath, _path),
            (re.Pattern, _pattern),
            ((IPv4Address, IPv6Address, IPv4Network, IPv6Network), _address),
            (range, _range),
            (functools.partial, _partial),
            (type, _class),
            (types.BuiltinFunctionType, _builtin),
            ((types.FunctionType, types.MethodType), _function),
            (HasDeconstruct, _deconstructed),
            ((set, frozenset), _set),
            (Mapping, _mapping),
            (tuple, _tuple),
            ((list, types.GeneratorType), _list),
        ),
    )


class _HasDeconstruct(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return callable(getattr(instance, "deconstruct", None))


class HasDeconstruct(metaclass=_HasDeconstruct):
    """Anything that says how it is made."""


__all__ = ["MIGRATIONS", "MODELS", "Imports", "dotted", "serialize", "text_of"]
