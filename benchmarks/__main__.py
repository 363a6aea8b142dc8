"""Run the benchmarks: ``python -m benchmarks [--only NAME] [--seconds 3] [--rounds 3]``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .contest import Options
from .load import http_generator
from .report import Row, machine, save, table
from .scenarios import SCENARIOS, Scenario
from .servers import Broken, Unavailable, cores

RESULTS = Path(__file__).parent / "results"
OPEN_FILES = 65_536  # 10,000 sockets on each side and what else is open


def main() -> int:
    """Run what was asked for, print the table, keep the results; return 1 when a floor was missed or something broke."""
    options, chosen = arguments()
    allow_open_files(OPEN_FILES)
    environment = machine() | {"node": version("node"), "http load": http_generator()}
    environment["cores"] += f", servers on {options.server_core}, load on {options.load_core}"
    print("\n".join(f"{name}: {value}" for name, value in environment.items()), flush=True)
    rows: list[Row] = []
    for scenario in chosen:
        for row in rows_of(scenario, options):
            rows.append(row)
            print(f"[{scenario.name}]", "  ".join(row.cells()), flush=True)
    print(f"\n{table(rows)}\n\nkept in {save(rows, environment, RESULTS)}")
    return int(any(row.verdict in ("MISS", "ERROR") for row in rows))


def rows_of(scenario: Scenario, options: Options) -> Iterator[Row]:
    """Yield the rows of a scenario; what cannot be measured here becomes a skipped row with the reason."""
    try:
        yield from scenario.measure(options)
    except (Unavailable, Broken, OSError) as error:
        yield Row(scenario.name, notes=str(error), failed=not isinstance(error, Unavailable))


def arguments() -> tuple[Options, list[Scenario]]:
    """Read the command line."""
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Vivace and its peers, compared as ratios."
    )
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"of: {', '.join(names)}"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round (default: 3)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    given = parser.parse_args()
    server_core, load_core = cores() or (None, None)
    chosen = [scenario for scenario in SCENARIOS if not given.only or scenario.name in given.only]
    return Options(given.seconds, given.rounds, server_core, load_core), chosen


def allow_open_files(wanted: int) -> None:
    """Raise the limit of open files as far as this user may; children inherit it."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with suppress(OSError, ValueError):  # only root may
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return
        wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def version(tool: str) -> str:
    """Return what ``tool --version`` prints."""
    if shutil.which(tool) is None:
        return "not installed"
    return subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
