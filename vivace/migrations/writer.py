"""Migration files: written from migrations, always the same for the same operations."""

from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vivace.errors import MigrationError

from .migration import Migration, SwappableDependency
from .serializer import MIGRATIONS, MODELS, serialize
from .source import INDENT, Group, Node, flat, lay_out, sequence


def source_of(migration: Migration, *, header: bool = True, now: datetime.datetime | None = None) -> str:
    """Return the text of a migration's file. ``header``: a line with version and time in front."""
    imports: set[str] = {MIGRATIONS}
    lines: list[str] = []
    if migration.initial:
        lines.append("initial = True")
    if not migration.atomic:
        lines.append("atomic = False")
    if migration.reviewed:
        lines.append(f"reviewed = {flat(serialize(migration.reviewed, imports))}")
    if migration.replaces:
        lines.append(_attribute("replaces", _nodes(migration.replaces, imports)))
    lines.append(_attribute("dependencies", _nodes(_sorted(migration.dependencies), imports)))
    if migration.run_before:
        lines.append(_attribute("run_before", _nodes(migration.run_before, imports)))
    operations = [serialize(operation, imports) for operation in migration.operations]
    lines.append(_attribute("operations", sequence("[", operations, "]", expand=True)))
    body = "\n\n".join(f"{INDENT}{line}" for line in lines)
    first = _header(now) if header else ""
    return f"{first}{_imports(imports)}\n\n\nclass Migration(migrations.Migration):\n{body}\n"


def _header(now: datetime.datetime | None) -> str:
    moment = now or datetime.datetime.now(datetime.UTC)
    return f"# Made by Vivace {version('vivace')} on {moment:%Y-%m-%d %H:%M}\n\n"


def _attribute(name: str, node: Node) -> str:
    return f"{name} = {lay_out(node, 1, len(name) + 3)}"


def _sorted(dependencies: Any) -> list[Any]:
    return sorted(dependencies, key=lambda each: (isinstance(each, SwappableDependency), tuple(each)))


def _nodes(nodes: Any, imports: set[str]) -> Group:
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, SwappableDependency):
            found.append(f'migrations.swappable_dependency("{node.setting}")')
        else:
            found.append(serialize(tuple(node), imports))
    return sequence("[", found, "]", expand=True)


def _imports(imports: set[str]) -> str:
    """Return the import lines: plain ones first, by name; models and migrations on one line."""
    if MODELS in imports:
        imports = (imports - {MODELS, MIGRATIONS}) | {"from vivace import migrations, models"}
    rest: list[str] = []
    own: list[str] = []
    for line in sorted(imports, key=lambda line: (line.startswith("from"), line.split()[1])):
        (own if line.split()[1].partition(".")[0] == "vivace" else rest).append(line)
    return "\n".join(rest) + ("\n\n" if rest and own else "") + "\n".join(own)


def write(migration: Migration, folder: Path, *, header: bool = True) -> Path:
    """Write a migration's file into a folder, which is made if need be; returns its path."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if new and (folder.parent / "__init__.py").is_file():
        (folder / "__init__.py").touch()
    path = folder / f"{migration.name}.py"
    source = source_of(migration, header=header)
    if f'.{migration.name}")' in source:
        raise MigrationError(
            f"{migration} has functions of its own, which writing it anew would lose.",
            fix="Move them into a module of the app first, or change the file by hand.",
        )
    path.write_text(source, "utf-8")
    return path


__all__ = ["source_of", "write"]
