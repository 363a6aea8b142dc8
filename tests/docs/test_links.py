"""Links between the texts at the root lead somewhere; those inside ``docs`` are checked by its build."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TEXTS: Final = sorted(path.name for path in ROOT.glob("*.md"))


def broken(text: str, folder: Path) -> list[str]:
    """Return the relative links of a text that name no file."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    return [target for target in targets if "://" not in target and not (folder / target).exists()]


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_files(name: str) -> None:
    assert broken((ROOT / name).read_text(encoding="utf-8"), ROOT) == []


def test_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = "[a](there.md) [b](https://example.org/x) [c](gone.md#part) [d](there.md#part) [e](#here)"
    assert broken(text, tmp_path) == ["gone.md"]
