"""The templates that an app's code asks for by names written there: ``render(request, "home.html")``. For ``vivace check``."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

# Where the name of a template stands among the arguments of our functions.
_POSITIONS: Final = {"render": 1, "render_to_string": 0, "TemplateResponse": 1}


class Asked(NamedTuple):
    """A name of a template, and where it is written."""

    name: str
    path: str
    line: int


def asked_for(files: Iterable[Path]) -> Iterator[Asked]:
    """Yield the names of templates in calls of our functions; only where a file imports them from ``vivace``."""
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        if not any(name in text for name in _POSITIONS):
            continue
        try:
            tree = ast.parse(text, str(file))
        except (SyntaxError, ValueError):  # whoever loads it says so
            continue
        positions = dict(_imported(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in positions:
                position = positions[node.func.id]
                written = node.args[position] if len(node.args) > position else None
                if isinstance(written, ast.Constant) and isinstance(written.value, str):
                    yield Asked(written.value.partition("#")[0], str(file), written.lineno)


def _imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("vivace"):
            yield from (
                (one.asname or one.name, _POSITIONS[one.name]) for one in node.names if one.name in _POSITIONS
            )


__all__ = ["Asked", "asked_for"]
