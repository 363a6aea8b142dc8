"""What a start may load: a start that stays light is a promise, so it is counted. (Times differ, modules do not.)"""

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
# what asyncio and msgspec load anyway is not in this list; numbers in the modules say what each of the others costs
LATE_FOR_HELLO = LATE_STDLIB - {"inspect"} | frozenset(
    "concurrent.futures.thread difflib email.utils hashlib hmac html http json pkgutil queue random secrets sysconfig "
    "unicodedata zoneinfo".split()
)
LATE_ROOMS = frozenset(  # parts that an app loads when it uses them
    "vivace.app.compression vivace.app.hood vivace.app.debugpage vivace.app.deploy vivace.app.evidence vivace.app.loading "
    "vivace.app.logging vivace.app.static vivace.crypto vivace.engine.asgi vivace.engine.server vivace.http.files "
    "vivace.http.forms vivace.http.multipart vivace.http.spool vivace.testing".split()
)
HELLO = """
from vivace import App
app = App()
@app.get("/")
async def hello() -> str:
    return "Hello"
app.freeze()
"""
HELLO_MODULES = 86  # of ours; one more is a decision
COMMAND = "import vivace.cli.group, vivace.cli.run, vivace.cli.serve"
COMMAND_MODULES = 33
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


def ours(modules: set[str]) -> set[str]:
    """Return our own modules."""
    return {name for name in modules if name.partition(".")[0] == "vivace"}


def test_hello_loads_only_what_it_uses() -> None:
    loaded = loaded_by(HELLO)
    assert foreign(loaded) <= {"typing_extensions"}  # msgspec's own, where it is installed
    assert loaded & LATE_FOR_HELLO == set()
    assert loaded & LATE_ROOMS == set()
    assert len(ours(loaded)) <= HELLO_MODULES, sorted(ours(loaded))


def test_workers_are_started_before_the_supervisor_loads_the_rest() -> None:
    loaded = loaded_by(COMMAND)
    assert foreign(loaded) <= {"click", "typing_extensions"}
    assert loaded & (LATE_FOR_HELLO | LATE_ROOMS | {"asyncio", "ssl"}) - {"vivace.app.loading"} == set()
    assert len(ours(loaded)) <= COMMAND_MODULES, sorted(ours(loaded))


def test_supervisor_loads_nothing_of_an_app() -> None:
    loaded = loaded_by(f"{COMMAND}, vivace.engine.workers.supervisor")
    assert foreign(loaded) <= {"click", "typing_extensions"}
    rooms = {".".join(name.split(".")[:2]) for name in ours(loaded)} - {"vivace"}
    assert rooms == {"vivace.app", "vivace.cli", "vivace.config", "vivace.engine", "vivace.errors"}
    assert {name for name in loaded if name.startswith("vivace.app.")} == {"vivace.app.loading"}
    assert loaded & {"vivace.engine.server", "vivace.config.load", "vivace.config.settings"} == set()


@pytest.mark.parametrize("late", ["click", "httptools", "multipart", "uvloop", "watchfiles", "websockets"])
def test_late_dependency_would_be_found(late: str, tmp_path: Path) -> None:
    (tmp_path / f"{late}.py").touch()
    loaded = loaded_by(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {late}")
    assert foreign(loaded) == {late}
