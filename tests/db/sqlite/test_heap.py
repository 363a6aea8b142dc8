"""The threads that run SQL share one heap: what the largest answer took is not kept once for each of them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vivace.db.sqlite.heap import is_chosen

PROGRAM = """
import asyncio, ctypes, os, sys
from vivace.db.sqlite import SQLiteDriver, SQLiteOptions
from vivace.db.types import Statement

NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000) "
LARGE = Statement(sql=NUMBERS + "SELECT hex(randomblob(2000)) FROM n ORDER BY 1")

def heaps():
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)
    with open(sys.argv[2]) as text:
        return text.read().count("<heap nr=")

async def main():
    driver = SQLiteDriver(SQLiteOptions(sys.argv[1]))
    await driver.open()
    await asyncio.gather(*(driver.fetch(LARGE) for _ in range(12)))
    print(heaps())
    await driver.close()

asyncio.run(main())
"""


def heaps(folder: Path, **environment: str) -> int:
    """Return how many heaps a process has when its threads have answered."""
    inherited = {name: value for name, value in os.environ.items() if not is_chosen({name: value})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder / "a.db"), str(folder / "heaps.xml")],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stdout)


needs_glibc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "malloc_info"),
    reason="heaps are counted by glibc's malloc_info",
)


@needs_glibc
def test_threads_that_run_sql_share_one_heap(tmp_path: Path) -> None:
    assert heaps(tmp_path) == 1


@needs_glibc
def test_who_starts_the_process_may_choose(tmp_path: Path) -> None:
    assert heaps(tmp_path, MALLOC_ARENA_MAX="8") > 1


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, False),
        ({"MALLOC_TRIM_THRESHOLD_": "1"}, False),
        ({"MALLOC_ARENA_MAX": "4"}, True),
        ({"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"}, True),
        ({"GLIBC_TUNABLES": "glibc.malloc.check=3"}, False),
    ],
)
def test_what_counts_as_chosen(environment: dict[str, str], chosen: bool) -> None:
    assert is_chosen(environment) is chosen
