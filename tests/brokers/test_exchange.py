"""One broker shared by several parts: each hears its topics, and nobody's listening ends another's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.brokers.base import Message, Position
from vivace.brokers.board import Board
from vivace.brokers.exchange import Exchange
from vivace.brokers.memory import MemoryBroker
from vivace.errors import BrokerUnavailable


class Slow(MemoryBroker):
    """A broker whose answers take turns of the loop, and which counts who subscribed."""

    def __init__(self, board: Board | None = None) -> None:
        super().__init__(board)
        self.subscribed: set[str] = set()
        self.away = False

    async def subscribe(self, topic: str) -> int:
        await self.pause()
        assert topic not in self.subscribed, "it was subscribed already"
        self.subscribed.add(topic)
        number = await super().subscribe(topic)
        await self.pause()
        return number

    async def unsubscribe(self, topic: str) -> None:
        await self.pause()
        self.subscribed.remove(topic)
        await super().unsubscribe(topic)
        await self.pause()

    async def pause(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise BrokerUnavailable("It is away.")


async def test_before_the_start_nothing_can_be_published_and_there_is_no_position() -> None:
    exchange = Exchange()
    assert (exchange.kind, exchange.process, exchange.epoch) == ("", "", 0)
    with pytest.raises(BrokerUnavailable, match="not started"):
        await exchange.publish("t", b"")
    await exchange.stop()


async def test_it_is_a_broker_to_its_users() -> None:
    exchange = Exchange()
    broker = MemoryBroker()
    await exchange.start(broker)
    assert (exchange.kind, exchange.process, exchange.epoch) == ("memory", broker.process, 1)
    first = await exchange.publish("t", b"1")
    second = await exchange.publish("t", b"2")
    assert [message.number for message in await exchange.since("t", first) or ()] == [second]
    await exchange.put("t", "k", b"v")
    assert await exchange.entries("t") == {(broker.process, "k"): b"v"}
    await exchange.drop("t", "k")
    assert await exchange.entries("t") == {}
    assert [await exchange.incr("n", 2), await exchange.incr("n"), await exchange.incr("n", 0)] == [2, 3, 3]
    async with exchange.lock("l"):
        pass
    await exchange.stop()


async def test_a_topic_is_subscribed_while_somebody_listens() -> None:
    exchange, broker = Exchange(), Slow()
    await exchange.start(broker)
    seen: list[tuple[str, bytes]] = []

    def one(message: Message) -> None:
        seen.append(("one", message.payload))

    def two(message: Message) -> None:
        seen.append(("two", message.payload))

    await asyncio.gather(exchange.listen("t", one), exchange.listen("t", two))
    number = await exchange.publish("t", b"1")
    assert sorted(seen) == [("one", b"1"), ("two", b"1")]
    assert await exchange.listen("t", two) == number
    await exchange.leave("t", one)
    assert broker.subscribed == {"t"}
    await exchange.leave("t", two)
    assert broker.subscribed == set()
    await exchange.leave("t", two)
    seen.clear()
    await exchange.publish("t", b"2")
    assert seen == []
    await exchange.stop()


async def test_who_leaves_hears_nothing_while_the_broker_is_told() -> None:
    exchange, broker = Exchange(), Slow()
    await exchange.start(broker)
    seen: list[Message] = []
    await exchange.listen("t", seen.append)
    leaving = asyncio.create_task(exchange.leave("t", seen.append))
    await asyncio.sleep(0)
    await exchange.publish("t", b"1")
    await leaving
    assert seen == []
    await exchange.stop()


async def test_listening_that_failed_can_be_tried_again() -> None:
    exchange, broker = Exchange(), Slow()
    await exchange.start(broker)
    broker.away = True
    seen: list[Message] = []
    with pytest.raises(BrokerUnavailable):
        await exchange.listen("t", seen.append)
    broker.away = False
    await exchange.listen("t", seen.append)
    await exchange.publish("t", b"1")
    assert len(seen) == 1
    await exchange.stop()


async def test_an_error_of_one_listener_does_not_reach_another(caplog: Any) -> None:
    exchange = Exchange()
    broker = MemoryBroker()
    await exchange.start(broker)
    seen: list[object] = []

    def fail(_: object) -> None:
        raise ValueError("no")

    await exchange.listen("t", fail)
    await exchange.listen("t", seen.append)
    exchange.on_reset(fail)
    end = exchange.on_reset(seen.append)
    await exchange.publish("t", b"1")
    broker.board.renew(5)
    end()
    broker.board.renew(6)
    assert [getattr(each, "payload", each) for each in seen] == [b"1", 5]
    assert "failed" in caplog.text
    await exchange.stop()


async def test_what_it_says_was_the_last_message_before_is_exact() -> None:
    board = Board()
    exchange, other = Exchange(), MemoryBroker(board)
    await other.start(lambda message: None, lambda epoch: None)
    await exchange.start(Slow(board))
    seen: list[Message] = []
    listening = asyncio.create_task(exchange.listen("t", seen.append))
    published: list[int] = []
    while not listening.done():
        published.append(await other.publish("t", b""))
        await asyncio.sleep(0)
    published.append(await other.publish("t", b""))
    last = listening.result()
    assert [message.number for message in seen] == [number for number in published if number > last]
    await exchange.stop()
    await other.stop()


@given(
    st.lists(st.tuples(st.sampled_from(["listen", "leave", "publish"]), st.integers(0, 2), st.integers(0, 2)))
)
def test_whatever_comes_and_goes_who_listens_hears(steps: list[tuple[str, int, int]]) -> None:
    asyncio.run(_come_and_go(steps))


async def _come_and_go(steps: list[tuple[str, int, int]]) -> None:
    """Calls overlap; when all have returned, those hear whose last call was ``listen``."""
    exchange, broker = Exchange(), Slow()
    await exchange.start(broker)
    heard: list[list[Message]] = [[], [], []]
    callbacks = [each.append for each in heard]
    wanted = [False] * 3
    under_way: list[asyncio.Task[Any] | None] = [None] * 3
    for step, who, turns in steps:
        if step == "publish":
            await exchange.publish("t", b"")
        else:
            if (task := under_way[who]) is not None:
                await task  # one part's own calls are in order
            wanted[who] = step == "listen"
            call = exchange.listen if wanted[who] else exchange.leave
            under_way[who] = asyncio.create_task(call("t", callbacks[who]))
        for _ in range(turns):
            await asyncio.sleep(0)
    for task in under_way:
        if task is not None:
            await task
    for each in heard:
        each.clear()
    await exchange.publish("t", b"last")
    assert [bool(each) for each in heard] == wanted
    assert broker.subscribed == ({"t"} if any(wanted) else set())
    await exchange.stop()


def test_positions_are_ordered_within_an_epoch() -> None:
    assert Position(1, 5) < Position(1, 6)
