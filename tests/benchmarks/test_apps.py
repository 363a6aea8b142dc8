"""Our side of the benchmarks answers what the peers answer, started as the benchmarks start it."""

from __future__ import annotations

import pytest

from benchmarks.contest import check
from benchmarks.load import Load
from benchmarks.scenarios import DEFAULT_HEADER, JSON, TYPED, find
from benchmarks.servers import serving


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("Vivace", (JSON, TYPED)),
        ("Vivace, 10 middlewares", (JSON,)),
        ("Vivace, no collector", (JSON,)),
    ],
)
def test_our_apps_answer_as_expected(name: str, loads: tuple[Load, ...]) -> None:
    with serving(find(name), core=None) as server:
        for load in loads:
            check(server, load, DEFAULT_HEADER)
