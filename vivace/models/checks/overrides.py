"""Methods that must be ``async def``: a plain one that calls the inherited method makes a coroutine and drops it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from types import FunctionType
from typing import TYPE_CHECKING, Final

from vivace.errors.findings import Finding

if TYPE_CHECKING:
    from vivace.models.base import Model

AWAITED: Final = (
    "save",
    "delete",
    "clean",
    "full_clean",
    "clean_fields",
    "validate_unique",
    "validate_constraints",
    "refresh_from_db",
    "load",
)


def check_overrides(model: type[Model]) -> list[Finding]:
    """Return a finding for each method that would do nothing."""
    findings: list[Finding] = []
    for base in model.__mro__:
        if base.__module__.startswith("vivace.models"):
            continue
        for name in AWAITED:
            function = base.__dict__.get(name)
            if isinstance(function, FunctionType) and drops_call(function, name):
                findings.append(_finding(base, function, name))
    return findings


def _finding(base: type, function: FunctionType, name: str) -> Finding:
    code = function.__code__
    return Finding(
        "plain-override",
        f"{base.__qualname__}.{name} is a plain def and calls super().{name}() without await: nothing would happen.",
        f"Write `async def {name}` and `await super().{name}(…)`.",
        f"{code.co_filename}:{code.co_firstlineno}",
    )


def drops_call(function: FunctionType, name: str) -> bool:
    """Say whether a plain function calls the inherited method without returning what it gives."""
    if inspect.iscoroutinefunction(function) or "__class__" not in function.__code__.co_freevars:
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return True
    calls = {node for node in ast.walk(tree) if _is_super_call(node, name)}
    returned = {node.value for node in ast.walk(tree) if isinstance(node, ast.Return)}
    return bool(calls - returned)


def _is_super_call(node: ast.AST, name: str) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name):
        return False
    owner = node.func.value
    return isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super"
