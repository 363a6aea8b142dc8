"""Memory in front of a shared store: a hit costs a look into a dictionary, a change is known to all processes.

Theory
------
1. The shared store has the truth. Only what was read from it is kept in front, for ``front_seconds`` at most and never for
   longer than it is fresh there; what is written goes to the shared store alone.
2. Whoever changed something drops it here **after** the shared store has it, and tells the other processes over the broker's
   topic ``cache/<name>``. What they read before that may be old, so a read that was under way when the message came is not
   kept in front (``_Reading``): whether its answer is older cannot be known.
3. Messages that may have been missed (the broker's ``reset``) empty the front. Before the broker is connected there is none.
4. Messages wait in one place, and many changes of one moment make one message. What cannot be published is tried again; too
   much of it becomes the message to forget everything.
5. The shared store is ``Guarded``: while it is down the front serves what it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import Context
from typing import Any, Final, Literal

import msgspec

from vivace.brokers.base import Message
from vivace.brokers.exchange import Exchange

from .guarded import PATIENCE, Guarded
from .memory import MemoryStore
from .stampede import LEASE
from .store import MISSING, Counts, Found, Keep, Store

logger: Final = logging.getLogger("vivace.cache")
FRONT_SECONDS: Final = 30.0
TOPIC: Final = "cache/"
_MOST: Final = 10_000  # keys and tags that wait for the broker
_PAUSE: Final = 0.5  # seconds until a message that was not published is tried again


class _Dropped(msgspec.Struct, array_like=True):
    """What a message tells to forget."""

    keys: list[str] = []
    tags: list[str] = []
    everything: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Dropped).decode


class _Reading:
    """A read under way, and whether its answer may be kept in front."""

    __slots__ = ("clean",)

    def __init__(self) -> None:
        self.clean = True


class TwoTierStore:
    """``front`` keeps what was read from ``back`` lately; ``name`` is the same in all processes that share ``back``.

    ``start`` connects it; until then it is ``back`` alone.
    """

    shared: Literal[True] = True
    safe: Literal[True] = True

    def __init__(
        self,
        back: Store,
        front: MemoryStore | None = None,
        *,
        name: str = "default",
        front_seconds: float = FRONT_SECONDS,
        patience: float = PATIENCE,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.front = MemoryStore() if front is None else front
        self.back = Guarded(back, patience=patience, paid=self._drop)
        self._topic = TOPIC + name
        self._front_seconds = front_seconds
        self._sleep = sleep
        self._exchange: Exchange | None = None
        self._end_reset: Callable[[], None] | None = None
        self._readings: dict[str, list[_Reading]] = {}
        self._keys: set[str] = set()
        self._dropped_tags: set[str] = set()
        self._everything = False
        self._telling: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<TwoTierStore on {self.back.store!r}>"

    @property
    def down(self) -> bool:
        """Whether the shared store could not be used when it was last tried."""
        return self.back.down

    @property
    def failures(self) -> int:
        """How often it could not be used."""
        return self.back.failures

    # -- the broker -----------------------------------------------------------------------------------------------

    async def start(self, exchange: Exchange) -> None:
        """Hear of the changes of other processes, and use the front from now on. Raises ``BrokerUnavailable``."""
        self._end_reset = exchange.on_reset(self._reset)
        try:
            await exchange.listen(self._topic, self._receive)
        except BaseException:
            self._end_reset()
            raise
        self._exchange = exchange

    async def stop(self) -> None:
        """Tell what waits, and use the front no more."""
        exchange, self._exchange = self._exchange, None
        self._forget((), (), True)
        if exchange is None:
            return
        telling, self._telling = self._telling, None
        if telling is not None and not telling.done():
            telling.cancel()
            await asyncio.wait([telling])
        if self._end_reset is not None:
            self._end_reset()
        try:
            await self._tell_once(exchange)
            await exchange.leave(self._topic, self._receive)
        except Exception as error:  # the broker's epoch rises, or it is gone
            logger.debug("The cache could not tell its last changes: %s", error)

    def _receive(self, message: Message) -> None:
        exchange = self._exchange
        if exchange is None or message.origin == exchange.process:
            return
        told = _decode(message.payload)
        self._forget(told.keys, told.tags, told.everything)

    def _reset(self, epoch: int) -> None:
        self._forget((), (), True)

    # -- what is out of date --------------------------------------------------------------------------------------

    def _forget(self, keys: Iterable[str], tags: Iterable[str], everything: bool) -> None:
        """Forget here, and keep nothing of what is being read."""
        tags = tuple(tags)
        if everything:
            self.front.forget_all()
        for key in keys:
            self.front.forget(key)
            for reading in self._readings.get(key, ()):
                reading.clean = False
        self.front.forget_tags(tags)
        if everything or tags:  # which tags they have is not known yet
            for readings in self._readings.values():
                for reading in readings:
                    reading.clean = False

    def _drop(self, keys: Collection[str] = (), tags: Collection[str] = (), everything: bool = False) -> None:
        """Forget here, and tell the others."""
        self._forget(keys, tags, everything)
        if self._exchange is None:
            return
        self._keys.update(key for key in keys if not key.startswith(LEASE))  # which nobody keeps in front
        self._dropped_tags.update(tags)
        if everything or len(self._keys) + len(self._dropped_tags) > _MOST:
            self._everything = True
            self._keys.clear()
            self._dropped_tags.clear()
        waits = self._everything or self._keys or self._dropped_tags
        if waits and (self._telling is None or self._telling.done()):
            self._telling = asyncio.get_running_loop().create_task(
                self._tell(self._exchange), name="tell what is out of date", context=Context()
            )

    async def _tell(self, exchange: Exchange) -> None:
        while self._everything or self._keys or self._dropped_tags:
            try:
                await self._tell_once(exchange)
            except Exception as error:
                logger.debug("The cache cannot tell its changes yet: %s", error)
                await self._sleep(_PAUSE)

    async def _tell_once(self, exchange: Exchange) -> None:
        keys, tags, everything = self._keys, self._dropped_tags, self._everything
        if not (keys or tags or everything):
            return
        self._keys, self._dropped_tags, self._everything = set(), set(), False
        try:
            await exchange.publish(self._topic, _encode(_Dropped(list(keys), list(tags), everything)))
        except BaseException:
            self._keys |= keys
            self._dropped_tags |= tags
            self._everything |= everything
            raise

    # -- reading --------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Any:
        """See ``Store``."""
        value = self.front.look(key)
        if value is not MISSING:
            return value
        found = await self._read(key)
        return found.value if found is not None and found.fresh else MISSING

    async def find(self, key: str) -> Found | None:
        """See ``Store``."""
        found = await self.front.find(key)
        return found if found is not None and found.fresh else await self._read(key)

    async def _read(self, key: str) -> Found | None:
        """Read from the shared store, and keep what is fresh in front unless it may be out of date by now."""
        reading = _Reading()
        self._readings.setdefault(key, []).append(reading)
        try:
            found = await self.back.find(key)
        finally:
            readings = self._readings[key]
            readings.remove(reading)
            if not readings:
                del self._readings[key]
        if found is not None and found.fresh and reading.clean and self._exchange is not None:
            self.front.put(key, found.value, min(found.seconds, self._front_seconds), 0.0, tuple(found.tags))
        return found

    async def get_many(self, keys: Collection[str]) -> dict[str, Any]:
        """See ``Store``. What the front has not is not kept there: a read of many says nothing about how long."""
        found = {key: value for key in keys if (value := self.front.look(key)) is not MISSING}
        missing = [key for key in keys if key not in found]
        return found | await self.back.get_many(missing) if missing else found

    # -- writing --------------------------------------------------------------------------------------------------

    async def keep(self, values: Mapping[str, Any], keep: Keep) -> bool:
        """See ``Store``."""
        try:
            return await self.back.keep(values, keep)
        finally:  # also where it failed: who knows what the shared store has now
            self._drop(tuple(values))

    async def add(self, key: str, value: Any, keep: Keep) -> bool:
        """See ``Store``. What was not there is in nobody's front."""
        return await self.back.add(key, value, keep)

    async def incr(self, key: str, delta: int) -> Any:
        """See ``Store``."""
        try:
            return await self.back.incr(key, delta)
        finally:
            self._drop((key,))

    async def touch(self, key: str, seconds: float | None, stale: float = 0.0) -> bool:
        """See ``Store``."""
        try:
            return await self.back.touch(key, seconds, stale)
        finally:
            self._drop((key,))

    async def delete(self, keys: Collection[str]) -> int:
        """See ``Store``."""
        try:
            return await self.back.delete(keys)
        finally:
            self._drop(tuple(keys))

    async def versions(self, tags: Collection[str]) -> dict[str, int]:
        """See ``Store``."""
        return await self.back.versions(tags)

    async def delete_tags(self, tags: Collection[str]) -> None:
        """See ``Store``."""
        try:
            await self.back.delete_tags(tags)
        finally:
            self._drop((), tuple(tags))

    async def clear(self) -> None:
        """See ``Store``."""
        try:
            await self.back.clear()
        finally:
            self._drop((), (), True)

    async def counts(self) -> Counts:
        """See ``Store``: of the shared store; the front has its own."""
        return await self.back.counts()

    async def close(self) -> None:
        """See ``Store``."""
        await self.stop()
        await self.back.close()


__all__ = ["FRONT_SECONDS", "TOPIC", "TwoTierStore"]
