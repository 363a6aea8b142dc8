"""Finds migration files and makes the graph of them.

An app's migrations are the modules of its ``migrations`` package: ``<package>/migrations/0001_initial.py``; for an app
that is one file, of the folder ``migrations`` beside it. Folders are read as files, so a ``migrations`` folder needs no
``__init__.py`` and nothing else of the app is imported.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType

from vivace.errors import BadMigration, InconsistentHistory, UnknownMigration, nearest

from .graph import Graph
from .migration import Migration, Node
from .noted import files_in
from .serializer import LOOSE
from .state import ProjectState

Folders = Mapping[str, Path]


class Loader:
    """The migrations of a project. ``folders`` maps app labels to folders; ``applied`` are known to a database."""

    def __init__(self, folders: Folders, applied: Collection[Node] | None = None) -> None:
        self.folders = dict(folders)
        self.applied = None if applied is None else set(applied)
        self.on_disk: dict[Node, Migration] = {}
        self.replacements: dict[Node, Migration] = {}
        for label, folder in sorted(self.folders.items()):
            self.on_disk.update({each.node: each for each in load_folder(label, folder)})
        self.graph = self._build()

    @property
    def migrated_apps(self) -> set[str]:
        """Apps that have migrations."""
        return {label for label, _ in self.on_disk}

    def _build(self) -> Graph:
        graph = Graph()
        for migration in self.on_disk.values():
            graph.add(migration)
            if migration.replaces:
                self.replacements[migration.node] = migration
        for migration in self.on_disk.values():
            self._link(graph, migration)
        self._replace(graph)
        graph.check_circles()
        return graph

    def _link(self, graph: Graph, migration: Migration) -> None:
        for dependency in migration.dependencies:
            parent = self._node(graph, (dependency[0], dependency[1]), migration)
            if parent is not None and parent != migration.node:
                graph.link(migration.node, parent)
        for later in migration.run_before:
            child = self._node(graph, (later[0], later[1]), migration)
            if child is not None:
                graph.link(child, migration.node)

    def _node(self, graph: Graph, node: Node, migration: Migration) -> Node | None:
        """Return the migration that a dependency means; ``None``: of an app without migrations."""
        label, name = node
        if name not in ("__first__", "__latest__"):
            return self._standing_in(graph, node)
        if label == migration.app_label:
            return None
        ends = graph.roots(label) if name == "__first__" else graph.leaves(label)
        return ends[0] if ends else None

    def _standing_in(self, graph: Graph, node: Node) -> Node:
        """Return the node, or the squashed migration that replaces it when its file is gone."""
        if node not in graph.migrations:
            for name, squashed in sorted(self.replacements.items(), reverse=True):
                if node in map(tuple, squashed.replaces):
                    return name
        return node

    def _replace(self, graph: Graph) -> None:
        """Let squashed migrations stand in, or take them out while what they replace is half applied.

        The last of several that replace the same ones goes first: what came after those comes after it.
        """
        for node, migration in sorted(self.replacements.items(), reverse=True):
            targets = _expand(self.replacements, migration)
            plain = [target for target in targets if target not in self.replacements]
            states = [target in (self.applied or ()) for target in plain]
            if self.applied is not None and all(states):
                self.applied.add(node)
            elif self.applied is not None and any(states):
                self.applied.discard(node)
            if node in graph.migrations:
                if all(states) or not any(states):
                    graph.replace(node, targets)
                else:
                    graph.remove(node)

    def check_history(self) -> None:
        """Raise ``InconsistentHistory`` when a migration is applied before one that it depends on."""
        if self.applied is None:
            return
        for node in sorted(self.applied & self.graph.migrations.keys()):
            for parent in sorted(self.graph.parents[node]):
                if parent not in self.applied and not self._replaced_applied(parent):
                    raise InconsistentHistory(
                        f"{node[0]}.{node[1]} is applied before {parent[0]}.{parent[1]}, on which it depends.",
                        fix=f"Apply it by hand, then `vivace migrate {parent[0]} {parent[1]} --fake`.",
                    )

    def _replaced_applied(self, node: Node) -> bool:
        replacement = self.replacements.get(node)
        return replacement is not None and all(
            target in (self.applied or ())
            for target in _expand(self.replacements, replacement)
            if target not in self.replacements
        )

    def find(self, app_label: str, prefix: str) -> Migration:
        """Return the migration of an app whose name begins so; raises ``UnknownMigration``."""
        names = sorted(name for label, name in self.on_disk if label == app_label)
        found = [name for name in names if name == prefix] or [
            name for name in names if name.startswith(prefix)
        ]
        if len(found) != 1:
            raise UnknownMigration(
                f"{'Several migrations' if found else 'No migration'} of {app_label!r} {'begin' if found else 'begins'} with {prefix!r}.",
                got=", ".join(found),
                fix=nearest(prefix, names) or f"There are: {', '.join(names) or 'none'}.",
            )
        return self.on_disk[app_label, found[0]]

    def check_app(self, app_label: str) -> None:
        """Raise ``UnknownMigration`` when there is no such app."""
        if app_label not in self.folders:
            known = nearest(app_label, self.folders) or f"There are: {', '.join(sorted(self.folders))}."
            raise UnknownMigration(
                f"There is no app {app_label!r}.",
                expected="the label of an app with models",
                fix=f"Say --app {app_label} to name the file. {known}"
                if app_label.endswith(".py")
                else known,
            )

    def project_state(self) -> ProjectState:
        """Return the state to which all migrations add up."""
        return self.graph.state_at()


def _expand(replacements: Mapping[Node, Migration], migration: Migration) -> list[Node]:
    """Return what a migration replaces; a squash of squashes also what those replace."""
    found: dict[Node, None] = {}
    for target in migration.replaces:
        node = (target[0], target[1])
        inner = replacements.get(node)
        if inner is not None and inner is not migration:
            found.update(dict.fromkeys(_expand(replacements, inner)))
        found[node] = None
    return list(found)


def load_folder(app_label: str, folder: Path) -> list[Migration]:
    """Return the migrations in a folder, in the order of their names."""
    return [_load(app_label, path) for path in files_in(folder)]


def _load(app_label: str, path: Path) -> Migration:
    module = _module(app_label, path)
    found = getattr(module, "Migration", None)
    if not (isinstance(found, type) and issubclass(found, Migration)):
        raise BadMigration(
            f"{path} has no class Migration.",
            expected="class Migration(migrations.Migration): …",
            fix="Move the file out of the migrations folder, or name it with an underscore in front.",
        )
    return found(path.stem, app_label)


def _module(app_label: str, path: Path) -> ModuleType:
    """Run a migration file, as part of its package where it has one (then its relative imports work)."""
    name = f"{_package(path.parent) or LOOSE + app_label}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadMigration(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    known = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if known is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = known
        raise
    return module


def _package(folder: Path) -> str:
    """Return the dotted name of a folder that is a package, ``""`` when it is none."""
    names: list[str] = []
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names) if names and names[0] in sys.modules else ""


__all__ = ["Folders", "Loader", "load_folder"]
