"""From operations to migrations: as few for each app as their dependencies allow.

The operations come in an order in which they can run. Each goes into the migration of its app that is open, unless what
it depends on in another app itself depends on that migration: then a new one is begun.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from vivace.migrations.migration import Migration, Node
from vivace.migrations.state import ProjectState

from .planned import Planned

if TYPE_CHECKING:
    from vivace.migrations.graph import Graph


class _Draft:
    """A migration that is being filled."""

    def __init__(self, app_label: str, previous: _Draft | None) -> None:
        self.app_label = app_label
        self.previous = previous
        self.planned: list[Planned] = []
        self.needs: set[_Draft] = set() if previous is None else {previous}
        self.apps: set[str] = set()

    def reaches(self, other: _Draft) -> bool:
        """Say whether this one depends on another, or is it."""
        return self is other or any(each.reaches(other) for each in self.needs)


def arrange(planned: Sequence[Planned], graph: Graph | None, before: ProjectState) -> list[Migration]:
    """Return migrations with their dependencies, in order, still without final names."""
    drafts: list[_Draft] = []
    opened: dict[str, _Draft] = {}
    for each in planned:
        needed = _needed(each, drafts)
        draft = opened.get(each.app_label)
        if draft is None or any(other.reaches(draft) for other in needed if other is not draft):
            draft = opened[each.app_label] = _Draft(each.app_label, draft)
            drafts.append(draft)
        draft.planned.append(each)
        draft.needs |= {other for other in needed if other is not draft}
        draft.apps |= {app for app, _ in each.needs if app != each.app_label}
    return _migrations(drafts, graph)


def _needed(planned: Planned, drafts: list[_Draft]) -> set[_Draft]:
    wanted = planned.needs | planned.touches
    return {draft for draft in drafts if any(wanted & other.touches for other in draft.planned)}


def _migrations(drafts: list[_Draft], graph: Graph | None) -> list[Migration]:
    names: dict[_Draft, Node] = {}
    found: list[Migration] = []
    numbers: dict[str, int] = {}
    for draft in drafts:
        leaf = _leaf(graph, draft.app_label)
        number = numbers.get(draft.app_label, _number(leaf)) + 1
        numbers[draft.app_label] = number
        migration = Migration("", draft.app_label)
        migration.operations = [each.operation for each in draft.planned]
        first = draft.previous is None and leaf is None
        migration.initial = first
        migration.name = named(number, migration.suggest_name())
        names[draft] = migration.node
        migration.dependencies = _dependencies(draft, names, graph, leaf)
        found.append(migration)
    return found


def _dependencies(
    draft: _Draft, names: dict[_Draft, Node], graph: Graph | None, leaf: Node | None
) -> list[Node]:
    found = {names[other] for other in draft.needs}
    if draft.previous is None and leaf is not None:
        found.add(leaf)
    covered = {app for app, _ in found}
    for app in draft.apps - covered:
        end = _leaf(graph, app)
        if end is not None:
            found.add(end)
    return sorted(found)


def _leaf(graph: Graph | None, app_label: str) -> Node | None:
    leaves = graph.leaves(app_label) if graph is not None else []
    return leaves[-1] if leaves else None


def _number(leaf: Node | None) -> int:
    return number_of(leaf[1]) if leaf is not None else 0


def number_of(name: str) -> int:
    """Return the number with which a migration's name begins, of a squashed one the last."""
    squashed = re.match(r".*_squashed_(\d+)", name)
    match = squashed or re.match(r"(\d+)", name)
    return int(match.group(1)) if match else 0


def named(number: int, fragment: str) -> str:
    """Return a migration's name."""
    return f"{number:04d}_{fragment}"


def only(migrations: Sequence[Migration], app_labels: Collection[str]) -> list[Migration]:
    """Return the migrations of some apps, and those of others on which they depend."""
    by_node = {migration.node: migration for migration in migrations}
    wanted = [migration.node for migration in migrations if migration.app_label in app_labels]
    kept: set[Node] = set()
    while wanted:
        node = wanted.pop()
        if node in by_node and node not in kept:
            kept.add(node)
            wanted.extend((parent[0], parent[1]) for parent in by_node[node].dependencies)
    return [migration for migration in migrations if migration.node in kept]


__all__ = ["arrange", "named", "number_of", "only"]
