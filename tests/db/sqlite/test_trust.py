"""Which statements come back to the loop."""

from __future__ import annotations

from vivace.db.sqlite.trust import Trust


def prove(trust: Trust, sql: str, runs: int, ran: int = 0) -> None:
    for _ in range(runs):
        trust.judge(sql, 0.0001, ran)


def test_three_fast_runs_clear_a_statement() -> None:
    trust = Trust(0.002)
    trust.accuse("a", 10)
    prove(trust, "a", 2)
    assert "a" in trust.away
    prove(trust, "a", 1)
    assert "a" not in trust.away


def test_a_slow_run_sets_back_by_ten() -> None:
    trust = Trust(0.002)
    trust.accuse("a", 10)
    prove(trust, "a", 2)
    trust.judge("a", 0.5, 10)
    prove(trust, "a", 10)
    assert "a" in trust.away
    prove(trust, "a", 1)
    assert "a" not in trust.away


def test_each_relapse_asks_for_ten_times_as_many() -> None:
    trust = Trust(0.002)
    for asked in (3, 30, 300, 3000, 3000):
        trust.accuse("a", 10)
        prove(trust, "a", asked - 1)
        assert "a" in trust.away
        prove(trust, "a", 1)
        assert "a" not in trust.away


def test_a_relapse_long_after_is_none() -> None:
    trust = Trust(0.002)
    trust.accuse("a", 10)
    prove(trust, "a", 3, 10)
    trust.accuse("a", 2_000)
    prove(trust, "a", 3, 2_000)
    assert "a" not in trust.away


def test_what_is_slow_stays_away() -> None:
    trust = Trust(0.002)
    trust.accuse("a", 0)
    for _ in range(100):
        trust.judge("a", 0.003, 0)
    assert "a" in trust.away
    trust.judge("never accused", 1, 0)


def test_what_is_watched_is_accused_by_its_own_time_alone() -> None:
    trust = Trust(0.002)
    trust.watch("a")
    trust.weigh("a", 0.0001, 1)
    assert "a" in trust.watched
    assert not trust.away
    trust.weigh("a", 0.003, 2)
    assert "a" in trust.away
    assert not trust.watched


def test_watching_ends_when_nothing_is_found() -> None:
    trust = Trust(0.002)
    trust.watch("a")
    for ran in range(100):
        trust.weigh("a", 0.0001, ran)
    assert not trust.watched
    assert not trust.away
