"""``try_send`` of a socket whose frames a carrier handles: bounded, in order, and nobody waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine.websocket.peer import accepted, seen_by_client
from vivace.engine.socket import Event, MessageSocket
from vivace.engine.websocket.fanout import fan_out
from vivace.errors import UnsendableMessage
from vivace.http.request import Connection, Request
from vivace.http.response import Response
from vivace.http.websocket import WebSocketDisconnect, WebSocketOptions


class Carrier:
    """Takes events as long as ``open`` is set, one at a time."""

    def __init__(self, options: WebSocketOptions | None = None) -> None:
        self.sent: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self.broken = False
        self.socket = MessageSocket(Request("GET", "/", [], Connection()), self.receive, self.send, self.deny)
        self.socket.options = options or WebSocketOptions()
        self.pump = asyncio.create_task(self.socket.pump())

    async def receive(self) -> Event:
        return await self.gone

    async def send(self, event: Event) -> None:
        await self.open.wait()
        if self.broken:
            raise OSError("gone")
        kind = event["type"].removeprefix("websocket.")
        self.sent.append(event.get("text", event.get("bytes")) if kind == "send" else kind)

    async def deny(self, response: Response) -> None:
        self.sent.append(response)

    async def end(self) -> None:
        self.pump.cancel()
        await asyncio.wait({self.pump})


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_rl1_try_send_answers_the_handshake_and_keeps_the_order() -> None:
    carrier = Carrier()
    carrier.open.clear()
    assert carrier.socket.try_send("a")
    assert carrier.socket.try_send(b"b")
    sending = asyncio.create_task(carrier.socket.send("c"))
    await settle()
    assert not carrier.sent
    carrier.open.set()
    await sending
    assert carrier.sent == ["accept", "a", b"b", "c"]
    await carrier.end()


async def test_rl1_try_send_is_bounded_by_bytes_and_frees_them() -> None:
    carrier = Carrier(WebSocketOptions(buffer_bytes=10))
    carrier.open.clear()
    assert [carrier.socket.try_send("ä" * 3) for _ in range(3)] == [True, True, False]  # 12 bytes of UTF-8
    carrier.open.set()
    await settle()
    assert carrier.socket.try_send("more")
    await settle()
    assert carrier.sent == ["accept", "äää", "äää", "more"]
    await carrier.end()


async def test_rl1_try_send_closes_where_the_route_says_so() -> None:
    carrier = Carrier(WebSocketOptions(buffer_bytes=10, slow="close"))
    await carrier.socket.accept()
    await settle()
    carrier.open.clear()
    assert carrier.socket.try_send(bytes(10))
    assert not carrier.socket.try_send(b"x")
    assert carrier.socket.close_code == 1008
    with pytest.raises(WebSocketDisconnect):
        await carrier.socket.receive()
    carrier.open.set()
    await settle()
    assert carrier.sent == ["accept", "close"]
    await carrier.end()


async def test_rl1_a_close_comes_behind_what_was_taken() -> None:
    carrier = Carrier()
    carrier.socket.try_send("a")
    await carrier.socket.close()
    assert carrier.sent == ["accept", "a", "close"]
    assert not carrier.socket.try_send("b")


async def test_rl1_what_was_taken_is_dropped_with_the_connection() -> None:
    carrier = Carrier()
    await carrier.socket.accept()
    carrier.broken = True
    assert carrier.socket.try_send("a")
    assert carrier.socket.try_send("b")
    await settle()
    assert carrier.socket.closed
    assert not carrier.socket.try_send("c")
    await carrier.end()


async def test_rl1_the_sender_ends_with_the_pump() -> None:
    carrier = Carrier()
    carrier.open.clear()
    carrier.socket.try_send("a")
    await settle()
    await carrier.end()
    await settle()
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"WebSocket sender"})


async def test_rl1_what_is_no_message_is_refused_at_once() -> None:
    carrier = Carrier()
    with pytest.raises(UnsendableMessage):
        carrier.socket.try_send("\ud800")
    await carrier.end()


async def test_rl1_fan_out_takes_sockets_of_any_kind() -> None:
    carrier = Carrier()
    ours, transport = await accepted()
    assert fan_out([carrier.socket, ours], "hello") == 2
    await settle()
    assert carrier.sent == ["accept", "hello"]
    assert seen_by_client(transport) == ["hello"]
    await carrier.end()
