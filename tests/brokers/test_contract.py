"""What every broker promises: the rules of ``vivace.brokers.base``, on memory, hub, PostgreSQL and Valkey."""

from __future__ import annotations

import asyncio

import pytest

from tests.brokers.stage import Stage, calm
from tests.brokers.waiting import until
from vivace.brokers import Lease, decode_lease, leases_of
from vivace.errors import BrokerMessageTooLarge, BrokerUnavailable, LockLost

# messages


async def test_rl6_a_message_reaches_all_who_subscribed_and_who_sent_it(stage: Stage) -> None:
    async with stage.parties(3) as (one, two, three):
        await one.broker.subscribe("room")
        await two.broker.subscribe("room")
        number = await one.broker.publish("room", b"hello")
        await one.hears("room", b"hello")
        await two.hears("room", b"hello")
        assert one.messages == two.messages
        assert one.messages[0].number == number
        assert one.messages[0].origin == one.broker.process
        assert three.messages == []
        assert one.broker.process != two.broker.process


async def test_rl6_numbers_are_in_the_order_of_delivery_everywhere(stage: Stage) -> None:
    async with stage.parties(3) as parties:
        for party in parties:
            await party.broker.subscribe("room")

        async def send(party: int) -> list[int]:
            broker = parties[party].broker
            return [await broker.publish("room", b"%d %d" % (party, n)) for n in range(50)]

        sent = await asyncio.gather(*(send(n) for n in (0, 1, 2)))
        for party in parties:
            await party.amounts_to(150)
        first = parties[0].messages
        assert all(party.messages == first for party in parties)
        assert [message.number for message in first] == sorted({n for numbers in sent for n in numbers})
        for n, numbers in enumerate(sent):  # what one task sends one after the other stays in this order
            assert numbers == sorted(numbers)
            mine = [message.payload for message in first if message.origin == parties[n].broker.process]
            assert mine == [b"%d %d" % (n, each) for each in range(50)]


