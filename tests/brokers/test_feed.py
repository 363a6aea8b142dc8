"""The change feed: no commit is lost on the way to another process, or the epoch rises there."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivace.brokers import feed as feeds
from vivace.brokers.base import Message, Position
from vivace.brokers.board import Board
from vivace.brokers.codec import MOST_CHANGES
from vivace.brokers.exchange import Exchange
from vivace.brokers.feed import TOPIC, ChangeFeed
from vivace.brokers.memory import MemoryBroker
from vivace.changes import EVERYTHING, Change, ReadSet, WriteSet, conditions
from vivace.errors import BrokerUnavailable

from .waiting import until


def row(key: int, table: str = "book") -> WriteSet:
    return WriteSet(changes=(Change(table=table, operation="insert", key=(key,), old={}, new={"id": key}),))


def rows(*keys: int, table: str = "book") -> ReadSet:
    return ReadSet({table: conditions([("id", keys)])})


class Source:
    """Announces commits as a database does."""

    def __init__(self) -> None:
        self.subscribers: list[Callable[[WriteSet], None]] = []

    def subscribe(self, subscriber: Callable[[WriteSet], None], /) -> Callable[[], None]:
        self.subscribers.append(subscriber)
        return lambda: self.subscribers.remove(subscriber)

    def commit(self, write: WriteSet) -> None:
        for subscriber in self.subscribers:
            subscriber(write)


class Faulty(MemoryBroker):
    """A broker that now and then cannot be reached, before or after it published."""

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self.faults: list[str] = []
        self.away = False
        self.published = 0

    async def publish(self, topic: str, payload: bytes) -> int:
        await asyncio.sleep(0)
        fault = "before" if self.away else self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise BrokerUnavailable("It is away.")
        number = await super().publish(topic, payload)
        self.published += 1
        if fault == "after":
            raise BrokerUnavailable("It went away.")
        return number


class Process:
    """A process with a database, a feed and what it was told."""

    def __init__(self, board: Board) -> None:
        self.broker = Faulty(board)
        self.exchange = Exchange()
        self.feed = ChangeFeed(self.exchange, retry=0.0)
        self.source = Source()
        self.told: list[WriteSet | None] = []  # None: an epoch
        self.feed.subscribe(self.told.append)
        self.feed.on_reset(lambda epoch: self.told.append(None))

    async def start(self) -> Process:
        await self.exchange.start(self.broker)
        self.feed.attach(self.source)
        await self.feed.start()
        return self

    async def stop(self, patience: float = 5.0) -> bool:
        told = await self.feed.stop(patience)
        await self.exchange.stop(goodbye=told)
        return told


async def processes(count: int) -> list[Process]:
    board = Board()
    return [await Process(board).start() for _ in range(count)]


async def test_a_commit_is_told_at_once_here_and_soon_elsewhere() -> None:
    a, b = await processes(2)
    a.source.commit(row(1))
    assert a.told == [row(1)], "before the writer goes on"
    assert b.told == []
    await a.feed.flushed()
    assert a.told == [row(1)], "and not again when it comes back"
    assert b.told == [row(1)]
    assert await a.stop()
    assert await b.stop()


async def test_commits_that_come_while_a_message_is_under_way_travel_together() -> None:
    a, b = await processes(2)
    for key in range(100):
        a.source.commit(row(key))
    await a.feed.flushed()
    assert a.broker.published <= 2
    assert [change.key[0] for write in b.told if write for change in write.changes] == list(range(100))
    await a.stop()
    await b.stop()


async def test_the_position_is_that_of_the_last_message_received() -> None:
    a, b = await processes(2)
    before = b.feed.position
    a.source.commit(row(1))
    await a.feed.flushed()
    assert a.feed.position == b.feed.position == Position(before.epoch, before.number + 1)
    await a.stop()
    await b.stop()


async def test_a_death_without_goodbye_resets_the_others() -> None:
    a, b = await processes(2)
    before = b.feed.position
    await a.feed.stop(0)
    await a.exchange.stop(goodbye=False)
    assert b.told == [None]
    assert b.feed.position.epoch > before.epoch
    assert b.feed.position.number >= before.number
    await b.stop()


async def test_who_cannot_publish_before_the_stop_leaves_without_goodbye() -> None:
    a, b = await processes(2)
    a.broker.away = True
    a.source.commit(row(1))
    assert not await a.stop(patience=0.01)
    assert b.told == [None]
    await b.stop()


async def test_what_could_not_be_published_is_published_again() -> None:
    a, b = await processes(2)
    a.broker.faults = ["before", "after", "before"]
    a.source.commit(row(1))
    a.source.commit(row(2))
    await a.feed.flushed()
    assert any(rows(1).meets(write) for write in b.told if write)
    assert any(rows(2).meets(write) for write in b.told if write)
    await a.stop()
    await b.stop()


async def test_what_waits_for_long_is_bounded_and_says_at_least_as_much() -> None:
    a, b = await processes(2)
    a.broker.faults = ["before"] * 50
    count = feeds.MOST_WAITING * 3
    for key in range(count):
        a.source.commit(row(key))
    assert len(a.feed._waiting) <= feeds.MOST_WAITING  # what it costs is the promise here
    await a.feed.flushed()
    assert all(any(rows(key).meets(write) for write in b.told if write) for key in range(0, count, 97))
    await a.stop()
    await b.stop()


async def test_a_message_that_cannot_be_read_may_have_written_everything() -> None:
    a, b = await processes(2)
    await a.exchange.publish(TOPIC, b"of a later version")
    assert b.told == [EVERYTHING]
    await a.stop()
    await b.stop()


async def test_an_error_of_one_subscriber_reaches_neither_the_writer_nor_the_others() -> None:
    (a,) = await processes(1)
    seen: list[WriteSet] = []

    def fail(write: WriteSet) -> None:
        raise ValueError("no")

    ends = [a.feed.subscribe(fail), a.feed.subscribe(seen.append)]
    a.source.commit(row(1))
    assert seen == [row(1)]
    for end in ends:
        end()
    a.source.commit(row(2))
    assert seen == [row(1)]
    await a.stop()


async def test_after_the_stop_a_database_has_no_subscriber_and_a_second_start_works() -> None:
    (a,) = await processes(1)
    await a.stop()
    assert a.source.subscribers == []
    await a.start()
    a.source.commit(row(1))
    await a.feed.flushed()
    assert a.told == [row(1)]
    await a.stop()


def test_commits_before_the_start_are_published_then() -> None:
    async def begin() -> list[WriteSet | None]:
        board = Board()
        a, b = Process(board), await Process(board).start()
        a.feed.attach(a.source)
        a.source.commit(row(1))
        await a.exchange.start(a.broker)
        await a.feed.start()
        await a.feed.flushed()
        await a.stop()
        await b.stop()
        return b.told

    assert asyncio.run(begin()) == [row(1)]


# -- met_since ------------------------------------------------------------------------------------------------------


def test_met_since_looks_at_what_was_told_after_and_at_nothing_before() -> None:
    feed, source = ChangeFeed(Exchange()), Source()
    feed.attach(source)
    source.commit(row(1))
    taken = feed.sequence
    assert not feed.met_since(taken, rows(1))
    source.commit(row(2))
    assert feed.met_since(taken, rows(2))
    assert not feed.met_since(taken, rows(1))
    assert not feed.met_since(feed.sequence, rows(2))


def test_met_since_says_yes_where_it_no_longer_reaches_back() -> None:
    feed, source = ChangeFeed(Exchange()), Source()
    feed.attach(source)
    taken = feed.sequence
    for key in range(feeds.REMEMBERED):
        source.commit(row(key + 10))
    assert not feed.met_since(taken, rows(1))
    source.commit(row(9))
    assert feed.met_since(taken, rows(1))


def test_met_since_says_yes_after_a_reset() -> None:
    feed = ChangeFeed(Exchange())
    taken = feed.sequence
    feed.reset(2)
    assert feed.met_since(taken, rows(1))
    assert not feed.met_since(feed.sequence, rows(1))


def test_a_large_write_set_is_remembered_as_its_table() -> None:
    feed, source = ChangeFeed(Exchange()), Source()
    feed.attach(source)
    taken = feed.sequence
    changes = tuple(change for key in range(MOST_CHANGES + 1) for change in row(key).changes)
    source.commit(WriteSet(changes=changes))
    assert feed.met_since(taken, rows(5))
    assert feed.met_since(taken, rows(10**9)), "in doubt, yes"
    assert not feed.met_since(taken, rows(5, table="author"))


@given(st.lists(st.integers(0, 4) | st.none(), max_size=40), st.integers(0, 40), st.integers(0, 4))
def test_met_since_never_says_no_wrongly(told: list[int | None], at: int, key: int) -> None:
    feed, source = ChangeFeed(Exchange()), Source()
    feed._recent = type(feed._recent)(maxlen=8)  # so that it forgets within an example
    feed.attach(source)
    taken, met = 0, False
    for index, each in enumerate(told):
        if index == at:
            taken, met = feed.sequence, False
        if each is None:
            feed.reset(index)
        else:
            source.commit(row(each))
        met = met or each is None or each == key
    if at >= len(told):
        taken, met = feed.sequence, False
    assert feed.met_since(taken, rows(key)) or not met


# -- a model of several processes -----------------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("commit"), st.integers(0, 2)),
    st.tuples(st.just("commit"), st.integers(0, 2)),
    st.tuples(st.just("turn"), st.integers(1, 4)),
    st.tuples(st.just("before"), st.integers(0, 2)),
    st.tuples(st.just("after"), st.integers(0, 2)),
    st.tuples(st.just("die"), st.integers(0, 2)),
    st.tuples(st.just("stop"), st.integers(0, 2)),
)


class World:
    """Three processes on one board. A commit is a row of its own, so that each can be found where it was told."""

    def __init__(self) -> None:
        self.board = Board()
        self.places: list[Process] = []
        self.keys = itertools.count(1)
        self.commits: list[
            tuple[int, Process, dict[Process, int]]
        ] = []  # key, who, how much others were told then

    async def run(self, steps: list[tuple[str, int]]) -> None:
        self.places = [await Process(self.board).start() for _ in range(3)]
        for step, number in steps:
            await getattr(self, step)(number)
        for process in self.places:
            process.broker.faults.clear()
        for process in self.places:
            await process.feed.flushed()
        self.judge()
        for process in self.places:
            await process.stop()

    async def commit(self, place: int) -> None:
        key, process = next(self.keys), self.places[place]
        process.source.commit(row(key))
        self.commits.append((key, process, {other: len(other.told) for other in self.places}))

    async def turn(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    async def before(self, place: int) -> None:
        self.places[place].broker.faults.append("before")

    async def after(self, place: int) -> None:
        self.places[place].broker.faults.append("after")

    async def die(self, place: int) -> None:
        process = self.places[place]
        publisher = process.feed._publisher
        assert publisher is not None
        publisher.cancel()
        await asyncio.wait({publisher})
        self.board.leave(process.broker.process, goodbye=False)
        self.places[place] = await Process(self.board).start()

    async def stop(self, place: int) -> None:
        await self.places[place].stop()
        self.places[place] = await Process(self.board).start()

    def judge(self) -> None:
        for key, writer, told in self.commits:
            for process, already in told.items():
                if process in self.places:  # it lives
                    assert any(
                        write is None or rows(key).meets(write)
                        for write in process.told[already if process is not writer else 0 :]
                    ), f"commit {key} never reached a process"


@settings(max_examples=60)
@example([("commit", 0), ("die", 0)])
@example([("commit", 0), ("turn", 1), ("die", 0)])
@example([("before", 1), ("commit", 1), ("turn", 3), ("commit", 1), ("stop", 1)])
@given(st.lists(STEPS, max_size=25))
def test_every_commit_reaches_every_process_or_the_epoch_rises_there(steps: list[tuple[str, int]]) -> None:
    asyncio.run(World().run(steps))


async def test_a_listener_gets_the_messages_of_its_topic_only() -> None:
    (a,) = await processes(1)
    seen: list[Message] = []
    await a.exchange.listen("rooms", seen.append)
    a.source.commit(row(1))
    await a.feed.flushed()
    await a.exchange.publish("rooms", b"hello")
    await until(lambda: seen)
    assert [message.payload for message in seen] == [b"hello"]
    await a.stop()
