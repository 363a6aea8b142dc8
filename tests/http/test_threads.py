"""Threads that use what somebody else will close."""

from __future__ import annotations

import asyncio
import threading

import pytest

from vivace.http.threads import in_thread


@pytest.mark.parametrize("times", [1, 3])
async def test_pain15_a_cancelled_caller_waits_for_its_thread(times: int) -> None:
    """Else the descriptor is closed, and given to another file, while the thread reads."""
    entered, leave, order = threading.Event(), threading.Event(), list[str]()

    def work(number: int) -> int:
        entered.set()
        leave.wait(10)
        order.append("thread")
        return number

    async def caller() -> None:
        try:
            await in_thread(work, 7, undo=lambda number: order.append(f"undo {number}"))
        finally:
            order.append("caller")

    task = asyncio.create_task(caller())
    await asyncio.to_thread(entered.wait, 10)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["thread", "undo 7", "caller"]


async def test_results_and_errors_come_back() -> None:
    assert await in_thread(int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")
