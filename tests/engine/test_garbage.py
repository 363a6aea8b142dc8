"""A worker leaves alone what was there when it began to serve, and collects less often than Python does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import serving
from vivace.engine.workers.garbage import OBJECTS

APP = """
import gc
import os

from vivace import App

app = App()
if "OWN_THRESHOLD" in os.environ:
    gc.set_threshold(int(os.environ["OWN_THRESHOLD"]))


@app.get("/")
async def look() -> list[int]:
    return [gc.get_freeze_count(), gc.get_threshold()[0]]
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_process_that_serves_settles(workers: str, tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(APP)
    with serving("run", "look.py", "--report", "--workers", workers, folder=tmp_path, tmp=tmp_path) as server:
        frozen, threshold = json.loads(server.body())
    assert frozen > 10_000
    assert threshold == OBJECTS


def test_a_threshold_of_the_programs_own_stays(tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(APP)
    with serving("run", "look.py", "--report", folder=tmp_path, tmp=tmp_path, OWN_THRESHOLD="1234") as server:
        frozen, threshold = json.loads(server.body())
    assert frozen > 10_000
    assert threshold == 1234


def test_a_program_that_serves_nothing_is_left_alone() -> None:
    code = "import gc, vivace.testing, vivace.engine.workers.worker; print(gc.get_freeze_count(), gc.get_threshold()[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] in {"700", "2000"}
