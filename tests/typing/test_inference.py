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
WRONG = """\
from vivace import App, Request, Response

app = App()


@app.get("/{id}")
async def show(id: int) -> str:
    return str(id)


async def mistakes(request: Request) -> None:
    await show("one")
    app.get("/x", timeuot=3)
    app.get("/x", timeout="soon")
    app.every(1, 2)
    Response(body=1)
    App(debug="yes")
    app.nothing()
"""
LINES = list(range(WRONG[: WRONG.index("    await show")].count("\n") + 1, WRONG.count("\n") + 1))


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    """A program that type checkers must refuse, in every line of ``mistakes``."""
    path = tmp_path / "wrong.py"
    path.write_text(WRONG, encoding="utf-8")
    return str(path)


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
def test_dx_mypy_infers_and_refuses(tmp_path: Path, wrong: str) -> None:
    pytest.importorskip("mypy")
    out = run("mypy", "--cache-dir", str(tmp_path), str(HERE / "sample.py"), wrong)
    assert [line for line in out.splitlines() if "sample.py" in line] == []
    assert sorted({int(line) for line in re.findall(r"wrong\.py:(\d+): error", out)}) == LINES


@pytest.mark.timeout(300)
def test_dx_pyright_infers_and_refuses(wrong: str) -> None:
    pytest.importorskip("pyright")
    python = ("--pythonpath", sys.executable)
    out = run("pyright", "--outputjson", *python, str(HERE / "sample.py"), wrong)
    found = json.loads(out[out.index("{") :])["generalDiagnostics"]
    errors = [
        (Path(entry["file"]).name, entry["range"]["start"]["line"] + 1)
        for entry in found
        if entry["severity"] == "error"
    ]
    assert [entry for entry in errors if entry[0] == "sample.py"] == []
    assert sorted({line for name, line in errors if name == "wrong.py"}) == LINES