async def test_many_at_once_arrive_once_each(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        await two.broker.subscribe("room")
        numbers = await asyncio.gather(*(one.broker.publish("room", b"%d" % n) for n in range(1_200)))
        await until(lambda: len(two.messages) >= 1_200)
        assert two.numbers("room") == sorted(numbers)
        assert len(set(numbers)) == 1_200
        by_number = dict(zip(numbers, range(1_200), strict=True))
        assert [int(message.payload) for message in two.messages] == [
            by_number[n] for n in two.numbers("room")
        ]


async def test_topics_do_not_mix(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        topics = ["a", "a/b", "a:b", "ä ö", "*", "[x]", 'quote"d', "back\\slash", "x" * 300]
        for topic in topics:
            await two.broker.subscribe(topic)
        for topic in topics:
            await one.broker.publish(topic, topic.encode())
        for topic in topics:
            await two.hears(topic, topic.encode())


@pytest.mark.parametrize("size", [0, 7_999, 8_001, 200_000])
async def test_payloads_of_any_bytes_and_size(stage: Stage, size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with stage.parties(2) as (one, two):
        start = await two.broker.subscribe("room")
        await one.broker.publish("room", payload)
        await two.hears("room", payload)
        logged = await one.broker.since("room", start)
        assert logged is not None
        assert [message.payload for message in logged] == [payload]


async def test_too_large_a_payload_is_refused_at_once(stage: Stage) -> None:
    async with stage.party(calm(max_payload=100)) as one:
        await one.broker.publish("room", bytes(100))
        with pytest.raises(BrokerMessageTooLarge, match="at most 100 bytes"):
            await one.broker.publish("room", bytes(101))
        with pytest.raises(BrokerMessageTooLarge, match="at most 100 bytes"):
            await one.broker.put("room", "me", bytes(101))
        assert await one.broker.entries("room") == {}


async def test_who_subscribes_gets_what_comes_after(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        before = await one.broker.publish("room", b"before")
        position = await two.broker.subscribe("room")
        assert position >= before
        after = await one.broker.publish("room", b"after")
        assert after > position
        await two.hears("room", b"after")


async def test_nothing_comes_after_unsubscribing(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        await two.broker.subscribe("room")
        await two.broker.subscribe("mark")
        await one.broker.publish("room", b"heard")
        await two.hears("room", b"heard")
        await two.broker.unsubscribe("room")
        await one.broker.publish("room", b"unheard")
        await one.broker.publish("mark", b"")
        await two.hears("mark", b"")
        assert two.heard("room") == [b"heard"]
        await two.broker.subscribe("room")
        await one.broker.publish("room", b"again")
        await two.hears("room", b"heard", b"again")


async def test_subscribing_amid_messages_leaves_no_gap(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        go_on = True

        async def send() -> list[int]:
            numbers: list[int] = []
            while go_on:
                numbers.append(await one.broker.publish("room", b"x"))
                await asyncio.sleep(0)
            return numbers

        sending = asyncio.create_task(send())
        positions: list[int] = []
        heard: list[int] = []
        for _ in range(5):
            two.messages.clear()
            positions.append(await two.broker.subscribe("room"))
            await until(lambda: len(two.messages) > 3)
            heard = two.numbers("room")
            await two.broker.unsubscribe("room")
            logged = await two.broker.since("room", positions[-1])
            if logged is not None:  # a fast broker's log has moved on
                assert [message.number for message in logged][: len(heard)] == heard
        go_on = False
        numbers = await sending
        assert positions == sorted(positions)
        assert set(heard) <= set(numbers)


# the log


async def test_rl7_since_returns_what_was_missed(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        start = await one.broker.subscribe("room")
        numbers = [await one.broker.publish("room", b"%d" % n) for n in range(5)]
        await one.broker.publish("elsewhere", b"no")
        for broker in (one.broker, two.broker):
            assert await broker.since("room", start) == one.messages
            assert await broker.since("room", numbers[2]) == one.messages[3:]
            assert await broker.since("room", numbers[-1]) == []
            assert await broker.since("room", numbers[-1] + 10**9) is None  # of another time


async def test_rl7_the_log_says_when_it_no_longer_reaches_back(stage: Stage) -> None:
    async with stage.party(calm(log_messages=4)) as one:
        start = await one.broker.subscribe("room")
        numbers = [await one.broker.publish("room", b"%d" % n) for n in range(10)]
        assert await one.broker.since("room", start) is None
        assert await one.broker.since("room", numbers[4]) is None
        kept = await one.broker.since("room", numbers[5])
        assert kept is not None
        assert [message.payload for message in kept] == [b"6", b"7", b"8", b"9"]


# leases


async def test_rl10_leases_are_seen_by_all_and_told(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        await two.broker.subscribe(leases_of("room"))
        await one.broker.put("room", "ann", b"1")
        await one.broker.put("room", "ann", b"2")
        await two.broker.put("room", "ann", b"3")
        await one.broker.put("hall", "bob", b"4")
        mine, theirs = one.broker.process, two.broker.process
        assert await two.broker.entries("room") == {(mine, "ann"): b"2", (theirs, "ann"): b"3"}
        await one.broker.drop("room", "ann")
        await one.broker.drop("room", "ann")
        assert await one.broker.entries("room") == {(theirs, "ann"): b"3"}
        await until(lambda: len(two.messages) >= 4)
        assert [decode_lease(payload) for payload in two.heard(leases_of("room"))] == [
            Lease(mine, "ann", b"1"),
            Lease(mine, "ann", b"2"),
            Lease(theirs, "ann", b"3"),
            Lease(mine, "ann", None),
        ]
        assert await one.broker.entries("nowhere") == {}


async def test_rl10_a_goodbye_takes_leases_along_and_keeps_the_epoch(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        await two.broker.subscribe(leases_of("room"))
        await one.broker.put("room", "ann", b"1")
        process, epoch = one.broker.process, two.broker.epoch
        await one.broker.stop()
        await until(lambda: len(two.messages) >= 2)
        assert decode_lease(two.messages[1].payload) == Lease(process, "ann", None)
        assert await two.broker.entries("room") == {}
        assert (two.resets, two.broker.epoch) == ([], epoch)


async def test_leaving_without_goodbye_raises_the_epoch(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        await one.broker.put("room", "ann", b"1")
        epoch = two.broker.epoch
        await one.broker.stop(goodbye=False)
        await until(lambda: bool(two.resets))
        assert two.broker.epoch == two.resets[-1] > epoch
        assert await two.broker.entries("room") == {}
        await two.broker.subscribe("room")
        await two.broker.publish("room", b"goes on")
        await two.hears("room", b"goes on")


async def test_a_broker_can_be_started_again(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        await one.broker.subscribe("room")
        first = one.broker.process
        await one.broker.stop()
        await one.start()
        assert one.broker.process != first
        await two.broker.publish("room", b"unheard: nothing is subscribed")
        await one.broker.subscribe("room")
        await two.broker.publish("room", b"heard")
        await one.hears("room", b"heard")


async def test_what_is_not_started_says_so(stage: Stage) -> None:
    broker = stage.make()
    with pytest.raises(BrokerUnavailable):
        await broker.publish("room", b"x")


# counters and locks


async def test_wk4_counters_are_shared(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        assert await one.broker.incr("visits") == 1
        assert await two.broker.incr("visits", 5) == 6
        assert await one.broker.incr("visits", -2) == 4
        assert await two.broker.incr("visits", 0) == 4
        assert await two.broker.incr("other", 0) == 0
        values = await asyncio.gather(
            *(broker.broker.incr("visits") for broker in (one, two) for _ in range(20))
        )
        assert sorted(values) == list(range(5, 45))


async def test_wk4_a_lock_has_one_holder_among_all_tasks(stage: Stage) -> None:
    async with stage.parties(2) as parties:
        holders: list[int] = []
        order: list[int] = []

        async def work(n: int) -> None:
            async with parties[n % 2].broker.lock("job"):
                holders.append(n)
                await asyncio.sleep(0)
                assert holders == [n]
                holders.remove(n)
                order.append(n)

        await asyncio.gather(*(work(n) for n in range(12)))
        assert sorted(order) == list(range(12))


async def test_wk4_locks_are_given_in_the_order_of_asking(stage: Stage) -> None:
    async with stage.party() as one:
        order: list[int] = []

        async def work(n: int) -> None:
            async with one.broker.lock("job"):
                order.append(n)

        async with one.broker.lock("job"), one.broker.lock("another"):
            waiting = [asyncio.create_task(work(n)) for n in range(5)]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert order == list(range(5))


async def test_wk4_who_stops_waiting_leaves_the_line(stage: Stage) -> None:
    async with stage.parties(3) as (one, two, three):
        entered = asyncio.Event()

        async def wait() -> None:
            async with two.broker.lock("job"):
                entered.set()

        async with one.broker.lock("job"):
            waiting = asyncio.create_task(wait())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02), three.broker.lock("job"):
                    pytest.fail("the lock has a holder")
            waiting.cancel()
            await asyncio.wait([waiting])
        assert not entered.is_set()
        async with asyncio.timeout(30), three.broker.lock("job"):
            pass


async def test_wk4_an_error_gives_the_lock_back(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        with pytest.raises(ZeroDivisionError):
            async with one.broker.lock("job"):
                raise ZeroDivisionError
        async with asyncio.timeout(30), two.broker.lock("job"):
            pass


async def test_wk4_who_leaves_gives_its_locks_back(stage: Stage) -> None:
    async with stage.parties(2) as (one, two):
        held, leave = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with one.broker.lock("job"):
                held.set()
                await leave.wait()

        holding = asyncio.create_task(hold())
        await held.wait()
        await one.broker.stop(goodbye=False)
        async with asyncio.timeout(30), two.broker.lock("job"):
            leave.set()
            [outcome] = await asyncio.gather(holding, return_exceptions=True)
        assert isinstance(outcome, LockLost) or stage.kind == "memory"  # whose state cannot be lost
