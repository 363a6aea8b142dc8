"""The rules of ``rates`` in SQL: one statement that decides and counts.

Parameters of a bucket: 1 key, 2 now, 3 cost, 4 limit (both in seconds of filling). Of a window: 1 key, 2 cost, 3 limit,
4 number of the window, 5 which part of the last one still counts, 6 until when the row matters.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from vivace.db import Statement

from .rates import EPSILON, Algorithm, Rate

TABLE: Final = "vivace_rate_limits"
_SCHEMA: Final = (
    "CREATE {unlogged}TABLE IF NOT EXISTS vivace_rate_limits (id text PRIMARY KEY, until {float} NOT NULL, "
    "slot bigint NOT NULL, count {float} NOT NULL, previous {float} NOT NULL);\n"
    "CREATE INDEX IF NOT EXISTS vivace_rate_limits_until ON vivace_rate_limits (until)"
)
SCHEMA: Final = {
    "sqlite": _SCHEMA.format(unlogged="", float="real"),
    "postgresql": _SCHEMA.format(unlogged="UNLOGGED ", float="double precision"),
}
# {p}: how a parameter is written, {f} and {i} behind it: its type, {max}: the larger of two
_BUCKET: Final = """
INSERT INTO vivace_rate_limits AS kept (id, until, slot, count, previous)
VALUES ({p}1, {p}2{f} + {p}3{f}, 0, 0, 0)
ON CONFLICT (id) DO UPDATE SET until = {max}(kept.until, {p}2{f}) + {p}3{f}
WHERE {max}(kept.until, {p}2{f}) + {p}3{f} <= {p}2{f} + {p}4{f}
RETURNING until, slot, count, previous
"""
_COUNT: Final = "CASE WHEN kept.slot = {p}4{i} THEN kept.count ELSE 0 END"
_PREVIOUS: Final = (
    "CASE WHEN kept.slot = {p}4{i} THEN kept.previous WHEN kept.slot = {p}4{i} - 1 THEN kept.count ELSE 0 END"
)
_WINDOW: Final = """
INSERT INTO vivace_rate_limits AS kept (id, until, slot, count, previous)
VALUES ({p}1, {p}6{f}, {p}4{i}, {p}2{f}, 0)
ON CONFLICT (id) DO UPDATE SET until = {p}6{f}, slot = {p}4{i}, count = {count} + {p}2{f}, previous = {previous}
WHERE ({previous}) * {p}5{f} + ({count}) + {p}2{f} <= {p}3{f}
RETURNING until, slot, count, previous
"""
_SPELLINGS: Final = {
    "sqlite": {"p": "?", "f": "", "i": "", "max": "max"},
    "postgresql": {"p": "$", "f": "::float8", "i": "::bigint", "max": "GREATEST"},
}
_TAKE: Final = {"bucket": _BUCKET, "window": _WINDOW}
_WRITES: Final = frozenset({TABLE})


def parameters(key: str, rate: Rate, now: float, cost: int) -> tuple[Any, ...]:
    """Return the parameters of ``take``."""
    if rate.algorithm == "bucket":
        return key, now, cost * rate.seconds / rate.limit, rate.seconds + EPSILON
    slot = rate.slot(now)
    until = (slot + 2) * rate.seconds
    return key, float(cost), rate.limit + EPSILON, slot, rate.overlap(now), until


@cache
def take(dialect: str, algorithm: Algorithm) -> Statement:
    """Return the statement that takes units and returns the row, or no row when there are not enough."""
    return Statement(sql=_spelt(_TAKE[algorithm], dialect), reads=_WRITES, writes=_WRITES)


@cache
def kept(dialect: str) -> Statement:
    """Return the statement that looks at a row."""
    text = "SELECT until, slot, count, previous FROM vivace_rate_limits WHERE id = {p}1"
    return Statement(sql=_spelt(text, dialect), reads=_WRITES, short=True)


@cache
def forget(dialect: str) -> Statement:
    """Return the statement that removes a row."""
    text = "DELETE FROM vivace_rate_limits WHERE id = {p}1 RETURNING id"
    return Statement(sql=_spelt(text, dialect), reads=_WRITES, writes=_WRITES)


@cache
def sweep(dialect: str) -> Statement:
    """Return the statement that removes rows that matter no more, at most so many."""
    text = (
        "DELETE FROM vivace_rate_limits WHERE id IN "
        "(SELECT id FROM vivace_rate_limits WHERE until < {p}1{f} ORDER BY until LIMIT {p}2{i}) RETURNING id"
    )
    return Statement(sql=_spelt(text, dialect), reads=_WRITES, writes=_WRITES)


def _spelt(text: str, dialect: str) -> str:
    spelling = _SPELLINGS[dialect]
    count, previous = _COUNT.format(**spelling), _PREVIOUS.format(**spelling)
    return text.format(count=count, previous=previous, **spelling)
