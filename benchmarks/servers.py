"""Programs under load: started on one core, waited for, measured from outside, stopped.

CPU time and memory are those of the whole process tree, so that a supervisor with its worker, or gunicorn with its
arbiter, is counted like a single process. Both need Linux's ``/proc``; elsewhere there are only wall-clock rates.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO

START_SECONDS = 15.0
STOP_SECONDS = 5.0


class Unavailable(Exception):
    """Something a row needs is missing here; the message says what. The row is skipped."""


class Broken(Exception):
    """Something that is here does not start or answers wrongly. The row is an error."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server: its command (``{port}`` is replaced), where it runs and what it adds to the environment."""

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Running:
    """A started program."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], core: int | None) -> None:
        self.port = port
        self.process = process
        self.core = core

    def cpu(self) -> float:
        """Return the seconds of CPU that all its processes used so far; 0 where that cannot be known."""
        return sum(map(_cpu, tree(self.process.pid)))

    def rss(self) -> int:
        """Return the resident bytes of all its processes; raises ``Unavailable`` without ``/proc``."""
        total = sum(map(_rss, tree(self.process.pid)))
        if not total:
            raise Unavailable("resident memory is read from /proc (Linux)")
        return total


def cores() -> tuple[int, int] | None:
    """Return the core for servers and the one for load, or ``None`` where processes cannot be pinned to two."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else None


def core_busy(core: int | None) -> float:
    """Return the seconds that ``core`` has been busy since boot, whoever used it; 0 where that cannot be known."""
    if core is None or not Path("/proc/stat").exists():
        return 0.0
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    fields = next((line for line in lines if line[0] == f"cpu{core}"), ["", *"0" * 10])
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def pin(core: int | None) -> Callable[[], None] | None:
    """Return what pins a child process to ``core`` before it starts."""
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(program: Program, core: int | None) -> Generator[Running]:
    """Run ``program`` on ``core`` until the block ends; raises ``Broken`` when it does not start."""
    port = free_port()
    with tempfile.TemporaryFile() as output:
        process = start(program, port, core, output)
        try:
            if not wait_for_port(port, process):
                output.seek(0)
                lines = output.read().decode(errors="replace").strip().splitlines()[-1:]
                raise Broken(f"did not start: {' '.join(lines) or 'no output'}")
            yield Running(port, process, core)
        finally:
            stop(process)


def start(program: Program, port: int, core: int | None, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``program`` on ``core``, in a process group of its own."""
    return subprocess.Popen(
        [part.replace("{port}", str(port)) for part in program.command],
        cwd=program.folder,
        env={**os.environ, **program.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        preexec_fn=pin(core),
        start_new_session=True,
    )


def start_worker(program: Program, prepare: Callable[[], None] | None) -> subprocess.Popen[str]:
    """Start a program that is told what to do by lines and answers with lines."""
    return subprocess.Popen(
        program.command,
        cwd=program.folder,
        env={**os.environ, **program.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
    )


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until ``port`` answers HTTP; say whether it did before the process or the patience ended.

    A listening socket is not enough: a supervisor opens it before its worker can serve, and memory is compared with
    what a server takes when it is ready.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe, suppress(OSError):
            probe.settimeout(START_SECONDS)
            probe.connect(("127.0.0.1", port))
            probe.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if probe.recv(1):
                return True
        time.sleep(0.02)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to stop; kill its group when it does not."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tree(pid: int) -> list[int]:
    """Return ``pid`` and all its descendants."""
    found = [pid]
    for parent in found:
        for task in _of_threads(parent, "children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:  # the thread ended meanwhile
                continue
    return found


def _of_threads(pid: int, name: str) -> list[Path]:
    """Return a file of each thread of a process; none of one that ended meanwhile."""
    try:
        return list(Path(f"/proc/{pid}/task").glob(f"*/{name}"))
    except OSError:
        return []


def precise_cpu(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants to the microsecond; 0 where that cannot be known."""
    total = 0
    for each in tree(pid):
        for task in _of_threads(each, "schedstat"):
            with suppress(OSError):  # the thread ended meanwhile
                total += int(task.read_text().split()[0])
    return total / 1e9


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
