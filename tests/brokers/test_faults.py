"""Networks that are cut and servers that die: nothing is lost, doubled or out of order, or the epoch rises."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from tests.brokers.proxy import Proxy, proxy
from tests.brokers.stage import CALM, Party, calm, make
from tests.brokers.waiting import until
from tests.servers import PostgreSQLServer, ValkeyServer
from vivace.brokers import BrokerOptions, leases_of
from vivace.errors import BrokerUnavailable, LockLost

SERVERS = ("postgresql", "valkey")
# A cut of 30 s is one of many times death_after: here both are short, so that nobody waits.
HASTY = calm(death_after=1.0)
TURNS = 30


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each kind of broker, and the URL of its server."""
    return request.param, request.getfixturevalue(f"{request.param}_url")


@asynccontextmanager
async def parted(
    place: tuple[str, str], options: BrokerOptions = CALM
) -> AsyncGenerator[tuple[Proxy, Party, Party]]:
    """Yield a network, a broker behind it and one beside it, both subscribed to a room."""
    kind, url = place
    async with proxy(url) as network:
        far, near = Party(make(kind, network.url, options)), Party(make(kind, url, options))
        try:
            for party in (far, near):
                await party.start()
                await party.broker.subscribe("room")
            yield network, far, near
        finally:
            network.mend()
            for party in (far, near):
                await party.broker.stop()


async def test_rl7_a_short_cut_loses_and_doubles_nothing(place: tuple[str, str]) -> None:
    async with parted(place) as (network, far, near):
        expected: list[bytes] = []
        for round_ in range(4):
            expected += [b"%d %d" % (round_, n) for n in range(10)]
            cut = asyncio.create_task(network.cut_and_back())
            for payload in expected[-10:]:
                await near.broker.publish("room", payload)
            await cut
        await far.hears("room", *expected)
        await near.hears("room", *expected)
        assert far.messages == near.messages
        assert far.resets == near.resets == []


async def test_rl7_what_is_published_through_a_cut_arrives_once(place: tuple[str, str]) -> None:
    async with parted(place) as (network, far, near):
        sent: list[bytes] = []

        async def cut() -> None:
            for _ in range(4):
                await network.cut_and_back()

        cutting = asyncio.create_task(cut())
        while not cutting.done():
            sent.append(b"%d" % len(sent))
            await far.broker.publish("room", sent[-1])
        await near.hears("room", *sent)
        await far.hears("room", *sent)
        assert far.resets == near.resets == []


async def test_calls_wait_for_a_network_that_is_mended(place: tuple[str, str]) -> None:
    async with parted(place) as (network, far, near):
        network.cut(refuse=True)
        calls = asyncio.gather(
            far.broker.subscribe("hall"),
            far.broker.put("room", "ann", b"1"),
            far.broker.entries("room"),
            far.broker.publish("room", b"late"),
        )
        await near.broker.publish("room", b"early")
        network.mend()
        await calls
        await far.hears("room", b"early", b"late")
        await near.broker.publish("hall", b"heard")
        await far.hears("hall", b"heard")
        assert await near.broker.entries("room") == {(far.broker.process, "ann"): b"1"}


async def test_rl7_a_long_cut_raises_the_epoch_and_heals(place: tuple[str, str]) -> None:
    async with parted(place, HASTY) as (network, far, near):
        await far.broker.put("room", "ann", b"1")
        process = far.broker.process
        network.cut(refuse=True)
        await until(lambda: bool(near.resets))  # it was buried
        assert await near.broker.entries("room") == {}
        await near.broker.publish("room", b"of the old time: repaired by the reset")
        network.mend()
        await until(lambda: bool(far.resets))
        await near.broker.publish("room", b"of the new")
        await until(lambda: b"of the new" in far.heard("room"))
        assert await near.broker.entries("room") == {(process, "ann"): b"1"}
        await until(lambda: far.broker.epoch == near.broker.epoch)


async def test_rl7_more_missed_than_the_log_keeps_raises_the_epoch(place: tuple[str, str]) -> None:
    async with parted(place, calm(log_messages=10)) as (network, far, near):
        network.cut(refuse=True)
        for n in range(30):
            await near.broker.publish("room", b"%d" % n)
        network.mend()
        await until(lambda: far.resets and near.resets)
        assert far.broker.epoch == near.broker.epoch
        await near.broker.publish("room", b"after")
        await until(lambda: b"after" in far.heard("room"))
        assert far.numbers("room") == sorted(set(far.numbers("room")))


async def test_a_lock_that_may_have_had_another_holder_is_lost(place: tuple[str, str]) -> None:
    async with parted(place, HASTY) as (network, far, near):
        with pytest.raises(LockLost, match="not held until the end"):
            async with far.broker.lock("job"):
                network.cut(refuse=True)
                async with asyncio.timeout(30), near.broker.lock("job"):
                    pass
                network.mend()
        async with asyncio.timeout(30), near.broker.lock("job"):
            pass


async def test_a_lock_outlives_a_short_cut(place: tuple[str, str]) -> None:
    async with parted(place) as (network, far, near):
        async with far.broker.lock("job"):
            waiting = asyncio.create_task(_pass_through(near, "job"))
            network.cut()
            await until(lambda: network.connections > 1)
            assert not waiting.done()
        async with asyncio.timeout(30):
            await waiting


async def test_who_waits_for_a_lock_still_does_after_a_cut(place: tuple[str, str]) -> None:
    async with parted(place) as (network, far, near):
        async with near.broker.lock("job"):
            waiting = asyncio.create_task(_pass_through(far, "job"))
            await far.broker.incr("asked")
            network.cut()
        async with asyncio.timeout(30):
            await waiting


async def _pass_through(party: Party, name: str) -> None:
    async with party.broker.lock(name):
        pass


