"""What is declared in pyproject.toml is pinned in constraints.txt, at a version that the declaration allows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from packaging.requirements import Requirement

from .gates import ROOT


def pins(text: str) -> dict[str, str]:
    """Return the version of each constrained package; anything but ``name==version`` is refused."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    matches = [re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9A-Za-z.+!]+)(?: *;.*)?", line) for line in lines]
    assert None not in matches, "Expected: name==version, no addresses and no options"
    return {normal(match[1]): match[2] for match in matches if match}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(project: dict[str, Any]) -> list[Requirement]:
    extras = project["project"]["optional-dependencies"].values()
    groups = [project["build-system"]["requires"], project["project"]["dependencies"], *extras]
    return [Requirement(text) for group in groups for text in group]


def unpinned(requirements: Iterable[Requirement], pinned: dict[str, str]) -> list[str]:
    """Return the requirements that no pin satisfies."""
    return [
        str(one)
        for one in requirements
        if normal(one.name) not in pinned or not one.specifier.contains(pinned[normal(one.name)])
    ]


def test_everything_declared_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert unpinned(declared(project), pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))) == []


def test_missing_or_old_pin_is_found() -> None:
    wanted = [Requirement("here>=2"), Requirement("My_Name"), Requirement("away")]
    assert unpinned(wanted, pins("# set\nhere==1.9\nmy.name==1\n")) == ["here>=2", "away"]
