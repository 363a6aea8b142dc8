"""The broker on Valkey or Redis: numbers, keeps and publishes a message in one script. See ``scripts`` for the keys.

One connection carries everything: commands, their replies, and the messages of subscriptions (RESP3). A server that
restarts, also with what it saved, raises the epoch: it may have lost the last seconds. Its memory must be allowed to hold
the keys: with ``maxmemory-policy`` ``allkeys-…`` it may drop the state, which raises the epoch as well.

No cluster and no sentinel: the scripts use keys of one server.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from typing import Any, Final

from vivace.brokers.base import BrokerOptions, Lease, Message, encode_lease
from vivace.brokers.remote import Hearing, Joined, RemoteBroker
from vivace.errors import BrokerError, BrokerUnavailable, ValkeyError

from . import scripts
from .client import Script, ValkeyClient, ValkeyOptions, Word, valkey_options

_PASSING: Final = frozenset(
    ("LOADING", "BUSY", "MASTERDOWN", "READONLY", "OOM", "TRYAGAIN", "CLUSTERDOWN", "MISCONF")
)
"""Codes of refusals that end by themselves."""
_TOGETHER: Final = 500
"""How many messages one run of the script publishes: it holds up everybody else for 2 ms (measured)."""


class ValkeyBroker(RemoteBroker):
    """A broker on the server of a URL or of options. See ``vivace.brokers.base.Broker``."""

    def __init__(self, server: str | ValkeyOptions, *, options: BrokerOptions | None = None) -> None:
        where = valkey_options(server) if isinstance(server, str) else server
        chosen = options or BrokerOptions()
        super().__init__("valkey", lambda process: _ValkeyBackend(where, chosen, process), chosen)


class _ValkeyBackend:
    """See ``vivace.brokers.remote.Backend``."""

    def __init__(self, server: ValkeyOptions, options: BrokerOptions, process: str) -> None:
        self._process = process
        self._client = ValkeyClient(server, on_push=self._pushed, on_lost=self._lost, lazy=False)
        self._hearing: Hearing | None = None
        self._channels: dict[bytes, str] = {}
        # channels are common to all databases of a server, so the prefix tells these apart
        self._prefix = f"{server.prefix}@{server.database}:" if server.database else f"{server.prefix}:"
        self._state = f"{self._prefix}state"
        self._topic = f"{self._prefix}topic:"
        self._control = f"{self._prefix}control"
        self._own = f"{self._prefix}process:{process}"
        self._away = int(options.death_after * 1000)
        self._out: list[tuple[asyncio.Future[int], tuple[str, int, bytes]]] = []
        self._sending: set[asyncio.Future[list[bytes]]] = set()
        self._kept = (options.log_messages, int(options.log_seconds * 1000))

    # -- life -----------------------------------------------------------------------------------------------------

    async def open(self, hearing: Hearing, topics: Iterable[str], *, first: bool, clean: bool) -> Joined:
        """See ``Backend``."""
        self._client.abort()
        await self._client.connect()
        self._hearing, self._channels = hearing, {}
        sent = [self._client.call(b"SUBSCRIBE", channel) for channel in (self._control, self._own)]
        sent += [self._subscribe(topic) for topic in topics]
        await asyncio.gather(*sent)
        server = await self._client.call(b"INFO", "server")
        epoch, number, known = await self._run(
            scripts.JOIN, self._process, _run_id(server), self._away, int(first), int(clean)
        )
        return Joined(int(epoch), int(number), bool(known))

    async def close(self) -> None:
        """See ``Backend``."""
        self._hearing = None
        self._client.abort()

    async def leave(self, *, goodbye: bool) -> None:
        """See ``Backend``."""
        await self._run(scripts.LEAVE, self._process, int(goodbye), *self._kept)

    async def beat(self) -> bool:
        """See ``Backend``."""
        return bool(await self._run(scripts.BEAT, self._process, self._away, *self._kept))

    async def renew(self) -> int:
        """See ``Backend``."""
        return int(await self._run(scripts.RENEW))

    async def _run(self, script: Script, *args: Word) -> Any:
        try:
            return await self._client.run(script, (self._state,), args)
        except ValkeyError as error:
            made = BrokerUnavailable if error.reply in _PASSING else BrokerError
            raise made(f"The broker on Valkey was refused. {error.what}") from None

    # -- what the server says -------------------------------------------------------------------------------------

    def _lost(self) -> None:
        if self._hearing is not None:
            self._hearing.lost()

    def _pushed(self, kind: bytes, values: list[Any]) -> None:
        hearing = self._hearing
        if hearing is None or kind != b"message":
            return
        topic = self._channels.get(values[1])
        if topic is not None:
            number, origin, payload = values[2].split(b" ", 2)
            hearing.message(Message(topic, int(number), payload, origin.decode()))
        elif values[1] == self._control.encode():
            hearing.renewed(int(values[2]))
        elif values[1] == self._own.encode():
            hearing.granted(values[2].decode())

    # -- messages -------------------------------------------------------------------------------------------------

    async def publish(self, topic: str, payload: bytes, seq: int, *, again: bool) -> int:
        """See ``Backend``. What is published in one turn of the loop is one call of the script."""
        if again:
            found = await self._run(scripts.FIND, topic, self._process, seq)
            if found is not None:
                return int(found)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        if not self._out:
            loop.call_soon(self._flush)
        self._out.append((future, (topic, seq, payload)))
        return await future

    def _flush(self) -> None:
        out, self._out = self._out, []
        for start in range(0, len(out), _TOGETHER):
            part = out[start : start + _TOGETHER]
            words: list[Word] = [word for _, message in part for word in message]
            sending = asyncio.ensure_future(self._publish(words))
            self._sending.add(sending)
            sending.add_done_callback(functools.partial(self._published, [future for future, _ in part]))

    async def _publish(self, words: list[Word]) -> list[bytes]:
        messages, kept = self._kept
        numbers: list[bytes] = await self._run(scripts.PUBLISH, self._process, messages + 1, kept, *words)
        return numbers

    def _published(self, waiting: list[asyncio.Future[int]], sending: asyncio.Future[list[bytes]]) -> None:
        self._sending.discard(sending)
        error = None if sending.cancelled() else sending.exception()
        for place, future in enumerate(waiting):
            if future.done():
                continue
            if sending.cancelled():
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                future.set_result(int(sending.result()[place]))

    def _subscribe(self, topic: str) -> asyncio.Future[Any]:
        channel = self._topic + topic
        self._channels[channel.encode()] = topic
        return self._client.call(b"SUBSCRIBE", channel)

    async def listen(self, topic: str) -> int:
        """See ``Backend``."""
        await self._subscribe(topic)
        return int(await self._run(scripts.POSITION))

    async def unlisten(self, topic: str) -> None:
        """See ``Backend``."""
        channel = self._topic + topic
        self._channels.pop(channel.encode(), None)
        await self._client.call(b"UNSUBSCRIBE", channel)

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """See ``Backend``."""
        rows = await self._run(scripts.SINCE, topic, number, number + 1, *self._kept)
        if rows is None:
            return None
        return [
            Message(topic, int(entry.partition(b"-")[0]), fields[5], fields[1].decode())
            for entry, fields in rows
        ]

    # -- leases, counters, locks ----------------------------------------------------------------------------------

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """See ``Backend``."""
        told = encode_lease(Lease(self._process, key, value))
        await self._run(scripts.PUT, self._process, topic, key, value, told, *self._kept)

    async def drop(self, topic: str, key: str) -> None:
        """See ``Backend``."""
        await self._run(scripts.DROP, self._process, topic, key, *self._kept)

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """See ``Backend``."""
        found: dict[bytes, bytes] = await self._client.call(b"HGETALL", f"{self._prefix}leases:{topic}")
        return {_owner(field): value for field, value in found.items()}

    async def incr(self, name: str, delta: int) -> int:
        """See ``Backend``."""
        return int(await self._client.call(b"INCRBY", f"{self._prefix}count:{name}", delta))

    async def claim(self, name: str, ticket: str) -> bool:
        """See ``Backend``."""
        return bool(await self._run(scripts.CLAIM, self._process, name, ticket))

    async def give_up(self, name: str, ticket: str) -> bool:
        """See ``Backend``."""
        return bool(await self._run(scripts.GIVE_UP, self._process, name, ticket))


def _owner(field: bytes) -> tuple[str, str]:
    process, _, key = field.decode().partition("\0")
    return process, key


def _run_id(info: bytes) -> str:
    """Return the run id in what INFO says; it is another after each start."""
    for line in info.decode().splitlines():
        name, _, value = line.partition(":")
        if name == "run_id":
            return value
    return ""


__all__ = ["ValkeyBroker"]
