"""The order of migrations: what must come before what.

Rules:

1. An edge leads from a migration to each that must be applied before it.
2. A squashed migration stands in for those it replaces when all or none of them are applied; else they stay.
3. The order is stable: the same files give the same plan, whatever order they were read in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vivace.errors import MigrationConflict, MigrationGraphError, UnknownMigration, nearest

from .migration import Migration, Node
from .state import ProjectState


class Graph:
    """Migrations and their dependencies."""

    def __init__(self) -> None:
        self.migrations: dict[Node, Migration] = {}
        self.parents: dict[Node, set[Node]] = {}
        self.children: dict[Node, set[Node]] = {}

    def add(self, migration: Migration) -> None:
        """Add a migration without its dependencies."""
        self.migrations[migration.node] = migration
        self.parents.setdefault(migration.node, set())
        self.children.setdefault(migration.node, set())

    def link(self, child: Node, parent: Node) -> None:
        """Say that ``parent`` must be applied before ``child``. Raises ``MigrationGraphError``."""
        for end, other in ((parent, child), (child, parent)):
            if end not in self.migrations:
                raise MigrationGraphError(
                    f"{_text(other)} depends on {_text(end)}, which is not there.",
                    got=_text(end),
                    fix=nearest(_text(end), map(_text, self.migrations))
                    or "Restore the file, or correct `dependencies`.",
                )
        self.parents[child].add(parent)
        self.children[parent].add(child)

    def remove(self, node: Node) -> None:
        """Take a migration out; its children depend on its parents now."""
        parents, children = self.parents.pop(node), self.children.pop(node)
        del self.migrations[node]
        for parent in parents:
            self.children[parent].discard(node)
            self.children[parent] |= children - {parent}
        for child in children:
            self.parents[child].discard(node)
            self.parents[child] |= parents - {child}

    def replace(self, replacement: Node, replaced: Iterable[Node]) -> None:
        """Let a squashed migration take the place of those it replaces: who needed one of them needs it.

        What they needed, it says itself: taking that over as well would tie circles between apps.
        """
        gone = {node for node in replaced if node in self.migrations}
        for node in gone:
            for child in self.children[node] - gone - {replacement}:
                self.link(child, replacement)
        for node in gone:
            for parent in self.parents.pop(node):
                self.children.get(parent, set()).discard(node)
            for child in self.children.pop(node):
                self.parents.get(child, set()).discard(node)
            del self.migrations[node]

    # -- order

    def plan_to(self, node: Node) -> list[Node]:
        """Return the migrations up to one, in the order in which they are applied."""
        return self._walk(node, self.parents)

    def plan_back(self, node: Node) -> list[Node]:
        """Return the migrations from one on, in the order in which they are undone: it last."""
        return self._walk(node, self.children)

    def _walk(self, start: Node, edges: Mapping[Node, set[Node]]) -> list[Node]:
        """Return what can be reached, each after what it leads to (depth first, without recursion)."""
        self.check(start)
        found: dict[Node, None] = {}
        stack: list[tuple[Node, bool]] = [(start, False)]
        while stack:
            node, left = stack.pop()
            if node in found:
                continue
            if left:
                found[node] = None
                continue
            stack.append((node, True))
            stack.extend((other, False) for other in sorted(edges[node], reverse=True) if other not in found)
        return list(found)

    def check(self, node: Node) -> None:
        """Raise ``UnknownMigration`` when it is not there."""
        if node not in self.migrations:
            raise UnknownMigration(
                f"There is no migration {_text(node)}.", fix=nearest(_text(node), map(_text, self.migrations))
            )

    def check_circles(self) -> None:
        """Raise ``MigrationGraphError`` when migrations depend on each other in a circle."""
        left = {node: len(parents) for node, parents in self.parents.items()}
        free = [node for node, count in left.items() if count == 0]
        while free:
            for child in self.children[free.pop()]:
                left[child] -= 1
                if left[child] == 0:
                    free.append(child)
        circle = sorted(node for node, count in left.items() if count > 0)
        if circle:
            raise MigrationGraphError(
                "Migrations depend on each other in a circle.",
                got=" ← ".join(map(_text, self._circle(circle[0], set(circle)))),
                fix="Move what one needs of the other into a migration of its own.",
            )

    def _circle(self, start: Node, within: set[Node]) -> Iterator[Node]:
        seen: set[Node] = set()
        node = start
        while node not in seen:
            yield node
            seen.add(node)
            node = min(self.parents[node] & within)
        yield node

    # -- ends

    def leaves(self, app_label: str = "") -> list[Node]:
        """Return the migrations on which no other of the same app depends."""
        return sorted(
            node
            for node in self.migrations
            if (not app_label or node[0] == app_label)
            and all(child[0] != node[0] for child in self.children[node])
        )

    def roots(self, app_label: str = "") -> list[Node]:
        """Return the migrations that depend on no other of the same app."""
        return sorted(
            node
            for node in self.migrations
            if (not app_label or node[0] == app_label)
            and all(parent[0] != node[0] for parent in self.parents[node])
        )

    def conflicts(self) -> dict[str, list[str]]:
        """Return the apps that have several last migrations, with their names."""
        found: dict[str, list[str]] = {}
        for app, name in self.leaves():
            found.setdefault(app, []).append(name)
        return {app: names for app, names in found.items() if len(names) > 1}

    def refuse_conflicts(self, app_labels: Iterable[str] | None = None) -> None:
        """Raise ``MigrationConflict`` when an app (of those named) has several last migrations."""
        conflicts = self.conflicts()
        if app_labels is not None:
            conflicts = {app: names for app, names in conflicts.items() if app in set(app_labels)}
        if conflicts:
            told = "; ".join(f"{app}: {', '.join(names)}" for app, names in sorted(conflicts.items()))
            raise MigrationConflict(
                "Branches have met: an app has several last migrations.",
                got=told,
                fix="Run `vivace makemigrations --merge`, or `--rebase` to put yours behind theirs.",
            )

    def state_at(self, nodes: Iterable[Node] | None = None) -> ProjectState:
        """Return the state after some migrations and all that they depend on; ``None``: after all."""
        state = ProjectState()
        for node in self.full_plan(nodes):
            for operation in self.migrations[node].operations:
                operation.state_forwards(node[0], state)
        return state

    def full_plan(self, nodes: Iterable[Node] | None = None) -> list[Node]:
        """Return all migrations up to some, in order."""
        found: dict[Node, None] = {}
        for node in self.leaves() if nodes is None else nodes:
            found.update(dict.fromkeys(self.plan_to(node)))
        return list(found)


def _text(node: Node) -> str:
    return f"{node[0]}.{node[1]}"


__all__ = ["Graph"]
