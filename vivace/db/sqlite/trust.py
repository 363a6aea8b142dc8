"""Which statements may run on the event loop: those that promised to be short, until one of them was not.

A statement that took longer than ``inline_limit`` on the loop goes to the threads. Whether it is to blame is not known:
on a busy machine one read in some thousands is interrupted for milliseconds by the scheduler or by another thread, and
sending its statement away for good would, within minutes, send away all that is used often. So it may prove itself in
the threads, where its time is measured: after some runs within the limit it comes back. A relapse soon after that asks
for ten times as many. What is slow indeed never comes back, and has held up the loop once.
"""

from __future__ import annotations

from typing import Final

import msgspec

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
        self._limit = limit
        self._known: dict[str, _Case] = {}

    def accuse(self, sql: str, ran: int) -> None:
        """Send a statement away that was slow; ``ran`` counts the reads on the loop so far."""
        known = self._known.pop(sql, None)
        relapse = known is not None and ran - known.cleared_at < _SOON
        asked = min(known.asked * 10, _MOST_PROOFS) if known is not None and relapse else _PROOFS
        self.away[sql] = _Case(asked, asked)

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
