"""Which statements may run on the event loop: those that promised to be short, until one of them was not.

A statement that took longer than ``inline_limit`` on the loop may not be to blame: on a busy machine one read in some
hundreds stands still for milliseconds, because of the scheduler or of another thread that has the interpreter's lock. So
it is *watched* from then on: its own time is measured (``Effort``) for some runs, and if that is beyond the limit, it goes
to the threads. (Measured, two cores shared with ten other processes: when the clock on the wall was proof enough, five of
six reads by key ran in threads.)

In the threads it may prove itself: after some runs within the limit it comes back. A relapse soon after that asks for ten
times as many. What is slow indeed never comes back, and has held up the loop twice.
"""

from __future__ import annotations

from typing import Final

import msgspec

_WATCHED: Final = 100
"""Runs whose own time is measured, which takes 2 µs: enough to catch what is slow one time in ten."""
_PROOFS: Final = 3
_MOST_PROOFS: Final = 3_000
_SETBACK: Final = 10
"""What a slow run in a thread adds: who is slow one time in ten stays away, who was interrupted once does not."""
_SOON: Final = 1_000
"""A relapse within as many reads on the loop counts as one."""


class _Case(msgspec.Struct):
    asked: int  # runs within the limit that are asked for
    left: int
    cleared_at: int = 0


class Trust:
    """Keeps statements off the loop that were slow on it."""

    def __init__(self, limit: float) -> None:
        self.away: dict[str, _Case] = {}
        self.watched: dict[str, int] = {}
        self._limit = limit
        self._known: dict[str, _Case] = {}

    def accuse(self, sql: str, ran: int) -> None:
        """Send a statement away that was slow; ``ran`` counts the reads on the loop so far."""
        known = self._known.pop(sql, None)
        relapse = known is not None and ran - known.cleared_at < _SOON
        asked = min(known.asked * 10, _MOST_PROOFS) if known is not None and relapse else _PROOFS
        self.away[sql] = _Case(asked, asked)
        self.watched.pop(sql, None)

    def watch(self, sql: str) -> None:
        """Look at the next runs on the loop: one took too long by the clock."""
        self.watched[sql] = _WATCHED

    def weigh(self, sql: str, seconds: float, ran: int) -> None:
        """Take note of the time that a watched statement took on the loop."""
        if seconds > self._limit:
            self.accuse(sql, ran)
            return
        left = self.watched[sql] - 1
        if left:
            self.watched[sql] = left
        else:
            del self.watched[sql]

    def judge(self, sql: str, seconds: float, ran: int) -> None:
        """Take note of how long a statement that was sent away took in a thread."""
        case = self.away.get(sql)
        if case is None:
            return
        case.left = case.left - 1 if seconds < self._limit else min(case.left, case.asked) + _SETBACK
        if case.left <= 0:
            del self.away[sql]
            case.cleared_at = ran
            self._known[sql] = case


__all__ = ["Trust"]
