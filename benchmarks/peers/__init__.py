"""The programs we compare with, and how they are installed: by the benchmarks themselves, never by the tests.

Node packages go to ``benchmarks/.peers/node_modules`` and Python packages into ``benchmarks/.peers/venv``; a copy of
the list they were installed from lies beside them, so a changed version is installed again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

from benchmarks.servers import Program, Unavailable

SOURCES = Path(__file__).parent
INSTALLED = SOURCES.parent / ".peers"
INSTALL_SECONDS = 300
NPM_INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
UVICORN = ("-m", "uvicorn", "fastapi_app:app", "--port", "{port}", "--loop", "uvloop", "--http", "httptools")
QUIET = ("--no-access-log", "--log-level", "warning")
GUNICORN = ("-m", "gunicorn", "django_app:application", "--workers", "1", "--bind", "127.0.0.1:{port}")


def program(name: str) -> Program:
    """Return the peer called ``name``, installed; raises ``Unavailable`` when it cannot run here."""
    if name in NODE:
        return _node(name, NODE[name])
    return Program(name, (str(_virtual_environment()), *PYTHON[name]), SOURCES)


NODE = MappingProxyType({"node:http": "node_http.js", "Fastify": "fastify_app.js", "ws": "ws_app.js"})
PYTHON = MappingProxyType({"FastAPI": UVICORN + QUIET, "Django": GUNICORN})


def _node(name: str, source: str) -> Program:
    _need("node")
    if name != "node:http":
        _install_node_packages()
    modules = {"NODE_PATH": str(INSTALLED / "node_modules"), "NODE_ENV": "production"}
    return Program(name, ("node", source, "{port}"), SOURCES, modules)


def _install_node_packages() -> None:
    wanted = SOURCES / "package.json"
    if _is_current(wanted):
        return
    _need("npm")
    INSTALLED.mkdir(exist_ok=True)
    shutil.copy(wanted, INSTALLED)
    _run(*NPM_INSTALL, mark=wanted)


def _virtual_environment() -> Path:
    wanted = SOURCES / "requirements.txt"
    python = INSTALLED / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not _is_current(wanted):
        INSTALLED.mkdir(exist_ok=True)
        _run(sys.executable, "-m", "venv", "--clear", "venv")
        _run(str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted), mark=wanted)
    return python


def _marker(wanted: Path) -> Path:
    return INSTALLED / f"{wanted.name}.installed"


def _is_current(wanted: Path) -> bool:
    marker = _marker(wanted)
    return marker.exists() and marker.read_text() == wanted.read_text()


def _need(tool: str) -> None:
    if shutil.which(tool) is None:
        raise Unavailable(f"{tool} is not installed")


def _run(*command: str, mark: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took more than {INSTALL_SECONDS} s") from error
    if done.returncode:
        raise Unavailable(f"{command[0]} failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    if mark:
        _marker(mark).write_text(mark.read_text())
