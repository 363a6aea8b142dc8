"""One migration in place of many.

Project-wide: the operations of all apps are optimised together in the order in which they run, and come out as few
migrations with the dependencies that they need, so that apps which refer to each other do not make a circle.
"""

from __future__ import annotations

from collections.abc import Sequence

from vivace.errors import MigrationGraphError

from .differ import arrange, changes, named, number_of
from .differ.planned import Planned
from .loader import Loader
from .migration import Migration, Node
from .operations.base import Operation
from .operations.special import RunPython, RunSQL, SeparateDatabaseAndState
from .optimizer import optimize
from .questioner import Answers
from .state import ProjectState

DATA = (RunPython, RunSQL, SeparateDatabaseAndState)


def squash(
    loader: Loader,
    app_label: str,
    last: str,
    *,
    first: str | None = None,
    name: str = "",
    optimized: bool = True,
) -> Migration:
    """Return a migration that replaces those of an app from ``first`` (or the very first) to ``last``."""
    end = loader.find(app_label, last)
    chain = [node for node in loader.graph.plan_to(end.node) if node[0] == app_label]
    if first is not None:
        chain = chain[chain.index(loader.find(app_label, first).node) :]
    if len(chain) < 2:
        raise MigrationGraphError(
            "There is nothing to squash.", expected="two migrations or more", got=str(len(chain))
        )
    migrations = [loader.graph.migrations[node] for node in chain]
    _refuse_split(migrations)
    operations = [operation for each in migrations for operation in each.operations]
    squashed = Migration(_name(migrations, name), app_label)
    squashed.operations = optimize(operations, app_label) if optimized else operations
    squashed.dependencies = _outside(migrations, chain)
    squashed.replaces = [node for each in migrations for node in (*each.replaces, each.node)]
    squashed.initial = True if first is None else None
    squashed.atomic = all(each.atomic for each in migrations)
    return squashed


def _refuse_split(migrations: Sequence[Migration]) -> None:
    kinds = {migration.atomic for migration in migrations}
    if len(kinds) > 1:
        names = ", ".join(migration.name for migration in migrations if not migration.atomic)
        raise MigrationGraphError(
            "Migrations with and without a transaction cannot be squashed into one.",
            got=names,
            fix="Squash those in front of them and those behind them apart.",
        )


def _outside(migrations: Sequence[Migration], chain: Sequence[Node]) -> list[Node]:
    found = {
        (dependency[0], dependency[1])
        for migration in migrations
        for dependency in migration.dependencies
        if (dependency[0], dependency[1]) not in chain
    }
    return sorted(found)


def _name(migrations: Sequence[Migration], name: str) -> str:
    first, last = migrations[0].name, migrations[-1].name
    if name:
        return named(number_of(first), name)
    return f"{first}_squashed_{last}"


def squash_project(loader: Loader) -> list[Migration]:
    """Return new first migrations for all apps, which replace all there are; data steps that may go, go.

    What the migrations add up to is made anew from the final state, so circles between apps are opened. Operations with
    data that are not ``elidable`` cannot be carried over: they stop it.
    """
    kept = [
        f"{node[0]}.{node[1]}"
        for node, migration in loader.graph.migrations.items()
        if any(isinstance(each, DATA) and not _may_go(each) for each in migration.operations)
    ]
    if kept:
        raise MigrationGraphError(
            "Migrations run SQL or Python that is not marked as dispensable.",
            got=", ".join(sorted(kept)),
            fix="Say elidable=True where a new database does not need it; squash the others app by app.",
        )
    state = loader.project_state()
    planned: list[Planned] = changes(ProjectState(), state, Answers(renamed=False))
    found = arrange(planned, None, ProjectState())
    for migration in found:
        migration.replaces = [node for node in loader.graph.full_plan() if node[0] == migration.app_label]
        migration.initial = True
    names = {migration.node: f"{migration.name}_squashed" for migration in found}
    for migration in found:
        migration.dependencies = [(each[0], names.get(each, each[1])) for each in migration.dependencies]
        migration.name = names[migration.node]
    return found


def _may_go(operation: Operation) -> bool:
    return operation.elidable


__all__ = ["squash", "squash_project"]
