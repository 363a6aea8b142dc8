"""Rooms over real sockets: whoever does not read, sends too much or goes away disturbs nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.engine.serving import Served
from tests.engine.serving import serving as serving_handle
from tests.features.rooms import Member, members, until
from vivace import App, Channel
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.realtime.connection import Connection
from vivace.realtime.options import RealtimeOptions, Slow

SETTINGS = Settings(broker=Secret("memory"), secret_key=Secret("k" * 40), hosts=("*",))
HANDSHAKE = (
    b"GET /_vivace/socket HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LARGE = "x" * 50_000


def chatting(slow: Slow = "close", options: RealtimeOptions | None = None) -> App:
    app = App(settings=SETTINGS)
    app.realtime.options = options or RealtimeOptions()

    @app.channel("room", slow=slow)
    async def room(channel: Channel) -> None:
        await channel.send("worker", 1)
        async for event in channel:
            await channel.broadcast(event.name, event.data)
            event.ack()

    return app


@asynccontextmanager
async def serving(app: App) -> AsyncGenerator[Served]:
    """Serve an app on a port of the system's choice."""
    async with app, serving_handle(app.handle, app.settings) as served:
        yield served


def masked(text: bytes) -> bytes:
    """Return a text frame as a client sends it, with a mask of zeros."""
    return bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text


async def deaf_member(app: App, served: Served) -> tuple[socket.socket, Connection]:
    """Join the room, and never read; returns the socket and the server's end of it."""
    known = set(app.realtime.connections)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, ("127.0.0.1", served.port))
    await loop.sock_sendall(deaf, HANDSHAKE + masked(b'["join","room",{}]'))
    await until(lambda: app.channels.counts["members"] == len(known) + 1)
    (key,) = set(app.realtime.connections) - known
    return deaf, app.realtime.connections[key]


async def said(found: list[Member], numbers: int) -> None:
    """Wait until all members have heard all that was said; each thing once and in order, over the same connection."""
    for member in found:
        await until(lambda member=member: len(member.seen) >= numbers)  # type: ignore[misc]
        assert [data[0] for data in member.seen] == list(range(numbers))
        assert member.joins == 1


SMALL = RealtimeOptions(buffer_bytes=20_000, held_bytes=200_000, messages_per_second=1e9)


@pytest.mark.parametrize("slow", ["close", "drop", "coalesce"])
async def test_rl11_who_does_not_read_disturbs_nobody(slow: Slow) -> None:
    app = chatting(slow, SMALL)
    async with serving(app) as served, members(served.port, 4) as found:
        deaf, connection = await deaf_member(app, served)
        try:
            number = 0
            while not (connection.closed or connection.dropped):
                await found[0].ask("n", [number, LARGE])
                number += 1
            await said(found, number)
            assert connection.closed == (slow == "close")
        finally:
            deaf.close()


async def test_rl11_broadcasts_wait_for_a_slow_member_and_go_on_without_it() -> None:
    app = chatting("wait", SMALL)
    async with serving(app) as served, members(served.port, 4) as found:
        deaf, connection = await deaf_member(app, served)
        try:
            number = 0
            while connection.flowing:
                await found[0].ask("n", [number, LARGE])
                number += 1
            asking = asyncio.ensure_future(found[0].ask("n", [number, LARGE]))
            await found[1].ask_nothing()
            assert not asking.done()
        finally:
            deaf.close()
        await asking
        await said(found, number + 1)


async def test_rl11_broadcasts_do_not_wait_forever_for_a_member_that_never_reads() -> None:
    app = chatting("wait", msgspec.structs.replace(SMALL, slow_patience=0.05))
    async with serving(app) as served, members(served.port, 2) as found:
        deaf, connection = await deaf_member(app, served)
        try:
            number = 0
            while not connection.closed:
                await found[0].ask("n", [number, LARGE])
                number += 1
            await said(found, number)
        finally:
            deaf.close()


async def test_rl11_slow_member_comes_back_and_is_given_what_it_missed() -> None:
    app = chatting("close", SMALL)
    async with serving(app) as served, members(served.port, 2) as found:
        late = Member(served.port, "room")
        deaf, connection = await deaf_member(app, served)
        try:
            late.position = list(found[0].position or ())
            number = 0
            while not connection.closed:
                await found[0].ask("n", [number, LARGE])
                number += 1
        finally:
            deaf.close()
        task = asyncio.create_task(late.run())
        try:
            await until(lambda: len(late.seen) >= number)  # with as many connections as it takes
            assert [data[0] for data in late.seen] == list(range(number))
            assert late.resyncs == 0
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_rl8_giant_message_ends_the_connection_that_sent_it() -> None:
    app = chatting()
    async with serving(app) as served, members(served.port, 2) as found:
        async with connect(f"ws://127.0.0.1:{served.port}/_vivace/socket", proxy=None) as peer:
            with pytest.raises(ConnectionClosed):
                await peer.send("[" + '"x",' * 100_000)
                await peer.recv()
            assert peer.close_code == 1009
        await found[0].ask("n", [0])
        await said(found, 1)


async def test_rl8_flood_waits_at_the_client_that_makes_it() -> None:
    app = chatting(options=RealtimeOptions(messages_per_second=1e-9, burst=20, buffer_bytes=20_000))
    async with serving(app) as served, members(served.port, 2) as found:
        async with connect(f"ws://127.0.0.1:{served.port}/_vivace/socket", proxy=None) as peer:
            for _ in range(1_000):
                await peer.send('["ping"]')
            for _ in range(21):  # the burst, and the message that is too much
                assert await peer.recv() == '["pong"]'
            await found[0].ask("n", [0])
            await said(found, 1)
            peer.transport.abort()  # nobody waits for the rest


async def test_connection_that_joins_and_leaves_for_ever_keeps_nothing() -> None:
    app = chatting(options=RealtimeOptions(messages_per_second=1e9))
    async with serving(app) as served:
        async with connect(f"ws://127.0.0.1:{served.port}/_vivace/socket", proxy=None) as peer:
            for _ in range(50):
                await peer.send('["join","room",{}]')
                assert "joined" in str(await peer.recv())
                assert "worker" in str(await peer.recv())
                await peer.send('["leave","room"]')
            await peer.send('["ping"]')
            assert await peer.recv() == '["pong"]'
            (connection,) = app.realtime.connections.values()
            assert connection.state == {"channels": {}}
            assert len(connection._closers or ()) == 1
