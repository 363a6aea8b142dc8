"""Work beside requests: nothing is lost, nothing outlives the app, nothing waits for the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from vivace.app import App, current_app, current_request
from vivace.config.settings import Limits, Settings
from vivace.errors import AppNotRunning, NotFound
from vivace.http.forms import Upload
from vivace.http.request import Request
from vivace.http.websocket import WebSocket
from vivace.testing import Client


async def turns(condition: Callable[[], object], most: int = 1000) -> None:
    """Let the loop turn until ``condition`` holds."""
    for _ in range(most):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come")


async def test_rt9_an_error_in_a_spawned_task_is_logged_with_its_request_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()

    async def doomed() -> None:
        raise LookupError("lost?")

    @app.get("/")
    async def home() -> str:
        app.spawn(doomed(), name="doomed work")
        return "home"

    async with Client(app) as client:
        await client.get("/", headers={"x-request-id": "abc-1"})
        await turns(lambda: app.background.failed)
    assert app.background.failed == 1
    assert "doomed work failed (from request abc-1: GET /)" in caplog.text
    assert "lost?" in caplog.text


async def test_rt9_tasks_are_held_while_nobody_else_holds_them() -> None:
    import gc

    app, done, gate = App(), list[int](), asyncio.Event()

    async def work() -> None:
        waiting = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: None)
        gate_task = asyncio.ensure_future(gate.wait())
        gate_task.add_done_callback(lambda _: waiting.set_result(None))
        await waiting
        done.append(1)

    async with app:
        app.spawn(work())
        await asyncio.sleep(0)
        gc.collect()
        gate.set()
        await turns(lambda: done)


async def test_rs8_work_after_the_response_runs_once_in_order_and_errors_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, done = App(), list[str]()

    @app.get("/")
    async def home(request: Request) -> str:
        async def later(name: str) -> None:
            done.append(name)

        request.after_response(done.append, "plain")
        request.after_response(lambda: 1 / 0)
        request.after_response(later, name="async")
        return "home"

    async with Client(app) as client:
        await client.get("/")
        await turns(lambda: len(done) == 2)
    assert done == ["plain", "async"]
    assert app.background.failed == 1
    assert "division by zero" in caplog.text


async def test_rs8_work_asked_for_while_a_stream_or_socket_runs() -> None:
    app, done = App(), list[str]()

    @app.get("/stream")
    async def stream(request: Request) -> Any:
        yield "one"
        request.after_response(done.append, "stream")
        yield "two"

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        socket.request.after_response(done.append, "socket")

    async with Client(app) as client:
        assert (await client.get("/stream")).text == "onetwo"
        await turns(lambda: done == ["stream"])
        async with client.websocket("/socket"):
            pass
        await turns(lambda: done == ["stream", "socket"])


async def test_rs8_work_is_drained_at_the_stop() -> None:
    app, done, gate = App(), list[str](), asyncio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("slow")

    @app.get("/")
    async def home(request: Request) -> str:
        request.after_response(slow)
        return "home"

    @app.on_shutdown
    async def closing() -> None:
        done.append("closed")

    async with Client(app) as client:
        await client.get("/")
        asyncio.get_running_loop().call_soon(gate.set)
    assert done == ["slow", "closed"]


async def test_rs8_uploads_are_open_for_work_after_the_response_and_closed_after_it() -> None:
    app, seen = App(settings=Settings(limits=Limits(spool_bytes=2))), list[tuple[bytes, Upload]]()
    read = asyncio.Event()

    @app.post("/")
    async def post(request: Request) -> str:
        upload = (await request.form()).files["f"]

        async def later() -> None:
            seen.append((await upload.read(), upload))
            read.set()

        request.after_response(later)
        return "taken"

    @app.post("/only")
    async def only(request: Request) -> None:
        seen.append((b"hello", (await request.form()).files["f"]))
        read.set()
        raise NotFound

    async with Client(app) as client:
        for path in ("/", "/only"):
            seen.clear()
            read.clear()
            await client.post(path, files={"f": ("a.txt", b"hello", "text/plain")})
            await read.wait()
            content, upload = seen[0]
            assert content == b"hello"
            assert not upload.in_memory
            await asyncio.sleep(0)
            upload.seek(0)
            with pytest.raises(ValueError, match="closed"):
                await upload.read()


async def test_rs8_uploads_of_a_handler_that_is_cancelled_are_closed() -> None:
    app, seen, waiting = App(settings=Settings(limits=Limits(spool_bytes=2))), list[Upload](), asyncio.Event()

    @app.post("/", on_disconnect="cancel")
    async def post(request: Request) -> None:
        seen.append((await request.form()).files["f"])
        waiting.set()
        await asyncio.Event().wait()

    async with Client(app) as client:
        sending = asyncio.create_task(client.post("/", files={"f": ("a.txt", b"hello", "text/plain")}))
        await waiting.wait()
        sending.cancel()
        await asyncio.wait({sending})
    with pytest.raises(ValueError, match="closed"):
        await seen[0].read()


async def test_rs8_a_response_that_is_sent_again_and_again_collects_nothing() -> None:
    from vivace.http.response import Text

    shared, app, told = Text("shared"), App(), list[int]()

    @app.on_sent
    def sent(request: Request, response: Any) -> None:
        told.append(1)

    @app.get("/")
    async def home() -> Any:
        return shared

    async with Client(app) as client:
        for number in range(5):
            answer = await client.get("/", headers={"x-request-id": f"id-{number}"})
            assert answer.headers["x-request-id"] == f"id-{number}"
        await turns(lambda: len(told) == 5)
    assert len(told) == 5
    assert shared.on_sent is None


async def test_rt6_timers_run_belong_to_the_app_and_end_with_it() -> None:
    app, ticks = App(), list[object]()

    @app.every(0)
    def tick() -> None:
        ticks.append((current_app(), current_request()))

    @app.get("/")
    async def home() -> str:
        app.later(0, lambda: ticks.append("later"))
        app.later(3600, lambda: ticks.append("never"))
        app.every(0, lambda: ticks.append(current_request()))
        return "home"

    async with Client(app) as client:
        await client.get("/")
        await turns(lambda: ticks.count((app, None)) > 3 and "later" in ticks and ticks.count(None) > 3)
    ended = len(ticks)
    await asyncio.sleep(0)
    assert len(ticks) == ended
    assert "never" not in ticks


async def test_rt6_an_error_in_a_tick_is_told_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, ticks = App(), list[int]()

    @app.every(0)
    async def unreliable() -> None:
        ticks.append(1)
        raise KeyError("this time")

    async with app:
        await turns(lambda: len(ticks) > 2)
    assert app.background.failed >= 2
    assert "every 0 s" in caplog.text
    assert "unreliable" in caplog.text


async def test_rt6_ticks_never_overlap_and_one_that_has_begun_is_finished() -> None:
    app, running, done, gate = App(), list[int](), list[int](), asyncio.Event()

    @app.every(0)
    async def slow() -> None:
        running.append(1)
        await gate.wait()
        done.append(1)

    async with app:
        await turns(lambda: running)
        for _ in range(20):
            await asyncio.sleep(0)
        assert running == [1]
        asyncio.get_running_loop().call_soon(gate.set)
    assert len(done) == len(running)


async def test_rt6_timers_are_called_off_in_silence_and_late_tasks_with_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()

    async def endless() -> None:
        await asyncio.Event().wait()

    await app.startup()
    app.later(3600, print)
    app.every(3600, print)
    app.spawn(endless(), name="endless work")
    await asyncio.sleep(0)
    await app.background.drain(0)
    await app.shutdown()
    assert [record.message for record in caplog.records] == [
        "endless work was cancelled at the stop of the app"
    ]


async def test_rt9_work_that_comes_too_late_is_refused_and_what_is_lost_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()

    async def work() -> None:
        """Never runs."""

    async with app:
        pass
    with pytest.raises(AppNotRunning, match="starts no more work"):
        app.spawn(work())
    app.background.run([work])
    assert "will not run after the response" in caplog.text
    assert app.background.failed == 1


async def test_rt9_a_task_may_stop_the_app_that_owns_it() -> None:
    app = App()
    await app.startup()
    await app.spawn(app.shutdown())
