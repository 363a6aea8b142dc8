"""One broker shared by all parts of a process: each message goes to the parts that listen to its topic.

The exchange is a ``Broker`` itself, as far as its users need one, and what ``app.broker`` is. It subscribes to a topic
at the broker while at least one part listens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from vivace.errors import BrokerUnavailable

from .base import Broker, Message, Receive, Reset

logger: Final = logging.getLogger("vivace.brokers")


class _Topic:
    """Who listens to a topic, and the last number seen there. ``changing`` orders subscribing and unsubscribing."""

    __slots__ = ("changing", "last", "listeners", "subscribed", "wanted")

    def __init__(self) -> None:
        self.listeners: tuple[Receive, ...] = ()
        self.last = 0
        self.subscribed = False
        self.wanted = 0  # by how many calls under way
        self.changing = asyncio.Lock()


class Exchange:
    """Hands the messages of a broker to the parts of this process. Used on the loop that it was started on.

    It is there before its broker is: parts may say ``on_reset`` while the app is assembled. Everything else raises
    ``BrokerUnavailable`` until it is started.
    """

    def __init__(self) -> None:
        self._connected: Broker | None = None
        self._topics: dict[str, _Topic] = {}
        self._on_reset: tuple[Reset, ...] = ()

    # -- of the broker --------------------------------------------------------------------------------------------

    @property
    def _broker(self) -> Broker:
        if self._connected is None:
            raise BrokerUnavailable("The app's broker is not started.", fix="Use it while the app runs.")
        return self._connected

    @property
    def kind(self) -> str:
        """Which broker it is: memory, hub, postgresql, valkey; nothing before the start."""
        return self._connected.kind if self._connected is not None else ""

    @property
    def process(self) -> str:
        """The id of this process: the ``origin`` of its messages."""
        return self._connected.process if self._connected is not None else ""

    @property
    def epoch(self) -> int:
        """The epoch, 0 before the start; see ``on_reset``."""
        return self._connected.epoch if self._connected is not None else 0

    async def publish(self, topic: str, payload: bytes) -> int:
        """Publish a message and return its number; raises ``BrokerMessageTooLarge``, ``BrokerUnavailable``."""
        return await self._broker.publish(topic, payload)

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """Return the messages with greater numbers; ``None`` where the log no longer reaches back to there."""
        return await self._broker.since(topic, number)

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """Keep a value under the topic until this process drops it, stops or dies."""
        await self._broker.put(topic, key, value)

    async def drop(self, topic: str, key: str) -> None:
        """Take a value of this process away, if there is one."""
        await self._broker.drop(topic, key)

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """Return the values that all processes keep under the topic, by (process, key)."""
        return await self._broker.entries(topic)

    async def incr(self, name: str, delta: int = 1) -> int:
        """Add to a counter that all processes share and return its new value; ``delta=0`` reads it."""
        return await self._broker.incr(name, delta)

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock, alone among all processes and tasks; see ``Broker.lock``."""
        return self._broker.lock(name)

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, broker: Broker) -> None:
        """Connect ``broker``; raises ``BrokerUnavailable``."""
        self._topics.clear()
        await broker.start(self._receive, self._reset)
        self._connected = broker

    async def stop(self, *, goodbye: bool = True) -> None:
        """Disconnect; without ``goodbye`` the epoch rises."""
        broker, self._connected = self._connected, None
        if broker is not None:
            await broker.stop(goodbye=goodbye)

    # -- listening ------------------------------------------------------------------------------------------------

    async def listen(self, topic: str, callback: Receive) -> int:
        """Call ``callback`` with every later message of a topic; returns the number of the last one before."""
        known = self._topics.setdefault(topic, _Topic())
        known.wanted += 1
        try:
            async with known.changing:
                if not known.subscribed:
                    last = await self._broker.subscribe(topic)
                    known.last = max(known.last, last)  # a message may have come before this answer was read
                    known.subscribed = True
                known.listeners = (*known.listeners, callback)
                return known.last
        finally:
            known.wanted -= 1
            self._forget(topic, known)

    async def leave(self, topic: str, callback: Receive) -> None:
        """Call it no more: from now on, also while this waits for the broker."""
        known = self._topics.get(topic)
        if known is None:
            return
        known.listeners = tuple(one for one in known.listeners if one != callback)
        async with known.changing:
            if known.subscribed and not known.listeners and not known.wanted:
                known.subscribed = False
                try:
                    await self._broker.unsubscribe(topic)
                finally:
                    self._forget(topic, known)

    def _forget(self, topic: str, known: _Topic) -> None:
        if not (known.subscribed or known.wanted) and self._topics.get(topic) is known:
            del self._topics[topic]

    def on_reset(self, callback: Reset) -> Callable[[], None]:
        """Call ``callback(epoch)`` when messages may have been missed. Returns how to end that."""
        self._on_reset = (*self._on_reset, callback)

        def end() -> None:
            self._on_reset = tuple(one for one in self._on_reset if one is not callback)

        return end

    def _receive(self, message: Message) -> None:
        known = self._topics.get(message.topic)
        if known is None:
            return
        known.last = message.number
        for callback in known.listeners:
            try:
                callback(message)
            except Exception:
                logger.exception("A listener to the topic %r failed: %r", message.topic, callback)

    def _reset(self, epoch: int) -> None:
        logger.info("epoch %d begins: messages of other processes may have been missed", epoch)
        for callback in self._on_reset:
            try:
                callback(epoch)
            except Exception:
                logger.exception("A listener to the broker's epoch failed: %r", callback)


__all__ = ["Exchange"]
