"""Whose code is it: the framework's own, or somebody's who uses it. The demo is a program like any user's."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parents[1]
_DEMO: Final = _PACKAGE / "demo"


def is_our_file(path: str | PathLike[str]) -> bool:
    """Return whether a file or folder is the framework's own."""
    file = Path(path)
    return file.is_relative_to(_PACKAGE) and not file.is_relative_to(_DEMO)


def is_our_module(name: str) -> bool:
    """Return whether the module of that name is the framework's own."""
    path = f"{name}."
    return path.startswith("vivace.") and not path.startswith("vivace.demo.")


__all__ = ["is_our_file", "is_our_module"]
