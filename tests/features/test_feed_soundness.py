"""CH1, CH2: the property on which pages that stay true rest. If a committed write changes what a query answers, then what
the query read meets what the commit announced; and what a commit announces is the difference of the tables.

Random rows, random queries, random writes, on both databases and on PostgreSQL's older path as well.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.differential.programs import Case, text
from tests.differential.strategies import ROWS
from tests.features.feedqueries import Queries
from tests.features.feedstage import Stage, changed, check_told, stage
from tests.features.feedwrites import Writes

EXAMPLES: Final = int(os.environ.get("VIVACE_FEED_EXAMPLES", "12"))
QUERIES: Final = 12  # own queries beside each write
_READING: Final = [focus for row, focuses in ROWS.items() if row != "OR10" for focus in focuses.values()]
others = st.sampled_from(_READING).flatmap(lambda focus: focus)


class Tally:
    """What the examples came to: without it, a test that never narrows would pass."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()


async def _round(stage: Stage, chance: random.Random, others: list[Case], tally: Tally) -> None:
    queries = [*others, *(Queries(chance).case() for _ in range(QUERIES))]
    asked = [await stage.ask(case) for case in queries]
    again = [await stage.ask(case) for case in queries]
    stable = [one for one, other in zip(asked, again, strict=True) if not changed(one, other)]
    before = await stage.snapshot()
    stage.heard.clear()
    writes = Writes(stage, chance)
    frame = await writes.some()
    heard = list(stage.heard)
    after = await stage.snapshot()
    note(f"writes: {writes.said}\nheard: {heard}")
    check_told(stage, before, after, heard)
    assert len(heard) <= 1
    if frame in ("undone", "outer undone"):
        assert heard == []
    tally.count["writes"] += bool(heard)
    for answer in stable:
        meets = any(answer.reads.meets(written) for written in heard)
        differs = changed(answer, await stage.ask(answer.case))
        tally.count[f"changed={differs} meets={meets}"] += 1
        if differs and not meets:
            message = f"{text(answer.case.program)}\nread {answer.reads.tables}\nbut {heard}\n{writes.said}"
            raise AssertionError(message)


def _hold(url: str, examples: int, tally: Tally) -> None:
    with stage(url) as made:

        @settings(
            max_examples=examples,
            deadline=None,
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ],
            database=None,
            phases=[Phase.generate],  # what failed is one query and one write: little is left to shrink
        )
        @given(st.randoms(use_true_random=False), st.lists(others, max_size=4))
        def check(chance: random.Random, found: list[Case]) -> None:
            made.run(made.fill(chance.randint(0, 2**32)))
            for _ in range(3):
                made.run(_round(made, chance, found, tally))

        check()


def _told(tally: Tally) -> None:
    assert tally.count["changed=True meets=True"] > 0
    assert tally.count["changed=False meets=False"] > tally.count["changed=False meets=True"] / 10


def test_ch2_what_changes_an_answer_meets_its_reads_on_sqlite(tmp_path: Path) -> None:
    tally = Tally()
    _hold(f"sqlite:///{tmp_path / 'feed.sqlite3'}", EXAMPLES, tally)
    _told(tally)


def test_ch2_what_changes_an_answer_meets_its_reads_on_postgresql(every_postgresql_url: str) -> None:
    tally = Tally()
    _hold(every_postgresql_url, EXAMPLES, tally)
    _told(tally)


def test_ch2_what_changes_an_answer_meets_its_reads_by_the_older_path(postgresql_url: str) -> None:
    tally = Tally()
    _hold(f"{postgresql_url}?old_by_join=true", EXAMPLES, tally)
    _told(tally)
