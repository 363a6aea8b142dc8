"""Planned files reach the disk: all of them, or none where one is there already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vivace.errors import WouldOverwrite

from .rendering import Planned

_IGNORED = frozenset({".git", ".DS_Store"})  # a fresh repository is an empty folder


def refuse_used_folder(folder: Path, command: str) -> None:
    """Raise ``WouldOverwrite`` when a folder has something in it, or is a file."""
    if folder.is_dir() and all(path.name in _IGNORED for path in folder.iterdir()):
        return
    if not folder.exists():
        return
    free = next(
        folder.with_name(f"{folder.name}-{number}")
        for number in range(2, 1_000)
        if not folder.with_name(f"{folder.name}-{number}").exists()
    )
    raise WouldOverwrite(
        f"{folder} is there already, and nothing is ever overwritten.",
        expected="a folder that is not there, or an empty one",
        got="a file" if folder.is_file() else f"a folder with {_count(folder)}",
        fix=f"{command} --folder {free.name}, or another name.",
    )


def _count(folder: Path) -> str:
    found = sum(path.name not in _IGNORED for path in folder.iterdir())
    return f"{found} thing{'' if found == 1 else 's'} in it"


def refuse_existing(root: Path, planned: Sequence[Planned]) -> None:
    """Raise ``WouldOverwrite`` when one of the files is there."""
    there = [str(file.path) for file in planned if (root / file.path).exists()]
    if there:
        raise WouldOverwrite(
            f"{there[0]} is there already, and nothing is ever overwritten.",
            expected="files that are not there yet",
            got=", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else ""),
            fix="Take another name, or move what is there away.",
        )


def write(root: Path, planned: Sequence[Planned]) -> None:
    """Write the files, and the folders that they need; each must be new."""
    for file in planned:
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(file.text)


__all__ = ["refuse_existing", "refuse_used_folder", "write"]
