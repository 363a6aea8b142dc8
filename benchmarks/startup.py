"""How long a user waits: importing the package, and from the command to the first answer.

Measured as after an installation, with the bytecode that pip has left there: it is kept in a folder of its own, which
the first, uncounted round fills, so that neither ``PYTHONDONTWRITEBYTECODE`` nor a read-only folder counts against us.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from .contest import Options
from .report import Bound, Row, ratio
from .servers import START_SECONDS, Broken, Program, Running, free_port, pin, start, stop

INTERPRETERS = 20
STARTS = 10
BASE = "import asyncio, msgspec"
IMPORT_FACTOR = 1.6
READY_MS = 200.0
ROOT = Path(__file__).parent.parent


@contextmanager
def bytecode() -> Generator[Mapping[str, str]]:
    """Yield the variables that let Python keep its bytecode in a folder, which goes with the block."""
    with tempfile.TemporaryDirectory() as folder:
        yield {"PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}


def imports(statement: str, options: Options) -> Iterator[Row]:
    """Compare the CPU time of ``statement`` with that of ``BASE`` in fresh interpreters, in turn."""
    with bytecode() as environment:
        both = [
            (_cpu(statement, options, environment), _cpu(BASE, options, environment))
            for _ in range(INTERPRETERS + 1)
        ][1:]
    ours, base = ([pair[side] for pair in both] for side in (0, 1))
    mine, other = (f"{statistics.median(times) * 1000:.1f} ms" for times in (ours, base))
    bound = Bound(IMPORT_FACTOR, at_most=True)
    yield Row(
        statement,
        BASE,
        mine,
        other,
        ratio(ours, base),
        bound=bound,
        notes="CPU, interpreter start not counted",
    )


def _cpu(statement: str, options: Options, environment: Mapping[str, str]) -> float:
    program = f"import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=pin(options.server_core),
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise Broken(f"{statement!r} failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    return float(done.stdout)


def ready(ours: Program, path: str, options: Options) -> Iterator[Row]:
    """Measure from starting the process to the first 200; the median of ``STARTS``."""
    with tempfile.TemporaryFile() as output, bytecode() as environment:
        ours = replace(ours, environment={**ours.environment, **environment})
        starts = [_first_answer(ours, path, options, output) for _ in range(STARTS + 1)][1:]
    times, cpu = zip(*starts, strict=True)
    milliseconds = statistics.median(times) * 1000
    notes = f"from command to first 200, {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms"
    notes += f", CPU {statistics.median(cpu) * 1000:.0f} ms"
    yield Row("hello ready", result=milliseconds, unit="ms", bound=Bound(READY_MS, at_most=True), notes=notes)


def _first_answer(program: Program, path: str, options: Options, output: IO[bytes]) -> tuple[float, float]:
    """Return the seconds to the first 200, and the CPU seconds that were used for it."""
    port = free_port()
    started = time.perf_counter()
    process = start(program, port, options.server_core, output)
    server = Running(port, process, options.server_core)
    try:
        while process.poll() is None and time.perf_counter() - started < START_SECONDS:
            if _status(port, path) == 200:
                return time.perf_counter() - started, server.cpu()
            time.sleep(0.001)
    finally:
        stop(process)
    raise Broken(f"{program.name} did not answer 200 on {path}")


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
