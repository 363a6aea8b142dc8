"""One client cannot ask for more than its rate, and what it says reaches whoever is registered for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivace.realtime.hub import Pace
from vivace.realtime.options import RealtimeOptions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_burst_is_free_and_what_is_beyond_waits() -> None:
    clock = Clock()
    pace = Pace(RealtimeOptions(messages_per_second=10, burst=3), clock)
    assert [pace.spend() for _ in range(5)] == [False, False, False, True, True]
    assert pace.debt == 0.2
    clock.now = 0.2
    assert pace.debt == 0.2  # known when the next message is counted
    assert pace.spend()
    assert pace.debt == 0.1
    clock.now = 100.0
    assert [pace.spend() for _ in range(4)] == [False, False, False, True]


def test_large_messages_count_as_several() -> None:
    clock = Clock()
    pace = Pace(RealtimeOptions(messages_per_second=10, burst=20), clock)
    assert not pace.spend(16_383)
    assert not pace.spend(262_144)  # seventeen
    assert not pace.spend(16_384)
    assert pace.spend()
    assert pace.debt == 0.1


@given(st.lists(st.floats(0, 1), max_size=200), st.integers(1, 20), st.integers(1, 50))
def test_no_client_is_faster_than_its_rate(pauses: list[float], burst: int, rate: int) -> None:
    clock = Clock()
    pace = Pace(RealtimeOptions(messages_per_second=rate, burst=burst), clock)
    for count, pause in enumerate(pauses, 1):
        clock.now += pause
        if pace.spend():
            clock.now += pace.debt
        assert count <= burst + rate * clock.now + 1e-6
