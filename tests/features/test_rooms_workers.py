"""Rooms of several worker processes, on every broker: one order for all, and nothing lost when a worker is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.features.rooms import Member, members, until
from tests.features.serving import Served, served
from tests.servers import PostgreSQLServer, ValkeyServer

pytestmark = pytest.mark.timeout(240)
BROKERS = ("hub", "postgresql", "valkey")
PROGRAM = """
import os
from vivace import App, Channel
from vivace.config.secret import Secret
from vivace.config.settings import Settings, Timeouts

app = App(settings=Settings(
    broker=Secret({broker!r}), secret_key=Secret("k" * 40), hosts=("*",), timeouts=Timeouts(shutdown=2)
))

@app.channel("room")
async def room(channel: Channel):
    await channel.send("worker", os.getpid())
    async with channel.present():
        async for event in channel:
            await channel.broadcast(event.name, event.data)
            event.ack()

@app.post("/emit/{{number}}")
async def emit(number: int) -> None:
    await app.channels.emit("room", "emitted", number)

@app.post("/out")
async def out() -> None:
    await app.channels.disconnect(room="room", reason="over")
"""


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str:
    """Each broker that joins processes, as the setting names it."""
    return "hub" if request.param == "hub" else str(request.getfixturevalue(f"{request.param}_url"))


@contextmanager
def rooms(folder: Path, broker: str, workers: int = 2) -> Generator[Served]:
    with served(folder, PROGRAM.format(broker=broker), workers=workers) as server:
        yield server


def workers_of(found: list[Member]) -> list[int]:
    """Return the processes that members are connected to."""
    return sorted({member.worker for member in found})


async def test_rl6_rl7_killed_worker_loses_nothing_and_doubles_nothing(broker: str, tmp_path: Path) -> None:
    with rooms(tmp_path, broker) as server:
        await server.until_ready(2)
        async with members(server.port, 12) as found:
            while len(workers_of(found)) < 2:  # the kernel chooses: one more attempt for somebody
                found[0].worker = 0
                found[0].lose_connection()
                await until(lambda: found[0].worker)
            speaker = found[-1]
            killed = next(pid for pid in workers_of(found) if pid != speaker.worker)
            hit = [member for member in found if member.worker == killed]
            before = [member.joins for member in hit]
            for number in range(60):
                if number == 20:
                    os.kill(killed, signal.SIGKILL)
                await speaker.ask("n", number)
            await until(lambda: all(member.seen[-1:] == [59] for member in found))
            assert all(member.joins > joins for member, joins in zip(hit, before, strict=True))
            for member in found:
                assert member.resyncs == 0
                assert member.seen == list(range(60))
                assert member.numbers == sorted(set(member.numbers))
            everybody = {member.key for member in found}
            await until(lambda: all(set(member.members) == everybody for member in found))


async def test_rl6_emit_and_disconnect_reach_all_workers(broker: str, tmp_path: Path) -> None:
    with rooms(tmp_path, broker) as server:
        await server.until_ready(2)
        async with members(server.port, 8) as found:
            for number in range(5):
                await post(server.port, f"/emit/{number}")
            await until(lambda: all(member.seen == list(range(5)) for member in found))
            await post(server.port, "/out")
            await until(lambda: all(member.ended == "over" for member in found))


async def test_rl7_rolling_reload_loses_nothing(tmp_path: Path) -> None:
    with rooms(tmp_path, "hub") as server:
        old = frozenset(await server.until_ready(2))
        async with members(server.port, 20) as found:
            server.send(signal.SIGHUP)
            enough = asyncio.Event()

            async def speak() -> None:
                number = 0
                while not enough.is_set():
                    await post(server.port, f"/emit/{number}")
                    number += 1
                    await asyncio.sleep(
                        0.02
                    )  # so that the log of 1,000 reaches back, however slow the machine is

            async with asyncio.TaskGroup() as group:
                group.create_task(speak())
                try:
                    await server.until_ready(2, without=old)
                    await until(lambda: all(member.worker not in old for member in found))
                finally:
                    enough.set()
            await post(server.port, "/emit/-1")
            await until(lambda: all(member.seen[-1:] == [-1] for member in found))
            assert len({tuple(member.numbers) for member in found}) == 1
            for member in found:
                assert member.resyncs == 0
                assert member.numbers == sorted(set(member.numbers))
                assert member.seen[:-1] == sorted(
                    member.seen[:-1]
                )  # a post that is sent again may count twice


async def post(port: int, path: str) -> None:
    """Send an empty POST; where a worker that drains does not answer, again."""
    while True:
        status: list[bytes] = []
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".encode())
                status = (await reader.readline()).split()
            finally:
                writer.close()
        except OSError:
            pass
        if status[1:2] == [b"204"]:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["postgresql", "valkey"])
async def test_rl7_broker_that_is_killed_is_repaired_by_what_it_kept_or_by_a_resync(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    broker: PostgreSQLServer | ValkeyServer = request.getfixturevalue(f"{kind}_server")
    with rooms(tmp_path, broker.url) as server:
        await server.until_ready(2)
        async with members(server.port, 6) as found:
            for number in range(5):
                await post(server.port, f"/emit/{number}")
            await until(lambda: all(member.seen == list(range(5)) for member in found))
            before = [member.numbers[:] for member in found]
            broker.restart(signal.SIGKILL)
            for number in range(5, 10):
                await post(server.port, f"/emit/{number}")
            # Whose worker came back last may have been told to resync behind all of them.
            await until(lambda: all(member.seen[-1:] == [9] or member.resyncs for member in found))
            for member, numbers in zip(found, before, strict=True):
                missed = [n for n in range(10) if n not in member.seen]
                assert not missed or member.resyncs, "what is missing was told of"
                after = member.numbers[len(numbers) :]
                assert after == sorted(set(after))
            everybody = {member.key for member in found}
            await until(lambda: all(set(member.members) == everybody for member in found))
