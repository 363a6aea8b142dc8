"""The change feed of a process: every commit, of this process and of all others, told to whoever keeps something.

Theory
------
A commit of this process is told to the subscribers before its writer goes on, and published afterwards; one of another
process is told when its message arrives. Three numbers tell where one is:

* ``position``: the epoch and the number of the last message received. It can be compared between processes and travels
  with pages.
* ``sequence``: how many write sets were told here. Whoever computes something from queries takes it *before* the first
  one and asks ``met_since(sequence, reads)`` before keeping the result: a change that arrived meanwhile may be in it or
  not.
* The epoch: when it rises, changes may have been missed. ``on_reset`` tells; everything that is kept must go.

Nothing is lost on the way out. Commits that come while a message is under way travel together in the next one; when too
many wait they are merged into one write set that says more than they did, never less. A message that could not be
delivered is sent again: twice costs a second look. When the process must end with commits that it could not publish it
leaves without goodbye, and the epoch rises. The feed does not know databases apart: tables of one name are one table.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeAlias

from vivace.changes import EVERYTHING, ReadSet, WriteSet
from vivace.errors import BrokerError

from .base import Message, Position
from .codec import MOST_CHANGES, decode_writes, encode_writes, merge
from .exchange import Exchange

logger: Final = logging.getLogger("vivace.brokers")
TOPIC: Final = "vivace/changes"
REMEMBERED: Final = 1_024  # write sets that ``met_since`` looks back on
MOST_WAITING: Final = 1_000  # commits that wait to be published one by one; more are merged
RETRY: Final = 0.5  # seconds between attempts where the broker refuses at once

Subscriber: TypeAlias = Callable[[WriteSet], None]
OnReset: TypeAlias = Callable[[int], None]
Unsubscribe: TypeAlias = Callable[[], None]


class Source(Protocol):
    """What announces commits: a ``Database``."""

    def subscribe(self, subscriber: Subscriber, /) -> Unsubscribe:
        """Call ``subscriber`` with each commit's write set, before the writer goes on."""
        ...


class ChangeFeed:
    """Tells subscribers of commits here and elsewhere; see the module's theory. Used on one event loop."""

    def __init__(self, exchange: Exchange, *, retry: float = RETRY) -> None:
        self.exchange = exchange
        self._retry = retry
        self._troubled = False
        exchange.on_reset(self.reset)
        self.sequence = 0
        self.resets = 0
        self._number = 0
        self._recent: deque[WriteSet] = deque(maxlen=REMEMBERED)
        self._subscribers: tuple[Subscriber, ...] = ()
        self._on_reset: tuple[OnReset, ...] = ()
        self._sources: list[Unsubscribe] = []
        self._waiting: list[WriteSet] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._publisher: asyncio.Task[None] | None = None

    # -- who listens, and to what ---------------------------------------------------------------------------------

    def attach(self, source: Source) -> Unsubscribe:
        """Tell of a database's commits; returns how to end that."""
        detach = source.subscribe(self._committed)
        self._sources.append(detach)

        def end() -> None:
            if detach in self._sources:
                self._sources.remove(detach)
                detach()

        return end

    def subscribe(self, callback: Subscriber) -> Unsubscribe:
        """Call ``callback`` with every write set, at once: it must be quick. Returns how to end that."""
        self._subscribers = (*self._subscribers, callback)

        def end() -> None:
            self._subscribers = tuple(one for one in self._subscribers if one is not callback)

        return end

    def on_reset(self, callback: OnReset) -> Unsubscribe:
        """Call ``callback(epoch)`` when changes may have been missed: everything that is kept must go."""
        self._on_reset = (*self._on_reset, callback)

        def end() -> None:
            self._on_reset = tuple(one for one in self._on_reset if one is not callback)

        return end

    # -- where we are ---------------------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """The epoch and the number of the last message received: everything up to there was told here."""
        return Position(self.exchange.epoch, self._number)

    @property
    def started(self) -> bool:
        """Whether it hears of other processes' commits, and they of this one's."""
        return self._publisher is not None

    def met_since(self, sequence: int, reads: ReadSet) -> bool:
        """Say whether a write set told after ``sequence`` meets the reads; yes, where that is too long ago to know."""
        behind = self.sequence - sequence
        if behind <= 0:
            return False
        if behind > len(self._recent):
            return True
        recent = self._recent
        return any(reads.meets(recent[-each]) for each in range(1, behind + 1))

    # -- what happens ---------------------------------------------------------------------------------------------

    def _committed(self, write: WriteSet) -> None:
        """A commit of this process: tell of it now, publish it soon."""
        self._tell(write)
        self._waiting.append(write)
        if len(self._waiting) > MOST_WAITING:
            self._waiting = [merge(self._waiting)]
        self._idle.clear()
        self._wake.set()

    def _tell(self, write: WriteSet) -> None:
        self.sequence += 1
        self._recent.append(write if len(write.changes) <= MOST_CHANGES else merge([write]))
        _call_all(self._subscribers, write)

    def receive(self, message: Message) -> None:
        """Take a message of the feed's topic from the broker."""
        self._number = message.number
        if message.origin != self.exchange.process:
            write = decode_writes(message.payload)
            if write:
                self._tell(write)

    def reset(self, epoch: int) -> None:
        """Take a new epoch: anything may have been written."""
        self.resets += 1
        self.sequence += 1
        self._recent.clear()
        self._recent.append(EVERYTHING)
        _call_all(self._on_reset, epoch)

    # -- publishing -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to hear other processes and to publish; the exchange is started."""
        idle, woken = self._idle.is_set(), self._wake.is_set()
        self._idle, self._wake = asyncio.Event(), asyncio.Event()  # those of this loop
        if idle:
            self._idle.set()
        if woken:
            self._wake.set()
        self._number = await self.exchange.listen(TOPIC, self.receive)
        self._publisher = asyncio.create_task(self._publish(), name="vivace changes")

    async def stop(self, patience: float) -> bool:
        """End; returns whether everything was published within ``patience`` seconds."""
        for detach in self._sources:
            detach()
        self._sources.clear()
        publisher, self._publisher = self._publisher, None
        if publisher is None:
            return not self._waiting
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._idle.wait()
        publisher.cancel()
        await asyncio.wait({publisher})
        with suppress(BrokerError):
            await self.exchange.leave(TOPIC, self.receive)
        return self._idle.is_set()

    async def flushed(self) -> None:
        """Wait until the commits told so far were published."""
        await self._idle.wait()

    async def _publish(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._waiting:
                self._idle.set()
                continue
            batch, self._waiting = merge(self._waiting), []
            if not await self._published(batch):
                self._waiting.insert(0, batch)
                await asyncio.sleep(self._retry)
            self._wake.set()

    async def _published(self, batch: WriteSet) -> bool:
        try:
            await self.exchange.publish(TOPIC, encode_writes(batch))
        except BrokerError as error:
            if not self._troubled:
                logger.warning("changes wait to be published: %s", error)
            self._troubled = True
            return False
        except BaseException:
            self._waiting.insert(0, batch)  # cancelled: for whoever counts what is left
            raise
        self._troubled = False
        return True


def _call_all(callbacks: Iterable[Callable[[Any], None]], value: Any) -> None:
    for callback in callbacks:
        try:
            callback(value)
        except Exception:
            logger.exception("A subscriber to changes failed: %r", callback)


__all__ = ["TOPIC", "ChangeFeed"]
