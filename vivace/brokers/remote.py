"""What the brokers on a server share: the connection that comes and goes, subscriptions, leases, locks, patience.

Theory
------
A ``Backend`` speaks with one server over one connection and keeps nothing that must survive it; ``RemoteBroker`` keeps
what must: which topics are subscribed, up to which number each was received, which leases are ours, who waits for locks.

- *Joining.* Each new connection listens to everything first and joins then: ``Joined`` says the epoch, the number of the
  latest message, and whether the server still took this process for alive. Until the joining is over, what arrives is
  held back. Same epoch: the log fills the gap, message by message; numbers drop what came twice. Another epoch: leases
  are restored, ``reset`` is called, and topics go on behind the position of the join.
- *Publishing again.* A connection that was lost leaves open whether a message was stored. It is published again with
  the same ``seq``, marked as a repetition: the backend looks it up in the log first. Who cannot publish within
  ``patience`` is told so, and as that message is lost, the next join raises the epoch.
- *Being alive* is told every fifth of ``death_after`` (``beat``), and each beat buries those who have not told it: their
  leases and locks go, the epoch rises. Who was buried by mistake (a loop that stood still) notices it at its next
  beat, and joins anew.
- *Locks* are lines of tickets on the server; the ticket at the head holds the lock. Leaving asks whether it still stood
  there, which proves that nobody else held the lock meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import chain
from typing import Final, NamedTuple, Protocol, TypeVar

from vivace.errors import BrokerError, BrokerUnavailable, LockLost

from .base import BrokerOptions, Message, Receive, Reset, check_payload, new_process

logger: Final = logging.getLogger("vivace.brokers")
BEATS: Final = 5
"""How often a process tells that it is alive, within the silence that counts as its death."""
T = TypeVar("T")


class Hearing(Protocol):
    """What a backend tells of its own accord."""

    def message(self, message: Message) -> None:
        """A message of a topic that is listened to; those of a topic come in order."""
        ...

    def renewed(self, epoch: int) -> None:
        """The epoch rose."""
        ...

    def granted(self, ticket: str) -> None:
        """A lock is ours."""
        ...

    def lost(self) -> None:
        """The connection ended."""
        ...


class Joined(NamedTuple):
    """How things are after joining. ``member``: the server had not forgotten this process, its leases and tickets."""

    epoch: int
    position: int
    member: bool


class Backend(Protocol):
    """One connection to a server. Every call may raise ``BrokerUnavailable``; ``open`` may raise ``BrokerRefused``."""

    async def open(self, hearing: Hearing, topics: Iterable[str], *, first: bool, clean: bool) -> Joined:
        """Connect, listen to the topics, join. Not ``first`` and forgotten, or not ``clean``: the epoch rises."""
        ...

    async def close(self) -> None: ...

    async def leave(self, *, goodbye: bool) -> None:
        """Give up all leases and locks; without ``goodbye`` the epoch rises."""
        ...

    async def beat(self) -> bool:
        """Tell that this process lives, bury those who are dead; returns whether it was buried itself."""
        ...

    async def renew(self) -> int:
        """Raise the epoch and return it."""
        ...

    async def publish(self, topic: str, payload: bytes, seq: int, *, again: bool) -> int: ...

    async def listen(self, topic: str) -> int: ...

    async def unlisten(self, topic: str) -> None: ...

    async def since(self, topic: str, number: int) -> list[Message] | None: ...

    async def put(self, topic: str, key: str, value: bytes) -> None: ...

    async def drop(self, topic: str, key: str) -> None: ...

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]: ...

    async def incr(self, name: str, delta: int) -> int: ...

    async def claim(self, name: str, ticket: str) -> bool:
        """Stand in line for a lock, unless it does so already; returns whether the ticket is at the head."""
        ...

    async def give_up(self, name: str, ticket: str) -> bool:
        """Leave the line and tell whoever is first now; returns whether the ticket was at the head."""
        ...


class _Topic:
    """A subscription: the number of the last message handed on, ``None`` until it is known where to begin."""

    __slots__ = ("early", "last")

    def __init__(self) -> None:
        self.last: int | None = None
        self.early: list[Message] = []


class _Claim(NamedTuple):
    name: str
    granted: asyncio.Future[None]


class RemoteBroker:
    """A broker on a server, see ``vivace.brokers.base.Broker``; ``make`` makes its backend from the process's id."""

    def __init__(self, kind: str, make: Callable[[str], Backend], options: BrokerOptions) -> None:
        self.kind = kind
        self.options = options
        self.process = new_process()
        self.epoch = 0
        self._backend = make(self.process)
        self._make = make
        self._receive: Receive = _nobody
        self._reset: Reset = _nobody
        self._topics: dict[str, _Topic] = {}
        self._leases: dict[tuple[str, str], bytes] = {}
        self._claims: dict[str, _Claim] = {}
        self._given_up: list[tuple[str, str]] = []
        self._seq = 0
        self._buried = 0  # how often the server had forgotten this process
        self._clean = True  # nothing that should have been published was lost
        self._held: list[Callable[[], None]] | None = None
        self._up: asyncio.Event = asyncio.Event()
        self._gone: asyncio.Event = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.process}, epoch {self.epoch}>"

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, receive: Receive, reset: Reset) -> None:
        """See ``Broker``."""
        self._receive, self._reset = receive, reset
        self._up, self._gone = asyncio.Event(), asyncio.Event()
        self.epoch, self._clean = 0, True
        await self._join(first=True)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._attend(), name=f"{self.kind} broker"),
            loop.create_task(self._beats(), name=f"{self.kind} broker's beats"),
        ]

    async def stop(self, *, goodbye: bool = True) -> None:
        """See ``Broker``."""
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._topics.clear()
        self._receive = self._reset = _nobody
        with suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(self.options.connect_timeout):
                if self._up.is_set():
                    await self._backend.leave(goodbye=goodbye and self._clean)
        self._up.clear()
        self._leases.clear()
        await self._backend.close()
        self.process = new_process()
        self._backend = self._make(self.process)

    async def _attend(self) -> None:
        while True:
            await self._gone.wait()
            logger.warning("The connection to the %s broker was lost; connecting again.", self.kind)
            await self._rejoin()
            logger.info("The %s broker is back.", self.kind)

    async def _rejoin(self) -> None:
        pause, told = self.options.retry_first, False
        while True:
            try:
                await self._join(first=False)
                return
            except Exception as error:
                if not isinstance(error, BrokerError):  # a slip of ours or of a library: it must not end this
                    logger.exception("Connecting to the %s broker failed.", self.kind)
                elif not told and pause >= self.options.retry_most:
                    logger.warning("Still no connection to the %s broker: %s", self.kind, error)
                    told = True
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, self.options.retry_most)

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(self.options.death_after / BEATS)
            try:
                await self.beat()
            except BrokerError:
                continue  # the next one tells
            except Exception:
                logger.exception("A beat of the %s broker failed.", self.kind)

    async def beat(self) -> None:
        """Tell the others that this process lives; called by a timer."""
        if not self._up.is_set():
            return
        try:
            async with asyncio.timeout(self.options.connect_timeout):
                alive = await self._backend.beat()
        except TimeoutError:
            alive = False
        if not alive:
            logger.warning("This process was taken for dead at the %s broker, or had no answer.", self.kind)
            await self._backend.close()
            self.lost()

    # -- joining --------------------------------------------------------------------------------------------------

    async def _join(self, *, first: bool) -> None:
        self._up.clear()
        self._gone.clear()
        self._held = []
        clean, self._clean = self._clean, True
        try:
            async with asyncio.timeout(self._time_to_join()):
                joined = await self._backend.open(self, self._topics, first=first, clean=clean)
                await self._restore(joined, first=first)
                while not self._clean:  # somebody's patience ended meanwhile
                    self._clean, clean = True, False
                    await self._backend.renew()
        except BaseException as error:
            await self._backend.close()
            self._held, self._clean = None, self._clean and clean
            self._gone.set()
            if isinstance(error, TimeoutError):
                raise BrokerUnavailable(f"The {self.kind} broker did not answer in time.") from None
            raise
        held, self._held = self._held, None
        self._up.set()
        for each in held:
            each()

    def _time_to_join(self) -> float:
        return self.options.connect_timeout + 0.01 * (
            len(self._topics) + len(self._leases) + len(self._claims)
        )

    async def _restore(self, joined: Joined, *, first: bool) -> None:
        if not joined.member:
            self._buried += 1
            leases = self._leases.items()
            await asyncio.gather(*(self._backend.put(*lease, value) for lease, value in leases))
        gap: list[Message] | None = []
        if joined.epoch == self.epoch:
            gap = await self._missed()
        if gap is None:
            joined = joined._replace(epoch=await self._backend.renew())
        await self._stand_in_line()
        if joined.epoch != self.epoch:
            self._begin(joined, first=first)
        for message in gap or ():
            self._hand_on(message)

    async def _missed(self) -> list[Message] | None:
        known = [(name, topic.last) for name, topic in self._topics.items() if topic.last is not None]
        logs = await asyncio.gather(*(self._backend.since(name, last) for name, last in known))
        found = [log for log in logs if log is not None]
        if len(found) < len(logs):
            return None
        return sorted(chain.from_iterable(found), key=lambda message: message.number)

    async def _stand_in_line(self) -> None:
        while self._given_up:
            await self._backend.give_up(*self._given_up[-1])
            self._given_up.pop()
        for ticket, claim in list(self._claims.items()):
            if not claim.granted.done() and await self._backend.claim(claim.name, ticket):
                self.granted(ticket)

    def _begin(self, joined: Joined, *, first: bool) -> None:
        for topic in self._topics.values():
            if topic.last is not None:
                topic.last = joined.position
        self.epoch = joined.epoch
        if not first:
            self._reset(joined.epoch)

    # -- what the backend tells -----------------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """See ``Hearing``."""
        if self._held is not None:
            self._held.append(lambda: self._hand_on(message))
        else:
            self._hand_on(message)

    def _hand_on(self, message: Message) -> None:
        topic = self._topics.get(message.topic)
        if topic is None:
            return
        if topic.last is None:
            topic.early.append(message)
        elif message.number > topic.last:
            topic.last = message.number
            self._receive(message)

    def renewed(self, epoch: int) -> None:
        """See ``Hearing``."""
        if self._held is not None:
            self._held.append(lambda: self.renewed(epoch))
        elif epoch > self.epoch:
            self.epoch = epoch
            self._reset(epoch)

    def granted(self, ticket: str) -> None:
        """See ``Hearing``."""
        claim = self._claims.get(ticket)
        if claim is not None and not claim.granted.done():
            claim.granted.set_result(None)

    def lost(self) -> None:
        """See ``Hearing``."""
        self._up.clear()
        self._gone.set()

    # -- calls ----------------------------------------------------------------------------------------------------

    async def _ask(self, ask: Callable[[], Awaitable[T]], *, again: bool = True) -> T:
        """Ask the server; ``again`` what does no harm twice, as long as patience lasts."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.options.patience
        while True:
            await self._available(deadline)
            try:
                return await ask()
            except BrokerUnavailable:
                if not again or loop.time() >= deadline:
                    raise
            await asyncio.sleep(self.options.retry_first if self._up.is_set() else 0)

    async def _available(self, deadline: float) -> None:
        if self._up.is_set():
            return
        if not self._tasks:
            raise BrokerUnavailable(f"The {self.kind} broker is not running.", fix="Await start() first.")
        try:
            async with asyncio.timeout_at(deadline):
                await self._up.wait()
        except TimeoutError:
            raise BrokerUnavailable(
                f"The {self.kind} broker cannot be reached.",
                got=f"no connection for {self.options.patience:g} s",
            ) from None

    async def publish(self, topic: str, payload: bytes) -> int:
        """See ``Broker``."""
        check_payload(payload, self.options, f"A message for the topic {topic!r}")
        self._seq = seq = self._seq + 1
        try:
            if self._up.is_set():
                with suppress(BrokerUnavailable):
                    return await self._backend.publish(topic, payload, seq, again=False)
            return await self._ask(lambda: self._backend.publish(topic, payload, seq, again=True))
        except BrokerError:
            self._clean = False
            if self._up.is_set():  # refused for another reason: only a join can raise the epoch
                await self._backend.close()
                self.lost()
            raise

    async def subscribe(self, topic: str) -> int:
        """See ``Broker``."""
        known = self._topics.setdefault(topic, _Topic())
        try:
            position = await self._ask(lambda: self._backend.listen(topic))
        except BaseException:
            if known.last is None and self._topics.get(topic) is known:
                del self._topics[topic]
            raise
        if known.last is None:
            known.last = position
            early, known.early = known.early, []
            for message in early:
                self._hand_on(message)
        return position

    async def unsubscribe(self, topic: str) -> None:
        """See ``Broker``."""
        if self._topics.pop(topic, None) is not None and self._up.is_set():
            with suppress(BrokerUnavailable):  # then the next join leaves it out
                await self._backend.unlisten(topic)

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """See ``Broker``."""
        return await self._ask(lambda: self._backend.since(topic, number))

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """See ``Broker``."""
        check_payload(value, self.options, f"The lease {key!r} of the topic {topic!r}")
        self._leases[topic, key] = value
        try:
            await self._ask(lambda: self._backend.put(topic, key, value))
        except BaseException:
            if self._leases.get((topic, key)) is value:
                del self._leases[topic, key]
            raise

    async def drop(self, topic: str, key: str) -> None:
        """See ``Broker``."""
        if self._leases.pop((topic, key), None) is not None:
            await self._ask(lambda: self._backend.drop(topic, key))

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """See ``Broker``."""
        return await self._ask(lambda: self._backend.entries(topic))

    async def incr(self, name: str, delta: int = 1) -> int:
        """See ``Broker``."""
        return await self._ask(lambda: self._backend.incr(name, delta), again=delta == 0)

    # -- locks ----------------------------------------------------------------------------------------------------

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """See ``Broker``."""
        return self._locked(name)

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncGenerator[None]:
        self._seq += 1
        ticket = f"{self.process}/{self._seq}"
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._claims[ticket] = _Claim(name, granted)
        buried = self._buried
        try:
            if await self._ask(lambda: self._backend.claim(name, ticket)):
                self.granted(ticket)
            await granted
            buried = self._buried
            yield
        except BaseException:
            await asyncio.shield(self._leave(name, ticket, buried))
            raise
        if not await asyncio.shield(self._leave(name, ticket, buried)):
            raise LockLost(
                f"The lock {name!r} was not held until the end of its block.",
                got=f"the connection to the {self.kind} broker was lost meanwhile",
                fix="Look whether what the block did is still right: another may have held the lock as well.",
            )

    async def _leave(self, name: str, ticket: str, buried: int) -> bool:
        """Leave the line, and say whether the ticket stood at its head until now."""
        del self._claims[ticket]
        try:
            if self._up.is_set():
                with suppress(BrokerUnavailable):
                    return await self._backend.give_up(name, ticket)
            # If that was carried out and only its answer lost, the ticket is gone now. Nobody else takes it away,
            # unless this process was buried.
            held = await self._ask(lambda: self._backend.give_up(name, ticket))
            return held or buried == self._buried
        except BrokerUnavailable:
            self._given_up.append((name, ticket))  # when the server is back; by then another may have had it
            return False


def _nobody(_: object) -> None:
    """Stand in for receivers before the start."""


__all__ = ["BEATS", "Backend", "Hearing", "Joined", "RemoteBroker"]
