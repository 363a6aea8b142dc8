"""What the commands say on the terminal: plain lines, in colour where there is a terminal (``NO_COLOR`` is honoured)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from vivace.errors import Finding, VivaceError

_STATUS_COLOURS: Final = {1: "cyan", 2: "green", 3: "cyan", 4: "yellow", 5: "red"}


def paint(text: str, **style: Any) -> str:
    """Return text in a colour, unless the reader wants none."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def say(text: str = "") -> None:
    """Write a line to stderr: what a command prints on stdout is for programs."""
    click.echo(text, err=True)


def show_error(error: BaseException) -> None:
    """Tell of an error: ours in three parts, others by their name and the user's own frames."""
    if isinstance(error, VivaceError):
        first, _, rest = str(error).partition("\n")
        say(f"{paint('error:', fg='red', bold=True)} {first}")
        say(rest)
        return
    from vivace.app.evidence import as_text, from_own, gather  # modules that only an error needs
    from vivace.app.hiding import Hider

    say(paint("error:", fg="red", bold=True))
    say(as_text(from_own(gather(error, Hider()))))


def show_findings(findings: Iterable[Finding]) -> None:
    """Write each finding, its level in colour."""
    for finding in findings:
        first, _, rest = str(finding).partition("\n")
        level, _, message = first.partition(": ")
        say(f"{paint(level, fg='red' if level == 'error' else 'yellow', bold=True)}: {message}")
        if rest:
            say(rest)


def table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    """Return rows as columns, the last one as wide as it likes."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads) - 1)]
    lines: list[str] = []
    for row in [heads, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    lines[0] = paint(lines[0], bold=True)
    return "\n".join(lines)


def status(code: int) -> str:
    """Return a status in the colour of its class."""
    return paint(str(code), fg=_STATUS_COLOURS.get(code // 100, "white"))


__all__ = ["paint", "say", "show_error", "show_findings", "status", "table"]
