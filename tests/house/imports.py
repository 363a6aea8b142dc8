"""Who imports whom while modules load: a graph, and the cycles in it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from .gates import Source

Graph: TypeAlias = Mapping[str, frozenset[str]]


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _load_time(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when the module is loaded: not those in functions or for the type checker."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif _is_type_checking(node):
            yield from _load_time(getattr(node, "orelse", []))
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for field in ("body", "orelse", "finalbody", "handlers"):
                yield from _load_time(getattr(node, field, []))


def _origin(source: Source, node: ast.ImportFrom) -> str:
    """Return the absolute module that ``from … import`` names."""
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    up = node.level - (1 if source.path.endswith("__init__.py") else 0)
    return ".".join([*package[: len(package) - up], *([node.module] if node.module else [])])


def load_graph(found: Iterable[Source]) -> Graph:
    """Return for each module the modules among ``found`` that it imports while it loads."""
    by_name = {source.module: source for source in found}
    graph: dict[str, frozenset[str]] = {}
    for name, source in by_name.items():
        targets: set[str] = set()
        for node in _load_time(source.tree.body):
            if isinstance(node, ast.Import):
                targets.update(alias.name for alias in node.names)
                continue
            origin = _origin(source, node)
            inner = {f"{origin}.{alias.name}" for alias in node.names}
            # A submodule that is named needs its package only as far as it was loaded by then.
            targets.update(inner & by_name.keys() or {origin})
        graph[name] = frozenset(targets & by_name.keys() - {name})
    return graph


def cycles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that reach each other (strongly connected, more than one member)."""
    reached = {name: _reachable(graph, name) for name in graph}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return [list(group) for group in sorted(groups)]


def _reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph[name])
    return seen
