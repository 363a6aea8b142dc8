"""What the commands share: a project's models, folders and databases, and what they ask of them.

Everything here takes values and returns values; talking is left to the command line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vivace.db.databases import Databases
from vivace.db.types import Dialect
from vivace.errors import MigrationConflict, MigrationGraphError
from vivace.models.labels import LABEL_FILE, label_of, labelling_folder

from .classes import project_state
from .differ import arrange, changes, named, number_of, only
from .executor import Executor, Report, RunOptions, quiet, states_before
from .graph import Graph
from .loader import Folders, Loader
from .migration import Migration, Node
from .noted import folders_of
from .operations.base import Operation
from .optimizer import optimize
from .questioner import Answers, Questioner, check_fields, check_renames
from .schema.editor import Editor
from .state import ProjectState


class Project(msgspec.Struct, frozen=True):
    """Models by app label, and where the migrations of each app are."""

    models: tuple[Any, ...]
    folders: Folders

    @property
    def labels(self) -> set[str]:
        """The apps that have models."""
        return {model._meta.app_label for model in self.models}

    def state(self) -> ProjectState:
        """Return what the models are now."""
        return project_state(self.models)

    def loader(self, applied: Collection[Node] | None = None) -> Loader:
        """Return the migrations on disk."""
        return Loader(self.folders, applied)


def project_of(models: Iterable[Any]) -> Project:
    """Return a project of model classes; each app's folder is in its package, or beside its file."""
    found = tuple(models)
    return Project(found, folders_of(found))


# -- makemigrations


def make(
    project: Project, questioner: Questioner, *, app_labels: Collection[str] = (), name: str = ""
) -> list[Migration]:
    """Return the migrations that are missing, for all apps or some (and what those need). Nothing is written."""
    loader = project.loader()
    loader.graph.refuse_conflicts()
    before = loader.project_state()
    wanted = _wanted(project, before)
    if isinstance(questioner, Answers):
        check_renames(questioner.renames, before, wanted)
        check_fields(questioner, wanted)
    planned = changes(before, wanted, questioner)
    found = arrange(planned, loader.graph, before)
    if app_labels:
        found = only(found, app_labels)
    return [_named(migration, name) for migration in found] if name else found


def _wanted(project: Project, before: ProjectState) -> ProjectState:
    """Return what the models are, with those of apps that were not loaded, or that were swapped, as the files have them."""
    wanted = project.state()
    for key, model in before.models.items():
        if key[0] not in project.folders or model.options.get("swappable"):
            wanted.models.setdefault(key, model)
    return wanted


def left_out(project: Project) -> set[tuple[str, str]]:
    """Return the models of migration files that the project has put others in the place of: they get no tables."""
    files = project.loader().project_state().models
    here = project.state().models
    return {key for key, model in files.items() if model.options.get("swappable") and key not in here}


def executor_for(
    project: Project,
    databases: Databases,
    alias: str = "default",
    options: RunOptions | None = None,
    report: Report = quiet,
) -> Executor:
    """Return what runs the project's migrations on one of the app's databases: ``await executor_for(…).migrate()``."""
    swapped = left_out(project)

    def allows(app_label: str, **hints: Any) -> bool:
        if (app_label, hints.get("model_name")) in swapped:
            return False
        return databases.allow_migrate(alias, app_label, **hints)

    return Executor(databases[alias], project.folders, options, report=report, allows=allows)


def note_label(project: Project, app_label: str) -> Path | None:
    """Write down a label that was but the name of a folder; returns the file, ``None`` where there is nothing to note."""
    for model in project.models:
        folder = labelling_folder(model.__module__)
        if folder is None or model._meta.app_label != app_label or label_of(model.__module__) != app_label:
            continue
        file = folder / LABEL_FILE
        if file.parent != project.folders[app_label] or file.exists():
            continue
        file.write_text(f"{app_label}\n", "utf-8")
        return file
    return None


def _named(migration: Migration, name: str) -> Migration:
    migration.name = named(number_of(migration.name), name)
    return migration


def empty(project: Project, app_label: str, *, name: str = "custom") -> Migration:
    """Return a migration without operations behind the last one."""
    loader = project.loader()
    loader.check_app(app_label)
    loader.graph.refuse_conflicts([app_label])
    leaves = loader.graph.leaves(app_label)
    migration = Migration(named(number_of(leaves[0][1]) + 1 if leaves else 1, name), app_label)
    migration.dependencies = list(leaves)
    return migration


def merge(project: Project) -> list[Migration]:
    """Return, for each app whose branches have met, a migration that joins them."""
    graph = project.loader().graph
    found: list[Migration] = []
    for app, names in sorted(graph.conflicts().items()):
        nodes = [(app, name) for name in names]
        refuse_clashes(graph, nodes)
        number = max(number_of(name) for name in names) + 1
        migration = Migration(named(number, "merge_" + "_".join(_short(name) for name in names))[:100], app)
        migration.dependencies = nodes
        found.append(migration)
    return found


