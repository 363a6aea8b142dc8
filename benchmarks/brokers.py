"""Messages from one process to another through each broker: ``python -m benchmarks.brokers [KIND …]``.

The publisher keeps 100 calls of 100 bytes under way; the rate is counted where the messages arrive. The delay is that of a
message that travels alone, from the call of ``publish`` to the other process's ``receive`` and back by another topic.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final

from vivace.brokers import Broker, Message
from vivace.engine.workers.worker import new_event_loop

COUNT: Final = 20_000
UNDER_WAY: Final = 100
ALONE: Final = 300
PAYLOAD: Final = bytes(100)
KINDS: Final = ("hub", "postgresql", "valkey")


@contextlib.contextmanager
def place_of(kind: str) -> Generator[str]:
    """Yield where brokers of a kind meet: a path, or the URL of a server that is started for it."""
    from tests.servers import PostgreSQLServer, ValkeyServer, postgresql_binaries, valkey_binary

    if kind == "hub":
        with tempfile.TemporaryDirectory() as folder:
            yield os.path.join(folder, "hub")
        return
    server: PostgreSQLServer | ValkeyServer
    server = (
        PostgreSQLServer(postgresql_binaries()) if kind == "postgresql" else ValkeyServer(valkey_binary())
    )
    try:
        server.start()
        yield server.url
    finally:
        server.close()


def make(kind: str, place: str) -> Broker:
    """Return a broker, not started."""
    if kind == "hub":
        from vivace.brokers.hub import HubBroker

        return HubBroker(place)
    if kind == "postgresql":
        from vivace.brokers.postgresql import PostgreSQLBroker

        return PostgreSQLBroker(place)
    from vivace.brokers.valkey import ValkeyBroker

    return ValkeyBroker(place)


async def other_process(kind: str, place: str) -> None:
    """Send back what comes under "ping", and publish a lot when told "go"."""
    broker = make(kind, place)
    told: asyncio.Queue[Message] = asyncio.Queue()
    await broker.start(told.put_nowait, lambda _: None)
    await broker.subscribe("ping")
    await broker.publish("pong", b"ready")

    async def publish() -> None:
        for _ in range(COUNT // UNDER_WAY):
            await broker.publish("load", PAYLOAD)

    while (message := await told.get()).payload != b"go":
        await broker.publish("pong", message.payload)
    await asyncio.gather(*(publish() for _ in range(UNDER_WAY)))
    await broker.stop()


class Measure:
    """The process that measures."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[None] | None = None
        self.arrived = 0
        self.first = 0.0
        self.done = asyncio.Event()

    def receive(self, message: Message) -> None:
        """Count, or note an answer."""
        if message.topic == "load":
            self.first = self.first or time.perf_counter()
            self.arrived += 1
            if self.arrived == COUNT:
                self.done.set()
        elif self.answer is not None and not self.answer.done():
            self.answer.set_result(None)

    async def run(self, kind: str, place: str) -> tuple[float, float]:
        """Return messages per second and the median of there and back in ms."""
        broker = make(kind, place)
        await broker.start(self.receive, lambda _: None)
        await broker.subscribe("pong")
        await broker.subscribe("load")
        loop = asyncio.get_running_loop()
        self.answer = loop.create_future()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.brokers", "--other", kind, place),
            cwd=Path(__file__).parents[1],
        )
        await self.answer
        times: list[float] = []
        for _ in range(ALONE):
            self.answer = loop.create_future()
            begin = time.perf_counter()
            await broker.publish("ping", b"x")
            await self.answer
            times.append(time.perf_counter() - begin)
        await broker.publish("ping", b"go")
        await self.done.wait()
        rate = COUNT / (time.perf_counter() - self.first)
        await process.wait()
        await broker.stop()
        return rate, statistics.median(times) * 1000


def main(arguments: Sequence[str]) -> None:
    """Measure the kinds that are named, or all."""
    if arguments[:1] == ["--other"]:
        _run(other_process(*arguments[1:]))
        return
    for kind in arguments or KINDS:
        with place_of(kind) as place:
            rate, delay = _run(Measure().run(kind, place))
        print(f"{kind:11} {rate:8,.0f} messages/s   {delay:6.2f} ms there and back")


def _run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


if __name__ == "__main__":
    main(sys.argv[1:])
