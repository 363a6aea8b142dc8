"""Resident memory: idle sockets, readers that stall, large uploads, a million requests."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event, Thread
from typing import Self

from .contest import Options
from .load import GENERATOR, ROOT, Load, measure
from .report import Bound, Row
from .servers import Broken, Program, Running, pin, serving

MB = 1_000_000
GIGABYTE = 1_000_000_000
SETTLE = 2.0  # seconds between a load and the reading of what it left
SAMPLE_EVERY = 0.02

IDLE_SOCKETS = 10_000
STALLED_READERS = 100
STALL = 3.0
REQUESTS = 1_000_000
WARM_UP = 3.0

# What "flat" means, in MB. Stalled readers may each hold their write buffer (256 KiB by default): 26 MB.
STALLED_MB = 40.0
UPLOAD_MB = 10.0
MILLION_MB = 5.0


def idle_sockets(ours: str, peer: str, find: Callable[[str], Program], options: Options) -> Iterator[Row]:
    """Compare the memory of one idle WebSocket among ``IDLE_SOCKETS``, each server fresh."""
    mine, other = (_idle(find(name), options) for name in (ours, peer))
    yield Row(
        "10,000 idle WebSockets",
        peer,
        f"{mine / 1000:.2f} kB",
        f"{other / 1000:.2f} kB",
        mine / other,
        bound=Bound(1.0, at_most=True),
        notes="resident memory per socket",
    )


def _idle(program: Program, options: Options) -> float:
    with serving(program, options.server_core) as server:
        time.sleep(SETTLE)
        before = server.rss()
        command = [*GENERATOR, "idle", "--port", str(server.port), "--path", "/echo"]
        holder = subprocess.Popen(
            [*command, "--connections", str(IDLE_SOCKETS)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=pin(options.load_core),
        )
        with holder:
            line = holder.stdout.readline() if holder.stdout else b""
            if not line or json.loads(line)["open"] != IDLE_SOCKETS:
                raise Broken(f"{program.name} did not open {IDLE_SOCKETS} sockets")
            time.sleep(SETTLE)
            return (server.rss() - before) / IDLE_SOCKETS


class Peak:
    """Watches a server's memory while a block runs; ``growth`` is the highest reading less the first, in MB."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._done = Event()
        self._thread = Thread(target=self._watch)
        self._first = self._highest = server.rss()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def growth(self) -> float:
        """How far the memory rose, in MB."""
        return (self._highest - self._first) / MB

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_EVERY):
            self._highest = max(self._highest, self._server.rss())


def stalled_readers(path: str, ours: Program, options: Options) -> Iterator[Row]:
    """Let ``STALLED_READERS`` ask for a gigabyte, read a little and stop; show the peak growth."""
    with serving(ours, options.server_core) as server:
        with ExitStack() as stack, Peak(server) as peak:
            for _ in range(STALLED_READERS):
                reader = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
                reader.sendall(_request("GET", path))
                if b" 200 " not in reader.recv(65_536):
                    raise Broken(f"{path} did not answer 200")
            time.sleep(STALL)
    work = f"{STALLED_READERS} readers stall: {path}"
    yield Row(work, result=peak.growth, unit="MB", bound=Bound(STALLED_MB, at_most=True), notes="peak growth")


def upload(path: str, ours: Program, options: Options) -> Iterator[Row]:
    """Send a gigabyte; show the peak growth."""
    with serving(ours, options.server_core) as server, Peak(server) as peak:
        started = time.perf_counter()
        received = _send_gigabyte(server.port, path)
        seconds = time.perf_counter() - started
    if received != GIGABYTE:
        raise Broken(f"the server counted {received} bytes of {GIGABYTE}")
    notes = f"peak growth, {GIGABYTE / seconds / MB:.0f} MB/s"
    yield Row(
        f"1 GB upload: {path}",
        result=peak.growth,
        unit="MB",
        bound=Bound(UPLOAD_MB, at_most=True),
        notes=notes,
    )


def _send_gigabyte(port: int, path: str) -> int:
    chunk = bytes(MB)
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(_request("POST", path, GIGABYTE))
        for _ in range(GIGABYTE // MB):
            connection.sendall(chunk)
        reply = b""
        while data := connection.recv(65_536):
            reply += data
    head, _, body = reply.partition(b"\r\n\r\n")
    if b" 200 " not in head:
        raise Broken(f"the upload was answered with {head[:200]!r}")
    return int(body)


def _request(method: str, path: str, length: int | None = None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    if length is not None:
        lines += ["Content-Type: application/octet-stream", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def million(title: str, ours: Program, load: Load, options: Options) -> Iterator[Row]:
    """Answer ``REQUESTS`` requests; show what they left behind after a warm-up."""
    with serving(ours, options.server_core) as server:
        measure(server, load, WARM_UP, options.load_core)
        time.sleep(SETTLE)
        before = server.rss()
        count = 0
        while count < REQUESTS:
            count += measure(server, load, options.seconds, options.load_core).count
        time.sleep(SETTLE)
        growth = (server.rss() - before) / MB
    notes = f"{count:,} requests"
    yield Row(title, result=growth, unit="MB", bound=Bound(MILLION_MB, at_most=True), notes=notes)
