"""A rolling reload under the eyes of many clients: ``benchmarks/reload.py`` does the same with 500 of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.reload import reload_under_load, served

pytestmark = pytest.mark.timeout(180)


def test_rl7_rl5_nobody_notices_a_rolling_reload(tmp_path: Path) -> None:
    with served(tmp_path, workers=2) as (process, port, log):
        asked = reload_under_load(process, port, clients=8, numbers=12, reloads=1, log=log)
        outcome = asyncio.run(asked)
        assert outcome.good, outcome
        assert outcome.reconnects >= 8
        assert "reloaded" in log.read_text("utf-8")
