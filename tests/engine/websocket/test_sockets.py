"""Real sockets, on asyncio's loop and uvloop's, with the client of the websockets library and with bare bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.engine.websocket.peer import HANDSHAKE, binary, echo, events, text
from vivace.config.settings import Limits, Timeouts
from vivace.engine.websocket.connection import EngineWebSocket
from vivace.engine.websocket.fanout import fan_out
from vivace.engine.websocket.frames import Close, FrameParser
from vivace.http.request import Connection, Request
from vivace.http.response import Response
from vivace.http.websocket import Deflate, WebSocket, WebSocketOptions

Run = Callable[[WebSocket], Awaitable[None]]


class Server(asyncio.Protocol):
    """The least HTTP that can hand a connection over: what the engine's protocol does with an Upgrade."""

    def __init__(self, run: Run, options: WebSocketOptions | None, sockets: set[EngineWebSocket]) -> None:
        self.run = run
        self.options = options
        self.sockets = sockets
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.split(b"\r\n")
        fields = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])
        ]
        request = Request("GET", lines[0].split()[1].decode(), fields, Connection())
        transport = cast(asyncio.Transport, self.transport)  # uvloop's is none by inheritance
        socket = EngineWebSocket(request, transport, Limits(), Timeouts(), self.options, self.sockets.discard)
        self.sockets.add(socket)
        socket.attach(rest)
        self.task = socket.start(self.run)


@asynccontextmanager
async def serving(
    run: Run, options: WebSocketOptions | None = None
) -> AsyncGenerator[tuple[int, set[EngineWebSocket]]]:
    sockets: set[EngineWebSocket] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Server(run, options, sockets), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1], sockets
    finally:
        server.close()


def on_both_loops(scenario: Callable[[], Awaitable[Any]]) -> Callable[..., None]:
    """Make a test of a coroutine function that runs on either loop."""

    @pytest.mark.parametrize(
        "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
    )
    def test(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        async def main() -> None:
            await scenario()

        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(main())

    return test


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the other end causes; pytest's timeout ends it."""
    while not condition():
        await asyncio.sleep(0.001)


@on_both_loops
async def test_rl1_echo_of_all_sizes_with_and_without_compression() -> None:
    for deflate in (None, Deflate()):
        async with serving(echo, WebSocketOptions(deflate=deflate)) as (port, _):
            async with connect(f"ws://127.0.0.1:{port}/", proxy=None, max_size=None) as peer:
                assert bool(peer.protocol.extensions) is (deflate is not None)
                for message in ("", "Hello", b"\x00\xff", "µ" * 70_000, b"x" * 1_000_000):
                    await peer.send(message)
                    assert await peer.recv() == message
                await peer.send(["frag", "ment", "ed"])
                assert await peer.recv() == "fragmented"
                await (await peer.ping())


@on_both_loops
async def test_rl1_both_closing_handshakes() -> None:
    async def run(socket: WebSocket) -> None:
        if await socket.receive() == "go":
            await socket.close(4001, "gone")

    async with serving(run) as (port, sockets):
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as peer:
            await peer.send("go")
            with pytest.raises(ConnectionClosed):
                await peer.recv()
            assert (peer.close_code, peer.close_reason) == (4001, "gone")
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as peer:
            await peer.close(4002, "bye")
            assert peer.close_code == 4002
        await until(lambda: not sockets)


@on_both_loops
async def test_rl1_a_rejected_handshake_is_read_by_the_client() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.reject(Response("members only", 403))

    async with serving(run) as (port, sockets):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{port}/", proxy=None)
        assert caught.value.response.status_code == 403
        assert caught.value.response.body == b"members only"
        await until(lambda: not sockets)


async def raw_client(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection that has sent the handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
    writer.write(b"GET / HTTP/1.1\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in HANDSHAKE))
    return reader, writer


@on_both_loops
async def test_rl1_the_client_sees_1009_although_it_is_still_sending() -> None:
    async with serving(echo, WebSocketOptions(message_bytes=1_000)) as (port, sockets):
        reader, writer = await raw_client(port)
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            writer.write(binary(b"x" * 1_000_000))
            await writer.drain()
        (event,) = events(FrameParser(masked=False), await reader.read())
        assert isinstance(event, Close)
        assert event.code == 1009
        writer.close()
        await until(lambda: not sockets)


@on_both_loops
async def test_rl1_a_connection_that_breaks_is_1006() -> None:
    codes: list[int | None] = []

    async def run(socket: WebSocket) -> None:
        async for _ in socket:
            pass
        codes.append(socket.close_code)

    async with serving(run) as (port, sockets):
        for abrupt in (True, False):
            reader, writer = await raw_client(port)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(text("a"))
            if abrupt:
                writer.transport.abort()
            else:
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()
            await until(lambda: not sockets)
    assert codes == [1006, 1006]


@on_both_loops
async def test_pain_10_a_stalled_reader_stops_its_sender_at_the_cap() -> None:
    sent = 0

    async def run(socket: WebSocket) -> None:
        nonlocal sent
        while True:
            await socket.send(b"x" * 100_000)
            sent += 1

    async with serving(run, WebSocketOptions(buffer_bytes=300_000)) as (port, sockets):
        reader, writer = await raw_client(port)
        await until(
            lambda: bool(sockets) and not next(iter(sockets))._writable and next(iter(sockets)).answered
        )
        (socket,) = sockets
        await asyncio.sleep(0.01)
        before = sent
        assert socket.transport.get_write_buffer_size() <= 300_000 + 2 * 100_010
        await asyncio.sleep(0.01)
        assert sent == before
        await reader.read(1 << 20)
        writer.transport.abort()
        await until(lambda: not sockets)


@on_both_loops
async def test_rl1_fan_out_reaches_everybody() -> None:
    async with serving(echo) as (port, sockets):
        peers = [await connect(f"ws://127.0.0.1:{port}/", proxy=None) for _ in range(20)]
        assert fan_out(sockets, "to all") == 20
        assert [await peer.recv() for peer in peers] == ["to all"] * 20
        await asyncio.gather(*(peer.close() for peer in peers))
        await until(lambda: not sockets)


@on_both_loops
async def test_pain_14_the_client_is_told_that_the_server_restarts() -> None:
    async with serving(echo) as (port, sockets):
        async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as peer:
            for socket in list(sockets):
                socket.shut_down()
            with pytest.raises(ConnectionClosed):
                await peer.recv()
            assert peer.close_code == 1012
        await until(lambda: not sockets)
