"""The order of the rooms: the contract in pyproject.toml, kept by import-linter, shown to fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .gates import ROOT

pytest.importorskip("importlinter", reason="import-linter comes with the lint extra")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as main; main()",
            "--no-cache",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def house(folder: Path, modules: dict[str, str]) -> Path:
    """Make a house under the same contract, with the given modules in otherwise empty rooms."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    for room in (path.parent.name for path in (ROOT / "vivace").glob("*/__init__.py")):
        (folder / "vivace" / room).mkdir(parents=True)
        (folder / "vivace" / room / "__init__.py").touch()
    for alone in (ROOT / "vivace").glob("[a-z]*.py"):  # a room of one file
        (folder / "vivace" / alone.name).touch()
    (folder / "vivace" / "__init__.py").touch()
    for name, text in modules.items():
        path = folder / "vivace" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_imports_go_downwards() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("modules", "named"),
    [
        ({"http/up.py": "import vivace.app"}, "vivace.http.up -> vivace.app"),
        ({"http/late.py": "def f():\n    import vivace.engine"}, "vivace.http.late -> vivace.engine"),
        ({"cli/side.py": "import vivace.testing"}, "vivace.cli.side -> vivace.testing"),
        ({"attic/__init__.py": ""}, "attic"),
    ],
    ids=["upwards", "in a function", "sideways", "a room without a place"],
)
def test_broken_order_is_found(tmp_path: Path, modules: dict[str, str], named: str) -> None:
    result = lint(house(tmp_path, modules))
    assert result.returncode != 0
    assert named in result.stdout
