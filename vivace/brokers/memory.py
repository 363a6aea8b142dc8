"""The broker of one process: messages go from hand to hand. For tests, and for apps that run as a single process.

Brokers that share a ``Board`` are members of one another: two apps in one process, or "processes" in a test.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from vivace.errors import BrokerUnavailable

from .base import BrokerOptions, Message, Receive, Reset, check_payload, new_process
from .board import Board

if TYPE_CHECKING:
    from .alone import Solitude


class MemoryBroker:
    """A broker within this process; those with one ``board`` hear each other.

    ``solitude``: a claim that no other process works on the same data.
    """

    kind = "memory"

    def __init__(
        self,
        board: Board | None = None,
        *,
        options: BrokerOptions | None = None,
        solitude: Solitude | None = None,
    ) -> None:
        self.board = board or Board(options)
        self._solitude = solitude
        self.process = new_process()
        self._receive: Receive | None = None
        self._reset: Reset | None = None
        self._tickets = itertools.count(1)

    @property
    def epoch(self) -> int:
        """The epoch of the board."""
        return self.board.epoch

    def receive(self, message: Message) -> None:
        """Take a message from the board."""
        if self._receive is not None:
            self._receive(message)

    def renewed(self, epoch: int) -> None:
        """Take a new epoch from the board."""
        if self._reset is not None:
            self._reset(epoch)

    async def start(self, receive: Receive, reset: Reset) -> None:
        """Join the board; raises ``BrokerRefused`` where this process must be alone and is not."""
        if self._solitude is not None:
            await self._solitude.claim_everywhere()
        self.process = new_process()
        self._receive, self._reset = receive, reset
        self.board.join(self)

    async def stop(self, *, goodbye: bool = True) -> None:
        """Leave the board."""
        self._receive = self._reset = None
        self.board.leave(self.process, goodbye=goodbye)
        if self._solitude is not None:
            await self._solitude.release_everywhere()

    async def publish(self, topic: str, payload: bytes) -> int:
        """Publish a message; every subscriber has it when this returns."""
        check_payload(payload, self.board.options, f"A message to {topic!r}")
        return self._joined().publish(self.process, topic, payload)

    async def subscribe(self, topic: str) -> int:
        """Receive the topic from now on."""
        return self._joined().subscribe(self, topic)

    async def unsubscribe(self, topic: str) -> None:
        """Receive the topic no more."""
        self.board.unsubscribe(self.process, topic)

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """Return the messages with greater numbers."""
        return self.board.since(topic, number)

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """Keep a value under the topic."""
        check_payload(value, self.board.options, f"The value of {key!r} in {topic!r}")
        self._joined().put(self.process, topic, key, value)

    async def drop(self, topic: str, key: str) -> None:
        """Take a value away."""
        self.board.drop(self.process, topic, key)

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """Return all values under the topic."""
        return self.board.entries(topic)

    async def incr(self, name: str, delta: int = 1) -> int:
        """Add to a counter."""
        return self._joined().incr(name, delta)

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncGenerator[None]:
        """Hold a lock."""
        board, ticket = self._joined(), next(self._tickets)
        granted = asyncio.get_running_loop().create_future()

        def grant() -> None:
            if not granted.done():
                granted.set_result(None)

        board.acquire(self.process, name, ticket, grant)
        try:
            await granted
            yield
        finally:
            board.release(self.process, name, ticket)

    def _joined(self) -> Board:
        if self._receive is None:
            raise BrokerUnavailable("The broker is not started.", fix="Use it while the app runs.")
        return self.board


__all__ = ["MemoryBroker"]
