"""Renders that wait: in the task's context, unwound when it is cancelled, without a task when nothing waits."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import weakref
from contextvars import ContextVar
from typing import Any

import pytest

from vivace.errors import NotInRender
from vivace.templates import bridge
from vivace.templates.bridge import hand_out, in_render, render_in_greenlet, stream_from_greenlet, wait

seen: ContextVar[str] = ContextVar("seen", default="")


async def doubled(value: int) -> int:
    await asyncio.sleep(0)
    return value * 2


async def test_tp9_render_waits_for_coroutines_and_goes_on() -> None:
    assert await render_in_greenlet(lambda: [wait(doubled(n)) for n in range(3)]) == [0, 2, 4]


async def test_tp9_render_shares_the_context_of_its_task_both_ways() -> None:
    seen.set("before")

    async def inside() -> str:
        return seen.get()

    def job() -> tuple[str, str]:
        found = seen.get(), wait(inside())
        seen.set("after")
        return found

    assert await render_in_greenlet(job) == ("before", "before")
    assert seen.get() == "after"


async def test_tp9_concurrent_renders_keep_their_contexts_apart() -> None:
    def job(name: str) -> str:
        seen.set(name)
        for _ in range(3):
            wait(asyncio.sleep(0))
            assert seen.get() == name
        return seen.get()

    names = [str(number) for number in range(20)]
    tasks = [asyncio.create_task(render_in_greenlet(job, name)) for name in names]
    assert await asyncio.gather(*tasks) == names


async def test_tp9_render_that_waits_for_nothing_never_reaches_the_loop() -> None:
    coroutine = render_in_greenlet(lambda: "done")
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value == "done"


async def test_tp9_errors_keep_the_trace_of_where_they_were_raised() -> None:
    async def failing() -> None:
        raise KeyError("deep")

    def job() -> None:
        wait(failing())

    with pytest.raises(KeyError, match="deep") as caught:
        await render_in_greenlet(job)
    assert {"failing", "job"} <= {frame.name for frame in traceback.extract_tb(caught.value.__traceback__)}


async def test_tp9_render_may_catch_what_it_waited_for() -> None:
    async def failing() -> None:
        raise KeyError("deep")

    def job() -> str:
        try:
            wait(failing())
        except KeyError:
            return str(wait(doubled(4)))
        return "not reached"

    assert await render_in_greenlet(job) == "8"


async def test_tp9_cancellation_unwinds_the_render_and_gives_its_greenlet_back() -> None:
    steps: list[str] = []

    def job() -> None:
        try:
            wait(asyncio.sleep(60))
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise
        finally:
            steps.append("finally")

    task = asyncio.create_task(render_in_greenlet(job))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    idle = len(bridge._idle.greenlets)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["cancelled", "finally"]
    assert len(bridge._idle.greenlets) == idle + 1
    assert await render_in_greenlet(lambda: wait(doubled(1))) == 2


async def test_tp9_deadline_reaches_into_the_render() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await render_in_greenlet(lambda: wait(asyncio.sleep(60)))


async def test_tp9_renders_nest_through_what_they_wait_for() -> None:
    def inner() -> int:
        return wait(doubled(5))

    def outer() -> int:
        return wait(render_in_greenlet(inner)) + 1

    assert await render_in_greenlet(outer) == 11


async def test_tp9_coroutine_that_a_render_waits_for_is_no_render() -> None:
    async def asked() -> bool:
        return in_render()

    assert await render_in_greenlet(lambda: (in_render(), wait(asked()))) == (True, False)
    assert not in_render()


async def test_tp9_thread_cannot_wait_and_is_told_what_to_do() -> None:
    def in_thread() -> None:
        wait(doubled(1))

    with pytest.raises(NotInRender, match="no template is being rendered") as caught:
        await asyncio.to_thread(in_thread)
    assert "return render(request" in caught.value.fix


async def test_tp9_greenlets_stay_in_their_thread() -> None:
    await render_in_greenlet(lambda: None)
    counts: list[int] = []

    def in_thread() -> None:
        counts.append(len(bridge._idle.greenlets))
        asyncio.run(render_in_greenlet(lambda: wait(doubled(1))))
        counts.append(len(bridge._idle.greenlets))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert counts == [0, 1]


async def test_tp9_pool_is_bounded_and_keeps_nothing_alive() -> None:
    class Kept:
        gone = False

        def __del__(self) -> None:
            Kept.gone = True

    def job(_value: Kept) -> None:
        wait(asyncio.sleep(0))

    for _ in range(3):
        await asyncio.gather(*(render_in_greenlet(wait, asyncio.sleep(0)) for _ in range(bridge.KEPT + 20)))
        assert len(bridge._idle.greenlets) <= bridge.KEPT
    await render_in_greenlet(job, Kept())
    assert Kept.gone


def parked() -> int:
    """Return how many greenlets of renders there are, whoever knows them."""
    gc.collect()
    return sum(type(each) is bridge.RenderGreenlet and not each.dead for each in gc.get_objects())


@pytest.mark.parametrize("fails", [False, True])
async def test_tp9_more_renders_at_once_than_the_pool_takes_leave_no_greenlets(fails: bool) -> None:
    class Shown:
        pass

    shown: list[weakref.ref[Shown]] = []
    before = parked()

    def job() -> Shown:
        made = Shown()
        shown.append(weakref.ref(made))
        wait(asyncio.sleep(0))
        if fails:
            raise KeyError(made)
        return made

    for _ in range(3):
        await asyncio.gather(
            *(render_in_greenlet(job) for _ in range(2 * bridge.KEPT)), return_exceptions=True
        )
    await asyncio.sleep(0)
    assert len(shown) == 6 * bridge.KEPT
    assert not [each for each in shown if each() is not None]
    assert parked() - before <= bridge.KEPT


async def test_tp9_what_a_render_returned_is_not_kept_where_it_was_made() -> None:
    class Shown:
        pass

    said = bridge.begin(Shown, ())
    assert isinstance(said, list)
    shown = said.pop()
    known = weakref.ref(shown)
    del shown
    assert known() is None


async def test_tp9_stream_hands_out_pieces_and_stands_still_between() -> None:
    steps: list[int] = []

    def job() -> None:
        for number in range(3):
            steps.append(number)
            hand_out(str(wait(doubled(number))))

    pieces = [(piece, len(steps)) async for piece in stream_from_greenlet(job)]
    assert pieces == [("0", 1), ("2", 2), ("4", 3)]


async def test_tp9_closing_a_stream_ends_its_render() -> None:
    steps: list[str] = []

    def job() -> None:
        try:
            while True:
                hand_out("x")
        finally:
            steps.append("finally")

    stream = stream_from_greenlet(job)
    assert await anext(stream) == "x"
    await stream.aclose()
    assert steps == ["finally"]


async def test_tp9_error_in_a_stream_comes_where_it_is_read() -> None:
    def job() -> None:
        hand_out("first")
        raise ValueError("late")

    stream: Any = stream_from_greenlet(job)
    assert await anext(stream) == "first"
    with pytest.raises(ValueError, match="late"):
        await anext(stream)
