"""Visitors of the demo: ``python -m benchmarks.visitors --visitors 200 --minutes 5``.

It starts ``vivace demo`` in a process of its own, with data of its own, and lets people come: each is a generated member who
opens pages, keeps the live connection of the page that is open, votes, comments, talks in the chat, and thinks for some
seconds in between. At the end it tells, as JSON and in words: what was done and what failed, how long answers took (median and
the slowest of a hundred), how long it took until a change was in another visitor's page, and the server's memory over time,
which rises while what the server keeps fills up to its bounds (the log of changes, those of the rooms), for some minutes,
and then should not: ``late`` is its slope over the second half of the time, so let it be ten minutes. What visitors write
stays, and pages grow with it; ``--reading``: nobody comments or talks, so that what rises is not content. What they do and when
is the same in each run (the generator is seeded).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

ROOT: Final = Path(__file__).parents[1]
MARKER: Final = re.compile(r"<!--live:([^:>]+):([^:>]+)(?::([^>]+))?-->")
POST: Final = re.compile(r'href="/posts/(\d+)"')
MEMBER: Final = re.compile(r'action="/somebody-else/([^"]+)"')
LISTS: Final = ("/", "/?sort=new", "/?sort=top", "/topics/town", "/topics/kitchen", "/activity", "/members")
SAMPLE: Final = 2.0  # seconds between two readings of the memory
TIMEOUT: Final = 30.0


class Tally:
    """What happened, and how long it took."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self.memory: list[tuple[float, float, int]] = []  # seconds, MB, events so far

    async def timed(self, what: str, work: Awaitable[httpx2.Response]) -> httpx2.Response | None:
        """Await an answer; note its time, or why there was none."""
        start = time.perf_counter()
        try:
            answer = await work
        except httpx2.HTTPError as error:
            self.failed[f"{what}: {type(error).__name__}"] += 1
            return None
        self.times[what].append(time.perf_counter() - start)
        self.done[what] += 1
        if answer.status_code >= 400:
            self.failed[f"{what}: {answer.status_code}"] += 1
            return None
        return answer

    def report(self) -> dict[str, Any]:
        """Return all of it, in milliseconds and MB."""
        return {
            "done": dict(self.done),
            "failed": dict(self.failed),
            "milliseconds": {what: _spread(times) for what, times in sorted(self.times.items())},
            "memory": _memory(self.memory),
        }


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(each * 1000 for each in times)
    return {"p50": round(statistics.median(ordered), 1), "p99": round(ordered[int(len(ordered) * 0.99)], 1)}


