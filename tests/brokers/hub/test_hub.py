"""The hub and its processes, within one test: what happens when connections, the hub or its rules are broken."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from tests.brokers.stage import Party
from tests.brokers.waiting import until
from vivace.brokers.base import BrokerOptions, decode_lease, leases_of
from vivace.brokers.hub import HubBroker
from vivace.brokers.hub.place import take
from vivace.brokers.hub.server import HubServer
from vivace.brokers.hub.serving import offer, serve_hub
from vivace.brokers.hub.wire import VERSION, FrameReader, frame
from vivace.engine.workers.heartbeat import current_superior
from vivace.errors import BrokerUnavailable, LockLost

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the hub is a Unix socket")
OPTIONS = BrokerOptions()


@asynccontextmanager
async def parties(path: str, count: int, options: BrokerOptions = OPTIONS) -> AsyncGenerator[list[Party]]:
    """Yield started processes; the first one serves the hub unless somebody does."""
    made = [Party(HubBroker(path, options=options)) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for party in made:
            stack.push_async_callback(party.broker.stop)
            await party.start()
        yield made


@asynccontextmanager
async def hub(
    path: str, options: BrokerOptions = OPTIONS, **clocks: Callable[[], float]
) -> AsyncGenerator[HubServer]:
    """Serve a hub on this loop."""
    sock = take(path)
    assert sock is not None
    server = HubServer(options, **clocks)
    await server.serve(sock)
    try:
        yield server
    finally:
        await server.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "hub")


def link(party: Party) -> Any:
    """The connection of a process."""
    broker = party.broker
    assert isinstance(broker, HubBroker)
    return broker._link


class Raw:
    """A connection that says what it likes."""

    def __init__(self, path: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.setblocking(False)
        self.path = path
        self.reader = FrameReader(1 << 30)

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().sock_connect(self.sock, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()

    async def say(self, *parts: Any) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, frame(*parts))

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def heard(self) -> list[list[Any]]:
        """Return what came now; nothing at the end of the connection."""
        async with asyncio.timeout(30):
            try:
                return self.reader.feed(await asyncio.get_running_loop().sock_recv(self.sock, 65_536))
            except ConnectionResetError:
                return []

    async def hello(self, process: str = "raw", epoch: int = 0, number: int = 0) -> int:
        await self.say(1, "hello", VERSION, process, epoch, "", number)
        return int((await self.heard())[0][1][0])


# -- broken connections -----------------------------------------------------------------------------------------------


async def test_a_lost_connection_comes_back_with_all_that_it_had_and_a_new_epoch(path: str) -> None:
    async with hub(path), parties(path, 2) as (a, b):
        for party in (a, b):
            await party.broker.subscribe("t")
        await a.broker.put("t", "k", b"v")
        before = a.broker.epoch
        link(a).cut()
        await until(lambda: bool(a.resets) and bool(b.resets))
        assert a.resets == b.resets == [a.broker.epoch]
        assert a.broker.epoch == before + 1
        assert await b.broker.entries("t") == {(a.broker.process, "k"): b"v"}
        await b.broker.publish("t", b"again")
        await a.hears("t", b"again")


async def test_calls_that_were_under_way_are_answered_once_however_often_the_connection_ends(
    path: str,
) -> None:
    async with hub(path), parties(path, 2) as (a, b):
        await b.broker.subscribe("t")
        publishing = [asyncio.create_task(a.broker.publish("t", str(n).encode())) for n in range(100)]
        counting = [asyncio.create_task(a.broker.incr("n")) for _ in range(100)]
        for _ in range(5):
            await asyncio.sleep(0.001)
            if link(a) is not None:
                link(a).cut()
        numbers = await asyncio.gather(*publishing)
        await asyncio.gather(*counting)
        await b.amounts_to(100)
        assert sorted(b.heard("t"), key=int) == [str(n).encode() for n in range(100)]
        assert sorted(numbers) == b.numbers("t")
        assert await b.broker.incr("n", 0) == 100


async def test_a_call_waits_for_the_hub_and_then_gives_up(path: str) -> None:
    options = BrokerOptions(patience=0.05)
    async with hub(path), parties(path, 1, options) as (a,):
        server = link(a)
        server._transport.pause_reading()  # the answer does not come
        with pytest.raises(BrokerUnavailable, match="did not answer 'publish'"):
            await a.broker.publish("t", b"x")
        server._transport.resume_reading()
        assert await a.broker.publish("t", b"y")


async def test_a_hub_that_does_not_answer_stops_the_start(path: str) -> None:
    sock = take(path)
    assert sock is not None
    broker = HubBroker(path, options=BrokerOptions(connect_timeout=0.05))
    with sock, pytest.raises(BrokerUnavailable, match="did not answer"):
        await broker.start(lambda message: None, lambda epoch: None)
    with pytest.raises(BrokerUnavailable, match="not started"):
        await broker.publish("t", b"x")


async def test_a_lock_that_was_lost_says_so_at_its_end_and_one_that_is_waited_for_is_still_given(
    path: str,
) -> None:
    async with hub(path), parties(path, 2) as (a, b):
        theirs = b.broker.lock("l")
        with pytest.raises(LockLost, match="'l'"):
            async with a.broker.lock("l"):
                waiting = asyncio.create_task(theirs.__aenter__())
                link(a).cut()
                await asyncio.wait_for(waiting, 30)
        again = a.broker.lock("l")
        third = asyncio.create_task(again.__aenter__())
        await until(lambda: bool(a.resets))
        link(a).cut()
        await until(lambda: len(a.resets) == 2)
        assert not third.done()
        link(b).cut()
        await asyncio.wait_for(third, 30)
        await again.__aexit__(None, None, None)
        with pytest.raises(LockLost):
            await theirs.__aexit__(None, None, None)


# -- a hub that is lost -----------------------------------------------------------------------------------------------


async def test_when_the_process_that_serves_goes_another_one_serves(path: str) -> None:
    async with parties(path, 3) as (a, b, c):
        assert [bool(party.broker.serving) for party in (a, b, c)] == [True, False, False]  # type: ignore[attr-defined]
        for party in (b, c):
            await party.broker.subscribe("t")
        await b.broker.put("t", "k", b"v")
        epoch, last = b.broker.epoch, await b.broker.publish("t", b"1")
        await c.hears("t", b"1")
        await a.broker.stop()
        await until(lambda: bool(b.resets) and bool(c.resets))
        assert b.broker.epoch == c.broker.epoch > epoch
        assert await c.broker.publish("t", b"2") > last
        await b.hears("t", b"1", b"2")
        assert await c.broker.since("t", last) is None, "the new hub does not know whether it has all of them"
        await until(lambda: bool(b.broker.serving) != bool(c.broker.serving))  # type: ignore[attr-defined]
        assert await c.broker.entries("t") == {(b.broker.process, "k"): b"v"}


async def test_a_message_under_way_when_the_hub_is_lost_is_published_by_the_next_one(path: str) -> None:
    async with parties(path, 2) as (a, b):
        await a.broker.subscribe("t")
        first: Any = a.broker
        served, first.serving = first.serving, None
        await served.stop()
        number = await b.broker.publish("t", b"x")
        await until(lambda: bool(a.resets) and bool(b.resets))  # who came later than it asks for all anew
        assert [message.payload for message in await a.broker.since("t", number - 1) or ()] == [b"x"]


async def test_a_hub_whose_clock_went_back_begins_above_what_is_remembered(path: str) -> None:
    async with parties(path, 0):
        async with hub(path, now=lambda: 2_000_000_000.0):
            party = Party(HubBroker(path))
            await party.start()
            await party.broker.subscribe("t")
            epoch, last = party.broker.epoch, await party.broker.publish("t", b"1")
        async with hub(path, now=lambda: 1_000_000_000.0):
            await until(lambda: bool(party.resets))
            assert party.broker.epoch > epoch
            assert await party.broker.publish("t", b"2") > last
            await party.broker.stop()


class Superior:
    """A supervisor as a worker sees it: asked for a hub it serves one, when it comes to that."""

    place = (1, 0)
    workers = 1

    def __init__(self, willing: bool) -> None:
        self.willing = willing
        self.asked: list[str] = []

    def want_hub(self, path: str) -> bool:
        self.asked.append(path)
        return self.willing


async def test_under_a_supervisor_the_hub_is_its_business(path: str) -> None:
    superior = Superior(willing=True)
    token = current_superior.set(superior)
    try:
        party = Party(HubBroker(path))
        starting = asyncio.create_task(party.start())
        await until(lambda: bool(superior.asked))
        serving = asyncio.create_task(serve_hub(path))
        await starting
        assert superior.asked == [path]
        assert party.broker.serving is None  # type: ignore[attr-defined]
        await party.broker.stop()
        serving.cancel()
        await asyncio.wait({serving})
        assert not os.path.exists(path)
    finally:
        current_superior.reset(token)


async def test_a_supervisor_that_cannot_serve_leaves_it_to_the_worker(path: str) -> None:
    token = current_superior.set(Superior(willing=False))
    try:
        async with parties(path, 1) as (a,):
            assert a.broker.serving is not None  # type: ignore[attr-defined]
    finally:
        current_superior.reset(token)


async def test_a_supervisor_serves_when_the_process_that_did_has_gone(path: str) -> None:
    first = offer(path, OPTIONS)
    assert first is not None
    serving = asyncio.create_task(serve_hub(path))
    try:
        await asyncio.sleep(0)
        async with parties(path, 1) as (a,):
            token = current_superior.set(Superior(willing=True))
            try:
                await first.stop()
                await until(lambda: bool(a.resets))
            finally:
                current_superior.reset(token)
    finally:
        serving.cancel()
        await asyncio.wait({serving})


# -- bad and slow processes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frame(1, "publish", "t", b"x"),  # before hello
        frame(1, "hello", VERSION + 1, "raw", 0, "", 0),
        frame(1, "hello", VERSION),
        frame(1, "hello", VERSION, "raw", 0, "", 0) * 2,
        frame(1, "hello", VERSION, "raw", 0, "", 0) + frame(2, "explode"),
        frame(1, "hello", VERSION, "raw", 0, "", 0) + frame(2, "publish"),
        frame(1, "hello", VERSION, "raw", 0, "", 0) + frame(2, "incr", "n", "many"),
        (1 << 31).to_bytes(4, "big"),
    ],
    ids=["http", "early", "version", "short", "twice", "unknown", "arguments", "type", "giant"],
)
async def test_who_breaks_the_rules_is_cut_off_and_nobody_else_is(path: str, said: bytes) -> None:
    async with hub(path), parties(path, 1) as (a,), Raw(path) as raw:
        await raw.send(said)
        while await raw.heard():
            pass
        assert await a.broker.publish("t", b"x")


async def test_a_process_that_does_not_read_is_cut_off_and_the_others_lose_nothing(path: str) -> None:
    options = BrokerOptions(backlog_bytes=1_000_000)
    async with hub(path, options) as server, parties(path, 2) as (a, b), Raw(path) as raw:
        await raw.hello()
        await raw.say(0, "subscribe", "t")
        await b.broker.subscribe("t")
        await until(lambda: "raw" in server.board._subscribers.get("t", {}))
        sent = 0
        while "raw" in server.board.members:
            await a.broker.publish("t", b"x" * 100_000)
            sent += 1
            assert sent < 1_000, "it is kept for ever"
        await b.amounts_to(sent)
        await until(lambda: bool(b.resets))


async def test_a_giant_payload_arrives_and_one_beyond_the_limit_is_refused_before_it_is_sent(
    path: str,
) -> None:
    async with hub(path), parties(path, 2) as (a, b):
        await b.broker.subscribe("t")
        giant = bytes(OPTIONS.max_payload)
        number = await a.broker.publish("t", giant)
        await b.hears("t", giant)
        assert [message.number for message in await b.broker.since("t", number - 1) or ()] == [number]


async def test_a_log_that_is_too_large_to_send_does_not_reach_back(path: str) -> None:
    options = BrokerOptions(max_payload=10_000, log_bytes=1_000_000)
    async with hub(path, options), parties(path, 1, options) as (a,):
        numbers = [await a.broker.publish("t", bytes(9_000)) for _ in range(5)]
        assert await a.broker.since("t", numbers[0] - 1) is None
        assert len(await a.broker.since("t", numbers[3]) or ()) == 1


async def test_a_process_that_comes_back_before_its_end_was_noticed_is_one_process(path: str) -> None:
    async with hub(path) as server, Raw(path) as old, Raw(path) as new:
        epoch = await old.hello("p")
        await old.say(0, "put", "t", "k", b"v")
        await until(lambda: bool(server.board.entries("t")))
        assert await new.hello("p", epoch) == epoch + 1
        assert server.board.entries("t") == {}
        assert await old.heard() == []
        assert list(server.board.members) == ["p"]


async def test_the_end_of_a_process_is_told_to_who_follows_its_leases(path: str) -> None:
    async with hub(path), parties(path, 1) as (a,):
        await a.broker.subscribe(leases_of("t"))
        async with Raw(path) as raw:
            await raw.hello("p")
            await raw.say(0, "put", "t", "k", b"v")
            await a.amounts_to(1)
        await a.amounts_to(2)
        told = [decode_lease(message.payload) for message in a.messages]
        assert [(lease.process, lease.key, lease.value) for lease in told] == [
            ("p", "k", b"v"),
            ("p", "k", None),
        ]
        await until(lambda: bool(a.resets))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
async def test_a_forked_child_does_not_keep_the_connection_or_the_hub_alive(path: str) -> None:
    """It would, as it has the same descriptors, and the death of this process would go unnoticed."""
    first, second = os.pipe()
    async with parties(path, 1) as (a,):
        descriptors = [link(a).descriptor]
        child = os.fork()
        if child == 0:
            open_still = 0
            for descriptor in descriptors:
                try:
                    os.fstat(descriptor)
                    open_still += 1
                except OSError:
                    pass
            os.write(second, b"y" if open_still else b"n")
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(first, 1) == b"n"
        assert await a.broker.publish("t", b"x"), "ours is untouched"
    os.close(first)
    os.close(second)
