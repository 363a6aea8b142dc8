"""Commands as real processes: started, read, asked over HTTP, stopped. Everything waits with a bound."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")
ROOT: Final = Path(__file__).parents[2]
EXPERIENCE: Final = ROOT / "tests" / "experience"
BOUND: Final = 60.0  # seconds until a test gives up; never a measure


def project(tmp_path: Path) -> Path:
    """Return a folder with a copy of the hello program in it."""
    made = tmp_path / "project"
    made.mkdir()
    shutil.copy(EXPERIENCE / "hello.py", made)
    return made


def environment(**more: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("VIVACE_", "SECRET_KEY"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **more}


def vivace(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "vivace", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(**more),
        timeout=BOUND,
        check=False,
    )


def until(found: Callable[[], T | None]) -> T:
    """Return the first thing that ``found`` finds."""
    end = time.monotonic() + BOUND
    while (thing := found()) is None:
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)
    return thing


class Serving:
    """A server that runs in another process."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.report: dict[str, Any] = {}

    @property
    def port(self) -> int:
        return int(self.report["listeners"][0]["port"])

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8")

    def ask(self, path: str = "/", **headers: str) -> tuple[int, str, dict[str, str]]:
        """Return status, body and headers of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=BOUND)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("GET", path, headers=sent)
            response = connection.getresponse()
            return response.status, response.read().decode(), {k.lower(): v for k, v in response.getheaders()}
        finally:
            connection.close()

    def body(self, path: str = "/", **headers: str) -> str:
        return self.ask(path, **headers)[1]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(BOUND)


@contextmanager
def serving(*arguments: str, folder: Path, tmp: Path, **more: str) -> Generator[Serving]:
    """Start a server on a port of the system's choice; what it says on stderr is in ``said``."""
    log = tmp / "said.txt"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "vivace", *arguments, "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=folder,
            env=environment(**more),
        )
    server = Serving(process, log)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, server.said
        server.report = json.loads(line)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(BOUND)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()
