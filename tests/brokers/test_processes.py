"""Several processes at one broker: they exchange messages, and heal when one of them dies without a word."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.brokers.peer import peer
from tests.brokers.stage import CALM, Stage, calm, stage_of
from tests.brokers.waiting import until
from vivace.brokers import Lease, decode_lease, leases_of

MORTAL = calm(death_after=3.0)


async def test_rl6_processes_hear_each_other_in_one_order(remote: Stage) -> None:
    async with remote.party(CALM) as here, peer(remote, CALM) as one, peer(remote, CALM) as two:
        await here.broker.subscribe("room")
        await one.ask("subscribe", "room")
        await two.ask("subscribe", "room")
        sent = await asyncio.gather(
            one.ask("publish", "room", *(f"one {n}" for n in range(40))),
            two.ask("publish", "room", *(f"two {n}" for n in range(40))),
            here.broker.publish("room", b"here"),
        )
        await here.amounts_to(81)
        order = [(message.number, message.payload.decode()) for message in here.messages]
        assert [number for number, _ in order] == sorted({*sent[0], *sent[1], sent[2]})
        for name in ("one", "two"):
            assert [text for _, text in order if text.startswith(name)] == [f"{name} {n}" for n in range(40)]
        for process in (one, two):
            heard = await process.ask("heard", "room")
            while len(heard) < 81:
                heard = await process.ask("heard", "room")
            assert [(number, text) for number, text in heard] == order


async def test_wk4_counters_and_locks_are_those_of_all_processes(remote: Stage) -> None:
    async with remote.party(CALM) as here, peer(remote, CALM) as one, peer(remote, CALM) as two:
        counts = await asyncio.gather(one.ask("incr", "visits", 30), two.ask("incr", "visits", 30))
        assert sorted(counts[0] + counts[1]) == list(range(1, 61))
        await one.ask("lock", "job")
        waiting = asyncio.create_task(two.ask("lock", "job"))
        assert await here.broker.incr("visits") == 61
        assert not waiting.done()
        await one.ask("unlock")
        await waiting
        await two.ask("unlock")


async def test_rl10_presence_and_locks_heal_after_a_kill(remote: Stage) -> None:
    async with remote.party(MORTAL) as here, peer(remote, MORTAL) as other:
        process = await other.ask("started")
        await here.broker.subscribe(leases_of("room"))
        await other.ask("put", "room", "ann", "1")
        await other.ask("lock", "job")
        epoch = here.broker.epoch
        waiting = asyncio.create_task(_hold(here.broker.lock("job")))
        await other.send(signal.SIGKILL)
        async with asyncio.timeout(30):
            await waiting
        await until(lambda: bool(here.resets))
        assert here.broker.epoch > epoch
        assert await here.broker.entries("room") == {}
        told = [decode_lease(payload) for payload in here.heard(leases_of("room"))]
        assert (told[0], told[-1]) == (Lease(process, "ann", b"1"), Lease(process, "ann", None))


async def _hold(lock: object) -> None:
    async with lock:  # type: ignore[attr-defined]
        pass


@pytest.mark.parametrize("kind", ["postgresql", "valkey"])
async def test_a_process_that_stood_still_is_buried_and_comes_back(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """The hub hears of it by its connection alone: who stands still there is waited for."""
    stage = stage_of(kind, request)
    async with stage.party(MORTAL) as here, peer(stage, MORTAL) as other:
        process = await other.ask("started")
        await here.broker.subscribe("room")
        await other.ask("subscribe", "room")
        await other.ask("put", "room", "ann", "1")
        await other.send(signal.SIGSTOP)
        async with asyncio.timeout(30):
            while await here.broker.entries("room"):
                await asyncio.sleep(0.02)
        await until(lambda: bool(here.resets))
        await other.send(signal.SIGCONT)
        async with asyncio.timeout(30):
            while not await other.ask("resets"):
                await asyncio.sleep(0.02)
            while await here.broker.entries("room") != {(process, "ann"): b"1"}:
                await asyncio.sleep(0.02)
        await here.broker.publish("room", b"welcome back")
        async with asyncio.timeout(30):
            while not (heard := await other.ask("heard", "room")):
                await asyncio.sleep(0.02)
        assert [text for _, text in heard] == ["welcome back"]
