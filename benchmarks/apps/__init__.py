"""Our side: the same work as the peers', written as a user writes it and started as a user starts it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import MappingProxyType

from benchmarks.servers import Program

SOURCES = Path(__file__).parent
ROOT = SOURCES.parent.parent
DEFAULTS = MappingProxyType[str, str]({})
SECRET = MappingProxyType({"SECRET_KEY": "only-for-the-benchmark-and-nothing-else"})
NO_COLLECTOR = MappingProxyType({"BENCHMARK_GC": "off"})

OURS = MappingProxyType(
    {
        "Vivace": ("vivace_app.py", DEFAULTS),
        "Vivace, 10 middlewares": ("ten_middlewares.py", DEFAULTS),
        "Vivace, no collector": ("vivace_app.py", NO_COLLECTOR),
        "hello": ("hello.py", DEFAULTS),
        "Vivace's ORM": ("data_app.py", DEFAULTS),
        "bare asyncpg": ("bare_asyncpg.py", DEFAULTS),
        "Vivace's templates": ("fortunes/app.py", DEFAULTS),
        "Vivace's kept pages": ("kept/app.py", DEFAULTS),
        "Vivace's users": ("member/app.py", SECRET),
        "Vivace's live regions": ("live/app.py", SECRET),
        "Vivace's channels": ("rooms_app.py", DEFAULTS),
        "Vivace's channels, 2 workers": ("rooms_app.py", DEFAULTS),
    }
)
WORKERS = MappingProxyType({"Vivace's channels, 2 workers": "2"})


def worker(module: str = "data_work") -> Program:
    """Return the process that does the works of a module one by one."""
    return Program("Vivace", (sys.executable, "-m", f"benchmarks.apps.{module}"), ROOT)


def program(name: str) -> Program:
    """Return one of our own programs, run by ``vivace run`` with everything on that is on by default."""
    source, environment = OURS[name]
    workers = ("--workers", WORKERS[name]) if name in WORKERS else ()
    command = (sys.executable, "-m", "vivace", "run", str(SOURCES / source), "--port", "{port}", *workers)
    return Program(name, command, ROOT, environment)
