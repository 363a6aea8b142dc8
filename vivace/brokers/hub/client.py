"""A process at the hub.

Theory
------
One connection. A call is a frame with an id and a future; what is not answered stays in ``_calls``. When the connection
is lost a task connects again, and in one go says hello, what it subscribed to, what it keeps (leases), which locks it
waits for, and all unanswered calls once more. The hub answers in that order, so "hello" is read first: where its epoch
is another one than ours, ``reset`` is called there and then, before anything that comes after it.

A connection that ends was, for the hub, the death of this process: everybody's epoch rises, ours included.

When there is no hub to connect to: under a supervisor it is asked to serve one, and given ``PATIENCE_WITH_SUPERVISOR``
seconds for that; without one, or then, this process serves it itself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from vivace.brokers.alone import Solitude
from vivace.brokers.base import BrokerOptions, Message, Receive, Reset, check_payload, new_process
from vivace.engine.workers.heartbeat import current_superior
from vivace.errors import BrokerRefused, BrokerUnavailable, LockLost

from .serving import HubThread, offer
from .wire import MOST_SINCE, VERSION, BadFrame, Link, close_in_forks, frame

logger: Final = logging.getLogger("vivace.brokers")
PATIENCE_WITH_SUPERVISOR: Final = 3.0
FIRST_PAUSE: Final = 0.005  # seconds between looks for a hub that is just being made
LAST_WORDS: Final = 1.0  # seconds for what is unsent when it stops


def _jitter(seconds: float) -> float:
    return seconds * (0.5 + random.random())


class _Call:
    """A call that waits for its answer."""

    __slots__ = ("answer", "body")

    def __init__(self, body: bytes, answer: asyncio.Future[Any]) -> None:
        self.body = body
        self.answer = answer


class HubBroker:
    """A broker over the hub at ``path``, which this process serves itself where nobody else does."""

    kind = "hub"

    def __init__(self, path: str, *, options: BrokerOptions | None = None) -> None:
        self.path = path
        self.options = options or BrokerOptions()
        self.process = ""
        self.epoch = 0
        self.serving: HubThread | None = None
        self._instance = ""
        self._number = 0  # the greatest seen
        self._receive: Receive | None = None
        self._reset: Reset | None = None
        self._link: Link | None = None
        self._ids = itertools.count(1)
        self._calls: dict[int, _Call] = {}
        self._topics: set[str] = set()
        self._leases: dict[tuple[str, str], bytes] = {}
        self._held: dict[int, asyncio.Event] = {}  # locks by ticket; set when lost
        self._keeping: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()  # of the current connection
        self._settled = asyncio.Event()  # the hub has answered hello

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, receive: Receive, reset: Reset) -> None:
        """Connect; raises ``BrokerUnavailable``, and ``BrokerRefused`` where there can be no hub."""
        Solitude(self.path).check()
        self.process, self.epoch, self._instance = new_process(), 0, ""
        self._receive, self._reset = receive, reset
        self._ended, self._settled = asyncio.Event(), asyncio.Event()
        close_in_forks(self.descriptors)
        try:
            async with asyncio.timeout(self.options.connect_timeout):
                while not self.epoch:
                    await self._connect()
                    await self._settled.wait()
        except TimeoutError as error:
            await self._close()
            raise BrokerUnavailable(
                f"The hub at {self.path} did not answer.",
                expected=f"an answer within {self.options.connect_timeout:g} s",
                fix="A process that serves it may be stopped or overloaded: see who has the socket open.",
            ) from error
        except BaseException:
            await self._close()
            raise
        self._keeping = asyncio.create_task(self._keep(), name="vivace hub connection")

    async def stop(self, *, goodbye: bool = True) -> None:
        """Disconnect; a hub that this process serves ends with it."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
            self._keeping = None
        if goodbye and self._link is not None:
            self._link.send(frame(0, "bye"))
        await self._close()

    async def _close(self) -> None:
        self._receive = self._reset = None
        link = self._link
        if link is not None:
            link.close()
            with suppress(TimeoutError):  # who does not read is not waited for
                async with asyncio.timeout(LAST_WORDS):
                    await self._ended.wait()
            link.cut()
        self._topics.clear()
        self._leases.clear()
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_exception(BrokerUnavailable("The app's broker was stopped."))
        self._lose_locks()
        if self.serving is not None:
            await self.serving.stop()
            self.serving = None

    def descriptors(self) -> list[int]:
        """Return the descriptor of the connection."""
        return [self._link.descriptor] if self._link is not None else []

    # -- the connection -------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        pause = 0.0
        while True:
            await self._ended.wait()
            logger.warning("the connection to the hub was lost: connecting again")
            await asyncio.sleep(_jitter(pause))
            try:
                await self._connect()
            except BrokerRefused as error:
                logger.error("%s", error)
            else:
                await self._settled.wait()
            settled = not self._ended.is_set()  # else it is no hub that can be talked to
            pause = 0.0 if settled else min(max(pause * 2, self.options.retry_first), self.options.retry_most)

    async def _connect(self) -> None:
        """Connect, as often as it takes, and say again what the hub must know; raises ``BrokerRefused``."""
        superior = current_superior.get()
        loop = asyncio.get_running_loop()
        patient_until = loop.time()
        if superior is not None and superior.want_hub(self.path):
            patient_until += PATIENCE_WITH_SUPERVISOR
        pause = FIRST_PAUSE
        while True:
            with suppress(OSError):
                await loop.create_unix_connection(self._new_link, self.path)
                break
            if loop.time() >= patient_until:
                self.serving = offer(self.path, self.options) or self.serving
            else:
                await asyncio.sleep(_jitter(pause))
                pause = min(pause * 2, self.options.retry_most)
        self._introduce()

    def _new_link(self) -> Link:
        self._ended, self._settled = asyncio.Event(), asyncio.Event()
        options = self.options
        most = MOST_SINCE * options.max_payload
        self._link = Link(self._said, self._lost, most=most, backlog=options.backlog_bytes)
        return self._link

    def _introduce(self) -> None:
        link = self._link
        if link is None:  # lost again already
            return
        link.send(frame(-1, "hello", VERSION, self.process, self.epoch, self._instance, self._number))
        for topic in self._topics:
            link.send(frame(0, "subscribe", topic))
        for (topic, key), value in self._leases.items():
            link.send(frame(0, "put", topic, key, value))
        for number in sorted(self._calls):
            link.send(self._calls[number].body)

    def _lost(self) -> None:
        self._link = None
        self._lose_locks()
        self._ended.set()
        self._settled.set()

    def _lose_locks(self) -> None:
        for lost in self._held.values():
            lost.set()

    # -- what the hub says ----------------------------------------------------------------------------------------

    def _said(self, said: list[Any]) -> None:
        number = said[0]
        if number > 0:
            call = self._calls.get(number)
            if call is not None and not call.answer.done():
                call.answer.set_result(said[1])
        elif number < 0:
            self._welcomed(*said[1])
        elif said[1] == "message":
            self._deliver(Message(*said[2:]))
        elif said[1] == "epoch":
            self._renew(said[2])
        else:
            raise BadFrame(f"{said[1]!r} is nothing that a hub says")

    def _deliver(self, message: Message) -> None:
        self._number = max(self._number, message.number)
        if self._receive is not None and message.topic in self._topics:
            self._receive(message)

    def _welcomed(self, epoch: int, instance: str) -> None:
        self._instance = instance
        known, self.epoch = self.epoch, self.epoch or epoch
        self._settled.set()
        if known:
            self._renew(epoch)

    def _renew(self, epoch: int) -> None:
        if epoch != self.epoch:
            self.epoch = epoch
            if self._reset is not None:
                self._reset(epoch)

    # -- calls ----------------------------------------------------------------------------------------------------

    async def _call(self, name: str, *arguments: Any) -> Any:
        if self._receive is None:
            raise BrokerUnavailable("The broker is not started.", fix="Use it while the app runs.")
        number = next(self._ids)
        call = _Call(frame(number, name, *arguments), asyncio.get_running_loop().create_future())
        self._calls[number] = call
        try:
            if self._link is not None:
                self._link.send(call.body)
            async with asyncio.timeout(self.options.patience):
                return await call.answer
        except TimeoutError as error:
            raise BrokerUnavailable(
                f"The hub at {self.path} did not answer {name!r}.",
                expected=f"an answer within {self.options.patience:g} s",
            ) from error
        finally:
            del self._calls[number]

    async def publish(self, topic: str, payload: bytes) -> int:
        """Publish a message and return its number."""
        check_payload(payload, self.options, f"A message to {topic!r}")
        number: int = await self._call("publish", topic, payload)
        return number

    async def subscribe(self, topic: str) -> int:
        """Receive the topic from now on."""
        self._topics.add(topic)
        number: int = await self._call("subscribe", topic)
        return number

    async def unsubscribe(self, topic: str) -> None:
        """Receive the topic no more."""
        self._topics.discard(topic)
        await self._call("unsubscribe", topic)

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """Return the messages with greater numbers."""
        messages = await self._call("since", topic, number)
        return None if messages is None else [Message(topic, *each) for each in messages]

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """Keep a value under the topic."""
        check_payload(value, self.options, f"The value of {key!r} in {topic!r}")
        self._leases[topic, key] = value
        await self._call("put", topic, key, value)

    async def drop(self, topic: str, key: str) -> None:
        """Take a value away."""
        self._leases.pop((topic, key), None)
        await self._call("drop", topic, key)

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """Return all values under the topic."""
        return {(process, key): value for process, key, value in await self._call("entries", topic)}

    async def incr(self, name: str, delta: int = 1) -> int:
        """Add to a counter."""
        value: int = await self._call("incr", name, delta)
        return value

    @asynccontextmanager
    async def lock(self, name: str) -> AsyncGenerator[None]:
        """Hold a lock; waiting for it has no limit but that of the caller."""
        if self._receive is None:
            raise BrokerUnavailable("The broker is not started.", fix="Use it while the app runs.")
        ticket = next(self._ids)
        call = _Call(frame(ticket, "acquire", name, ticket), asyncio.get_running_loop().create_future())
        self._calls[ticket] = call
        lost = asyncio.Event()
        try:
            if self._link is not None:
                self._link.send(call.body)
            await call.answer
            del self._calls[ticket]
            self._held[ticket] = lost
            yield
        finally:
            self._calls.pop(ticket, None)
            self._held.pop(ticket, None)
            if self._link is not None:
                self._link.send(frame(0, "release", name, ticket))
        if lost.is_set():
            raise LockLost(
                f"The lock {name!r} was lost while it was held: the hub, or the connection to it, was gone.",
                fix="Treat what the block did as done without the lock, and check it or do it again.",
            )


__all__ = ["HubBroker"]
