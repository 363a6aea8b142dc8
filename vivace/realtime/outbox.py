"""Events of a crowded room leave together.

Theory
------
To write an event to a thousand sockets takes four milliseconds, and four fifths of that are the kernel's (measured: 3.9 of
4.7 µs a member, each a ``write`` of its own). Events that come meanwhile would each take as long again. So a room that has
written to all its members *rests* for as long as that takes, and what comes meanwhile leaves in one write a member.

1. What comes after a quiet time leaves at once, and a room of fewer than 250 members never rests: a millisecond is the
   least that a timer keeps. No event waits longer than ``LONGEST``.
2. Events leave in their order. Who is sent something of its own meanwhile is given first what waits (``Room.catch_up``).
3. What waits is bounded: more than ``MOST_BYTES`` leave at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

LONGEST: Final = 0.02  # seconds
LEAST: Final = 0.001  # what the loop's timers tell apart
MOST_BYTES: Final = 65_536


class Outgoing(NamedTuple):
    """An event on its way to the members, without those of the page that sent it."""

    frame: bytes
    name: str
    sender: str
    number: int


class Outbox:
    """What one room has for its members. ``write`` sends events to all; ``later(seconds, function)`` is a timer.

    ``rest``: seconds for each member.
    """

    __slots__ = ("_later", "_rest", "_resting", "_size", "_write", "waiting")

    def __init__(
        self,
        write: Callable[[list[Outgoing]], int],
        later: Callable[[float, Callable[[], object]], object],
        rest: float,
    ) -> None:
        self._write = write
        self._later = later
        self._rest = rest
        self._resting = False
        self._size = 0
        self.waiting: list[Outgoing] = []

    def add(self, event: Outgoing) -> None:
        """Send an event, or let it wait while the room rests."""
        if not self._resting:
            self._write_and_rest([event])
            return
        self.waiting.append(event)
        self._size += len(event.frame)
        if self._size > MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if waiting := self._take():
            self._write(waiting)

    def close(self) -> None:
        """Send nothing more: forget the room, which knows us."""
        self.waiting, self._write = [], len

    def _take(self) -> list[Outgoing]:
        waiting, self.waiting, self._size = self.waiting, [], 0
        return waiting

    def _write_and_rest(self, events: list[Outgoing]) -> None:
        seconds = min(self._write(events) * self._rest, LONGEST)
        if seconds >= LEAST:
            self._resting = True
            self._later(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if waiting := self._take():
            self._write_and_rest(waiting)


__all__ = ["LEAST", "LONGEST", "MOST_BYTES", "Outbox", "Outgoing"]
