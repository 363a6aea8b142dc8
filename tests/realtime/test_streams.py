"""The event stream with POSTs: the same channels where WebSockets do not get through."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from vivace import App, Channel
from vivace.brokers import MemoryBroker
from vivace.brokers.board import Board
from vivace.http.eventstream import Event
from vivace.realtime.messages import SEND, BinaryMessage, encode_binary, parse_binary
from vivace.realtime.options import RealtimeOptions
from vivace.testing import Client

BOUND = 30.0


def echoing() -> App:
    app = App()

    @app.channel("echo")
    async def echo(channel: Channel) -> None:
        async for event in channel:
            event.ack(event.data)
            await channel.broadcast("copy", event.data)

    return app


async def next_of(events: AsyncIterator[Event]) -> Any:
    """Return the next frame of a stream, decoded."""
    async with asyncio.timeout(BOUND):
        event = await anext(events)
    if event.event == "binary":
        return parse_binary(base64.b64decode(event.data))
    return json.loads(event.data)


async def post(client: Client, connection: str, number: int, *messages: Any) -> int:
    """Send messages to a connection; returns the status."""
    answer = await client.post(
        "/_vivace/send", query={"connection": connection, "n": str(number)}, json=list(messages)
    )
    return answer.status


async def test_rl8_rs5_channel_over_an_event_stream() -> None:
    async with Client(echoing()) as client, client.events("/_vivace/events") as events:
        connection = await next_of(events)
        assert (
            await post(client, connection, 1, ["join", "echo", {}], ["send", "echo", "x", {"a": "ü\n"}, 1])
            == 202
        )
        assert (await next_of(events))[0] == "joined"
        assert await next_of(events) == ["reply", "echo", 1, {"a": "ü\n"}]
        assert (await next_of(events))[:4] == ["event", "echo", "copy", {"a": "ü\n"}]


async def test_rl8_rl9_bytes_over_an_event_stream() -> None:
    async with Client(echoing()) as client, client.events("/_vivace/events") as events:
        connection = await next_of(events)
        await post(client, connection, 1, ["join", "echo", {}])
        await next_of(events)
        answer = await client.post(
            "/_vivace/send",
            query={"connection": connection, "n": "2"},
            content=encode_binary(BinaryMessage(SEND, "echo", "x", 5, b"\0\xff")),
            headers={"content-type": "application/octet-stream"},
        )
        assert answer.status == 202
        reply = await next_of(events)
        assert (reply.number, reply.payload) == (5, b"\0\xff")
        assert (await next_of(events)).payload == b"\0\xff"


async def test_rl8_post_that_comes_twice_does_nothing_the_second_time() -> None:
    async with Client(echoing()) as client, client.events("/_vivace/events") as events:
        connection = await next_of(events)
        for _ in range(3):
            assert await post(client, connection, 1, ["join", "echo", {}], ["send", "echo", "x", 1, 1]) == 202
        assert await post(client, connection, 2, ["ping"]) == 202
        seen = [await next_of(events) for _ in range(4)]
        assert sorted(message[0] for message in seen) == ["event", "joined", "pong", "reply"]


async def test_rl8_posts_to_nobody_and_strange_ones_are_refused() -> None:
    async with Client(echoing()) as client:
        assert await post(client, "", 0) == 404
        assert await post(client, "unknown", 1) == 404
        for query in (
            {"connection": "x"},
            {"connection": "x", "n": "-1"},
            {"connection": "x", "n": "1" * 20},
        ):
            assert (await client.post("/_vivace/send", query=query, json=[])).status == 400
        async with client.events("/_vivace/events") as events:
            connection = await next_of(events)
            assert await post(client, connection, 1, ["join"]) == 400
            assert await post(client, connection, 2, 7) == 400
            answer = await client.post(
                "/_vivace/send", query={"connection": connection, "n": "3"}, content=b"{"
            )
            assert answer.status == 400
            assert await post(client, connection, 4, ["ping"]) == 202
            assert await next_of(events) == ["pong"]


async def test_rl8_other_sites_pages_cannot_post() -> None:
    async with Client(echoing(), same_origin=False) as client:
        answer = await client.post(
            "/_vivace/send",
            query={"connection": "x", "n": "1"},
            json=[],
            headers={"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        )
        assert answer.status == 403


async def test_rl8_member_leaves_when_its_stream_ends() -> None:
    app = echoing()
    async with Client(app) as client:
        async with client.events("/_vivace/events") as events:
            connection = await next_of(events)
            await post(client, connection, 1, ["join", "echo", {}])
            await next_of(events)
            assert app.channels.counts["members"] == 1
        async with asyncio.timeout(BOUND):
            while app.channels.counts["members"] or app.realtime.connections:
                await asyncio.sleep(0.001)
        assert await post(client, connection, 2, ["ping"]) == 404


async def test_rl11_stream_that_is_not_read_is_bounded() -> None:
    app = App()
    app.realtime.options = RealtimeOptions(buffer_bytes=2_000, held_bytes=5_000)

    @app.channel("room")
    async def room(channel: Channel) -> None:
        async for event in channel:
            event.ack()

    async with Client(app) as client, client.events("/_vivace/events") as events:
        connection = await next_of(events)
        await post(client, connection, 1, ["join", "room", {}])
        await next_of(events)
        for _ in range(200):
            await app.channels.emit("room", "x", "y" * 1_000)
            if app.channels.counts["members"] == 0:
                break
            await asyncio.sleep(0)
        assert app.channels.counts["members"] == 0  # it was closed, and may come back
        seen = [event async for event in events]
        assert len(seen) < 200


async def test_rl8_post_reaches_the_process_that_has_the_stream(monkeypatch: Any) -> None:
    board = Board()
    first, second = echoing(), echoing()
    for app in (first, second):
        monkeypatch.setattr(app.messaging, "broker", lambda: MemoryBroker(board))
    async with Client(first) as one, Client(second) as two, one.events("/_vivace/events") as events:
        connection = await next_of(events)
        assert await post(two, connection, 1, ["join", "echo", {}]) == 202
        assert (await next_of(events))[0] == "joined"
        assert await post(two, connection, 2, ["send", "echo", "x", 1, 1]) == 202
        assert await post(two, connection, 2, ["send", "echo", "x", 1, 1]) == 202
        assert await next_of(events) == ["reply", "echo", 1, 1]
        assert (await next_of(events))[0] == "event"
        assert await post(two, connection, 3, ["join"]) == 202
        assert [event async for event in events] == []  # it was told nothing, and is closed


async def test_rl8_posts_to_processes_that_are_not_there_are_carried_nowhere(monkeypatch: Any) -> None:
    board = Board()
    app = echoing()
    monkeypatch.setattr(app.messaging, "broker", lambda: MemoryBroker(board))
    async with Client(app) as client:
        before = board.publish("watcher", "numbers", b"")
        for number in range(4):
            assert await post(client, f"made-up-{number}.x", 1, ["x" * 10_000]) == 404
        assert board.publish("watcher", "numbers", b"") == before + 1


async def test_rl8_posts_that_are_carried_faster_than_taken_close_their_connection(monkeypatch: Any) -> None:
    board, release = Board(), asyncio.Event()
    first, second = echoing(), echoing()

    async def slow(connection: Any, message: list[Any]) -> None:
        await release.wait()

    first.realtime.verbs["slow"] = slow
    for app in (first, second):
        monkeypatch.setattr(app.messaging, "broker", lambda: MemoryBroker(board))
    async with Client(first) as one, Client(second) as two, one.events("/_vivace/events") as events:
        connection = await next_of(events)
        (held,) = first.realtime.connections.values()
        number = 0
        while not held.closed:
            number += 1
            assert number <= 1_000
            assert await post(two, connection, number, ["slow"]) == 202
        assert number > 50
        release.set()
        assert [event async for event in events] == []


async def test_rl8_streams_hear_posts_in_each_run_of_the_app(monkeypatch: Any) -> None:
    board = Board()
    first, second = echoing(), echoing()
    for app in (first, second):
        monkeypatch.setattr(app.messaging, "broker", lambda: MemoryBroker(board))
    for _ in range(2):
        async with Client(first) as one, Client(second) as two, one.events("/_vivace/events") as events:
            connection = await next_of(events)
            assert await post(two, connection, 1, ["join", "echo", {}]) == 202
            assert (await next_of(events))[0] == "joined"
