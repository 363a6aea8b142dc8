"""CONTRIBUTING draws the house as it is: rooms, their order, the files on the request path, the scripts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def drawn_rooms(page: str) -> set[str]:
    """Return the rooms of the drawing: ``  app/   what it is``."""
    return set(re.findall(r"^  (\w+)/ {2,}\S", page, re.MULTILINE))


def drawn_order(page: str) -> list[set[str]]:
    """Return the layers of the line ``cli, testing → app → …``, top to bottom."""
    line = next(line for line in page.splitlines() if line.startswith("cli, "))
    return [set(layer.split(", ")) for layer in line.split(" → ")]


def drawn_files(page: str) -> set[str]:
    """Return the files and folders that stand in the drawing of the request path."""
    return set(re.findall(r"\b(?:app|engine|http|routing|testing)/[\w/]+(?:\.py|/)", page))


def test_rooms_are_those_that_exist() -> None:
    assert drawn_rooms(PAGE) == {path.parent.name for path in (ROOT / "vivace").glob("*/__init__.py")}


def test_order_is_that_of_the_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers: list[str] = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [set(layer.split(" | ")) for layer in layers if "__main__" not in layer]
    assert drawn_order(PAGE) == rooms


def test_files_of_the_request_path_are_there() -> None:
    files = drawn_files(PAGE)
    assert "engine/http1/protocol.py" in files
    assert [name for name in files if not (ROOT / "vivace" / name).exists()] == []


def test_every_script_is_told_of() -> None:
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix}
    assert set(re.findall(r"^\| `scripts/(\w+)", PAGE, re.MULTILINE)) == scripts


def test_drawing_that_is_wrong_is_found() -> None:
    assert drawn_rooms("vivace/\n  attic/   old things\n") == {"attic"}
    assert drawn_order("cli, testing → app → http") == [{"cli", "testing"}, {"app"}, {"http"}]
    assert drawn_files("see app/gone.py and engine/asgi/") == {"app/gone.py", "engine/asgi/"}
