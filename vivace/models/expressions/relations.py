"""FilteredRelation: a join with a condition in its ON."""

from __future__ import annotations

from typing import Any

from vivace.models.expressions.q import Q


class FilteredRelation:
    """For ``annotate``: the relation under another name, joined only to the rows that meet ``condition``."""

    def __init__(self, relation_name: str, *, condition: Any = None) -> None:
        if not relation_name:
            raise ValueError("FilteredRelation needs the name of a relation.")
        if condition is not None and not isinstance(condition, Q):
            raise ValueError("The condition of a FilteredRelation is a Q.")
        self.relation_name = relation_name
        self.condition: Q = Q() if condition is None else condition

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FilteredRelation) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.relation_name, self.condition))


__all__ = ["FilteredRelation"]
