"""Start and stop: order, what fails is named, what has started is stopped, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext

import pytest

from vivace.app import App, current_app
from vivace.errors import AppFrozen, NoCurrentApp, PluginError, RouterFrozen, StartupFailed


def ordered(log: list[str]) -> App:
    app = App()

    @app.on_startup
    async def first() -> None:
        log.append("first")

    @app.on_shutdown
    def last() -> None:
        log.append("last")

    @app.lifespan
    async def around() -> AsyncIterator[None]:
        log.append("open")
        yield
        log.append("close")

    @app.on_startup
    def second() -> None:
        log.append("second")

    return app


async def test_rt3_starts_in_order_and_stops_in_reverse() -> None:
    log: list[str] = []
    async with ordered(log):
        assert log == ["first", "open", "second"]
        log.clear()
    assert log == ["close", "last"]


async def test_rt3_twice_in_turn_and_twice_at_once() -> None:
    log: list[str] = []
    app = ordered(log)
    async with app:
        await app.startup()
    async with app:
        pass
    assert log == ["first", "open", "second", "close", "last"] * 2


async def test_rt3_a_failed_start_names_the_hook_and_stops_what_had_started() -> None:
    log: list[str] = []
    app = ordered(log)

    @app.on_startup
    async def open_database() -> None:
        raise ConnectionError("no database at 10.0.0.1")

    @app.on_startup
    async def never() -> None:
        log.append("never")

    with pytest.raises(
        StartupFailed, match=r"open_database failed: ConnectionError\('no database at 10.0.0.1'\)"
    ):
        await app.startup()
    assert log == ["first", "open", "second", "close", "last"]


async def test_rt3_a_failed_start_leaves_no_timer_behind() -> None:
    app = App()
    app.every(3600)(lambda: None)

    @app.on_startup
    async def fail() -> None:
        raise KeyError

    with pytest.raises(StartupFailed):
        await app.startup()
    assert [task.get_name() for task in asyncio.all_tasks() if "every" in task.get_name()] == []


async def test_rt3_an_interrupted_start_stops_what_had_started() -> None:
    log: list[str] = []
    app = ordered(log)
    waiting = asyncio.Event()

    @app.on_startup
    async def hang() -> None:
        waiting.set()
        await asyncio.Event().wait()

    starting = asyncio.create_task(app.startup())
    await waiting.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert log == ["first", "open", "second", "close", "last"]


async def test_rt3_a_failing_or_cancelled_stop_lets_the_others_stop(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    app = ordered(log)

    @app.on_shutdown
    async def broken() -> None:
        raise KeyError("gone")

    @app.on_shutdown
    async def cancelled() -> None:
        raise asyncio.CancelledError

    await app.startup()
    with pytest.raises(asyncio.CancelledError):
        await app.shutdown()
    assert log[-2:] == ["close", "last"]
    assert "broken failed" in caplog.text


LATE: list[Callable[[App], object]] = [
    lambda app: app.before(print),
    lambda app: app.after(print),
    lambda app: app.middleware(print),
    lambda app: app.error(404),
    lambda app: app.on_error(print),
    lambda app: app.on_sent(print),
    lambda app: app.on_startup(print),
    lambda app: app.on_shutdown(print),
    lambda app: app.provide(int),
    lambda app: app.install(),
    lambda app: app.get("/late")(print),
    lambda app: app.mount("/late", print),
    lambda app: app.add_lifespan(nullcontext),
]


@pytest.mark.parametrize("late", LATE)
def test_rt3_what_comes_after_the_freeze_is_refused(late: Callable[[App], object]) -> None:
    app = App()
    app.compile()
    with pytest.raises((AppFrozen, RouterFrozen, PluginError)):
        late(app)


async def test_rt3_current_app_within_the_app_and_not_after_it() -> None:
    app, seen = App(), list[App]()

    @app.on_startup
    def starting() -> None:
        seen.append(current_app())

    @app.on_shutdown
    def stopping() -> None:
        seen.append(current_app())

    async with app:
        seen.append(current_app())
    assert seen == [app, app, app]
    with pytest.raises(NoCurrentApp, match="async with app"):
        current_app()


async def test_rt3_checking_an_app_first_changes_nothing() -> None:
    log: list[str] = []
    app = ordered(log)

    @app.provide(scope="app")
    def number() -> int:
        log.append("made")
        return 7

    assert app.check() == app.check() == ()
    async with app:
        assert log == ["first", "open", "second", "made"]
