"""What the documentation's build adds: names and new lines at files, and numbers from the benchmarks' own table."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
FENCE: Final = "`" * 3


def extension(name: str) -> ModuleType:
    """Import a module of the build, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fenced(text: str, name: str) -> str:
    return f"<!-- file: {name} -->\n{FENCE}python\n{text}\n{FENCE}\n"


def test_file_has_its_name_and_what_is_new_in_it(tmp_path: Path) -> None:
    shown = extension("shown_files").shown
    (tmp_path / "1.md").write_text(fenced("a = 1\n\nb = 2", "app.py"))
    page = "<!-- continues: 1.md -->\n" + fenced("a = 1\n\nb = 3\n", "app.py") + fenced("x = 1", "other.py")
    first, second = re.findall(r"\{code-block\} python\n(.*?)\n\n", shown(page, tmp_path), re.DOTALL)
    assert first == ":caption: app.py\n:emphasize-lines: 3"
    assert second == ":caption: other.py"


def test_measured_rows_are_those_of_the_benchmarks() -> None:
    measured = extension("benchmarks_table")
    page = measured.SOURCE.read_text(encoding="utf-8")
    assert len(measured.rows(page)) > 20
    assert all(len(row) == 4 for row in measured.rows(page))
    assert "Python" in measured.conditions(page)
    assert next(measured.chosen(page, ["WebSocket echo | ws"]))[0] == "WebSocket echo"
    with pytest.raises(ValueError, match="names 0 rows"):
        next(measured.chosen(page, ["a row that is not there"]))


def test_ratios_of_the_readme_are_those_of_the_benchmarks() -> None:
    measured = extension("benchmarks_table")
    table = [row[:3] for row in measured.rows(measured.SOURCE.read_text(encoding="utf-8"))]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.search(r"^\| work \| against \| result \|\n\|[-|]+\n((?:\|.*\n)+)", readme, re.MULTILINE)
    for line in told[1].splitlines() if told else []:
        assert [cell.strip() for cell in line.strip("|").split("|")] in table, line


def test_tests_that_the_security_guide_names_are_there() -> None:
    page = (DOCS / "guides" / "security.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`([a-z]+/test_\w+\.py)`", page.partition("| threat | tried in")[2].partition("\n\n")[0]
    )
    assert len(named) > 15
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []
