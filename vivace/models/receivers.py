"""Plain ``def`` receivers that begin work which nobody awaits: Django's habit, by which here nothing would be written.

A ``def`` receiver is called where it stands, and is welcome as long as it computes. ``Profile.objects.create(…)`` in one
only makes a coroutine, and the profile is never there. What gives that away is a call whose answer is thrown away: of
``….objects.…()``, or of ``save`` and its like on ``instance``. A coroutine that the receiver returns is awaited.
"""

from __future__ import annotations

import inspect
from types import CodeType
from typing import Any, Final

_AWAITED: Final = frozenset(("delete", "full_clean", "load", "refresh_from_db", "save"))
_GIVEN: Final = "instance"


def forgotten_call(receiver: Any) -> str:
    """Return what a plain function begins and does not await, "" for nothing."""
    code = getattr(receiver, "__code__", None)
    if not isinstance(code, CodeType) or not {"objects", *_AWAITED}.intersection(code.co_names):
        return ""
    import ast
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(receiver)))
    except (OSError, SyntaxError):  # there is no file, or a lambda in the middle of a line
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            root, names = _chain(node.value)
            if "objects" in names[:-1] or (root == _GIVEN and names and names[-1] in _AWAITED):
                return f"{'.'.join((root, *names))}()".removeprefix(".")
    return ""


def _chain(call: Any) -> tuple[str, list[str]]:
    """Return the name with which ``a.b(…).c(…)`` begins, and those behind it."""
    import ast

    names: list[str] = []
    node = call
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else "", names[::-1]


__all__ = ["forgotten_call"]
