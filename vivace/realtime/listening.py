"""A room as server-sent events: for pages that only listen, over plain HTTP (``EventStream``), without joining it.

Each event's ``id`` is its position, which browsers send back as ``Last-Event-ID`` when they come back, to any process:
what came meanwhile is sent first. Where the log does not reach back an event ``resync`` says so. A listener that is behind
by more than ``WAITING`` events ends; its browser comes back and catches up in the same way.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final

from vivace.brokers import Message
from vivace.brokers.exchange import Exchange
from vivace.http.eventstream import Event

from .envelope import decode_envelope

WAITING: Final = 1_000
RESYNC: Final = "resync"


async def listen(
    broker: Exchange, topic: str, log: Callable[[], int], last_event_id: str
) -> AsyncGenerator[Event]:
    """Yield the events of a room's topic after the one that a client saw last; raises ``BrokerError``."""
    arrived: deque[Message] = deque()
    ready = asyncio.Event()

    def take(message: Message) -> None:
        if (
            len(arrived) <= WAITING
        ):  # one more says that it is behind: what a slow reader is owed must not pile up
            arrived.append(message)
        ready.set()

    def interrupted(epoch: int) -> None:
        arrived.clear()
        ready.set()

    begun = log()
    stop = broker.on_reset(interrupted)
    try:
        number = await broker.listen(topic, take)
        since = parse_position(last_event_id)
        if since is not None:
            missed = await broker.since(topic, since[1]) if since[0] == begun else None
            if missed is None:
                yield Event("", event=RESYNC, id=f"{begun}-{number}")
            for message in missed or ():
                number = message.number
                yield as_event(message, begun)
        epoch = broker.epoch
        # Who is behind, or was interrupted, comes back, and is told what it missed.
        while broker.epoch == epoch:
            while arrived:
                if len(arrived) > WAITING:
                    return
                message = arrived.popleft()
                if message.number > number:
                    yield as_event(message, begun)
            ready.clear()
            await ready.wait()
    finally:
        stop()
        await broker.leave(topic, take)


def as_event(message: Message, log: int) -> Event:
    """Return a message as a server-sent event; bytes in base64."""
    envelope = decode_envelope(message.payload)
    text = b64encode(envelope.data) if envelope.binary else envelope.data
    return Event(text.decode(), event=envelope.name, id=f"{log}-{message.number}")


def parse_position(text: str) -> tuple[int, int] | None:
    """Return what an ``id`` says; ``None`` for what is none of ours."""
    log, dash, number = text.partition("-")
    if dash and log.isascii() and log.isdigit() and number.isascii() and number.isdigit() and len(text) < 40:
        return int(log), int(number)
    return None


__all__ = ["listen"]
