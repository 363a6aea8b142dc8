"""Putting a server under load from another core and counting what it answered.

HTTP load comes from ``wrk`` where it is installed, else from our own generator (``loadgen``), which the run says.
"""

from __future__ import annotations

import json
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .servers import Broken, Running, Unavailable, core_busy, pin

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0  # seconds beyond the length of the load

PIPELINE = """
init = function(args)
  local requests = {{}}
  for index = 1, {depth} do requests[index] = wrk.format() end
  batch = table.concat(requests)
end
request = function() return batch end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a server: ``kind`` is ``http``, ``echo`` or ``fan``; ``expect`` is the JSON of a good reply.

    ``accept`` says of a reply's JSON whether it is good, where it is not always the same; ``accept_text`` of its text. ``refuse`` is a body that a server must answer with 4xx: a peer that does not validate would be no peer.
    ``cookie`` is the header of a visitor; what the first reply sets is added to it, as a browser does.
    """

    path: str
    kind: str = "http"
    connections: int = 64
    body: bytes = b""
    refuse: bytes = b""
    expect: Any = None
    accept: Callable[[Any], bool] | None = None
    accept_text: Callable[[str], bool] | None = None
    pipeline: int = 1
    cookie: str = ""

    @property
    def method(self) -> str:
        """``POST`` with a body, else ``GET``."""
        return "POST" if self.body else "GET"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: answers, wall-clock seconds, CPU seconds of the server, and of everyone on its core (0: not known)."""

    count: int
    seconds: float
    cpu: float
    core: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers per second of the clock on the wall."""
        return self.count / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Answers per second of the server's CPU; the wall's where that is not known."""
        return self.count / self.cpu if self.cpu else self.per_second

    @property
    def busy(self) -> float:
        """How much of the wall time the server was running: 0 to 1."""
        return self.cpu / self.seconds

    @property
    def taken(self) -> float:
        """How much of the server's core others took, in wall time: 0 to 1."""
        return max(0.0, self.core - self.cpu) / self.seconds


def http_generator() -> str:
    """Return which generator makes HTTP load here."""
    return "wrk" if shutil.which("wrk") else "benchmarks.loadgen (wrk is not installed)"


def measure(server: Running, load: Load, seconds: float, core: int | None) -> Sample:
    """Put ``server`` under ``load`` for ``seconds`` from ``core``; raises ``Broken`` when any answer was bad."""
    if load.kind.startswith("room-"):
        return _measure_room(server, load, seconds, core)
    before, core_before = server.cpu(), core_busy(server.core)
    if load.kind == "http" and shutil.which("wrk"):
        count, took = parse_wrk(_wrk(server.port, load, seconds, core))
    else:
        count, took = _own(server.port, load, seconds, core)
    return Sample(count, took, server.cpu() - before, core_busy(server.core) - core_before)


def parse_wrk(output: str) -> tuple[int, float]:
    """Return how many requests in how many seconds; raises ``Broken`` when some failed."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m|h),", output)
    if total is None:
        raise Broken(f"wrk printed no total: {output.strip()!r}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if failed:
        raise Broken(f"{failed[1]} of {total[1]} replies were not 2xx or 3xx")
    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    if socket_errors:
        raise Broken(f"wrk had errors: {socket_errors[0]}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}[total[3]]
    return int(total[1]), float(total[2]) * unit


def wrk_script(load: Load) -> str:
    """Return the Lua that makes wrk send ``load``; empty when it needs none."""
    script = ""
    if load.body:
        text = load.body.decode().replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        script += (
            f"wrk.method = 'POST'\nwrk.body = '{text}'\nwrk.headers['Content-Type'] = 'application/json'\n"
        )
    if load.cookie:
        script += f"wrk.headers['Cookie'] = '{load.cookie}'\n"
    return script + (PIPELINE.format(depth=load.pipeline) if load.pipeline > 1 else "")


def raw_request(port: int, load: Load) -> bytes:
    """Return ``load`` as the bytes of one request."""
    head = f"{load.method} {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if load.body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(load.body)}\r\n"
    if load.cookie:
        head += f"Cookie: {load.cookie}\r\n"
    return head.encode() + b"\r\n" + load.body


def _wrk(port: int, load: Load, seconds: float, core: int | None) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(wrk_script(load))
        script.flush()
        whole = max(1, round(seconds))
        command = [
            "wrk",
            "-t1",
            f"-c{load.connections}",
            f"-d{whole}s",
            "--timeout",
            "30s",
            "-s",
            script.name,
        ]
        return _output([*command, f"http://127.0.0.1:{port}{load.path}"], b"", seconds, core)


def _own(port: int, load: Load, seconds: float, core: int | None) -> tuple[int, float]:
    if not hasattr(select, "epoll"):
        raise Unavailable("our load generator needs epoll (Linux)")
    if load.pipeline > 1:
        raise Unavailable("pipelining needs wrk")
    result = json.loads(_output(_generator(port, load, seconds), raw_request(port, load), seconds, core))
    if not result["count"]:
        raise Unavailable("our load generator needs connections that are kept alive; wrk does not")
    return result["count"], result["seconds"]


def _generator(port: int, load: Load, seconds: float) -> list[str]:
    options = [load.kind, "--port", str(port), "--path", load.path]
    return [*GENERATOR, *options, "--connections", str(load.connections), "--seconds", str(seconds)]


def _measure_room(server: Running, load: Load, seconds: float, core: int | None) -> Sample:
    """Measure from when all members are in until the last of them has heard all."""
    if not hasattr(select, "epoll"):
        raise Unavailable("our load generator needs epoll (Linux)")
    with subprocess.Popen(
        _generator(server.port, load, seconds),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=pin(core),
        cwd=ROOT,
    ) as generator:
        patience = threading.Timer(seconds + PATIENCE, generator.kill)
        patience.start()
        try:
            opened = _line(generator)
            before, core_before = server.cpu(), core_busy(server.core)
            result = _line(generator, b"\n") if opened else {}
            cpu, core_cpu = server.cpu() - before, core_busy(server.core) - core_before
        finally:
            patience.cancel()
    if not result:
        raise Broken(f"the members of a room could not talk for {seconds} s")
    return Sample(result["count"], result["seconds"], cpu, core_cpu)


def _line(generator: subprocess.Popen[bytes], said: bytes = b"") -> dict[str, Any]:
    """Tell the generator something and return its next line; nothing when it has ended."""
    if generator.stdin is None or generator.stdout is None:
        return {}
    generator.stdin.write(said)
    generator.stdin.flush()
    line = generator.stdout.readline()
    return json.loads(line) if line else {}


GENERATOR = (sys.executable, "-m", "benchmarks.loadgen")


def _output(command: list[str], given: bytes, seconds: float, core: int | None) -> str:
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            timeout=seconds + PATIENCE,
            preexec_fn=pin(core),
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(f"no result {PATIENCE:.0f} s after the load should have ended") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
        raise Broken(f"{Path(command[0]).name} failed: {said[-1]}")
    return done.stdout.decode()
