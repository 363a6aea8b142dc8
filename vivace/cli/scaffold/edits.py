"""Adds a router to the file that makes the app, where its syntax tree proves that this is all that changes.

Two lines are added: an import among the file's own relative imports, in their order, and ``app.include(…)`` behind the last
one, else behind ``app = App(…)``. Proof: the tree of the new text without these two statements is the tree of the old text.
Where there is no single ``app = App(…)`` at the top of the file, or the name is taken, nothing is changed and the caller
says which lines to add.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True)
class Inclusion:
    """A router to include: ``from .posts.views import pages as post_pages``, ``app.include(post_pages)``."""

    module: str  # .posts.views
    router: str  # pages
    name: str  # post_pages

    @property
    def importing(self) -> str:
        """The line that imports it."""
        return f"from {self.module} import {self.router} as {self.name}"

    def including(self, app: str = "app") -> str:
        """Return the line that includes it."""
        return f"{app}.include({self.name})"


def with_router(text: str, inclusion: Inclusion) -> str | None:
    """Return the text of an app's file with the router in it; ``None`` where that cannot be proved right."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    app = _app(tree)
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    if app is None or not imports or inclusion.name in _names(tree):
        return None
    name, assigned = app
    last = max([assigned, *_inclusions(tree, name)], key=lambda node: node.lineno)
    at, blank = _place(imports, inclusion.module)
    if at >= last.lineno or _shares_line(tree, last) or _shares_line(tree, imports[-1]):
        return None
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    if not lines[-1].endswith(("\n", "\r")):
        lines[-1] += end
    lines.insert(last.end_lineno or last.lineno, inclusion.including(name) + end)
    lines[at:at] = [end, inclusion.importing + end] if blank else [inclusion.importing + end]
    changed = "".join(lines)
    return changed if _is_proved(tree, changed, inclusion, name) else None


def _app(tree: ast.Module) -> tuple[str, ast.stmt] | None:
    """Return the name of the only app that is made at the top of a module, and the statement."""
    found: list[tuple[str, ast.stmt]] = []
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        if (
            isinstance(target, ast.Name)
            and isinstance(value, ast.Call)
            and ast.unparse(value.func) in ("App", "vivace.App")
        ):
            found.append((target.id, node))
    return found[0] if len(found) == 1 else None


def _inclusions(tree: ast.Module, app: str) -> list[ast.stmt]:
    return [
        node
        for node in tree.body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == f"{app}.include"
    ]


def _names(tree: ast.Module) -> set[str]:
    """Return every name that a module has or binds anywhere: a new one must be none of them."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    return names | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }


def _place(imports: list[ast.Import | ast.ImportFrom], module: str) -> tuple[int, bool]:
    """Return before which line an import belongs (from 0), and whether it begins a block of its own."""
    relative = [node for node in imports if isinstance(node, ast.ImportFrom) and node.level == 1]
    for node in relative:
        if f".{node.module or ''}" > module:
            return node.lineno - 1, False
    last = (relative or imports)[-1]
    return last.end_lineno or last.lineno, not relative


def _shares_line(tree: ast.Module, node: ast.stmt) -> bool:
    """Return whether another statement stands on the line where one ends: ``import a; import b``."""
    return any(other is not node and other.lineno == node.end_lineno for other in tree.body)


def _is_proved(old: ast.Module, text: str, inclusion: Inclusion, app: str) -> bool:
    added = {ast.unparse(ast.parse(line)) for line in (inclusion.importing, inclusion.including(app))}
    try:
        new = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    kept = [node for node in new.body if ast.unparse(node) not in added]
    return len(new.body) == len(old.body) + len(added) and [ast.dump(node) for node in kept] == [
        ast.dump(node) for node in old.body
    ]


__all__ = ["Inclusion", "with_router"]
