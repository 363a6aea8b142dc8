"""Frames that wait for a connection which reads slowly: bounded, each by the policy it came with.

Rules:

1. Frames leave in the order in which they came. A frame without a room is the protocol's own and is never dropped.
2. ``coalesce``: a newer event of the same room and name takes the older one out, and stands at the end.
3. Beyond the limit the oldest frames that may be dropped (``drop``, ``coalesce``) go first. If that is not enough, the
   backlog is *over*: its connection must be closed, so nothing more is lost in silence.
4. Each dropped event is counted for its room, until ``take_lost`` has told of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .options import Slow

_DROPPABLE: Final = frozenset({"drop", "coalesce"})


class Held(NamedTuple):
    """One frame that waits."""

    frame: bytes
    room: str
    name: str
    slow: Slow


class Backlog:
    """The frames of one connection; see the module's rules."""

    __slots__ = ("_frames", "_latest", "_limit", "_lost", "_number", "dropped", "over", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: dict[int, Held] = {}  # by a number that rises; dictionaries keep their order
        self._latest: dict[tuple[str, str], int] = {}
        self._lost: dict[str, int] = {}
        self._number = 0
        self.size = 0  # bytes
        self.dropped = 0
        self.over = False

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, held: Held) -> None:
        """Let a frame wait; look at ``over`` afterwards."""
        key = (held.room, held.name)
        if held.slow == "coalesce" and key in self._latest:
            self._drop(self._latest[key])
        self._number += 1
        self._frames[self._number] = held
        self.size += len(held.frame)
        if held.slow == "coalesce":
            self._latest[key] = self._number
        if self.size > self._limit:
            self._shrink()

    def _shrink(self) -> None:
        excess, victims = self.size - self._limit, list[int]()
        for number, held in self._frames.items():
            if excess <= 0:
                break
            if held.slow in _DROPPABLE:
                victims.append(number)
                excess -= len(held.frame)
        for number in victims:
            self._drop(number)
        self.over = excess > 0

    def _drop(self, number: int) -> None:
        held = self._remove(number)
        self._lost[held.room] = self._lost.get(held.room, 0) + 1
        self.dropped += 1

    def _remove(self, number: int) -> Held:
        held = self._frames.pop(number)
        self.size -= len(held.frame)
        key = (held.room, held.name)
        if self._latest.get(key) == number:
            del self._latest[key]
        return held

    def take(self) -> bytes | None:
        """Return the next frame, ``None`` when all have gone."""
        for number in self._frames:
            return self._remove(number).frame
        return None

    def take_lost(self) -> dict[str, int]:
        """Return how many events of which room were dropped since this was asked last."""
        lost, self._lost = self._lost, {}
        return lost


__all__ = ["Backlog", "Held"]
