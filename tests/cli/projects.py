"""Commands in the current folder, as if each ran in a process of its own; and tools that judge what they wrote."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vivace.cli import main

from .process import environment


def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the current one for a test."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("NO_COLOR", "1")
    return folder


def made(folder: Path, name: str, template: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new project, which is the current folder."""
    done("new", name, "--template", template)
    return in_folder(folder / name, monkeypatch)


def call(*arguments: str) -> Result:
    """Run a command in this process; what it imports from the current folder is forgotten."""
    try:
        return CliRunner().invoke(main, arguments, prog_name="vivace")
    finally:
        here = Path.cwd()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file is not None and Path(file).is_relative_to(here):
                del sys.modules[name]


def done(*arguments: str) -> str:
    """Run a command that succeeds, and return what it said."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def lint(project: Path, *options: str) -> None:
    """Let ruff judge a project by its own settings, or by these options; where tests are installed without it, nobody does."""
    if find_spec("ruff") is None:
        return
    run("ruff", "check", *options, folder=project)
    run("ruff", "format", "--check", folder=project)


def run(*command: str, folder: Path) -> None:
    """Run a Python module in a project, which must be content."""
    result = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
