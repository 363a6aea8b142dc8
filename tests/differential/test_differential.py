"""The same queries in Django and in Vivace, on the same database, answered alike: by row of FEATURES.

``VIVACE_CASES`` is how many cases all rows have together, on each database; with it the seed is drawn anew, and printed.
Without it a few thousand fixed ones run.
"""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.differential import schema
from tests.differential.programs import Case, text
from tests.differential.running import Worlds, worlds
from tests.differential.strategies import REACHED, ROWS

if TYPE_CHECKING:
    from tests.servers import Databases

CASES: Final = int(os.environ.get("VIVACE_CASES", "0"))
SEED: Final = int(os.environ.get("VIVACE_SEED", random.SystemRandom().randrange(10**6) if CASES else 1))
WEIGHTS: Final = {
    "OR3": 8,
    "OR1": 2,
    "OR10": 3,
    "OR9": 2,
    "OR13": 6,
    "OR6": 3,
    "OR7": 2,
    "OR8": 0.25,
    "OR11": 0.25,
}
EVERY_CHECK: Final[tuple[HealthCheck, ...]] = tuple(HealthCheck)  # pyright: ignore[reportAssignmentType]
LEAST: Final = 8  # cases of each focus in CI


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Both worlds on a database of their own."""
    if request.param == "sqlite":
        path: Path = tmp_path_factory.mktemp("differential") / "worlds.sqlite3"
        with worlds(f"sqlite:///{path}") as made:
            yield made
        return
    databases: Databases = request.getfixturevalue("postgresql_databases")
    with databases.fresh() as url, worlds(url) as made:
        yield made


def examples(row: str) -> int:
    """Return how many cases each focus of a row has."""
    weight = WEIGHTS.get(row, 1)
    if not CASES:
        return int(LEAST * weight)
    total = sum(len(ROWS[each]) * WEIGHTS.get(each, 1) for each in ROWS)
    return max(1, int(CASES * weight / total))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
@pytest.mark.timeout(0 if CASES else 300)
@pytest.mark.parametrize("row", ROWS, ids=str.lower)
def test_answers_are_djangos(row: str, both: Worlds, record_property: Any) -> None:
    schema.fill(SEED + zlib.crc32(row.encode()) % 97)
    for focus, strategy in ROWS[row].items():

        @seed(zlib.crc32(f"{SEED} {row} {focus}".encode()))
        @settings(
            max_examples=examples(row),
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=EVERY_CHECK,
            print_blob=False,
        )
        @given(strategy)
        def agrees(case: Case) -> None:
            found = both.difference(case)
            assert found is None, f"{text(case.program)}\n  Django: {found[0]}\n  Vivace: {found[1]}"

        agrees()
    told = both.told(row)
    print(f"{both.dialect}, seed {SEED}: {told}")
    record_property("differential", told)
    missing = [name for name in REACHED[row] if not both.answered[f"{row} {name}"]]
    if CASES and examples(row) < LEAST:
        missing = []  # by chance
    assert both.answered[row]
    assert missing == []
