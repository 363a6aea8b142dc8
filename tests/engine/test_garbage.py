"""A worker leaves alone what was there when it began to serve, and collects less often than Python does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import serving
from vivace.engine.workers import garbage
from vivace.engine.workers.garbage import OBJECTS, keep_giving_back

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


HEAP = """
from vivace.engine.workers.garbage import give_back
from vivace.engine.workers.shedding import resident_bytes

# Blocks that are too large for Python's own pools, of which each hundredth stays: the heap cannot shrink at its end.
kept = [bytes(8_000) for _ in range(10_000)][::100]
freed = resident_bytes()
print(give_back(), freed - resident_bytes())
"""


def test_what_was_freed_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", HEAP], capture_output=True, text=True, check=True)
    could, freed = done.stdout.split()
    if could == "False":
        pytest.skip("this C library has no malloc_trim")
    assert int(freed) > 50_000_000


async def test_memory_is_given_back_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, times, twice = asyncio.get_running_loop(), [0], asyncio.Event()

    def count() -> None:
        times[0] += 1
        if times[0] == 2:
            loop.call_soon_threadsafe(twice.set)

    monkeypatch.setattr(garbage, "give_back", count)
    task = asyncio.create_task(keep_giving_back(0.001))
    async with asyncio.timeout(30):
        await twice.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_program_that_serves_nothing_is_left_alone() -> None:
    code = "import gc, vivace.testing, vivace.engine.workers.worker; print(gc.get_freeze_count(), gc.get_threshold()[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] in {"700", "2000"}
