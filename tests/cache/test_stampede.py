"""One computes, the others wait: in other processes too, and when who computes is killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cache.conftest import PATIENCE, Clock, SharedMemory
from vivace.cache import MISSING, Cache, Keep, Leases
from vivace.cache.stampede import LEASE, Stampede

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = """
import asyncio, sys
from pathlib import Path
from vivace.cache import Leases
from vivace.cache.urls import Place, cache_at

async def compute():
    print("computing", flush=True)
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return line.strip()

async def main():
    cache = cache_at(sys.argv[1] + "?patience=30", Place("default", Path("/"), None))
    cache._stampede._leases = Leases(seconds=float(sys.argv[2]), patience=60)
    print("ready", flush=True)
    print("value", await cache.get_or_set("k", compute, None), flush=True)
    await cache.close()

asyncio.run(main())
"""


class Worker:
    """A process that wants the value of ``k``, and asks its standard input for it where it computes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode().strip()

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())


@asynccontextmanager
async def worker(url: str, lease: float = 60) -> AsyncGenerator[Worker]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, url, str(lease)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        working = Worker(process)
        assert await working.says() == "ready"
        yield working
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture(params=["sqlite", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where processes meet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cache.sqlite3'}"
    found: str = request.getfixturevalue("valkey_url")
    return found


async def test_ca2_another_process_waits_for_the_one_that_computes(url: str) -> None:
    async with worker(url) as first:
        assert await first.says() == "computing"
        async with worker(url) as second:
            first.tell("made by the first")
            assert await first.says() == "value made by the first"
            assert await second.says() == "value made by the first"


async def test_ca2_a_computation_is_taken_over_from_a_process_that_was_killed(url: str) -> None:
    async with worker(url, lease=0.5) as first:
        assert await first.says() == "computing"
        async with worker(url, lease=0.5) as second:
            first.process.send_signal(signal.SIGKILL)
            await first.process.wait()
            assert await second.says() == "computing"
            second.tell("made by the second")
            assert await second.says() == "value made by the second"


# two caches on one store are two processes to each other, without the wait for processes


class Sleeps:
    """Sleeping that takes no time, but as many turns of the loop as others need to get on."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.count = 0

    async def __call__(self, seconds: float) -> None:
        self.count += 1
        self.clock.now += seconds
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def guards(clock: Clock, **leases: float) -> tuple[SharedMemory, Stampede, Stampede, Sleeps]:
    store, sleeps = SharedMemory(clock=clock), Sleeps(clock)
    one, two = (Stampede(store, Leases(**leases), clock=clock, sleep=sleeps) for _ in range(2))
    return store, one, two, sleeps


async def test_ca2_of_many_in_two_processes_one_computes(clock: Clock) -> None:
    store, one, two, sleeps = guards(clock)
    gate = asyncio.Event()

    async def look() -> Any:
        return store.look("k")

    async def compute() -> bytes:
        await gate.wait()
        store.put("k", b"made", None)
        return b"made"

    asked = [asyncio.create_task(guard.once("k", look, compute)) for guard in (one, two) for _ in range(20)]
    while sleeps.count < 3:
        await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*asked) == [b"made"] * 40
    assert one.computed + two.computed == 1
    assert len(store) == 1  # no lease is left behind


async def test_ca2_who_waited_long_enough_computes_too(clock: Clock) -> None:
    store, one, two, _ = guards(clock, seconds=1_000, patience=5)

    async def look() -> Any:
        return store.look("k")

    async def stuck() -> bytes:
        await asyncio.Event().wait()
        return b""

    async def compute() -> bytes:
        return b"made"

    waiting = asyncio.create_task(one.once("k", look, stuck))
    while not one.computed:
        await asyncio.sleep(0)
    assert await two.once("k", look, compute) == b"made"
    waiting.cancel()
    await asyncio.wait([waiting])
    assert len(store) == 0  # who was cancelled gave its lease back


async def test_ca2_a_lease_that_ran_out_is_not_taken_from_another(clock: Clock) -> None:
    store, one, two, _ = guards(clock, seconds=10)
    gates = asyncio.Event(), asyncio.Event()

    async def look() -> Any:
        return MISSING

    def compute(gate: asyncio.Event) -> Any:
        return gate.wait

    first = asyncio.create_task(one.once("k", look, compute(gates[0])))
    while not one.computed:
        await asyncio.sleep(0)
    clock.now += 11  # the loop of the first was blocked for that long
    second = asyncio.create_task(two.once("k", look, compute(gates[1])))
    while not two.computed:
        await asyncio.sleep(0)
    gates[0].set()
    await first
    assert store.look(f"{LEASE}k") == 1
    gates[1].set()
    await second
    assert store.look(f"{LEASE}k") is MISSING


async def test_ca2_a_lease_is_renewed_while_it_is_needed(tmp_path: Path) -> None:
    store = SharedMemory()
    guard = Stampede(store, Leases(seconds=0.1))
    renewed = asyncio.Event()
    touch = store.touch

    async def noticed(key: str, seconds: float | None, stale: float = 0.0) -> bool:
        renewed.set()
        return await touch(key, seconds, stale)

    store.touch = noticed  # type: ignore[method-assign]

    async def look() -> Any:
        return MISSING

    async def compute() -> bool:
        async with asyncio.timeout(PATIENCE):
            return await renewed.wait()

    assert await guard.once("k", look, compute)


async def test_ca2_a_refresh_leaves_it_to_who_is_at_it(clock: Clock) -> None:
    store, one, _, sleeps = guards(clock)
    await store.add(f"{LEASE}k", 1, Keep(10))  # another process

    async def look() -> Any:
        return MISSING

    async def compute() -> None:
        pytest.fail("somebody does it")

    await one.refresh("k", look, compute)
    assert sleeps.count == 0


async def test_ca2_the_first_old_value_is_replaced_by_one_process(clock: Clock) -> None:
    store = SharedMemory(clock=clock)
    caches = [Cache(store, leases=Leases()) for _ in range(2)]
    computed = 0
    gate = asyncio.Event()

    async def compute() -> str:
        nonlocal computed
        computed += 1
        await gate.wait()
        return "new"

    await caches[0].set("k", "old", 10, stale=60)
    clock.now += 11
    for _ in range(3):
        for cache in caches:
            assert await cache.get_or_set("k", compute, 10, stale=60) == "old"
            await asyncio.sleep(0)
    gate.set()
    for cache in caches:
        await cache.settle()
    assert [await cache.get("k") for cache in caches] == ["new", "new"]
    assert computed == 1
