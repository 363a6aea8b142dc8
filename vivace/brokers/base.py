"""What a broker is: it carries messages between the processes of one application.

Theory
------
A broker knows *topics*: names under which messages are published and numbered. Whoever subscribes to a topic gets its
messages in the order of their numbers, each once. What every broker promises, and what users of one may rest on:

1. Numbers rise within a topic; they may have gaps and say nothing across topics. The order of numbers is the order of
   delivery, in every process. A publisher gets its own messages back, too, like everybody's. Numbers never fall, not even
   when a broker was lost and counts anew: it then begins above what it can have counted (``first_number``).
2. A message arrives at every subscriber, **or the epoch rises**: ``reset`` is then called in every process, before the
   first message of the new epoch. Whoever keeps something that rests on messages throws it away there and asks again.
   The epoch rises when a process dies without goodbye (what it had committed may not have been published), when the
   broker itself was lost, and for a process that was cut off for so long that its messages are gone.
3. A broker keeps the latest messages of each topic (``BrokerOptions.log_messages``, ``log_seconds``, ``log_bytes``), for whoever comes
   back: ``since``.
4. After a reconnect a broker restores its subscriptions and leases itself, before it calls ``reset``.
5. *Leases* (``put``) are values of a process that go with it: who is here. Each change of them (put, drop, and a death
   for each key) is published as a ``Lease`` in the topic ``leases_of(topic)``: who wants to follow them subscribes to
   that first and asks for ``entries`` then. After ``reset`` they are asked for again.
6. Counters and locks live as long as the broker's own state does; a lock is given back when its holder dies.

While a broker cannot be reached, calls wait for at most ``BrokerOptions.patience`` and then raise
``BrokerUnavailable``; a call that fails so may have taken effect. ``receive`` and ``reset`` are called on the loop that
the broker was started on, must return at once and must not raise.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec

from vivace.errors import BrokerMessageTooLarge


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One message: ``number`` rises within the topic, ``origin`` is the process that published it."""

    topic: str
    number: int
    payload: bytes
    origin: str


class Position(NamedTuple):
    """A place in a topic: positions of different epochs cannot be compared by number."""

    epoch: int
    number: int


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """A change of one lease: its new value, or ``None`` when it is gone."""

    process: str
    key: str
    value: bytes | None


class BrokerOptions(msgspec.Struct, frozen=True):
    """How much a broker keeps and how long it waits. Times in seconds."""

    log_messages: int = 1_000  # of each topic: for ``since``
    log_seconds: float = 120.0
    log_bytes: int = 16 * 1024 * 1024  # of the payloads of each topic
    max_payload: int = 16 * 1024 * 1024  # bytes of one message or lease
    patience: float = 10.0  # how long a call waits for a broker that cannot be reached
    connect_timeout: float = 5.0
    retry_first: float = 0.05  # pause before the second attempt to reconnect; doubles, with jitter, up to …
    retry_most: float = 2.0
    death_after: float = 10.0  # silence of a process that counts as its death, where connections do not tell
    backlog_bytes: int = 64 * 1024 * 1024  # unsent messages to a slow process; beyond it is cut off


Receive: TypeAlias = Callable[[Message], None]
Reset: TypeAlias = Callable[[int], None]


class Broker(Protocol):
    """Carries messages between processes; see the module's rules. Used on one event loop."""

    @property
    def kind(self) -> str:
        """Its name in settings and logs: memory, hub, postgresql, valkey."""
        ...

    @property
    def process(self) -> str:
        """The id of this process at the broker; unique, and new with each start."""
        ...

    @property
    def epoch(self) -> int:
        """The epoch as far as this process knows."""
        ...

    async def start(self, receive: Receive, reset: Reset) -> None:
        """Connect; raises ``BrokerUnavailable``. ``receive`` gets every message of the subscribed topics."""
        ...

    async def stop(self, *, goodbye: bool = True) -> None:
        """Disconnect. Without ``goodbye`` it counts as a death: something was not published, and the epoch rises."""
        ...

    async def publish(self, topic: str, payload: bytes) -> int:
        """Publish a message and return its number; raises ``BrokerMessageTooLarge``, ``BrokerUnavailable``."""
        ...

    async def subscribe(self, topic: str) -> int:
        """Receive the topic from now on: when this returns, every later message arrives. Returns the last number before."""
        ...

    async def unsubscribe(self, topic: str) -> None:
        """Receive the topic no more: when this returns, nothing of it arrives."""
        ...

    async def since(self, topic: str, number: int) -> list[Message] | None:
        """Return the messages with greater numbers; ``None`` where the log no longer reaches back to there."""
        ...

    async def put(self, topic: str, key: str, value: bytes) -> None:
        """Keep a value under the topic until this process drops it, stops or dies; replaces that of the same key."""
        ...

    async def drop(self, topic: str, key: str) -> None:
        """Take a value of this process away, if there is one."""
        ...

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        """Return the values that all processes keep under the topic, by (process, key)."""
        ...

    async def incr(self, name: str, delta: int = 1) -> int:
        """Add to a counter that all processes share and return its new value; ``delta=0`` reads it."""
        ...

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold the lock of that name, alone among all processes and tasks: first come, first served.

        Bound the wait with ``asyncio.timeout``. Leaving the block raises ``LockLost`` where the broker or the connection
        to it was lost meanwhile, so that another may have held it as well.
        """
        ...


LEASES: Final = "/leases"
_encode, _leases = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Lease)


def leases_of(topic: str) -> str:
    """Return the topic in which changes of a topic's leases are published."""
    return topic + LEASES


def encode_lease(lease: Lease) -> bytes:
    """Return the payload that tells of a lease's change."""
    return _encode(lease)


def decode_lease(payload: bytes) -> Lease:
    """Read what ``encode_lease`` wrote."""
    return _leases.decode(payload)


def first_number(milliseconds: int) -> int:
    """Return where a broker that remembers nothing begins to count, by the clock (since 1970).

    Above all that one before it counted, unless that was over a million messages per second since it began itself; and
    below 2**53 until 2248, so that a browser reads it exactly.
    """
    return milliseconds * 1_024


def new_process() -> str:
    """Return an id for a process that no other one has."""
    return f"{os.getpid():x}-{os.urandom(6).hex()}"


def check_payload(payload: bytes, options: BrokerOptions, what: str) -> None:
    """Raise ``BrokerMessageTooLarge`` for more bytes than the options allow."""
    if len(payload) > options.max_payload:
        raise BrokerMessageTooLarge(
            f"{what} is too large for the broker.",
            expected=f"at most {options.max_payload:,} bytes",
            got=f"{len(payload):,} bytes",
            fix="Publish a reference to the data (a primary key, a stored file) and let receivers fetch it.",
        )


__all__ = [
    "Broker",
    "BrokerOptions",
    "Lease",
    "Message",
    "Position",
    "Receive",
    "Reset",
    "check_payload",
    "decode_lease",
    "encode_lease",
    "first_number",
    "leases_of",
    "new_process",
]
