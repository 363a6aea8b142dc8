"""The rows about live regions: what one commit costs, and when the last open copy of the page has it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from .contest import Options
from .load import ROOT
from .memory import SETTLE
from .report import Bound, Row
from .servers import Broken, Program, Running, pin, serving
from .viewers import request

ROUNDS = 9
SIZES = {1_000: 150.0, 10_000: 1_500.0}  # copies, milliseconds until the last one has it
BYTES = 20_000  # resident memory of the server for each copy


def regions(count: int, find: Callable[[str], Program], options: Options) -> Iterator[Row]:
    """Let ``count`` copies of a page watch, and write ``ROUNDS`` times."""
    with tempfile.TemporaryDirectory() as folder:
        program = find("Vivace's live regions")
        url = f"sqlite:///{Path(folder) / 'notes.sqlite3'}"
        program = replace(program, environment={**program.environment, "DATABASE_URL": url})
        with serving(program, options.server_core) as server:
            yield from _measured(count, server, options)


def _measured(count: int, server: Running, options: Options) -> Iterator[Row]:
    request(server.port, "GET", "/")
    time.sleep(SETTLE)
    before = server.rss()
    command = [sys.executable, "-m", "benchmarks.viewers", "--port", str(server.port), "--count", str(count)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=pin(options.load_core),
    ) as viewers:
        try:
            _line(viewers)
            _write(viewers)  # sends each copy the whole region; from then on only what changes
            time.sleep(SETTLE)
            each = (server.rss() - before) / count
            first = _stats(server)
            times = [_write(viewers) for _ in range(ROUNDS)]
            last = _stats(server)
        finally:
            viewers.kill()
    if first["viewers"] != count:
        raise Broken(f"{first['viewers']} of {count} copies watch")
    per_commit = [(last[name] - first[name]) / ROUNDS for name in ("renders", "queries")]
    notes = f"{per_commit[0]:.0f} render and {per_commit[1]:.0f} query for each commit, median of {ROUNDS}"
    work = f"live region, {count:,} viewers, one commit"
    milliseconds = statistics.median(times) * 1000
    yield Row(work, result=milliseconds, unit="ms", bound=Bound(SIZES[count], at_most=True), notes=notes)
    yield Row(
        f"{work}: memory",
        result=each / 1000,
        unit="kB",
        bound=Bound(BYTES / 1000, at_most=True),
        notes="resident memory for each viewer, its socket included",
    )


def _line(viewers: subprocess.Popen[str]) -> dict[str, float]:
    line = viewers.stdout.readline() if viewers.stdout else ""
    if not line:
        raise Broken("the viewers ended")
    said: dict[str, float] = json.loads(line)
    return said


def _write(viewers: subprocess.Popen[str]) -> float:
    """Have somebody write; return when the last copy had it."""
    if viewers.stdin is not None:
        viewers.stdin.write("\n")
        viewers.stdin.flush()
    return _line(viewers)["last"]


def _stats(server: Running) -> dict[str, int]:
    said: dict[str, int] = json.loads(request(server.port, "GET", "/stats"))
    return said


__all__ = ["regions"]
