"""Brokers of every kind, on one stage: a stage is what they share, a party is one of them with what it heard."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from tests.brokers.waiting import until
from vivace.brokers import Broker, BrokerOptions, MemoryBroker, Message
from vivace.brokers.board import Board

if TYPE_CHECKING:
    from vivace.brokers.hub.serving import HubThread

KINDS: Final = (
    "memory",
    pytest.param("hub", marks=pytest.mark.skipif(os.name == "nt", reason="the hub is a Unix socket")),
    "postgresql",
    "valkey",
)
REMOTE: Final = KINDS[1:]
CALM: Final = BrokerOptions(connect_timeout=30.0, death_after=60.0, patience=30.0)
"""Options that a busy machine does not strain."""


def calm(**changes: Any) -> BrokerOptions:
    """Return such options with some of them changed."""
    return msgspec.structs.replace(CALM, **changes)


class Party:
    """A broker that was started, the messages it received and the epochs it was told."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.messages: list[Message] = []
        self.resets: list[int] = []

    async def start(self) -> None:
        """Start the broker."""
        await self.broker.start(self.messages.append, self.resets.append)

    def heard(self, topic: str) -> list[bytes]:
        """Return the payloads that came under a topic, as they came."""
        return [message.payload for message in self.messages if message.topic == topic]

    def numbers(self, topic: str) -> list[int]:
        """Return the numbers that came under a topic, as they came."""
        return [message.number for message in self.messages if message.topic == topic]

    async def amounts_to(self, count: int) -> None:
        """Wait until so many messages came."""
        await until(lambda: len(self.messages) >= count)

    async def hears(self, topic: str, *payloads: bytes) -> None:
        """Wait until exactly these came under a topic."""
        await until(lambda: len(self.heard(topic)) >= len(payloads))
        assert self.heard(topic) == list(payloads)


class Stage:
    """What brokers of one kind share: a board, or a place. ``place`` is what another process needs to come to it.

    The hub is served here, as a supervisor would, with the options of the first broker.
    """

    def __init__(self, kind: str, place: str) -> None:
        self.kind = kind
        self.place = place
        self._board: Board | None = None
        self._hub: HubThread | None = None

    def make(self, options: BrokerOptions = CALM) -> Broker:
        """Return a broker, not started."""
        if self.kind == "memory":
            self._board = self._board or Board(options)
            return MemoryBroker(self._board, options=options)
        if self.kind == "hub" and self._hub is None:
            from vivace.brokers.hub.serving import offer

            self._hub = offer(self.place, options)
        return make(self.kind, self.place, options)

    async def close(self) -> None:
        """End what is served here."""
        if self._hub is not None:
            await self._hub.stop()

    @asynccontextmanager
    async def party(self, options: BrokerOptions = CALM) -> AsyncGenerator[Party]:
        """Yield a started broker, which says goodbye afterwards."""
        party = Party(self.make(options))
        await party.start()
        try:
            yield party
        finally:
            await party.broker.stop()

    @asynccontextmanager
    async def parties(self, count: int, options: BrokerOptions = CALM) -> AsyncGenerator[list[Party]]:
        """Yield started brokers."""
        made = [Party(self.make(options)) for _ in range(count)]
        try:
            for party in made:
                await party.start()
            yield made
        finally:
            for party in made:
                await party.broker.stop()


def make(kind: str, place: str, options: BrokerOptions) -> Broker:
    """Return a broker for a place: a path or a URL."""
    if kind == "hub":
        from vivace.brokers.hub import HubBroker

        return HubBroker(place, options=options)
    if kind == "postgresql":
        from vivace.brokers.postgresql import PostgreSQLBroker

        return PostgreSQLBroker(place, options=options)
    from vivace.brokers.valkey import ValkeyBroker

    return ValkeyBroker(place, options=options)


def stage_of(kind: str, request: pytest.FixtureRequest) -> Stage:
    """Return a stage of a kind; skips where its server is missing."""
    if kind == "hub":
        folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("hub")
        return Stage(kind, str(folder / "hub"))
    place: Any = "" if kind == "memory" else request.getfixturevalue(f"{kind}_url")
    return Stage(kind, place)
