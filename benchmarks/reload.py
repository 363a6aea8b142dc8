"""A rolling reload under the eyes of many: ``python -m benchmarks.reload --clients 500 --workers 4 --reloads 2``.

Each client has joined a room and watches a live page over one WebSocket, and comes back as browsers do when that is closed: it
says the last number that it had, and what its page shows. Meanwhile somebody says numbers, and somebody else asks for
pages, each on new connections. Nobody may miss a number, have one twice or out of order, be told to resync, see a page
that counts backwards, or get an answer that is no 2xx. The exit status says whether that is so; what was seen is one line
of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any, Final

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

ROOT: Final = Path(__file__).parents[1]
PROGRAM: Final = Path(__file__).parent / "apps" / "reload_app.py"
PATIENCE: Final = 90.0  # seconds until it is given up that the last number arrives everywhere
_REGION: Final = re.compile(r"<!--live:([^:]+):([^:]+):([^>]+)-->(.*?)<!--/live", re.DOTALL)
_COUNT: Final = re.compile(r"<b>(\d+)</b>")


@dataclass
class Outcome:
    """What was seen, of all clients together."""

    clients: int = 0
    numbers: int = 0
    reloads: int = 0
    reconnects: int = 0
    missed: int = 0
    doubled: int = 0
    out_of_order: int = 0
    resyncs: int = 0
    backwards: int = 0  # pages that counted backwards
    behind: int = 0  # pages that do not show the last count
    refused: list[str] = field(
        default_factory=list[str]
    )  # answers that are no 2xx, and connections without one
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nobody noticed anything."""
        wrong = (self.missed, self.doubled, self.out_of_order, self.resyncs, self.backwards, self.behind)
        return not any(wrong) and not self.refused


class Member:
    """One browser: a member of the room, and a copy of the page."""

    def __init__(self, port: int, name: str, outcome: Outcome) -> None:
        self._port = port
        self._name = name
        self._outcome = outcome
        self._position: list[int] | None = None
        self._region = self._hash = self._token = self.source = ""
        self.heard: list[int] = []
        self.returns = 0
        self.ready = asyncio.Event()

    @property
    def count(self) -> int:
        """What its page shows."""
        found = _COUNT.search(self.source)
        return int(found[1]) if found is not None else -1

    async def run(self) -> None:
        """Be there until cancelled."""
        await self.open_page()
        pause = 0.05
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._talk()
                pause = 0.05
            if self.ready.is_set():
                self.returns += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, 2.0)

    async def open_page(self) -> None:
        """Get the page, as somebody does who opens it."""
        status, body = await ask(self._port, "GET", "/")
        found = _REGION.search(body)
        if status != 200 or found is None:
            raise ConnectionError(f"the page was answered with {status}")
        self._region, self._hash, self._token, self.source = found.groups()

    async def _talk(self) -> None:
        address = f"ws://127.0.0.1:{self._port}/_vivace/socket"
        async with connect(address, compression=None, ping_interval=None, open_timeout=10.0) as socket:
            about = {"since": self._position, "client": self._name}
            await socket.send(json.dumps(["join", "room", about]))
            await socket.send(json.dumps(["watch", 1, self._token, [[self._region, self._hash, True]]]))
            async for text in socket:
                verb, *rest = json.loads(text)
                getattr(self, f"_{verb}", self._other)(*rest)

    def _joined(self, room: str, position: list[int], about: dict[str, Any]) -> None:
        self._outcome.resyncs += about["resync"]
        if self._position is None or about["resync"]:
            self._position = position
        self.ready.set()

    def _event(self, room: str, name: str, value: int, number: int) -> None:
        assert self._position is not None
        self._position[1] = number
        self.heard.append(value)

    def _live(self, page: int, region: str, before: str, now: str, changes: list[Any]) -> None:
        shown = self.count
        if before:
            for start, deleted, text in reversed(changes):
                self.source = self.source[:start] + text + self.source[start + deleted :]
        else:
            self.source = changes[0]
        self._hash = now
        self._outcome.backwards += self.count < shown

    def _other(self, *rest: Any) -> None:
        """Ignore what is of no interest here."""


