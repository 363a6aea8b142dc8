"""Rates as pure functions: what is allowed in any span, what is said of it, and how a rate is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import ConfigurationError
from vivace.security.rates import FRESH, Algorithm, Rate, parse_rate

ALGORITHMS: tuple[Algorithm, ...] = ("bucket", "window")


@pytest.mark.parametrize(
    ("text", "limit", "seconds"),
    [
        ("100/minute", 100, 60),
        ("1/s", 1, 1),
        ("10 per 15 minutes", 10, 900),
        ("5/10s", 5, 10),
        ("5 in 2 Hours", 5, 7200),
        ("1000/day", 1000, 86_400),
        ("3/0.5s", 3, 0.5),
        ("2/week", 2, 604_800),
    ],
)
def test_sc12_rates_as_people_write_them(text: str, limit: int, seconds: float) -> None:
    assert parse_rate(text) == Rate(limit, seconds)


@pytest.mark.parametrize(
    "text", ["", "100", "0/minute", "100/fortnight", "x/minute", "-1/s", "1/0s", "1.5/s"]
)
def test_sc12_other_texts_are_no_rates(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a rate"):
        parse_rate(text)


def test_sc12_a_misspelt_unit_is_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_rate("100/minuet")
    assert "minute" in caught.value.fix


STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 3)), max_size=60)


def times_of(rate: Rate, steps: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Return when how many units were allowed, hit after hit."""
    state, now, allowed = FRESH, 1_000_000.0, list[tuple[float, int]]()
    for pause, cost in steps:
        now += pause
        taken = rate.take(state, now, cost)
        if taken is not None:
            state = taken
            allowed.append((now, cost))
    return allowed


@given(st.sampled_from(ALGORITHMS), st.integers(3, 20), st.integers(1, 60), STEPS)
def test_sc12_no_span_has_more_than_the_rate(
    algorithm: Algorithm, limit: int, seconds: int, steps: list[tuple[float, int]]
) -> None:
    allowed = times_of(Rate(limit, seconds, algorithm), steps)
    most = (
        2 * limit
    )  # a full bucket and what fills it meanwhile; two windows, of which the first counts by its part
    for start, _ in allowed:
        assert sum(cost for at, cost in allowed if start <= at < start + seconds) <= most


@given(st.sampled_from(ALGORITHMS), st.integers(3, 20), st.integers(1, 60), STEPS)
def test_sc12_whoever_waits_as_told_is_let_in(
    algorithm: Algorithm, limit: int, seconds: int, steps: list[tuple[float, int]]
) -> None:
    rate, state, now = Rate(limit, seconds, algorithm), FRESH, 1_000_000.0
    for pause, cost in steps:
        now += pause
        taken = rate.take(state, now, cost)
        if taken is None:
            verdict = rate.verdict(state, now, cost, allowed=False)
            assert verdict.retry_after <= 2 * seconds
            assert rate.take(state, now + verdict.retry_after + 1e-4, cost) is not None
        else:
            state = taken
            verdict = rate.verdict(state, now, cost, allowed=True)
            assert 0 <= verdict.remaining < limit
            after = rate.verdict(state, now + verdict.reset + 1e-4, 1, allowed=True)
            assert after.remaining == limit


def test_sc12_a_steady_client_at_the_rate_is_never_refused() -> None:
    assert len(times_of(Rate(10, 60, "bucket"), [(6.001, 1)] * 200)) == 200
    # the window takes the last one's units as evenly spread, so the tenth may come a little early for it
    assert len(times_of(Rate(10, 60, "window"), [(6.7, 1)] * 200)) == 200


def test_sc12_the_window_holds_what_the_bucket_lends() -> None:
    burst = [(0.0, 1)] * 10 + [(30.0, 1)] + [(0.0, 1)] * 9
    assert len(times_of(Rate(10, 60, "bucket"), burst)) == 15  # half of it came back in half of the time
    start_of_window = [(20.0, 1), *burst]  # 1,000,000 is 40 s into a window of 60 s
    assert len(times_of(Rate(10, 60, "window"), start_of_window)) == 10
