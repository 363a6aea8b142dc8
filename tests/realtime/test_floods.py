"""What one page may make the server hold, and what it says twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vivace import App, Channel
from vivace.errors import UnsendableEvent
from vivace.errors.testing import ChannelRefused
from vivace.realtime.listening import WAITING
from vivace.realtime.options import RealtimeOptions
from vivace.testing import Client, ClientChannel

BOUND = 30.0


def silent_app(**options: Any) -> tuple[App, asyncio.Event]:
    """Return an app whose members do not read before the event is set."""
    app, reading = App(), asyncio.Event()
    app.realtime.options = RealtimeOptions(**options)

    @app.channel("silent/{number}")
    async def silent(number: int, channel: Channel) -> None:
        await reading.wait()
        async for event in channel:
            event.ack(event.name)

    return app, reading


async def test_rl11_what_waits_for_handlers_of_one_page_is_bounded_in_bytes() -> None:
    app, reading = silent_app(inbox_bytes=100_000, inbox_patience=0.01)
    async with Client(app) as client, client.channel("silent/1") as one:
        socket = one.socket
        for number in range(2, 6):
            await socket.send_json(["join", f"silent/{number}", {}])
        for number in range(2, 6):  # 40,000 bytes each, to rooms of which each could take them
            for count in (1, 2):
                await socket.send_json(["send", f"silent/{number}", "much", "x" * 40_000, count])
        (held,) = app.realtime.connections.values()
        with pytest.raises(ChannelRefused) as refused:
            for _ in range(4):
                await one.ask("more", "x" * 40_000)
        assert refused.value.problem["status"] == 503
        assert 40_000 < held.inbound <= 100_000
        reading.set()
        assert await one.ask("after") == "after"
        assert held.inbound == 0


async def test_rl11_an_event_larger_than_the_bound_is_taken_alone() -> None:
    app, reading = silent_app(inbox_bytes=1_000)
    reading.set()
    async with Client(app) as client, client.channel("silent/1") as one:
        assert await one.ask("large", "x" * 5_000) == "large"


async def test_rl11_what_a_handler_that_ends_has_not_read_is_let_go() -> None:
    app = App()
    ready = asyncio.Event()

    @app.channel("short")
    async def short(channel: Channel) -> None:
        await ready.wait()

    async with Client(app) as client, client.channel("short") as one:
        await one.send("unread", "x" * 10_000)
        (held,) = app.realtime.connections.values()
        await until(lambda: held.inbound > 10_000)
        ready.set()
        await one.until(lambda: one.ended is not None, "the end")
        assert held.inbound == 0


async def test_rl11_what_a_page_says_when_it_joins_is_bounded() -> None:
    app, _ = silent_app()
    async with Client(app) as client:
        async with client.channel("silent/1", data="x" * 10_000):
            pass
        with pytest.raises(ChannelRefused, match="silent") as refused:
            async with client.channel("silent/1", data="x" * 20_000):
                pass
        assert refused.value.problem["status"] == 409
        assert not app.channels.counts["rooms"]


async def test_rl10_what_a_member_shows_of_itself_is_bounded() -> None:
    app, errors = App(), list[UnsendableEvent]()

    @app.channel("room")
    async def room(channel: Channel) -> None:
        try:
            async with channel.present(channel.data):
                await channel.send("present")
        except UnsendableEvent as error:
            errors.append(error)

    async with Client(app) as client:
        async with client.channel("room", data="x" * 4_000) as small:
            assert await small.receive("present") is None
        async with client.channel("room", data="x" * 5_000) as large:
            await large.until(lambda: large.ended is not None, "the end")
    assert "at most 4,096 bytes" in str(errors[0])


async def test_rl4_what_a_page_asked_before_is_not_done_again() -> None:
    app, reading = silent_app()
    reading.set()
    async with Client(app) as client, client.channel("silent/1", client="page") as one:
        assert await one.ask("first") == "first"
        again = await said(one, 1)
        assert again["detail"].startswith("This was said before.")
        assert await one.ask("second") == "second"
        async with client.channel("silent/1", client="page", since=one.position) as other:
            assert other.about["received"] == 2
            assert await other.ask("third") == "third"
            assert (await said(other, 2))["status"] == again["status"]
        async with client.channel("silent/1", client="page") as anew:  # a page that begins to count again
            assert await said(anew, 1) is None


async def said(channel: ClientChannel, number: int) -> Any:
    """Return why an event of that number failed; ``None``: it did not."""
    channel._asked = number - 1
    try:
        await channel.ask("again")
    except ChannelRefused as refused:
        return refused.problem
    return None


async def test_rl11_what_a_slow_listener_is_owed_does_not_pile_up() -> None:
    app = App()
    app.channel("news")
    async with Client(app):
        events = app.channels.events("news")
        first = asyncio.ensure_future(anext(events))
        while not first.done():
            await app.channels.emit("news", "one")
            await asyncio.sleep(0)
        for _ in range(WAITING + 500):  # nobody reads meanwhile
            await app.channels.emit("news", "one")
        left = [event async for event in events]
        assert left == []  # it ends, and its browser comes back for what it missed


async def until(condition: Any) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.001)