async def test_a_frozen_connection_is_given_up(place: tuple[str, str]) -> None:
    options = calm(connect_timeout=0.5, death_after=1.0)
    async with parted(place, options) as (network, far, near):
        network.freeze()
        await until(lambda: bool(near.resets))
        await until(lambda: network.connections > 1)  # it gave the old one up and tries another
        network.mend()
        await until(lambda: bool(far.resets))
        await near.broker.publish("room", b"flows")
        await until(lambda: b"flows" in far.heard("room"))


async def test_patience_ends_and_the_epoch_tells_what_was_lost(place: tuple[str, str]) -> None:
    options = calm(patience=0.05)
    async with parted(place, options) as (network, far, near):
        network.cut(refuse=True)
        with pytest.raises(BrokerUnavailable):
            while True:  # the first may go before the cut is noticed
                await far.broker.publish("room", b"lost")
        network.mend()
        await until(lambda: bool(near.resets))
        await until(lambda: bool(far.resets))
        assert near.broker.epoch == far.broker.epoch


async def test_a_broker_that_is_not_there_cannot_be_started(place: tuple[str, str]) -> None:
    kind, url = place
    async with proxy(url) as network:
        network.cut(refuse=True)
        party = Party(make(kind, network.url, CALM))
        with pytest.raises(BrokerUnavailable):
            await party.start()
        await party.broker.stop()
        network.mend()
        await party.start()
        await party.broker.stop()


async def test_rl7_a_network_that_is_cut_all_the_time(place: tuple[str, str]) -> None:
    """Everything at once: messages, locks and leases of three processes, two of them cut off again and again."""
    kind, url = place
    async with proxy(url) as first, proxy(url) as second:
        parties = [Party(make(kind, each, CALM)) for each in (first.url, second.url, url)]
        try:
            for party in parties:
                await party.start()
                await party.broker.subscribe("room")
            working = [asyncio.create_task(_work(party, n)) for n, party in enumerate(parties)]
            cutting = [
                asyncio.create_task(_cut(*each)) for each in zip((first, second), parties, strict=False)
            ]
            await asyncio.gather(*working)
            for task in cutting:
                task.cancel()
            await asyncio.wait(cutting)
            for party in parties:
                await party.amounts_to(3 * TURNS)
            assert parties[0].messages == parties[1].messages == parties[2].messages
            for n, party in enumerate(parties):
                mine = [payload for payload in party.heard("room") if payload.startswith(b"%d " % n)]
                assert mine == [b"%d %d" % (n, each) for each in range(TURNS)]
                assert party.numbers("room") == sorted(set(party.numbers("room")))
                assert party.resets == []
            entries = await parties[0].broker.entries("room")
            assert entries == {(party.broker.process, "turn"): b"%d" % (TURNS - 1) for party in parties}
        finally:
            first.mend()
            second.mend()
            for party in parties:
                await party.broker.stop()


async def _work(party: Party, n: int) -> None:
    for turn in range(TURNS):
        await party.broker.publish("room", b"%d %d" % (n, turn))
        await party.broker.put("room", "turn", b"%d" % turn)
        async with party.broker.lock("job"):
            pass


async def _cut(network: Proxy, party: Party) -> None:
    """Cut after every few messages that came: so often, and not so often that nothing could go on."""
    for number in count():
        seen = len(party.messages)
        while len(party.messages) < seen + 5:
            await asyncio.sleep(0.005)
        network.cut(refuse=number % 2 == 0)
        await asyncio.sleep(0)
        network.mend()


# servers


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> PostgreSQLServer | ValkeyServer:
    """A server of each kind that the test may kill."""
    found: PostgreSQLServer | ValkeyServer = request.getfixturevalue(f"{request.param}_server")
    return found


async def test_a_server_that_crashed_raises_the_epoch(server: PostgreSQLServer | ValkeyServer) -> None:
    kind = "valkey" if isinstance(server, ValkeyServer) else "postgresql"
    crash = signal.SIGKILL if kind == "valkey" else signal.SIGQUIT
    one, two = (Party(make(kind, server.url, CALM)) for _ in range(2))
    try:
        for party in (one, two):
            await party.start()
            await party.broker.subscribe("room")
        start = await one.broker.subscribe("room")
        await one.broker.put("room", "ann", b"1")
        number = await one.broker.publish("room", b"before")
        for party in (one, two):
            await party.hears("room", b"before")
        await asyncio.to_thread(server.restart, crash)
        await until(lambda: bool(one.resets) and bool(two.resets))
        await until(lambda: one.broker.epoch == two.broker.epoch)
        late = await one.broker.publish("room", b"after")
        for party in (one, two):
            await party.hears("room", b"before", b"after")
        assert late > number
        assert await two.broker.since("room", start) is None
        assert await two.broker.entries("room") == {(one.broker.process, "ann"): b"1"}
    finally:
        for party in (one, two):
            await party.broker.stop()


async def test_postgresql_restarted_in_order_loses_nothing(postgresql_server: PostgreSQLServer) -> None:
    one, two = (Party(make("postgresql", postgresql_server.url, CALM)) for _ in range(2))
    try:
        for party in (one, two):
            await party.start()
            await party.broker.subscribe(leases_of("room"))
            await party.broker.subscribe("room")
        await one.broker.put("room", "ann", b"1")
        expected: list[bytes] = []
        for n in range(3):
            await asyncio.to_thread(postgresql_server.restart, signal.SIGINT)
            expected.append(b"%d" % n)
            await one.broker.publish("room", expected[-1])
        for party in (one, two):
            await party.hears("room", *expected)
            assert party.resets == []
        assert await two.broker.entries("room") == {(one.broker.process, "ann"): b"1"}
    finally:
        for party in (one, two):
            await party.broker.stop()