def _short(name: str) -> str:
    return name.partition("_")[2][:20] or name


def refuse_clashes(graph: Graph, nodes: Sequence[Node]) -> None:
    """Raise ``MigrationConflict`` when two branches change the same field or model."""
    app = nodes[0][0]
    shared: set[Node] = set(graph.plan_to(nodes[0])).intersection(*(graph.plan_to(node) for node in nodes))
    branches = [
        [operation for each in graph.plan_to(node) if each not in shared and each[0] == app
         for operation in graph.migrations[each].operations]
        for node in nodes
    ]  # fmt: skip
    for position, branch in enumerate(branches):
        for other in branches[position + 1 :]:
            for first in branch:
                for second in other:
                    if _clash(first, second):
                        raise MigrationConflict(
                            f"Two branches of {app} change the same thing.",
                            got=f"{first.describe()}; {second.describe()}",
                            fix="Delete one's migrations and run makemigrations again, or order them by hand.",
                        )


def _clash(first: Operation, second: Operation) -> bool:
    pair = [(getattr(each, "model_name", ""), getattr(each, "name", "")) for each in (first, second)]
    return pair[0] == pair[1] and any(pair[0])


def rebase(project: Project, app_label: str, last: str) -> tuple[Path, Path, str]:
    """Put the migration ``last``, a leaf, behind the other leaf; returns its old file, its new one and the new text."""
    loader = project.loader()
    mine = loader.find(app_label, last)
    others = [node for node in loader.graph.leaves(app_label) if node != mine.node]
    if mine.node not in loader.graph.leaves(app_label) or len(others) != 1:
        raise MigrationGraphError(
            f"{mine} cannot be put behind another one.",
            expected="one of two last migrations of an app",
            got=", ".join(name for _, name in [mine.node, *others]),
        )
    refuse_clashes(loader.graph, [others[0], mine.node])
    folder = project.folders[app_label]
    old = Path(folder, f"{mine.name}.py")
    name = named(number_of(others[0][1]) + 1, mine.name.partition("_")[2] or mine.name)
    text = old.read_text("utf-8")
    for app, parent in mine.dependencies:
        if app == app_label:
            text = re.sub(
                rf"""\(\s*["']{re.escape(app)}["']\s*,\s*["']{re.escape(parent)}["']\s*,?\s*\)""",
                f'("{app}", "{others[0][1]}")',
                text,
            )
    return old, Path(folder, f"{name}.py"), text


def update(project: Project, fresh: Migration) -> tuple[Migration, Path]:
    """Return the last migration of an app with a new one's operations taken in, and its file."""
    loader = project.loader()
    leaves = loader.graph.leaves(fresh.app_label)
    if not leaves:
        raise MigrationGraphError(f"{fresh.app_label} has no migration to update.", fix="Leave out --update.")
    last = loader.graph.migrations[leaves[-1]]
    last.operations = optimize([*last.operations, *fresh.operations], fresh.app_label)
    known = {tuple(each) for each in last.dependencies}
    last.dependencies = [
        *last.dependencies,
        *(each for each in fresh.dependencies if tuple(each) not in known and tuple(each) != last.node),
    ]
    return last, Path(project.folders[fresh.app_label], f"{last.name}.py")


# -- looking


async def sql_of(
    loader: Loader, migration: Migration, dialect: Dialect, *, backwards: bool = False
) -> list[str]:
    """Return the statements of a migration, with a comment in front of each operation; no database is asked."""
    before = states_before(loader, [migration])[migration.node]
    states = migration.states(before)
    lines: list[str] = []
    order = range(len(migration.operations))
    for position in reversed(order) if backwards else order:
        editor = Editor(dialect)
        operation = migration.operations[position]
        if backwards:
            await migration.backwards(editor, states, position)
        else:
            await migration.forwards(editor, states[position], position)
        lines.append(f"-- {operation.describe()}")
        lines += [sql if sql.startswith("--") else f"{sql.rstrip(';')};" for sql in editor.statements]
        if not editor.statements:
            lines.append("-- (no SQL)")
    return lines


def no_answers() -> Answers:
    """Return a questioner for looking only: nothing is renamed, and any value will do."""

    class Anything(Answers):
        def default_for_new(self, model: Any, name: str, field: Any) -> Any:
            return None

        def default_for_null(self, model: Any, name: str, field: Any) -> Any:
            return None

    return Anything(renamed=False)


__all__ = [
    "Project",
    "empty",
    "executor_for",
    "left_out",
    "make",
    "merge",
    "no_answers",
    "project_of",
    "rebase",
    "refuse_clashes",
    "sql_of",
    "update",
]
