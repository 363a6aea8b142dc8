"""Makes fewer operations of many, with the same result.

Two operations reduce when one says what both make together (``Operation.reduce``). The second need not follow the first:
it does when all between can be moved out of the way, to the right for what is in front or to the left for what is behind.
This is repeated until nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .operations.base import Operation


def optimize(operations: Sequence[Operation], app_label: str) -> list[Operation]:
    """Return the shortest list that was found."""
    current = list(operations)
    while True:
        shorter = _once(current, app_label)
        if [id(each) for each in shorter] == [id(each) for each in current]:
            return shorter
        current = shorter


def _once(operations: list[Operation], app_label: str) -> list[Operation]:
    """Return the operations after the first reduction that is found."""
    done: list[Operation] = []
    for position, operation in enumerate(operations):
        reduced = _reduce_first(operation, operations[position + 1 :], app_label)
        if reduced is not None:
            return [*done, *reduced]
        done.append(operation)
    return done


def _reduce_first(first: Operation, rest: list[Operation], app_label: str) -> list[Operation] | None:
    """Return ``first`` and the rest after it reduced with a later operation, ``None`` when it does not."""
    movable = True  # whether ``first`` can be moved behind all that stands between
    for position, other in enumerate(rest):
        result = first.reduce(other, app_label)
        between = rest[:position]
        if isinstance(result, list):
            if movable:
                return [*between, *result, *rest[position + 1 :]]
            if all(each.reduce(other, app_label) is True for each in between):
                return [*result, *between, *rest[position + 1 :]]
            movable = False
        elif not result:
            movable = False
    return None


__all__ = ["optimize"]
