"""A connection over the engine's socket: frames in order, whoever reads slowly, and the end."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.engine.websocket.peer import MemoryTransport, accepted, seen_by_client
from vivace.engine.websocket.frames import Close
from vivace.http.websocket import WebSocketOptions
from vivace.realtime.connection import SocketConnection, belongings, spread
from vivace.realtime.frames import binary_frame, is_text, payload_of, text_frame
from vivace.realtime.options import RealtimeOptions, Slow

OPTIONS = RealtimeOptions(held_bytes=400)


async def connected(options: RealtimeOptions = OPTIONS) -> tuple[SocketConnection, MemoryTransport]:
    socket, transport = await accepted(WebSocketOptions(buffer_bytes=100))
    return SocketConnection(socket, options), transport


def messages(transport: MemoryTransport) -> list[Any]:
    """Return what was written, decoded."""
    return [msgspec.json.decode(payload_of(frame)) for frame in transport.written if is_text(frame)]


async def settle(connection: SocketConnection) -> None:
    async with asyncio.timeout(30):
        await connection.drained()


def fill(connection: SocketConnection, transport: MemoryTransport) -> None:
    """Have the client stop reading until nothing more can be written."""
    transport.stalled = True
    connection.send("x" * 200)
    transport.written.clear()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frame_gives_back_what_it_carries(size: int) -> None:
    assert payload_of(binary_frame(b"x" * size)) == b"x" * size
    assert not is_text(binary_frame(b"x" * size))
    text = text_frame("x" * size)
    assert is_text(text)
    assert payload_of(text) == b'"' + b"x" * size + b'"'


async def test_frames_go_at_once_while_the_client_reads() -> None:
    connection, transport = await connected()
    connection.send("one")
    assert connection.flowing
    assert spread([connection], text_frame(["two"])) == []
    assert connection.offer(text_frame(["three"]), "room", "name", "close")
    assert messages(transport) == [["one"], ["two"], ["three"]]


async def test_rl11_frames_wait_in_order_while_the_client_does_not_read() -> None:
    connection, transport = await connected()
    fill(connection, transport)
    for number in range(3):
        connection.send("n", number)
    assert not connection.flowing
    transport.drain()
    late = text_frame(["late"])
    assert spread([connection], late) == [connection]  # others wait: it may not overtake them
    connection.send_frame(late)
    await settle(connection)
    assert messages(transport) == [["n", 0], ["n", 1], ["n", 2], ["late"]]
    assert connection.flowing


@pytest.mark.parametrize(("slow", "kept"), [("drop", [7, 8, 9]), ("coalesce", [9])])
async def test_rl11_events_that_are_dropped_are_counted_and_told(slow: Slow, kept: list[int]) -> None:
    connection, transport = await connected()
    fill(connection, transport)
    for number in range(10):
        frame = text_frame(["event", "room", "tick", "x" * 75, number])
        assert not connection.offer(frame, "room", "tick", slow)
    assert connection.dropped == 10 - len(kept)
    transport.stalled = False
    transport.drain()
    await settle(connection)
    told, *rest = messages(transport)
    assert told == ["dropped", "room", 10 - len(kept)]
    assert [message[-1] for message in rest] == kept


@pytest.mark.parametrize("slow", ["close", "wait"])
async def test_rl11_client_that_is_too_slow_for_what_must_not_be_dropped_is_closed(slow: Slow) -> None:
    connection, transport = await connected()
    fill(connection, transport)
    ended: list[str] = []
    connection.on_close(lambda: ended.append("yes"))
    for number in range(10):
        connection.offer(text_frame(["event", "room", "tick", "x" * 75, number]), "room", "tick", slow)
    assert connection.closed
    assert ended == ["yes"]
    await asyncio.sleep(0)
    assert connection.socket.close_code == 1008
    connection.send("too late")
    assert seen_by_client(transport) == [Close(1008, "too slow")]


async def test_end_of_the_socket_ends_what_waits() -> None:
    connection, transport = await connected()
    fill(connection, transport)
    connection.send("lost")
    transport.abort()
    await settle(connection)
    assert connection.closed
    assert not connection.flowing


async def test_callbacks_at_the_end_run_once_each_and_none_stops_another() -> None:
    connection, _ = await connected()
    ran: list[int] = []

    def fail() -> None:
        raise ValueError("mine")

    connection.on_close(fail)
    connection.on_close(lambda: ran.append(1))
    forget = connection.on_close(lambda: ran.append(2))
    forget()
    connection.ended()
    connection.ended()
    connection.on_close(lambda: ran.append(3))
    assert ran == [1, 3]


async def test_what_is_kept_of_a_connection_is_forgotten_once_at_its_end() -> None:
    connection, _ = await connected()
    gone: list[str] = []

    def forget(item: str) -> None:
        gone.append(item)
        kept.pop("both", None)  # as one that takes another along

    kept = belongings(connection, "ours", forget)
    kept.update(one="first", both="with the first", two="second")
    assert belongings(connection, "ours", forget) is kept
    assert belongings(connection, "theirs", forget) == {}
    connection.ended()
    assert gone == ["first", "second"]
    assert kept == {}
