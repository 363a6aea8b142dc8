"""What is special about the broker on Valkey: its keys, a memory that is lost, what it shares a server with."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import pytest

from tests.brokers.stage import CALM, Party, calm
from tests.brokers.waiting import until
from tests.servers import ValkeyServer
from vivace.brokers.valkey import ValkeyBroker, ValkeyClient, valkey_options
from vivace.errors import BrokerError, BrokerUnavailable, ValkeyURLInvalid


async def test_a_memory_that_was_emptied_raises_the_epoch(valkey_url: str) -> None:
    one, two = Party(ValkeyBroker(valkey_url, options=CALM)), Party(ValkeyBroker(valkey_url, options=CALM))
    valkey = ValkeyClient(valkey_options(valkey_url))
    try:
        for party in (one, two):
            await party.start()
            await party.broker.subscribe("room")
        number = await one.broker.publish("room", b"before")
        await two.hears("room", b"before")
        await valkey.call("FLUSHDB")
        late = await one.broker.publish("room", b"after")
        assert late > number
        for party in (one, two):
            await party.hears("room", b"before", b"after")
            assert len(party.resets) == 1
            assert party.broker.epoch == party.resets[0]
        assert await two.broker.since("room", number) is None
    finally:
        await valkey.close()
        await one.broker.stop()
        await two.broker.stop()


async def test_a_buried_process_that_lives_brings_its_leases_back(valkey_url: str) -> None:
    one, two = Party(ValkeyBroker(valkey_url, options=CALM)), Party(ValkeyBroker(valkey_url, options=CALM))
    valkey = ValkeyClient(valkey_options(valkey_url))
    try:
        await one.start()
        await two.start()
        await one.broker.put("room", "ann", b"1")
        number = int(valkey_url.rpartition("/")[2])
        prefix = f"vivace@{number}:" if number else "vivace:"
        await valkey.call("ZADD", f"{prefix}members", 1, one.broker.process)  # nothing heard since 1970
        assert isinstance(two.broker, ValkeyBroker)
        assert isinstance(one.broker, ValkeyBroker)
        await two.broker.beat()
        assert await two.broker.entries("room") == {}
        await until(lambda: one.resets and two.resets)
        await one.broker.beat()
        await until(lambda: len(one.resets) > 1)
        assert await two.broker.entries("room") == {(one.broker.process, "ann"): b"1"}
        await until(lambda: one.broker.epoch == two.broker.epoch)
    finally:
        await valkey.close()
        await one.broker.stop()
        await two.broker.stop()


async def test_logs_of_topics_expire(valkey_url: str) -> None:
    party = Party(ValkeyBroker(valkey_url, options=calm(log_seconds=0.02)))
    valkey = ValkeyClient(valkey_options(valkey_url))
    await party.start()
    try:
        start = await party.broker.subscribe("room")
        await party.broker.publish("room", b"x")
        async with asyncio.timeout(30):
            while await valkey.call("KEYS", "*log:*"):
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)  # the position is older than log_seconds then
        assert await party.broker.since("room", start) is None
        assert await party.broker.since("room", party.messages[-1].number) == []  # nothing has come since
    finally:
        await valkey.close()
        await party.broker.stop()


async def test_apps_on_one_server_do_not_hear_each_other(
    shared_valkey: ValkeyServer, valkey_url: str
) -> None:
    urls = (valkey_url, f"{valkey_url}?prefix=shop", f"{shared_valkey.url}/510")
    parties = [Party(ValkeyBroker(url, options=CALM)) for url in urls]
    try:
        for n, party in enumerate(parties):
            await party.start()
            await party.broker.subscribe("room")
            await party.broker.incr("visits", n)
        for n, party in enumerate(parties):
            await party.broker.publish("room", b"%d" % n)
        for n, party in enumerate(parties):
            await party.hears("room", b"%d" % n)
            assert await party.broker.incr("visits", 0) == n
    finally:
        for party in parties:
            await party.broker.stop()
        shared_valkey.tell("SELECT 510", "FLUSHDB")


async def test_a_server_that_saves_comes_back_with_another_epoch(
    make_valkey: Callable[..., ValkeyServer],
) -> None:
    server = make_valkey(save="3600 1")
    party = Party(ValkeyBroker(server.url, options=CALM))
    try:
        await party.start()
        start = await party.broker.subscribe("room")
        await party.broker.incr("visits", 7)
        await party.broker.publish("room", b"x")
        await asyncio.to_thread(server.restart, signal.SIGTERM)
        assert await party.broker.incr("visits", 0) == 7
        await until(lambda: party.resets)
        assert await party.broker.since("room", start) is None
    finally:
        await party.broker.stop()


async def test_a_full_memory_is_waited_for_and_what_was_lost_is_told(valkey_server: ValkeyServer) -> None:
    options = calm(patience=0.05)
    party = Party(ValkeyBroker(valkey_server.url, options=options))
    await party.start()
    try:
        await party.broker.subscribe("room")
        valkey_server.tell("CONFIG SET maxmemory 1")
        with pytest.raises(BrokerUnavailable, match=r"OOM|no connection"):
            await party.broker.publish("room", b"lost")
        valkey_server.tell("CONFIG SET maxmemory 0")
        await until(lambda: party.resets)
        await party.broker.publish("room", b"after")
        await party.hears("room", b"after")
    finally:
        await party.broker.stop()


async def test_a_key_of_somebody_else_is_an_error_and_not_waited_for(
    shared_valkey: ValkeyServer, valkey_url: str
) -> None:
    party = Party(ValkeyBroker(f"{valkey_url}?prefix=taken", options=CALM))
    number = valkey_url.rpartition("/")[2]
    await party.start()
    try:
        prefix = f"taken@{number}:" if number != "0" else "taken:"
        shared_valkey.tell(f"SELECT {number}", f"SET {prefix}log:room mine")
        with pytest.raises(BrokerError, match="WRONGTYPE") as caught:
            await party.broker.publish("room", b"x")
        assert not isinstance(caught.value, BrokerUnavailable)
        await until(lambda: party.resets)
    finally:
        await party.broker.stop()


def test_a_url_that_is_none() -> None:
    with pytest.raises(ValkeyURLInvalid):
        ValkeyBroker("valkey://host/words")
