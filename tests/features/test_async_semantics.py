"""Handlers are ordinary asyncio code: time-outs, task groups, shields, anyio, context variables behave as anywhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar

import anyio
import anyio.to_thread
import pytest
import uvloop

from tests.engine.serving import Client, serving
from vivace.app import App
from vivace.app.current import current_request
from vivace.http.request import Request
from vivace.http.response import Response, Stream

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
variable: ContextVar[str] = ContextVar("variable", default="unset")
CallNext = Callable[[Request], Awaitable[Response]]


@pytest.fixture(params=LOOPS)
def over_network(
    request: pytest.FixtureRequest,
) -> Callable[[App, Callable[[Client], Awaitable[None]]], None]:
    """Return what serves an app on a socket of either loop and talks to it."""

    def run(app: App, talk: Callable[[Client], Awaitable[None]]) -> None:
        async def main() -> None:
            async with app, serving(app.handle) as served:
                await talk(await served.connect())

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(main())

    return run


Run = Callable[[App, Callable[[Client], Awaitable[None]]], None]


def test_timeouts_groups_and_shields(over_network: Run) -> None:
    app = App()
    finished: list[str] = []

    @app.get("/timeout")
    async def timeout() -> str:
        try:
            async with asyncio.timeout(0.005):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "never"

    @app.get("/group")
    async def group() -> list[int]:
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return number * 2

        async with asyncio.TaskGroup() as tasks:
            results = [tasks.create_task(double(number)) for number in range(3)]
        return [each.result() for each in results]

    @app.get("/failing-group")
    async def failing_group() -> str:
        async def fail() -> None:
            raise KeyError("child")

        said = "never"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())
                await asyncio.Event().wait()
        except* KeyError:
            said = "child failed"
        return said

    @app.get("/shield")
    async def shield() -> str:
        async def work() -> None:
            await asyncio.sleep(0.005)
            finished.append("work")

        inner = asyncio.create_task(work())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(inner), 0.001)
        await inner
        return "shielded"

    @app.get("/current")
    async def current() -> bool:
        task = asyncio.current_task()
        return task is not None and not task.cancelling()

    async def talk(client: Client) -> None:
        for target, expected in (
            ("/timeout", b"timed out"),
            ("/group", b"[0,2,4]"),
            ("/failing-group", b"child failed"),
            ("/shield", b"shielded"),
            ("/current", b"true"),
        ):
            assert await body(client, target) == expected
        assert finished == ["work"]

    over_network(app, talk)


def test_anyio(over_network: Run) -> None:
    app = App()

    @app.get("/group")
    async def group() -> list[str]:
        seen: list[str] = []

        async def child(name: str) -> None:
            await anyio.sleep(0)
            seen.append(name)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child, "a")
            tasks.start_soon(child, "b")
        return sorted(seen)

    @app.get("/scope")
    async def scope() -> str:
        with anyio.move_on_after(0.005) as cancel:
            await anyio.sleep_forever()
        return "moved on" if cancel.cancelled_caught else "never"

    @app.get("/eager")
    async def eager() -> str:
        """Cancelled in the first step, before anything was awaited."""
        with anyio.CancelScope() as cancel:
            cancel.cancel()
            await anyio.sleep_forever()
        return "cancelled" if cancel.cancelled_caught else "never"

    @app.get("/thread")
    async def thread() -> str:
        return await anyio.to_thread.run_sync(lambda: threading.current_thread().name)

    async def talk(client: Client) -> None:
        assert await body(client, "/group") == b'["a","b"]'
        assert await body(client, "/scope") == b"moved on"
        assert await body(client, "/eager") == b"cancelled"
        assert await body(client, "/thread") not in (b"MainThread", b"")

    over_network(app, talk)


def test_context_variables_stay_in_their_request(over_network: Run) -> None:
    app = App()

    @app.get("/now/{name}")
    async def now(name: str) -> str:
        found = variable.get()
        variable.set(name)
        return found

    @app.get("/later/{name}")
    async def later(name: str) -> str:
        found = variable.get()
        variable.set(name)
        await asyncio.sleep(0.001)
        return found

    @app.post("/upload")
    async def upload(request: Request) -> str:
        found = variable.get()
        variable.set("upload")
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            await asyncio.sleep(0)
        return f"{found} {size}"

    @app.get("/large/{name}")
    async def large(name: str) -> bytes:
        found = variable.get()
        variable.set(name)
        return found.encode() * 100_000

    async def talk(client: Client) -> None:
        for target in ("/now/a", "/later/b", "/now/c", "/later/d", "/large/e", "/now/f"):
            assert await body(client, target) in (b"unset", b"unset" * 100_000)
        pipelined = ["/later/a", "/now/b", "/later/c", "/large/d", "/large/e", "/now/f"]
        await client.send(
            b"".join(f"GET {each} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for each in pipelined)
        )
        for _ in pipelined:
            _, fields = await client.head()
            assert set(await client.body(fields)) <= set(b"unset")
        for _ in range(2):
            await client.send(
                b"POST /upload HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\nContent-Length: 900000\r\n\r\n"
            )
            for _ in range(9):
                await client.send(b"x" * 100_000)
            _, fields = await client.head()
            assert await client.body(fields) == b"unset 900000"
            assert await body(client, "/now/x") == b"unset"

    over_network(app, talk)


def test_mw7_context_variables_flow_through_ten_layers_both_ways(over_network: Run) -> None:
    app = App()
    down: ContextVar[str] = ContextVar("down", default="")
    up: ContextVar[str] = ContextVar("up", default="")

    def layer(number: int) -> Callable[[Request, CallNext], Awaitable[Response]]:
        async def middleware(request: Request, call_next: CallNext) -> Response:
            down.set(down.get() + str(number))
            response = await call_next(request)
            up.set(up.get() + str(number))
            response.headers.set("x-up", up.get())
            return response

        return middleware

    for number in range(10):
        app.middleware(layer(number))

    @app.get("/")
    async def handler() -> str:
        up.set("handler:")
        return down.get()

    @app.get("/plain")
    def plain() -> str:
        return down.get()

    @app.get("/stream")
    async def stream() -> Stream:
        async def chunks() -> AsyncIterator[str]:
            yield down.get()
            await asyncio.sleep(0)
            yield up.get()

        return Stream(chunks())

    async def talk(client: Client) -> None:
        _, fields, content = await client.get("/")
        assert (content, fields["x-up"]) == (b"0123456789", "handler:9876543210")
        assert await body(client, "/plain") == b"0123456789"
        assert await body(client, "/stream") == b"0123456789" + b"9876543210"

    over_network(app, talk)


def test_mw7_current_request_in_tasks_and_threads(over_network: Run) -> None:
    app = App()

    def path() -> str:
        found = current_request()
        return found.path if found is not None else "none"

    async def path_later() -> str:
        await asyncio.sleep(0)
        return path()

    @app.get("/task")
    async def task() -> str:
        return await asyncio.create_task(path_later())

    @app.get("/thread")
    async def thread() -> str:
        return await asyncio.to_thread(path)

    @app.get("/anyio")
    async def anyio_thread() -> str:
        return await anyio.to_thread.run_sync(path)

    @app.get("/plain")
    def plain() -> str:
        return path()

    async def talk(client: Client) -> None:
        for target in ("/task", "/thread", "/anyio", "/plain"):
            assert await body(client, target) == target.encode()
        assert current_request() is None

    over_network(app, talk)


async def body(client: Client, target: str) -> bytes:
    status, _, content = await client.get(target)
    assert status == 200
    return content
