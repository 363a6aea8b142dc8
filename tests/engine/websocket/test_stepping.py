"""A handler goes on where its message arrives, and cannot tell: tasks, time-outs, cancellation, context variables."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from tests.engine.websocket.peer import (
    MemoryTransport,
    accepted,
    client,
    close,
    echo,
    seen_by_client,
    settle,
    text,
)
from vivace.engine.websocket.connection import EngineWebSocket
from vivace.engine.websocket.frames import TEXT, Close
from vivace.engine.websocket.states import Run
from vivace.errors import WebSocketState
from vivace.http.websocket import WebSocket, WebSocketDisconnect

seen: ContextVar[str] = ContextVar("seen", default="nothing")


async def from_the_loop(*calls: Callable[[], object]) -> None:
    """Call as the event loop calls a protocol: in no task, one after the other in one turn."""
    called = asyncio.get_running_loop().create_future()

    def call() -> None:
        try:
            for each in calls:
                each()
        finally:
            called.set_result(None)

    asyncio.get_running_loop().call_soon(call)
    await called


def arrives(socket: EngineWebSocket, *messages: str) -> Callable[[], None]:
    return lambda: socket.data_received(b"".join(text(message) for message in messages))


async def started(
    run: Run,
) -> tuple[EngineWebSocket, MemoryTransport, asyncio.Task[None]]:
    socket, transport = await accepted()
    task = socket.start(run)
    await settle()
    return socket, transport, task


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


@pytest.mark.parametrize("message", ["a", "long" * 100])
async def test_rl1_the_answer_is_written_before_the_next_turn_of_the_loop(message: str) -> None:
    socket, transport, task = await started(echo)
    answers: list[int] = []
    await from_the_loop(arrives(socket, message), lambda: answers.append(len(transport.written)))
    assert answers == [1]
    await from_the_loop(arrives(socket, "b", "c"), lambda: answers.append(len(transport.written)))
    assert answers == [1, 3]
    await stopped(task)
    assert seen_by_client(transport)[:3] == [message, "b", "c"]


async def test_rl1_inside_another_task_the_handler_waits_for_its_turn() -> None:
    socket, transport, task = await started(echo)
    arrives(socket, "a")()
    arrives(socket, "b")()
    assert not transport.written
    await settle()
    assert seen_by_client(transport) == ["a", "b"]
    await stopped(task)


async def test_rl1_one_handler_may_feed_the_socket_of_another() -> None:
    first, transport, task = await started(echo)

    async def forward(socket: WebSocket) -> None:
        async for message in socket:
            first.data_received(client(TEXT, str(message).encode()))

    second, _, other = await started(forward)
    await from_the_loop(arrives(second, "a"))
    await settle()
    assert seen_by_client(transport) == ["a"]
    await stopped(task)
    await stopped(other)


async def test_rt6_the_current_task_and_the_context_are_the_handlers_own() -> None:
    found: list[tuple[bool, str]] = []

    async def run(socket: WebSocket) -> None:
        seen.set("first")
        async for message in socket:
            found.append((asyncio.current_task() is task, seen.get()))
            seen.set(str(message))
            if message == "b":
                await asyncio.sleep(0)
                found.append((asyncio.current_task() is task, seen.get()))

    socket, _, task = await started(run)
    for message in ("a", "b", "c"):
        await from_the_loop(arrives(socket, message))
        await settle()
    assert found == [(True, "first"), (True, "a"), (True, "b"), (True, "b")]
    assert seen.get() == "nothing"
    await stopped(task)


async def test_rl1_what_else_a_handler_waits_for_is_waited_for() -> None:
    event = asyncio.Event()

    async def run(socket: WebSocket) -> None:
        async for message in socket:
            await event.wait()
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as group:
                group.create_task(socket.send(message))

    socket, transport, task = await started(run)
    await from_the_loop(arrives(socket, "a"), arrives(socket, "b"))
    await settle()
    assert not transport.written
    event.set()
    await settle(12)
    assert seen_by_client(transport) == ["a", "b"]
    await stopped(task)


@pytest.mark.parametrize(("error", "code"), [(None, 1000), (ValueError("x"), 1011), (KeyError("x"), 1011)])
async def test_rl1_a_handler_may_end_where_its_message_arrives(error: Exception | None, code: int) -> None:
    async def run(socket: WebSocket) -> None:
        await socket.receive()
        if error is not None:
            raise error

    socket, transport, task = await started(run)
    await from_the_loop(arrives(socket, "a"), arrives(socket, "b"))
    await asyncio.wait({task})
    assert task.exception() is error
    assert [event.code for event in seen_by_client(transport) if isinstance(event, Close)] == [code]


async def test_rt5_cancelled_while_it_waits_for_a_message() -> None:
    ended: list[str] = []

    async def run(socket: WebSocket) -> None:
        try:
            await socket.receive()
        except asyncio.CancelledError as error:
            ended.append(str(error))
            assert await socket.receive() == "a"
            raise

    socket, _, task = await started(run)
    # The message comes between the cancellation and the turn in which the handler hears of it: it is not lost.
    await from_the_loop(lambda: task.cancel("why"), arrives(socket, "a"))
    await asyncio.wait({task})
    assert task.cancelled()
    assert ended == ["why"]


async def test_rt5_cancelled_in_the_turn_in_which_it_began_to_wait_for_something_else() -> None:
    inner: list[asyncio.Task[bool]] = []
    event = asyncio.Event()

    async def run(socket: WebSocket) -> None:
        await socket.receive()
        inner.append(asyncio.create_task(event.wait()))
        await inner[0]

    socket, _, task = await started(run)
    await from_the_loop(arrives(socket, "a"), task.cancel)
    await asyncio.wait({task})
    assert task.cancelled()
    assert inner[0].cancelled()  # as a task does that awaits another


async def test_rt5_a_handler_may_cancel_itself() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.receive()
        task.cancel()
        await asyncio.sleep(0)
        raise AssertionError("not reached")

    socket, _, task = await started(run)
    await from_the_loop(arrives(socket, "a"))
    await asyncio.wait({task})
    assert task.cancelled()


async def test_rt5_a_time_out_around_receive_loses_nothing_and_hits_nothing_else() -> None:
    found: list[str | bytes] = []

    async def run(socket: WebSocket) -> None:
        for _ in range(3):
            try:
                async with asyncio.timeout(None) as limit:
                    limits.append(limit)
                    found.append(await socket.receive())
            except TimeoutError:
                found.append("late")
        found.append(await socket.receive())

    limits: list[asyncio.Timeout] = []
    socket, _, task = await started(run)
    await from_the_loop(arrives(socket, "a"))
    # The time-out expires, and the message comes in the same turn: the next receive has it.
    await from_the_loop(limits[-1]._on_timeout, arrives(socket, "b"))  # type: ignore[attr-defined]
    await settle()
    await from_the_loop(arrives(socket, "c"))
    await asyncio.wait({task})
    assert found == ["a", "late", "b", "c"]
    assert task.exception() is None


async def test_rt6_anyio_scopes_work() -> None:
    found: list[str | bytes] = []

    async def run(socket: WebSocket) -> None:
        with anyio.move_on_after(0):
            await socket.receive()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            found.append(await socket.receive())
            group.cancel_scope.cancel()
        found.append(await socket.receive())

    socket, _, task = await started(run)
    await settle(20)
    await from_the_loop(arrives(socket, "a"), arrives(socket, "b"))
    await asyncio.wait({task})
    assert found == ["a", "b"]
    assert task.exception() is None


async def test_rl1_another_task_may_receive() -> None:
    found: list[str | bytes] = []

    async def run(socket: WebSocket) -> None:
        found.append(await socket.receive())
        found.append(await asyncio.wait_for(socket.receive(), 10))
        found.append(await asyncio.create_task(socket.receive()))
        found.append(await socket.receive())

    socket, _, task = await started(run)
    for message in "abcd":
        await from_the_loop(arrives(socket, message))
        await settle()
    await asyncio.wait({task})
    assert found == list("abcd")


async def test_rl1_two_tasks_may_not_receive_at_a_time() -> None:
    socket, _, task = await started(echo)
    with pytest.raises(WebSocketState, match="Two tasks"):
        await socket.receive()
    await from_the_loop(arrives(socket, "a"))
    await stopped(task)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_rl1_a_task_that_begins_inside_a_step_may_receive() -> None:
    found: list[str | bytes] = []

    async def run(socket: WebSocket) -> None:
        await socket.receive()
        loop = asyncio.get_running_loop()
        loop.set_task_factory(vars(asyncio)["eager_task_factory"])  # not there for Python 3.11
        eager: asyncio.Task[str | bytes] = loop.create_task(socket.receive())
        loop.set_task_factory(None)
        with pytest.raises(WebSocketState, match="Two tasks"):
            await socket.receive()
        found.append(await eager)
        found.append(await socket.receive())

    socket, _, task = await started(run)
    for message in "abc":
        await from_the_loop(arrives(socket, message))
        await settle()
    await asyncio.wait({task})
    assert task.exception() is None
    assert found == ["b", "c"]


async def test_rl1_the_peers_end_wakes_a_handler_that_waits() -> None:
    async def run(socket: WebSocket) -> None:
        with pytest.raises(WebSocketDisconnect) as caught:
            while True:
                await socket.receive()
        assert caught.value.close_code == 1001

    socket, _, task = await started(run)
    await from_the_loop(arrives(socket, "a"), lambda: socket.data_received(close(1001)), arrives(socket, "b"))
    await asyncio.wait({task})
    assert task.exception() is None


async def test_a_handler_may_be_any_awaitable() -> None:
    class Later:
        def __init__(self, socket: WebSocket) -> None:
            self.socket = socket

        def __await__(self) -> Generator[Any, None, None]:
            return echo(self.socket).__await__()

    socket, transport, task = await started(Later)
    await from_the_loop(arrives(socket, "a"))
    assert seen_by_client(transport) == ["a"]
    await stopped(task)
