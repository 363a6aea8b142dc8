"""The table of the last run in ``benchmarks/README.md``, which is the only place where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[2] / "benchmarks" / "README.md"
HEADING: Final = "## A run, and what it leaves to do"


def section(page: str) -> list[str]:
    """Return the lines of the section about the last run, without its heading."""
    return page.partition(f"{HEADING}\n")[2].partition("\n## ")[0].strip().splitlines()


def rows(page: str) -> list[list[str]]:
    """Return the cells of the table, without its head."""
    table = [line for line in section(page) if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def conditions(page: str) -> str:
    """Return the paragraph that says when and where it was measured."""
    return " ".join(section(page)).partition(" | work |")[0].partition("|")[0].strip()


def chosen(page: str, wanted: list[str]) -> Iterator[list[str]]:
    """Yield the rows that are wanted; raises ``ValueError`` for a line that does not name exactly one."""
    for line in wanted:
        found = [row for row in rows(page) if " | ".join(row[:2]).startswith(line)]
        if len(found) != 1:
            raise ValueError(f"{line!r} names {len(found)} rows of {SOURCE.name}")
        yield found[0][:3]
