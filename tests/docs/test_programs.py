"""Every program in the documentation runs and prints what the page says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest

from .programs import Program, blocks

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if "_build" not in path.parts
)


def test_there_are_pages() -> None:
    assert "README.md" in PAGES
    assert "docs/index.md" in PAGES


@pytest.mark.timeout(180)  # a page may start a dozen commands, and the machine may be busy
@pytest.mark.parametrize("name", PAGES)
def test_programs_of_page_run(name: str, tmp_path: Path) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    runnable = [block for block in blocks(page) if block.language == "python" and block.mark != "no-run"]
    folder = tmp_path / "ask"  # the tutorial's: models of app.py are labelled by the folder
    folder.mkdir()
    with patch.dict(os.environ):  # what a page sets is for that page
        ran = Program(name, page, folder).run()
    assert ran >= len(runnable)
