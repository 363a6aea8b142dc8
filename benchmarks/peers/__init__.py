"""The programs we compare with, and how they are installed: by the benchmarks themselves, never by the tests.

Node packages go to ``benchmarks/.peers/node_modules`` and Python packages below ``benchmarks/.peers`` into an environment of
the very Python that measures: builds of one version differ by a tenth (with profiles or without), and ours and theirs must
not. A copy of the list they were installed from lies beside them, so a changed version is installed again. Packages that are compiled
when they are installed (better-sqlite3: some minutes) have a list and a folder of their own, ``native``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

from benchmarks.servers import Program, Unavailable

SOURCES = Path(__file__).parent
INSTALLED = SOURCES.parent / ".peers"
INSTALL_SECONDS = 300
NATIVE_SECONDS = 600
NPM_INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
ONLY_UNPACK = (*NPM_INSTALL, "--ignore-scripts")
COMPILE = (*NPM_INSTALL, "--ignore-scripts=false")
QUIET = ("--no-access-log", "--log-level", "warning")


def _uvicorn(app: str) -> tuple[str, ...]:
    return ("-m", "uvicorn", app, "--port", "{port}", "--loop", "uvloop", "--http", "httptools", *QUIET)


def _gunicorn(app: str) -> tuple[str, ...]:
    return ("-m", "gunicorn", app, "--workers", "1", "--bind", "127.0.0.1:{port}")


NODE = MappingProxyType(
    {
        "node:http": "node_http.js",
        "Fastify": "fastify_app.js",
        "ws": "ws_app.js",
        "Fastify + pg": "fastify_pg.js",
        "Fastify + pg + eta": "fastify_fortunes.js",
        "Fastify + better-sqlite3": "fastify_sqlite.js",
        "Socket.IO": "socketio_app.js",
        "Socket.IO, 2 workers": "socketio_app.js",
    }
)
NATIVE = frozenset(("Fastify + better-sqlite3",))
WORKERS = MappingProxyType({"Socket.IO, 2 workers": "2"})
PYTHON = MappingProxyType(
    {
        "FastAPI": _uvicorn("fastapi_app:app"),
        "Django": _gunicorn("django_app:application"),
        "Django's ORM": _gunicorn("django_data_app:application"),
        "Django's ORM, no middleware": _gunicorn("django_data_app:application"),
        "Django's users": _gunicorn("django_member_app:application"),
        "SQLAlchemy": _uvicorn("sqlalchemy_app:app"),
        "Tortoise": _uvicorn("tortoise_app:app"),
        "Django's ORM, works": ("django_work_app.py",),
        "Django's forms, works": ("django_form_app.py",),
    }
)
BARE = MappingProxyType({"Django's ORM, no middleware": MappingProxyType({"BARE_DJANGO": "1"})})


def program(name: str) -> Program:
    """Return the peer called ``name``, installed; raises ``Unavailable`` when it cannot run here."""
    if name in NODE:
        return _node(name, NODE[name])
    return Program(name, (str(_virtual_environment()), *PYTHON[name]), SOURCES, BARE.get(name, {}))


def _node(name: str, source: str) -> Program:
    _need("node")
    folders = [INSTALLED]
    if name != "node:http":
        _install_node_packages(SOURCES, INSTALLED, ONLY_UNPACK)
    if name in NATIVE:
        folders.append(INSTALLED / "native")
        _install_node_packages(SOURCES / "native", folders[-1], COMPILE)
    paths = os.pathsep.join(str(folder / "node_modules") for folder in folders)
    environment = {"NODE_PATH": paths, "NODE_ENV": "production", "WORKERS": WORKERS.get(name, "1")}
    return Program(name, ("node", source, "{port}"), SOURCES, environment)


def _install_node_packages(source: Path, folder: Path, command: tuple[str, ...]) -> None:
    wanted = source / "package.json"
    if _is_current(wanted, folder):
        return
    _need("npm")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(wanted, folder)
    _run(*command, folder=folder)
    _mark(wanted, folder)


def _virtual_environment() -> Path:
    wanted = SOURCES / "requirements.txt"
    folder = INSTALLED / f"python-{hashlib.sha256(sys.version.encode()).hexdigest()[:8]}"
    python = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not _is_current(wanted, folder):
        folder.mkdir(parents=True, exist_ok=True)
        _run(sys.executable, "-m", "venv", "--clear", "venv", folder=folder)
        _run(str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted), folder=folder)
        _mark(wanted, folder)
    return python


def _marker(wanted: Path, folder: Path) -> Path:
    return folder / f"{wanted.name}.installed"


def _is_current(wanted: Path, folder: Path) -> bool:
    marker = _marker(wanted, folder)
    return marker.exists() and marker.read_text() == wanted.read_text()


def _mark(wanted: Path, folder: Path) -> None:
    _marker(wanted, folder).write_text(wanted.read_text())


def _need(tool: str) -> None:
    if shutil.which(tool) is None:
        raise Unavailable(f"{tool} is not installed")


def _run(*command: str, folder: Path) -> None:
    patience = NATIVE_SECONDS if command[: len(COMPILE)] == COMPILE else INSTALL_SECONDS
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took more than {patience} s") from error
    if done.returncode:
        raise Unavailable(f"{command[0]} failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
