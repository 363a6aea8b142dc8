"""What ``import vivace`` may load: a start that stays light is a promise, so it has an allow-list."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ALLOWED = frozenset({"vivace", "msgspec", "markupsafe"})
LATE_STDLIB = frozenset(
    # measured: each of these costs milliseconds and none is needed before it is used
    "multiprocessing sqlite3 unittest email.message http.client http.server urllib.request xml pdb doctest pydoc "
    "inspect zipfile tarfile tempfile importlib.metadata concurrent.futures.process wsgiref gzip zlib".split()
)
PROGRAM = """
import sys
before = set(sys.modules)
{statement}
print("\\n".join(sorted(set(sys.modules) - before)))
"""


def loaded_by(statement: str, folder: Path | None = None) -> set[str]:
    """Run the statement in a fresh interpreter and return the modules that it loaded."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(result.stdout.split())


def foreign(modules: set[str]) -> set[str]:
    """Return the top-level modules that are neither ours nor Python's, and are not allowed."""
    return {
        top
        for top in (name.partition(".")[0] for name in modules)
        if top not in ALLOWED and top not in sys.stdlib_module_names
    }


def test_import_loads_only_what_is_allowed() -> None:
    loaded = loaded_by("import vivace")
    assert "vivace" in loaded
    assert foreign(loaded) == set()
    assert loaded & LATE_STDLIB == set()


@pytest.mark.parametrize("late", ["click", "httptools", "multipart", "uvloop", "watchfiles", "websockets"])
def test_late_dependency_would_be_found(late: str, tmp_path: Path) -> None:
    (tmp_path / f"{late}.py").touch()
    loaded = loaded_by(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {late}")
    assert foreign(loaded) == {late}
