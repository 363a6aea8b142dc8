"""Finds the operations that lead from one state to another.

There is a *current* state, which begins as the old one. Each phase compares it with the wanted one, and each operation
that a phase decides on is applied to it at once. So a phase sees the models as they will be when its operations run, a
rename is understood by all that follow, and at the end the current state is the wanted one: a second run finds nothing.

The phases, in an order in which each can be run on a database:

1.  models renamed, then fields renamed; table names that others are to have set free;
2.  what names fields that will go: constraints, indexes, unique_together, order_with_respect_to; fields that clash with
    a new child's;
3.  models created, those first that others refer to; relations within a circle are added after;
4.  fields removed, added, altered;
5.  options, indexes and constraints;
6.  models deleted, those first that refer to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.migrations.operations.base import Operation
from vivace.migrations.state import ProjectState

from . import creating, deleting, fields, options, parts, renames
from .planned import Planned, plan

if TYPE_CHECKING:
    from vivace.migrations.questioner import Questioner
    from vivace.migrations.references import Key


class Differ:
    """What the phases share: the state as it is so far, the wanted one, and what was decided."""

    def __init__(self, old: ProjectState, wanted: ProjectState, questioner: Questioner) -> None:
        self.origin = old
        self.current = old.clone()
        self.wanted = wanted
        self.questioner = questioner
        self.planned: list[Planned] = []
        self.created: set[Key] = set()  # no rows exist in these

    def decide(self, app_label: str, operation: Operation) -> None:
        """Add an operation, and bring the current state to what it is after it."""
        self.planned.append(plan(app_label, operation, self.current, self.origin))
        operation.state_forwards(app_label, self.current)

    def kept(self) -> list[Key]:
        """Return the models that are in both states, as the same kind."""
        return [
            key for key in sorted(self.wanted.models) if key in self.current.models and self.same_kind(key)
        ]

    def same_kind(self, key: Key) -> bool:
        """Say whether a model is a proxy in both states, or in none."""
        states = (self.current, self.wanted)
        old, new = (bool(state.models[key].options.get("proxy")) for state in states)
        return old == new


def changes(old: ProjectState, wanted: ProjectState, questioner: Questioner) -> list[Planned]:
    """Return the operations that lead from ``old`` to ``wanted``, in an order in which they can run."""
    differ = Differ(old, wanted, questioner)
    renames.models(differ)
    renames.fields(differ)
    deleting.changed_kinds(differ)
    options.free_tables(differ)
    parts.remove(differ)
    options.loosen(differ)
    fields.remove_clashing(differ)
    creating.create(differ)
    fields.remove(differ)
    fields.add(differ)
    fields.alter(differ)
    options.alter(differ)
    parts.add(differ)
    deleting.delete(differ)
    return differ.planned


__all__ = ["Differ", "changes"]
