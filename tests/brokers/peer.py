"""Another process at a broker: ``python -m tests.brokers.peer KIND PLACE OPTIONS``; obeys lines of JSON on its input.

Each line is an array, a command and its arguments; the answer is a line of JSON on its output.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.brokers.stage import Party, Stage, make
from vivace.brokers import BrokerOptions


class Peer:
    """A process that was started, seen from the test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._asking = asyncio.Lock()

    async def ask(self, *command: Any) -> Any:
        """Give a command and return the answer."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        async with self._asking, asyncio.timeout(30):
            process.stdin.write(json.dumps(command).encode() + b"\n")
            await process.stdin.drain()
            return json.loads(await process.stdout.readline())

    async def send(self, how: signal.Signals) -> None:
        """Send a signal; wait for the end if it ends the process."""
        self._process.send_signal(how)
        if how == signal.SIGKILL:
            await self._process.wait()


@asynccontextmanager
async def peer(stage: Stage, options: BrokerOptions) -> AsyncGenerator[Peer]:
    """Yield another process at the stage; it is killed afterwards, if it is still there."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.brokers.peer", stage.kind, stage.place),
        msgspec.json.encode(options).decode(),
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        made = Peer(process)
        await made.ask("started")
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()  # to the end of its pipes: only then are they closed


class _Obedient:
    """What the process does with its commands."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.held = AsyncExitStack()

    async def started(self) -> str:
        return self.party.broker.process

    async def subscribe(self, topic: str) -> int:
        return await self.party.broker.subscribe(topic)

    async def publish(self, topic: str, *payloads: str) -> list[int]:
        return [await self.party.broker.publish(topic, payload.encode()) for payload in payloads]

    async def put(self, topic: str, key: str, value: str) -> None:
        await self.party.broker.put(topic, key, value.encode())

    async def incr(self, name: str, count: int) -> list[int]:
        return [await self.party.broker.incr(name) for _ in range(count)]

    async def lock(self, name: str) -> None:
        await self.held.enter_async_context(self.party.broker.lock(name))

    async def unlock(self) -> None:
        await self.held.aclose()

    async def heard(self, topic: str) -> list[tuple[int, str]]:
        messages = [message for message in self.party.messages if message.topic == topic]
        return [(message.number, message.payload.decode()) for message in messages]

    async def resets(self) -> list[int]:
        return self.party.resets


async def _serve(kind: str, place: str, options: str) -> None:
    party = Party(make(kind, place, msgspec.json.decode(options, type=BrokerOptions)))
    await party.start()
    obedient = _Obedient(party)
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(await getattr(obedient, command)(*arguments)) + "\n")
        sys.stdout.flush()
    await party.broker.stop()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