def _memory(readings: list[tuple[float, float, int]]) -> dict[str, float]:
    """Return the memory in MB; by how much it grows in a minute when the first fifth is over (``slope``), and in the second
    half (``late``), there also for each 10,000 events.
    """
    settled, late = readings[len(readings) // 5 :], readings[len(readings) // 2 :]
    events = late[-1][2] - late[0][2] if late else 0
    if not events:
        return {}
    sizes = [size for _, size, _ in readings]
    minutes = (late[-1][0] - late[0][0]) / 60
    return {
        "first": sizes[0],
        "settled": settled[0][1],
        "last": sizes[-1],
        "highest": max(sizes),
        "slope": _slope(settled),
        "late": _slope(late),
        "late for 10,000 events": round(_slope(late) * minutes / events * 10_000, 2),
    }


def _slope(readings: list[tuple[float, float, int]]) -> float:
    found = statistics.linear_regression([at for at, _, _ in readings], [size for _, size, _ in readings])
    return round(found.slope * 60, 2)


class Visitor:
    """Somebody with a browser: one page is open at a time, and lives."""

    def __init__(self, number: int, port: int, tally: Tally, *, reading: bool = False) -> None:
        self.random = Random(number)
        self.port = port
        self.tally = tally
        self.writing = 0 if reading else 1  # how often, beside a search
        place = f"http://127.0.0.1:{port}"
        headers = {"accept": "text/html", "origin": place, "sec-fetch-site": "same-origin"}
        self.http = httpx2.AsyncClient(base_url=place, headers=headers, timeout=TIMEOUT)
        self.socket: ClientConnection | None = None
        self.reading: asyncio.Task[None] | None = None
        self.posts: list[str] = []

    async def stay(self, until: float) -> None:
        """Come in, do one thing after the other, and leave."""
        try:
            if not await self.enter():
                return
            while time.monotonic() < until:
                deed: Callable[[], Awaitable[None]] = self.random.choices(
                    [self.look, self.read, self.vote, self.comment, self.search, self.chat],
                    [5, 6, 4, self.writing, 1, self.writing],
                )[0]
                await deed()
                await asyncio.sleep(self.random.uniform(1, 5))
        finally:
            await self.close()
            await self.http.aclose()

    async def enter(self) -> bool:
        """Become a generated member."""
        page = await self.tally.timed("enter", self.http.get("/somebody-else"))
        handles = MEMBER.findall(page.text) if page is not None else []
        if not handles:
            return False
        answer = await self.tally.timed(
            "enter", self.http.post(f"/somebody-else/{self.random.choice(handles)}")
        )
        return answer is not None

    # -- what they do -------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Open a list."""
        page = await self.open("list", self.random.choice(LISTS))
        self.posts = POST.findall(page) or self.posts

    async def read(self) -> None:
        """Open a post."""
        if self.posts:
            await self.open("post", f"/posts/{self.random.choice(self.posts)}")

    async def vote(self) -> None:
        """Vote for a post of the list, or take it back."""
        if self.posts:
            query = "?take_back=1" if self.random.random() < 0.4 else ""
            post = self.random.choice(self.posts)
            await self.tally.timed("vote", self.http.post(f"/posts/{post}/vote{query}"))

    async def comment(self) -> None:
        """Comment on a post of the list."""
        if self.posts:
            form = {"body": f"Comment {self.random.random()} of a visitor."}
            await self.tally.timed(
                "comment", self.http.post(f"/posts/{self.random.choice(self.posts)}", data=form)
            )

    async def search(self) -> None:
        """Look for a word."""
        await self.open(
            "search", f"/search?{urlencode({'q': self.random.choice(['dough', 'night', 'bridge'])})}"
        )

    async def chat(self) -> None:
        """Open a room and say something."""
        room = self.random.choice(["square", "workshop", "kitchen"])
        await self.open("chat", f"/chat/{room}", f"chat/{room}")
        if self.socket is None:
            return
        try:
            for number in range(1, 4):
                await self.socket.send(json.dumps(["send", f"chat/{room}", "say", {"text": "Hello"}, number]))
                self.tally.done["line"] += 1
                await asyncio.sleep(self.random.uniform(0.5, 2))
        except WebSocketException as error:
            self.tally.failed[f"line: {type(error).__name__}"] += 1

    # -- the page that is open ----------------------------------------------------------------------------------------

    async def open(self, what: str, path: str, room: str = "") -> str:
        """Leave the page that is open and open another one, with its connection; returns its text."""
        await self.close()
        answer = await self.tally.timed(what, self.http.get(path))
        if answer is None:
            return ""
        marks = MARKER.findall(answer.text)
        token = next((token for _, _, token in marks if token), "")
        said = [["watch", 1, token, [[region, shown] for region, shown, _ in marks]]] if token else []
        if room:
            said.append(["join", room, {"since": None, "data": None}])
        await self.connect(said)
        return answer.text

    async def connect(self, said: list[list[Any]]) -> None:
        """Open the page's connection and say what it shows."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        start = time.perf_counter()
        try:
            self.socket = await connect(
                f"ws://127.0.0.1:{self.port}/_vivace/socket",
                origin=f"http://127.0.0.1:{self.port}",  # type: ignore[arg-type]  # a NewType of str
                additional_headers={"cookie": cookies},
                open_timeout=TIMEOUT,
            )
            for each in said:
                await self.socket.send(json.dumps(each))
        except (OSError, TimeoutError, WebSocketException) as error:
            self.tally.failed[f"socket: {type(error).__name__}"] += 1
            return
        self.reading = asyncio.create_task(self.listen(self.socket, start))

    async def listen(self, socket: ClientConnection, start: float) -> None:
        """Take what comes, and count it."""
        with suppress(WebSocketException):
            async for text in socket:
                verb = json.loads(text)[0] if isinstance(text, str) else "binary"
                if verb == "watching":
                    self.tally.times["page is live"].append(time.perf_counter() - start)
                elif verb in ("refused", "failed"):
                    self.tally.failed[f"socket: {text[:120]!r}"] += 1
                self.tally.done[f"came: {verb}"] += 1

    async def close(self) -> None:
        """Leave the page that is open."""
        if self.reading is not None:
            self.reading.cancel()
            with suppress(asyncio.CancelledError):
                await self.reading
        if self.socket is not None:
            await self.socket.close()
        self.socket = self.reading = None


def rss(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) / 1000 if found else 0.0


async def watch_memory(pid: int, tally: Tally, until: float) -> None:
    """Read the server's memory until the end."""
    start = time.monotonic()
    while time.monotonic() < until:
        tally.memory.append((time.monotonic() - start, rss(pid), sum(tally.done.values())))
        await asyncio.sleep(SAMPLE)


async def visit(port: int, pid: int, visitors: int, seconds: float, *, reading: bool = False) -> Tally:
    """Let visitors come, all within a tenth of the time, and stay until the end."""
    tally, start = Tally(), time.monotonic()
    until = start + seconds

    async def come(number: int) -> None:
        await asyncio.sleep(number / visitors * seconds / 10)
        await Visitor(number, port, tally, reading=reading).stay(until)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch_memory(pid, tally, until))
        for number in range(visitors):
            group.create_task(come(number))
    return tally


@contextmanager
def demo(folder: str) -> Generator[tuple[int, int]]:
    """Serve the demo; gives its port and process id."""
    command = [sys.executable, "-m", "vivace", "demo", "--port", "0", "--no-open", "--data", folder]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "VIVACE_HOOD": "off"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder, env=environment) as server:
        try:
            line = server.stdout.readline() if server.stdout else b""
            yield json.loads(line)["listeners"][0]["port"], server.pid
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    """Wait until the content is written and pages come."""
    httpx2.get(f"http://127.0.0.1:{port}/", timeout=120).raise_for_status()


def main() -> None:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--reading", action="store_true", help="nobody comments or talks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, demo(folder) as (port, pid):
        wait_for(port)
        seconds = options.minutes * 60
        tally = asyncio.run(visit(port, pid, options.visitors, seconds, reading=options.reading))
    told = tally.report()
    print(json.dumps(told, indent=1))
    memory = told["memory"]
    print(
        f"{sum(tally.done.values()):,} events, {sum(tally.failed.values())} failures; "
        f"memory {memory.get('settled')} → {memory.get('last')} MB, {memory.get('slope')} MB a minute, "
        f"{memory.get('late')} in the second half"
    )
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
