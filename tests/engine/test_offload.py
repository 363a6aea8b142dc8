"""Work in threads and processes: bounded, cancelled, never in a circle."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest

from vivace.engine.offload import Offload, Pool
from vivace.errors import NestedOffload, OffloadFailed, PoolFull

from . import offloaded

who: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def offload() -> Iterator[Offload]:
    offload = Offload(Pool(threads=2, queue=2))
    yield offload
    offload.close()


async def until(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():
            await asyncio.sleep(0.01)


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_wk2_threads_return_raise_and_see_the_context(offload: Offload) -> None:
    who.set("ada")
    assert await offload(who.get) == "ada"
    assert await offload(offloaded.square, 7) == 49
    with pytest.raises(LookupError, match="on purpose"):
        await offload(offloaded.fail)
    assert await offload(threading.get_ident) != threading.get_ident()


async def test_wk2_full_pool_is_a_503(offload: Offload) -> None:
    gate = threading.Event()
    waiting = [asyncio.create_task(offload(gate.wait, 20)) for _ in range(4)]
    await asyncio.sleep(0)
    pool = offload.threads
    assert (pool.running, pool.waiting) == (2, 2)
    with pytest.raises(PoolFull) as caught:
        await offload(int)
    assert caught.value.status == 503
    assert caught.value.headers == {"retry-after": "1"}
    gate.set()
    await asyncio.gather(*waiting)
    assert await offload(int) == 0
    assert (pool.running, pool.waiting, pool.refused) == (0, 0, 1)


async def test_wk2_thread_keeps_its_slot_until_it_is_done(offload: Offload) -> None:
    gate = threading.Event()
    with pytest.raises(TimeoutError):
        await offload(gate.wait, 20, timeout=0.01)
    assert offload.threads.running == 1
    gate.set()
    async with asyncio.timeout(20):
        while offload.threads.running:
            await asyncio.sleep(0.01)


async def test_wk2_sync_to_async_to_sync_raises_in_place_of_standing_still(offload: Offload) -> None:
    loop = asyncio.get_running_loop()

    async def inner() -> int:
        return await offload(offloaded.square, 3)

    def outer_with_a_loop_of_its_own() -> int:
        return asyncio.run(inner())

    def outer_on_our_loop() -> int:
        return asyncio.run_coroutine_threadsafe(inner(), loop).result(20)

    for outer in (outer_with_a_loop_of_its_own, outer_on_our_loop):
        ends = await asyncio.gather(*(offload(outer) for _ in range(2)), return_exceptions=True)
        assert [type(end) for end in ends] == [NestedOffload] * 2
        assert "square" in str(ends[0])
    assert await inner() == 9


async def test_wk2_nesting_in_another_pool_is_allowed(offload: Offload) -> None:
    other = Offload(Pool(threads=1))

    async def inner() -> int:
        return await other(offloaded.square, 3)

    def outer() -> int:
        return asyncio.run(inner())

    assert await offload(outer) == 9
    other.close()


async def test_wk2_process_returns_raises_and_is_used_again(offload: Offload) -> None:
    first = await offload(offloaded.process_id, kind="process")
    assert first != os.getpid()
    assert await offload(offloaded.square, 7, kind="process") == 49
    with pytest.raises(LookupError, match="on purpose"):
        await offload(offloaded.fail, kind="process")
    with pytest.raises(OffloadFailed, match="cannot be sent back"):
        await offload(offloaded.unsendable, kind="process")
    with pytest.raises(OffloadFailed, match="cannot be sent to another process"):
        await offload(lambda: 1, kind="process")
    assert await offload(offloaded.process_id, kind="process") == first


async def test_wk2_process_is_killed_when_its_caller_is_cancelled(offload: Offload, tmp_path: Path) -> None:
    first = await offload(offloaded.process_id, kind="process")
    mark = tmp_path / "mark"
    task = asyncio.create_task(offload(offloaded.sleep_and_write, str(mark), kind="process"))
    await until(mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    second = await offload(offloaded.process_id, kind="process", timeout=20)
    assert second != first
    async with asyncio.timeout(20):
        while exists(first):
            await asyncio.sleep(0.01)


async def test_wk2_process_that_dies_is_an_error(offload: Offload) -> None:
    with pytest.raises(OffloadFailed, match="died"):
        await offload(offloaded.die, kind="process")
    assert await offload(offloaded.square, 2, kind="process") == 4
