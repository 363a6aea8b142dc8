"""Numbers as drawings: what the template needs to draw a chart, in the units of its own picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

WIDTH, HEIGHT = 720, 200


class Bar(msgspec.Struct, frozen=True):
    """One column."""

    x: float
    width: float
    height: float
    count: int
    since: datetime


class Chart(msgspec.Struct, frozen=True):
    """Columns side by side, the last one is now."""

    bars: list[Bar]
    top: int
    lines: list[int]
    height: int

    @property
    def total(self) -> int:
        """How many all columns count."""
        return sum(bar.count for bar in self.bars)


def chart(
    counted: Iterable[tuple[datetime, int]],
    now: datetime,
    step: timedelta,
    columns: int,
    height: int = HEIGHT,
) -> Chart:
    """Draw how many there were at which moments in columns of ``step``; they end with that of ``now``, on the clock."""
    seconds = step.total_seconds()
    last = int(now.timestamp() // seconds)
    sums: Counter[int] = Counter()
    for moment, count in counted:
        sums[int(moment.timestamp() // seconds)] += count
    counts = [sums[number] for number in range(last - columns + 1, last + 1)]
    top = _round_up(max([4, *counts]))
    width = WIDTH / columns
    bars = [
        Bar(
            x=round(place * width + width * 0.1, 1),
            width=round(width * 0.8, 1),
            height=round(height * count / top, 1),
            count=count,
            since=now - timedelta(seconds=now.timestamp() % seconds) - (columns - 1 - place) * step,
        )
        for place, count in enumerate(counts)
    ]
    return Chart(bars, top, [top * part // 4 for part in range(5)], height)


def _round_up(number: int) -> int:
    """Return the next number that divides well into four: 4, 8, 20, 40, 80, 100, 200 …"""
    power = 1
    while True:
        for first in (4, 8, 20):
            if first * power >= number:
                return first * power
        power *= 10
