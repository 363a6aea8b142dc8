"""A copy of a database that is in use, by SQLite's backup interface."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import apsw

_PAGES: Final = 256
"""Pages per step: 1 MiB with pages of 4 KiB."""


def copy(source: apsw.Connection, target: Path) -> None:
    """Write a copy to ``target``, which appears only when it is whole.

    The open read transaction keeps the copy at one point in time: without it SQLite begins again at each write of
    another connection.
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_schema").fetchall()
        _copy_pages(source, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
        if not source.get_autocommit():
            source.execute("ROLLBACK")


def _copy_pages(source: apsw.Connection, target: Path) -> None:
    destination = apsw.Connection(str(target))
    try:
        with destination.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(_PAGES)
                time.sleep(0)
        destination.pragma("journal_mode", "delete")  # one file, no log beside it
    finally:
        destination.close()


__all__ = ["copy"]
