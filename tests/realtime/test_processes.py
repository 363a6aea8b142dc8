"""Rooms that span processes: two apps on one board stand for two processes, of which one may die at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from vivace import App, Channel
from vivace.brokers import MemoryBroker, Message
from vivace.brokers.board import Board
from vivace.errors.testing import ChannelRefused
from vivace.testing import Client, ClientChannel

BOUND = 30.0


class Process:
    """A client of an app, and the broker that the app has."""

    def __init__(self, client: Client, app: App, broker: MemoryBroker) -> None:
        self.client = client
        self.app = app
        self.broker = broker

    def join(self, **options: Any) -> ClientChannel:
        return self.client.channel("room", **options)

    async def die(self) -> None:
        """Be gone for the others, as after kill -9."""
        await self.broker.stop(goodbye=False)


class LateBroker(MemoryBroker):
    """Hears messages later than they can be read from the log, as a process far from its broker does."""

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self.late: list[Message] | None = None

    def receive(self, message: Message) -> None:
        if self.late is None:
            super().receive(message)
        else:
            self.late.append(message)

    def catch_up(self) -> None:
        late, self.late = self.late or [], None
        for message in late:
            super().receive(message)


class FarBroker(MemoryBroker):
    """Takes its time to say who is present, as one that is asked over a network does."""

    async def entries(self, topic: str) -> dict[tuple[str, str], bytes]:
        for _ in range(4):
            await asyncio.sleep(0)
        return await super().entries(topic)


@asynccontextmanager
async def process(board: Board, broker: MemoryBroker | None = None) -> AsyncGenerator[Process]:
    app, broker = App(), broker or MemoryBroker(board)
    app.messaging.broker = lambda: broker  # type: ignore[method-assign]

    @app.channel("room")
    async def room(channel: Channel) -> None:
        async with channel.present(channel.data):
            async for event in channel:
                await channel.broadcast(event.name, event.data)
                event.ack()

    async with Client(app) as client:
        yield Process(client, app, broker)


async def out(member: ClientChannel) -> None:
    """Wait until a member was taken out."""
    await member.until(lambda: member.ended is not None, "the end")


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.001)


async def test_rl6_events_reach_members_in_all_processes_in_one_order() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join() as ada, two.join() as bob:
        await asyncio.gather(*(who.ask("n", (who.key, i)) for who in (ada, bob) for i in range(20)))
        await ada.until(lambda: ada.position is not None and ada.position == bob.position)
        seen = [event.data for event in ada.received()]
        assert len(seen) == 40
        assert [event.data for event in bob.received()] == seen
        await one.app.channels.emit("room", "note", 1)
        assert await bob.receive("note") == 1


async def test_rl10_presence_heals_when_a_process_dies() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join(data="ada") as ada:
        async with two.join(data="bob"):
            await ada.until(lambda: sorted(ada.members.values()) == ["ada", "bob"])
            await two.die()
            await ada.until(lambda: list(ada.members.values()) == ["ada"])
        assert await one.app.channels.members("room") == ada.members


async def test_rl7_member_of_a_process_that_died_goes_on_at_another_one() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join(data="ada") as ada:
        async with two.join(data="bob") as bob:
            await ada.ask("n", 1)
            assert await bob.receive() == 1
            await two.die()
        await ada.ask("n", 2)
        await ada.ask("n", 3)
        async with one.join(data="bob", since=bob.position, client=bob.client) as again:
            assert not again.resync
            assert [await again.receive(), await again.receive()] == [2, 3]
            assert again.key == bob.key


async def test_rl7_what_the_log_gave_is_not_heard_once_more() -> None:
    board = Board()
    late = LateBroker(board)
    async with process(board) as one, process(board, late) as two, one.join() as ada, two.join() as bob:
        await ada.ask("n", 1)
        begun = ada.position
        assert await bob.receive() == 1
        late.late = []
        for number in (2, 3, 4):
            await ada.ask("n", number)
        position = ada.position
        async with two.join(since=begun) as eve, two.join(since=position) as joe:
            await eve.until(lambda: eve.position == position)
            late.catch_up()
            await ada.ask("n", 5)
            for member, wanted in ((bob, [2, 3, 4, 5]), (eve, [2, 3, 4, 5]), (joe, [5])):
                assert [await member.receive() for _ in wanted] == wanted
                assert member.received() == []


async def test_rl7_members_elsewhere_do_not_notice_that_a_process_died() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join() as ada:
        before = ada.position
        async with two.join() as bob:
            await bob.ask("n", 1)
            await two.die()
        await ada.ask("n", 2)
        assert [await ada.receive(), await ada.receive()] == [1, 2]
        assert not ada.resync
        assert before is not None
        assert ada.position is not None
        assert ada.position[0] == before[0]


@pytest.mark.parametrize("turns", range(12))
async def test_rl7_a_lost_log_is_told_although_the_next_interruption_came_first(turns: int) -> None:
    board = Board()
    far = process(board, FarBroker(board)), process(board, FarBroker(board))
    async with far[0] as one, far[1] as two, one.join() as ada, two.join() as bob:
        await ada.ask("n", 1)
        assert await bob.receive() == 1
        board._logs.clear()
        board._counters.clear()
        board.renew(board.epoch + 1)
        for _ in range(turns):  # so far has everybody come with finding out what was lost
            await asyncio.sleep(0)
        board.renew(board.epoch + 1)
        for member in (ada, bob):
            await member.until(partial(getattr, member, "resync"))


async def test_rl7_lost_log_is_told_to_everybody() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join() as ada, two.join() as bob:
        await ada.ask("n", 1)
        assert await bob.receive() == 1
        old = bob.position
        assert old is not None
        # The broker was lost and begins anew: its logs, counters and leases are gone.
        board._logs.clear()
        board._counters.clear()
        board._leases.clear()
        board._number = board._lost = 0
        board.renew(board.epoch + 1)
        for member in (ada, bob):
            await member.until(partial(getattr, member, "resync"))
            assert member.position is not None
            assert member.position[0] != old[0]
        await ada.ask("n", 2)
        assert [event.data for event in (await bob.receive_event(),)] == [2]
        async with two.join(since=old) as again:
            assert again.resync


async def test_rl7_messages_that_come_while_a_process_catches_up_are_in_order() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join() as ada, two.join() as bob:
        for number in range(10):
            board.renew(board.epoch + 1)
            await bob.ask("n", number)
        assert [await ada.receive() for _ in range(10)] == list(range(10))
        assert not ada.resync


async def test_rl2_disconnect_reaches_members_of_all_processes() -> None:
    board = Board()
    async with process(board) as one, process(board) as two, one.join() as ada, two.join() as bob:
        await one.app.channels.disconnect(room="room", reason="closed")
        for member in (ada, bob):
            await out(member)
            assert member.ended == "closed"


async def test_room_is_refused_while_the_broker_cannot_be_reached_and_works_again_after() -> None:
    board = Board()
    async with process(board) as one:
        await one.broker.stop()
        with pytest.raises(ChannelRefused) as refused:
            async with one.join():
                pass
        assert refused.value.problem["status"] == 503
        broker: Any = one.app.broker
        await one.broker.start(broker._receive, broker._reset)
        async with one.join() as ada:
            await ada.ask("n", 1)
            assert await ada.receive() == 1


async def test_rooms_are_forgotten_with_their_last_member() -> None:
    board = Board()
    async with process(board) as one:
        async with one.join() as ada:
            await ada.ask("n", 1)
        await eventually(lambda: one.app.channels.counts["rooms"] == 0)
        await eventually(lambda: not any("channel/room" in topic for topic in board._subscribers))
        async with one.join(since=ada.position) as again:
            assert not again.resync
