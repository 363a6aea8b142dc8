"""Calls that block are refused on the loop, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from vivace.engine.workers.guard import BlockingGuard
from vivace.errors import BlockingCall


@pytest.fixture
def guard() -> Iterator[BlockingGuard]:
    guard = BlockingGuard()
    guard.forbid()
    yield guard
    guard.allow()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="time.sleep is announced since Python 3.13")
async def test_rt2_sleep_on_the_loop_is_refused_with_the_place_and_the_fix(guard: BlockingGuard) -> None:
    with pytest.raises(BlockingCall, match=r"test_guard\.py:\d+ in test_rt2_sleep") as caught:
        time.sleep(0.001)
    assert "Await asyncio.sleep(…)" in caught.value.fix
    time.sleep(0)


async def test_rt2_blocking_connections_are_refused_and_async_ones_are_not(guard: BlockingGuard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.socket() as client, pytest.raises(BlockingCall, match=r"socket\.connect"):
            client.connect(address)
        _, writer = await asyncio.open_connection(*address)
        writer.close()
        await writer.wait_closed()
    with pytest.raises(BlockingCall, match="getaddrinfo"):
        socket.getaddrinfo("localhost", 80)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "", stdout=subprocess.DEVNULL)
    assert await process.wait() == 0


async def test_rt2_threads_may_block(guard: BlockingGuard) -> None:
    await asyncio.to_thread(time.sleep, 0.001)


def test_rt2_code_outside_the_loop_may_block(guard: BlockingGuard) -> None:
    time.sleep(0.001)


async def test_guard_can_be_switched_off(guard: BlockingGuard) -> None:
    guard.allow()
    time.sleep(0.001)
