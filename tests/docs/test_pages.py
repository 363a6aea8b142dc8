"""Pages keep their promise: a guide opens with one sentence and a program and ends with its errors; a how-to is short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from .programs import blocks

DOCS: Final = Path(__file__).parents[2] / "docs"
GUIDES: Final = sorted(path.name for path in (DOCS / "guides").glob("*.md"))
HOWTOS: Final = sorted(path.name for path in (DOCS / "howto").glob("*.md") if path.name != "index.md")
LAST: Final = "Errors you may see"
SHOWN_FIRST: Final = ("python", "console", "text")  # a program, how to start one, a file that it needs
LONGEST_OPENING: Final = 250  # characters before the first program
LONGEST_RECIPE: Final = 90  # lines


def opening(page: str) -> str:
    """Return the text between the title and the first block, without comments."""
    text = page.partition("\n```")[0].partition("\n")[2]
    return re.sub(r"<!--.*?-->", "", text).strip()


def last_heading(page: str) -> str:
    """Return the last heading of the second level."""
    headings: list[str] = re.findall(r"^## (.+)$", page, re.MULTILINE)
    return headings[-1] if headings else ""


@pytest.mark.parametrize("name", GUIDES)
def test_guide_opens_with_a_sentence_and_a_program(name: str) -> None:
    page = (DOCS / "guides" / name).read_text(encoding="utf-8")
    assert 0 < len(opening(page)) <= LONGEST_OPENING
    assert blocks(page)[0].language in SHOWN_FIRST


@pytest.mark.parametrize("name", GUIDES)
def test_guide_ends_with_its_errors(name: str) -> None:
    assert last_heading((DOCS / "guides" / name).read_text(encoding="utf-8")) == LAST


@pytest.mark.parametrize("name", HOWTOS)
def test_howto_is_a_short_program(name: str) -> None:
    page = (DOCS / "howto" / name).read_text(encoding="utf-8")
    assert len(page.splitlines()) <= LONGEST_RECIPE
    assert any(block.language in ("python", "console") for block in blocks(page))
    assert (DOCS / "howto" / "index.md").read_text(encoding="utf-8").count(
        f"\n{name.removesuffix('.md')}\n"
    ) == 1


def test_page_without_them_is_found() -> None:
    page = "# Title\n\nOne sentence.\n\n<!-- file: a.py -->\n```python\nx = 1\n```\n\n## Errors you may see\n\n## More\n"
    assert opening(page) == "One sentence."
    assert last_heading(page) == "More"
    assert last_heading("# Title\n") == ""
