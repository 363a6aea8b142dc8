"""Rows of results: what was compared, the ratio, its floor and the verdict; printed as a table, kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COLUMNS = ("work", "against", "ours", "theirs", "result", "floor", "verdict", "notes")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a result has to reach: at least ``value``, or at most."""

    value: float
    at_most: bool = False

    def holds(self, result: float) -> bool:
        """Say whether ``result`` is within the bound."""
        return result <= self.value if self.at_most else result >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. ``result`` is ``None`` when it could not be measured; ``notes`` then says why.

    ``failed``: something that is here did not work, as opposed to a peer or tool that is not installed.
    """

    work: str
    against: str = "–"
    ours: str = "–"
    theirs: str = "–"
    result: float | None = None
    unit: str = "×"
    bound: Bound | None = None
    notes: str = ""
    failed: bool = False
    samples: dict[str, list[dict[str, float]]] = field(default_factory=dict[str, list[dict[str, float]]])

    @property
    def verdict(self) -> str:
        """``pass``, ``MISS``, ``info`` (no floor), ``skipped`` (not installed here) or ``ERROR`` (does not work)."""
        if self.result is None:
            return "ERROR" if self.failed else "skipped"
        if self.bound is None:
            return "info"
        return "pass" if self.bound.holds(self.result) else "MISS"

    def cells(self) -> tuple[str, ...]:
        """Return the row as the texts of ``COLUMNS``."""
        result = "–" if self.result is None else f"{self.result:.2f} {self.unit}"
        floor = "–" if self.bound is None else str(self.bound)
        return (self.work, self.against, self.ours, self.theirs, result, floor, self.verdict, self.notes)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the quotients of neighbouring rounds; a slow minute of the machine hits both sides of one."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def short(number: float) -> str:
    """Return ``number`` with three digits: ``950``, ``8.25k``, ``101k``, ``1.20M``."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if number >= limit:
            scaled = number / limit
            return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f}{suffix}"
    return f"{number:.3g}"


def table(rows: Iterable[Row]) -> str:
    """Return the rows as text columns."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    texts.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(texts)


def machine() -> dict[str, str]:
    """Return what the numbers depend on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        name = re.search(r"model name\s*: (.+)", cpuinfo.read_text())
        model = name[1] if name else model
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": " ".join(sys.version.split()),  # with the build: of one version they differ by a tenth
    }


def save(rows: Iterable[Row], environment: dict[str, str], folder: Path) -> Path:
    """Write rows and environment to a new JSON file in ``folder`` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    document: dict[str, Any] = {
        "time": now.isoformat(timespec="seconds"),
        "command": sys.argv[1:],
        "environment": environment,
        "rows": [asdict(row) | {"verdict": row.verdict} for row in rows],
    }
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return path
