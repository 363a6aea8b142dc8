"""Type checkers understand a program that uses Vivace: what they infer, and what they refuse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LINES = [
    number
    for number, text in enumerate((HERE / "wrong.py").read_text("utf-8").splitlines(), 1)
    if text.startswith("    ") and number > 15
]


def run(*command: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return result.stdout + result.stderr


@pytest.mark.timeout(300)
def test_dx_mypy_infers_and_refuses(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    out = run("mypy", "--cache-dir", str(tmp_path), str(HERE / "sample.py"), str(HERE / "wrong.py"))
    assert [line for line in out.splitlines() if "sample.py" in line] == []
    assert sorted({int(line) for line in re.findall(r"wrong\.py:(\d+): error", out)}) == LINES


@pytest.mark.timeout(300)
def test_dx_pyright_infers_and_refuses() -> None:
    pytest.importorskip("pyright")
    python = ("--pythonpath", sys.executable)
    out = run("pyright", "--outputjson", *python, str(HERE / "sample.py"), str(HERE / "wrong.py"))
    found = json.loads(out[out.index("{") :])["generalDiagnostics"]
    errors = [
        (Path(entry["file"]).name, entry["range"]["start"]["line"] + 1)
        for entry in found
        if entry["severity"] == "error"
    ]
    assert [entry for entry in errors if entry[0] == "sample.py"] == []
    assert sorted({line for name, line in errors if name == "wrong.py"}) == LINES