async def ask(port: int, method: str, path: str) -> tuple[int, str]:
    """Return status and body of an answer to a request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
            "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\n\r\n".encode()
        )
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]) if head else 0, body.decode()


async def noted(outcome: Outcome, port: int, method: str, path: str) -> None:
    """Ask, and note what is no answer."""
    try:
        status, _ = await ask(port, method, path)
    except OSError as error:
        outcome.refused.append(f"{method} {path}: {error!r}")
    else:
        if not 200 <= status < 300:
            outcome.refused.append(f"{method} {path}: {status}")


async def reload_under_load(
    process: int, port: int, *, clients: int, numbers: int, reloads: int, log: Path
) -> Outcome:
    """Reload a server while clients listen; returns what they saw."""
    outcome = Outcome(clients=clients, numbers=numbers, reloads=reloads)
    begun = time.perf_counter()
    members = [Member(port, f"member {number}", outcome) for number in range(clients)]
    tasks = [asyncio.create_task(member.run()) for member in members]
    try:
        for member, task in zip(members, tasks, strict=True):
            ready = asyncio.create_task(member.ready.wait())
            await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        asking = asyncio.create_task(_ask_on(outcome, port))
        await _say_all(outcome, process, port, log)
        asking.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not all(
                    len(one.heard) >= numbers and one.count >= numbers and one.returns >= min(reloads, 1)
                    for one in members
                ):  # the old workers retire after "reloaded" was said, so the last clients come back later
                    await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for member in members:
        outcome.reconnects += member.returns
        outcome.missed += numbers - len(set(member.heard))
        outcome.doubled += len(member.heard) - len(set(member.heard))
        outcome.out_of_order += member.heard != sorted(member.heard)
        outcome.behind += member.count != numbers
    outcome.seconds = round(time.perf_counter() - begun, 1)
    return outcome


async def _say_all(outcome: Outcome, process: int, port: int, log: Path) -> None:
    """Say all numbers, reload in between, and go on until the last reload is over."""
    each = max(1, outcome.numbers // (outcome.reloads + 1))
    for number in range(1, outcome.numbers + 1):
        await noted(outcome, port, "POST", f"/say/{number}")
        if number % each == 0 and number // each <= outcome.reloads:
            os.kill(process, signal.SIGHUP)
    done = "reloaded"
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while log.read_text("utf-8", "replace").count(done) < outcome.reloads:
                await asyncio.sleep(0.05)


async def _ask_on(outcome: Outcome, port: int) -> None:
    while True:
        await noted(outcome, port, "GET", "/")
        await asyncio.sleep(0.02)


@contextmanager
def served(folder: Path, workers: int) -> Generator[tuple[int, int, Path]]:
    """Serve the program from a folder; yields the supervisor's process, its port, and its log."""
    shutil.copy(PROGRAM, folder / "reload_app.py")
    log = folder / "said.txt"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SECRET_KEY": "k" * 40, "NO_COLOR": "1"}
    command = [
        sys.executable,
        "-m",
        "vivace",
        "run",
        "reload_app.py",
        "--port",
        "0",
        "--workers",
        str(workers),
    ]
    with log.open("wb") as said:
        process = Popen(command, cwd=folder, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=said)
    try:
        assert process.stdout is not None
        report = json.loads(process.stdout.readline())
        yield process.pid, int(report["listeners"][0]["port"]), log
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    """Serve, reload, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--reloads", type=int, default=2)
    parser.add_argument("--numbers", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), given.workers) as (process, port, log):
        outcome = asyncio.run(
            reload_under_load(
                process, port, clients=given.clients, numbers=given.numbers, reloads=given.reloads, log=log
            )
        )
    print(json.dumps(asdict(outcome)))
    sys.exit(not outcome.good)


if __name__ == "__main__":
    main()
