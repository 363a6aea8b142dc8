"""Members of rooms over real sockets, who come back when their connection is lost, and remember what they were told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BOUND: Final = 60.0  # seconds until a test gives up; never a measure


class Member:
    """A page that is in a room: it joins again after each loss, from where it was."""

    def __init__(self, port: int, room: str) -> None:
        self.port = port
        self.room = room
        self.client = secrets.token_hex(8)
        self.position: list[int] | None = None
        self.seen: list[Any] = []  # the data of events, in the order in which they came
        self.numbers: list[int] = []
        self.members: dict[str, Any] = {}
        self.key = ""
        self.joins = 0
        self.resyncs = 0
        self.ended: Any = None
        self.worker = 0  # the process that it is connected to
        self._socket: ClientConnection | None = None
        self._asked = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def run(self) -> None:
        """Stay in the room, whatever happens to connections."""
        while True:
            with suppress(OSError, ConnectionClosed, EOFError, TimeoutError):
                await self._stay()
            if self.ended is not None:
                return
            self._socket = None
            for answer in self._answers.values():
                answer.cancel()
            self._answers.clear()
            await asyncio.sleep(0.02)

    async def _stay(self) -> None:
        async with connect(f"ws://127.0.0.1:{self.port}/_vivace/socket", proxy=None) as self._socket:
            await self._say("join", self.room, {"since": self.position, "client": self.client})
            async for message in self._socket:
                self._take(msgspec.json.decode(message))
                if self.ended is not None:
                    return

    async def _say(self, *message: Any) -> None:
        assert self._socket is not None
        await self._socket.send(msgspec.json.encode(message).decode())

    def _take(self, message: list[Any]) -> None:
        verb, *rest = message
        if verb == "pong":
            self._answers.pop(0).set_result(None)
            return
        rest = rest[1:]
        if verb == "joined":
            position, about = rest
            if about["resync"] or self.position is None:
                self.position = position
            self.resyncs += about["resync"]
            self.joins += 1
            self.members, self.key = about["members"], about["me"]
        elif verb == "event":
            name, data, number = rest
            if name == "worker":
                self.worker = data
                return
            assert self.position is not None
            self.position = [self.position[0], number]
            self.seen.append(data)
            self.numbers.append(number)
        elif verb == "presence":
            for key in rest[1]:
                self.members.pop(key, None)
            self.members.update(rest[0])
        elif verb in ("refused", "left"):
            if verb == "left" or rest[0].get("status") != 503:
                self.ended = rest[0]
        elif verb in ("reply", "failed"):
            answer = self._answers.pop(rest[0], None)
            if answer is not None:
                answer.set_result((verb, rest[1]))

    async def ask(self, name: str, data: Any = None) -> Any:
        """Send an event and return its answer; cancelled when the connection is lost."""
        self._asked += 1
        answer = self._answers[self._asked] = asyncio.get_running_loop().create_future()
        await self._say("send", self.room, name, data, self._asked)
        verb, said = await answer
        assert verb == "reply", said
        return said

    async def ask_nothing(self) -> None:
        """Wait until the server has dealt with what this member said before."""
        ponged = self._answers[0] = asyncio.get_running_loop().create_future()
        await self._say("ping")
        await ponged

    def lose_connection(self) -> None:
        """Lose the connection."""
        if self._socket is not None:
            self._socket.transport.abort()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def members(port: int, count: int, room: str = "room") -> AsyncGenerator[list[Member]]:
    """Run members of a room, all of whom have joined and know their worker."""
    made = [Member(port, room) for _ in range(count)]
    tasks = [asyncio.create_task(member.run()) for member in made]
    try:
        await until(lambda: all(member.worker for member in made))
        yield made
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


__all__ = ["BOUND", "Member", "members", "until"]
