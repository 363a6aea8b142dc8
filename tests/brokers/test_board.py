"""The board: numbers, logs, leases, counters and locks, judged against a simple model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vivace.brokers.base import BrokerOptions, Message, decode_lease, leases_of
from vivace.brokers.board import Board


class Member:
    def __init__(self, process: str) -> None:
        self.process = process
        self.messages: list[Message] = []
        self.epochs: list[int] = []

    def receive(self, message: Message) -> None:
        self.messages.append(message)

    def renewed(self, epoch: int) -> None:
        self.epochs.append(epoch)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def board(*names: str, clock: Callable[[], float] | None = None, **options: Any) -> tuple[Any, ...]:
    made = Board(BrokerOptions(**options), clock=clock or Clock())
    members = [Member(name) for name in names]
    for member in members:
        made.join(member)
    return (made, *members)


def test_every_subscriber_gets_a_message_the_publisher_too() -> None:
    hub, a, b, c = board("a", "b", "c")
    for member in (a, b):
        hub.subscribe(member, "t")
    number = hub.publish("a", "t", b"x")
    assert a.messages == b.messages == [Message("t", number, b"x", "a")]
    assert c.messages == []


def test_a_log_is_bounded_by_count_bytes_and_age() -> None:
    clock = Clock()
    hub, _ = board("a", clock=clock, log_messages=3, log_bytes=10, log_seconds=60.0)
    numbers = [hub.publish("a", "t", b"x") for _ in range(4)]
    assert [message.number for message in hub.since("t", numbers[0])] == numbers[1:]
    assert hub.since("t", numbers[0] - 1) is None
    large = hub.publish("a", "t", b"y" * 9)
    assert [message.number for message in hub.since("t", numbers[2])] == [numbers[3], large]
    assert hub.since("t", numbers[1]) is None
    clock.now = 61.0
    assert hub.since("t", large) == []
    assert hub.since("t", numbers[3]) is None


def test_a_topic_that_is_forgotten_reaches_back_to_nothing() -> None:
    clock = Clock()
    hub, _ = board("a", clock=clock, log_seconds=60.0)
    first = hub.publish("a", "t", b"x")
    clock.now = 61.0
    hub.sweep()
    assert hub.since("t", first) == []
    assert hub.since("t", first - 1) is None
    assert hub.since("never seen", first - 1) == []


def test_rl7_a_quiet_topic_has_lost_nothing_whatever_happened_in_others() -> None:
    clock = Clock()
    hub, a = board("a", clock=clock, log_seconds=60.0)[:2]
    seen = hub.publish("a", "quiet", b"x")
    for turn in range(3):
        clock.now += 61.0
        hub.publish("a", f"busy {turn}", b"y")
        hub.sweep()
        assert hub.since("quiet", seen) == []
        assert hub.since("quiet", seen - 1) is None
    assert hub.subscribe(a, "quiet") == seen
    again = hub.publish("a", "quiet", b"z")
    assert [message.number for message in hub.since("quiet", seen) or ()] == [again]


def test_only_so_many_quiet_topics_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivace.brokers.board.QUIET", 2)
    clock = Clock()
    hub, _ = board("a", clock=clock, log_seconds=60.0)
    numbers = [hub.publish("a", f"t{n}", b"x") for n in range(4)]
    clock.now = 61.0
    hub.sweep()
    assert [hub.since(f"t{n}", numbers[n]) for n in (2, 3)] == [[], []]
    assert hub.since("t0", numbers[0]) is None
    assert hub.since("t1", numbers[1]) == []  # the newest of what is not remembered


def test_a_number_of_another_board_is_not_of_here() -> None:
    hub, _ = board("a")
    number = hub.publish("a", "t", b"x")
    assert hub.since("t", number + 1) is None


def test_a_board_counts_on_above_what_its_members_remember() -> None:
    hub, _ = board("a")
    first = hub.publish("a", "t", b"x")
    hub.begin_above(first + 100)
    assert hub.since("t", first) is None
    assert hub.publish("a", "t", b"x") == first + 101


def test_a_member_that_says_goodbye_raises_no_epoch_one_that_does_not_does() -> None:
    hub, a, *_ = board("a", "b", "c")
    hub.leave("b", goodbye=True)
    assert a.epochs == []
    hub.leave("c", goodbye=False)
    assert a.epochs == [hub.epoch]
    hub.leave("c", goodbye=False)
    assert a.epochs == [hub.epoch], "it has gone already"


def test_leases_go_with_their_process_and_each_change_is_told() -> None:
    hub, a, _ = board("a", "b")
    hub.subscribe(a, leases_of("t"))
    hub.put("b", "t", "k", b"1")
    hub.put("b", "t", "k", b"2")
    hub.put("a", "t", "k", b"3")
    assert hub.entries("t") == {("b", "k"): b"2", ("a", "k"): b"3"}
    hub.drop("a", "t", "k")
    hub.drop("a", "t", "k")
    hub.leave("b", goodbye=True)
    assert hub.entries("t") == {}
    told = [decode_lease(message.payload) for message in a.messages]
    assert [(lease.process, lease.value) for lease in told] == [
        ("b", b"1"),
        ("b", b"2"),
        ("a", b"3"),
        ("a", None),
        ("b", None),
    ]


def test_a_lock_is_given_first_come_first_served_and_back_by_death() -> None:
    hub, *_ = board("a", "b")
    given: list[str] = []
    for ticket, process in enumerate(("a", "b", "a", "b")):
        hub.acquire(
            process, "l", ticket, lambda process=process, ticket=ticket: given.append(f"{process}{ticket}")
        )
    assert given == ["a0"]
    hub.release("b", "l", 1)  # from the middle of the line
    assert given == ["a0"]
    hub.leave("a", goodbye=False)
    assert given == ["a0", "b3"]
    hub.release("b", "l", 3)
    hub.acquire("b", "l", 9, lambda: given.append("b9"))
    assert given[-1] == "b9"


def test_a_counter_counts_and_one_at_zero_is_none() -> None:
    hub, *_ = board("a")
    assert [hub.incr("n", 2), hub.incr("n", -1), hub.incr("n", 0), hub.incr("n", -1)] == [2, 1, 1, 0]


class Messages(RuleBasedStateMachine):
    """Whoever subscribes gets every later message once and in order; what ``since`` says is all that came after."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.board = Board(BrokerOptions(log_messages=3, log_seconds=10.0), clock=self.clock)
        self.members = {name: Member(name) for name in "ab"}
        for member in self.members.values():
            self.board.join(member)
        self.published: list[Message] = []
        self.expected: dict[tuple[str, str], list[Message]] = {}
        self.subscribed: set[tuple[str, str]] = set()

    @rule(process=st.sampled_from("ab"), topic=st.sampled_from("xyz"), payload=st.binary(max_size=3))
    def publish(self, process: str, topic: str, payload: bytes) -> None:
        number = self.board.publish(process, topic, payload)
        message = Message(topic, number, payload, process)
        self.published.append(message)
        for name, subscribed in self.subscribed:
            if subscribed == topic:
                self.expected.setdefault((name, topic), []).append(message)

    @rule(process=st.sampled_from("ab"), topic=st.sampled_from("xyz"))
    def subscribe(self, process: str, topic: str) -> None:
        last = self.board.subscribe(self.members[process], topic)
        assert all(message.number <= last for message in self.published if message.topic == topic)
        self.subscribed.add((process, topic))

    @rule(process=st.sampled_from("ab"), topic=st.sampled_from("xyz"))
    def unsubscribe(self, process: str, topic: str) -> None:
        self.board.unsubscribe(process, topic)
        self.subscribed.discard((process, topic))

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.board.sweep()

    @rule(topic=st.sampled_from("xyz"), back=st.integers(0, 6))
    def since(self, topic: str, back: int) -> None:
        number = max(0, (self.published[-1].number if self.published else 0) - back)
        found = self.board.since(topic, number)
        if found is not None:
            assert found == [
                message for message in self.published if message.topic == topic and message.number > number
            ]

    @invariant()
    def everybody_has_what_is_theirs(self) -> None:
        for name, member in self.members.items():
            for topic in "xyz":
                got = [message for message in member.messages if message.topic == topic]
                assert got == self.expected.get((name, topic), [])


TestMessages = Messages.TestCase
