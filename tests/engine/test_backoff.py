"""Waiting times between attempts."""

from __future__ import annotations

from vivace.engine.workers.backoff import CALM, LONGEST, Backoff


def test_wk1_waits_double_up_to_the_longest_and_are_forgotten_after_a_calm_time() -> None:
    now = 0.0
    backoff = Backoff(lambda: now)
    waits: list[float] = []
    for _ in range(10):
        waits.append(backoff.failed())
        now += waits[-1] + 1
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST, LONGEST, LONGEST]
    now += CALM + LONGEST
    assert backoff.failed() == 0.0
    assert backoff.failed() == 0.5
