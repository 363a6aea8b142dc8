"""What the tests of running servers share: a server in processes of its own, and clients that count what fails."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 30.0  # seconds until a condition must hold: generous, because nothing waits for it to pass
DRIVER: Final = """
import sys, msgspec
from vivace.cli.serve import serve
from vivace.engine.workers.options import ServeOptions
sys.exit(serve(msgspec.json.decode(sys.argv[1], type=ServeOptions)))
"""
APP: Final = """
import asyncio, os, time
from vivace.config.settings import Settings, Timeouts
from vivace.errors import StartupFailed
from vivace.http.eventstream import EventStream
from vivace.http.response import Text, Upgrade

VERSION = "one"

class Echo(Upgrade):
    async def run(self, socket):
        async for message in socket:
            await socket.send(message)

class Small:
    settings = Settings(timeouts=Timeouts(shutdown=4))
    seen = 0

    async def handle(self, request):
        self.request = request
        return await getattr(self, request.path.strip("/").replace("-", "_") or "home")()

    async def home(self):
        return Text(f"{VERSION} {os.getpid()}")

    async def slow(self):
        await asyncio.sleep(0.3)
        return Text(f"{VERSION} {os.getpid()}")

    async def block(self):
        time.sleep(3)
        return Text("blocked")

    async def socket(self):
        return Echo()

    async def events(self):
        return EventStream(self.numbers(self.request))

    async def numbers(self, request):
        number = 0
        while not request.connection.shutting_down:
            number += 1
            yield number
            await asyncio.sleep(0.05)
        yield "bye"

    async def deaf(self):
        return EventStream(self.silence())

    async def silence(self):
        try:
            yield "hello"
            await asyncio.sleep(3600)
        finally:
            print("silence ended", flush=True)

    async def startup(self):
        pass

    async def shutdown(self):
        print("shut down", flush=True)

app = Small()
"""


def wait_until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + patience
    while not (answer := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"it never came true: {condition}")
        time.sleep(0.01)
    return answer


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[bytes]
    folder: Path
    listeners: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    health: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def port(self) -> int:
        return int(self.listeners[0]["port"])

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def out(self) -> str:
        return (self.folder / "stdout").read_text()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.send(number)
        return self.process.wait(PATIENCE)

    def write(self, source: str) -> None:
        (self.folder / "served.py").write_text(source)

    async def probe(self, path: str) -> tuple[int, Any]:
        """Ask the health address."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.health[0]["port"])
        try:
            return await _ask(reader, writer, path, json.loads)
        finally:
            writer.close()

    async def workers(self) -> list[dict[str, Any]]:
        """Return the workers that are ready, as health tells of them."""
        _, report = await self.probe("/ready")
        return [worker for worker in report["workers"] if worker["last"]["state"] == "ready"]

    async def until_ready(self, count: int, without: frozenset[int] = frozenset()) -> list[int]:
        """Wait until ``count`` workers are ready, none of them in ``without``; return their process ids."""
        async with asyncio.timeout(PATIENCE):
            while True:
                pids = [int(worker["pid"]) for worker in await self.workers()]
                if len(pids) == count and not without & set(pids):
                    return pids
                await asyncio.sleep(0.05)


@contextmanager
def served(folder: Path, source: str = APP, expect_start: bool = True, **options: Any) -> Generator[Served]:
    """Serve ``source`` in processes of its own, on port 0 unless ``listeners`` says otherwise."""
    pass_fds = options.pop("pass_fds", ())
    wrap = options.pop("wrap", ())  # Python arguments that become the server
    (folder / "served.py").write_text(source)
    asked = {
        "target": "served.py",
        "listeners": ["127.0.0.1:0"],
        "health": "127.0.0.1:0",
        "port_file": str(folder / "ports.json"),
        **options,
    }
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "stderr").open("wb") as errors, (folder / "stdout").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *wrap, "-c", DRIVER, msgspec.json.encode(asked).decode()],
            cwd=folder,
            env=environ,
            stdout=out,
            stderr=errors,
            pass_fds=pass_fds,
        )
    running = Served(process, folder)
    try:
        if expect_start:
            wait_until(lambda: (folder / "ports.json").exists() or process.poll() is not None)
            if process.poll() is not None:
                raise RuntimeError(running.log)
            ports = json.loads((folder / "ports.json").read_text())
            running.listeners, running.health = ports["listeners"], ports["health"]
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        process.kill()
        process.wait()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, read: Callable[[bytes], Any]
) -> tuple[int, Any]:
    writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    status, _, body = await read_response(reader)
    return status, read(body)


async def read_response(reader: asyncio.StreamReader) -> tuple[int, str, bytes]:
    """Return status, head and body of a response with a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:] if line)
    return int(head.split()[1]), head.lower(), await reader.readexactly(int(lines.get("content-length", 0)))


async def get(port: int, path: str = "/") -> str:
    """Return the text of one answer on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return str((await _ask(reader, writer, path, bytes.decode))[1])
    finally:
        writer.close()


@dataclass
class Load:
    """Clients that ask one thing after another on kept connections, until told to stop."""

    port: int
    path: str = "/"
    clients: int = 8
    answers: list[str] = field(default_factory=list[str])
    failures: list[str] = field(default_factory=list[str])
    stopped: bool = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.clients):
                group.create_task(self._client())

    async def _client(self) -> None:
        while not self.stopped:
            try:
                await self._connection()
            except (OSError, EOFError, asyncio.IncompleteReadError) as error:
                self.failures.append(repr(error))

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while not self.stopped:
                writer.write(f"GET {self.path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
                status, head, body = await read_response(reader)
                if status == 200:
                    self.answers.append(body.decode())
                else:
                    self.failures.append(str(status))
                if "connection: close" in head:
                    return
                await asyncio.sleep(0.005)
        finally:
            writer.close()
