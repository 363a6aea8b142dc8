"""Events of a crowded room: which of them leave together, and that nobody notices more than that."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.realtime.test_channels import eventually
from vivace import App, Channel
from vivace.realtime.options import RealtimeOptions
from vivace.realtime.outbox import LONGEST, MOST_BYTES, Outbox, Outgoing
from vivace.testing import Client


class Clock:
    """Timers that run when a test says so."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], object]]] = []

    def later(self, seconds: float, function: Callable[[], object]) -> None:
        self.timers.append((seconds, function))

    def ring(self) -> None:
        timers, self.timers = self.timers, []
        for _, function in timers:
            function()


class Crowd:
    """An outbox for so many members, and what was written to them."""

    def __init__(self, members: int, rest: float = 4e-6) -> None:
        self.clock = Clock()
        self.members = members
        self.writes: list[list[int]] = []
        self.outbox = Outbox(self.write, self.clock.later, rest)

    def write(self, events: list[Outgoing]) -> int:
        self.writes.append([event.number for event in events])
        return self.members

    def say(self, *numbers: int, size: int = 10) -> None:
        for number in numbers:
            self.outbox.add(Outgoing(b"x" * size, "said", "", number))


def test_a_room_of_a_hundred_writes_each_event_at_once() -> None:
    crowd = Crowd(100)
    crowd.say(1, 2, 3)
    assert crowd.writes == [[1], [2], [3]]
    assert not crowd.clock.timers


def test_a_crowded_room_writes_the_first_at_once_and_the_next_ones_together() -> None:
    crowd = Crowd(1_000)
    crowd.say(1, 2, 3, 4)
    assert crowd.writes == [[1]]
    assert [seconds for seconds, _ in crowd.clock.timers] == [0.004]
    crowd.clock.ring()
    assert crowd.writes == [[1], [2, 3, 4]]
    crowd.say(5)  # it rests again
    assert len(crowd.writes) == 2
    crowd.clock.ring()
    crowd.clock.ring()  # nothing more came: the next event leaves at once
    assert not crowd.clock.timers
    crowd.say(6)
    assert crowd.writes == [[1], [2, 3, 4], [5], [6]]


def test_nothing_waits_longer_than_the_longest_rest_or_beyond_its_bytes() -> None:
    crowd = Crowd(1_000_000)
    crowd.say(1)
    assert [seconds for seconds, _ in crowd.clock.timers] == [LONGEST]
    crowd.say(2, 3, size=MOST_BYTES // 2 + 1)
    assert crowd.writes == [[1], [2, 3]]


def test_a_rest_can_be_switched_off() -> None:
    crowd = Crowd(10_000, rest=0)
    crowd.say(1, 2)
    assert crowd.writes == [[1], [2]]


@given(st.lists(st.sampled_from(["say", "ring", "flush"]), max_size=60), st.integers(0, 2_000))
def test_whatever_comes_between_all_events_leave_once_and_in_order(acts: list[str], members: int) -> None:
    crowd, said = Crowd(members), 0
    for act in acts:
        if act == "say":
            said += 1
            crowd.say(said)
        elif act == "ring":
            crowd.clock.ring()
        else:
            crowd.outbox.flush()
    crowd.outbox.flush()
    assert [number for write in crowd.writes for number in write] == list(range(1, said + 1))


def crowded_app() -> App:
    """Return an app whose rooms rest as long as they can after each event, with two members already."""
    app = App()
    app.realtime.options = RealtimeOptions(rest=1.0)

    @app.channel("room")
    async def room(channel: Channel) -> None:
        async for event in channel:
            await channel.broadcast("said", event.data, but_me=event.name == "others")
            event.ack()

    return app


async def test_rl3_a_member_of_a_resting_room_hears_everything_once_and_in_order() -> None:
    async with Client(crowded_app()) as client:
        async with client.channel("room") as ada, client.channel("room") as bob:
            for number in range(20):
                own = number % 5 != 4
                await ada.ask("all" if own else "others", number)
                # The acknowledgement comes behind what was said before it.
                assert [event.data for event in ada.received()] == ([number] if own else [])
            assert [await bob.receive() for _ in range(20)] == list(range(20))
            assert bob.received() == []


async def test_rl5_who_joins_a_resting_room_hears_what_is_said_from_then_on() -> None:
    async with Client(crowded_app()) as client:
        async with client.channel("room") as ada, client.channel("room") as bob:
            await ada.ask("all", 1)
            await ada.ask("all", 2)  # waits for bob, while the room rests
            async with client.channel("room") as eve:
                await ada.ask("all", 3)
                assert await eve.receive() == 3
                assert [await bob.receive() for _ in range(3)] == [1, 2, 3]
                assert eve.received() == []


async def test_rl5_a_member_that_is_taken_out_of_a_resting_room_has_heard_what_was_said_before() -> None:
    app = crowded_app()
    async with Client(app) as client:
        async with client.channel("room") as ada, client.channel("room") as bob:
            await ada.ask("all", 1)
            await ada.ask("all", 2)
            await app.channels.disconnect(room="room")
            await eventually(lambda: bob.ended is not None)
            assert [event.data for event in bob.received()] == [1, 2]
