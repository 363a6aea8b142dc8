"""One socket on a wire in memory: the handshake, back-pressure both ways, cancellation, keep-alive, every end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from tests.engine.websocket.peer import (
    MemoryTransport,
    accepted,
    binary,
    client,
    close,
    echo,
    opened,
    ping,
    seen_by_client,
    settle,
    text,
)
from vivace.config.settings import Limits
from vivace.engine.websocket.connection import EngineWebSocket
from vivace.engine.websocket.fanout import fan_out
from vivace.engine.websocket.frames import CLOSE, PONG, Close, Ping, Pong, encode_message
from vivace.errors import BadMessage, BadRequest, Forbidden, UnsendableMessage, WebSocketState
from vivace.http.response import Response, Stream
from vivace.http.websocket import Deflate, WebSocket, WebSocketDisconnect, WebSocketOptions


def status(transport: MemoryTransport) -> bytes:
    return transport.written[0].split(b"\r\n")[0]


def sweep(socket: EngineWebSocket, now: float) -> None:
    """Do what the server's sweep does."""
    if socket.deadline <= now:
        socket.expire(now)


# -- the handshake --------------------------------------------------------------------------------------------------


async def test_rl1_the_first_receive_answers_the_handshake() -> None:
    socket, transport = opened()
    assert not transport.written
    task = asyncio.create_task(socket.receive())
    await settle()
    assert status(transport) == b"HTTP/1.1 101 Switching Protocols"
    socket.data_received(text("a"))
    assert await task == "a"


async def test_rl1_the_first_send_answers_the_handshake() -> None:
    socket, transport = opened()
    await socket.send("a")
    assert status(transport) == b"HTTP/1.1 101 Switching Protocols"
    assert transport.written[1:] == [encode_message("a")]


async def test_rl1_accept_with_subprotocol_and_headers() -> None:
    offer = (b"sec-websocket-protocol", b"soap, chat")
    socket, transport = opened(None, offer)
    assert socket.offered_subprotocols == ["soap", "chat"]
    await socket.accept("chat", {"x-a": "b"})
    assert socket.subprotocol == "chat"
    assert b"sec-websocket-protocol: chat\r\n" in transport.written[0]
    assert b"x-a: b\r\n" in transport.written[0]
    socket, transport = opened(WebSocketOptions(subprotocols=("chat", "soap")), offer)
    await socket.accept()
    assert socket.subprotocol == "chat"


async def test_rl1_reject_is_an_ordinary_response_and_the_end() -> None:
    socket, transport = opened()
    await socket.reject(Response("no", 403, {"x-a": "b"}))
    head, _, body = transport.written[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"\r\nx-a: b" in head
    assert head.count(b"content-length: 2") == 1
    assert b"\r\nconnection: close" in head
    assert body == b"no"
    assert transport.half_closed
    with pytest.raises(WebSocketState):
        await socket.accept()
    with pytest.raises(WebSocketDisconnect):
        await socket.receive()


async def test_rl1_the_handshake_is_answered_once() -> None:
    socket, _ = await accepted()
    for call in (socket.accept(), socket.reject(Response("no"))):
        with pytest.raises(WebSocketState, match="after the handshake had been answered"):
            await call


async def test_a_stream_cannot_answer_a_handshake() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b""

    socket, _ = opened()
    with pytest.raises(WebSocketState, match="Stream"):
        await socket.reject(Stream(chunks()))


async def test_rl1_frames_behind_the_handshake_wait_for_the_answer() -> None:
    socket, transport = opened()
    socket.data_received(text("early") + text("bird"))
    assert not transport.is_reading()
    assert [await socket.receive(), await socket.receive()] == ["early", "bird"]
    assert transport.is_reading()


async def test_a_client_that_goes_before_the_answer() -> None:
    socket, _ = opened()
    socket.connection_lost(None)
    with pytest.raises(WebSocketDisconnect):
        await socket.accept()


async def test_rl1_compression_is_agreed_only_where_the_route_opts_in() -> None:
    offer = (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")
    socket, transport = opened(None, offer)
    await socket.accept()
    assert b"extensions" not in transport.written[0]
    socket, transport = opened(WebSocketOptions(deflate=Deflate()), offer)
    await socket.accept()
    assert (
        b"sec-websocket-extensions: permessage-deflate; server_max_window_bits=12; client_max_window_bits=12\r\n"
        in transport.written[0]
    )
    await socket.send("x" * 1_000)
    assert transport.written[1][0] == 0xC1
    assert len(transport.written[1]) < 100
    with pytest.raises(BadRequest):
        opened(WebSocketOptions(deflate=Deflate()), (b"sec-websocket-extensions", b"="))


# -- messages in ----------------------------------------------------------------------------------------------------


async def test_rl1_iteration_ends_when_the_client_closes() -> None:
    socket, _ = await accepted()
    socket.data_received(text("a") + binary(b"b") + close(1001))
    assert [message async for message in socket] == ["a", b"b"]
    assert socket.closed
    assert socket.close_code == 1001


async def test_pain_10_a_handler_that_does_not_read_pauses_the_client() -> None:
    limits = Limits(websocket_queue_messages=4, websocket_queue_bytes=1_000)
    socket, transport = await accepted(limits=limits)
    socket.data_received(b"".join(text(str(n)) for n in range(20)))
    assert not transport.is_reading()
    assert socket._rest is not None
    assert len(socket._rest) == 4
    assert [await socket.receive() for _ in range(20)] == [str(n) for n in range(20)]
    assert transport.is_reading()
    assert socket._rest is None


async def test_pain_10_the_queue_is_bounded_in_bytes() -> None:
    socket, transport = await accepted(limits=Limits(websocket_queue_bytes=1_000))
    socket.data_received(binary(b"x" * 600) * 10)
    assert socket._rest is not None
    assert len(socket._rest) == 2
    for _ in range(10):
        assert len(await socket.receive()) == 600
    assert transport.is_reading()


async def test_pain_10_compressed_messages_stay_packed_while_the_queue_is_full() -> None:
    offer = (
        b"sec-websocket-extensions",
        b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    )
    socket, _ = await accepted(
        WebSocketOptions(deflate=Deflate()), offer, limits=Limits(websocket_queue_bytes=1_000)
    )
    assert socket._compression is not None
    frame = client(2, socket._compression.deflate(bytes(1_000_000)), rsv=4)
    socket.data_received(frame * 20)
    assert socket._queued == 1_000_000
    for _ in range(20):
        assert len(await socket.receive()) == 1_000_000


async def test_rl1_a_cancelled_receive_loses_nothing() -> None:
    socket, _ = await accepted()
    task = asyncio.create_task(socket.receive())
    await settle()
    socket.data_received(text("a"))  # the waiter is woken …
    task.cancel()  # … and cancelled before it runs
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await socket.receive() == "a"


async def test_rl1_receive_under_a_timeout_leaves_the_socket_usable() -> None:
    socket, _ = await accepted()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await socket.receive()
    socket.data_received(text("a"))
    assert await socket.receive() == "a"


async def test_two_tasks_cannot_receive_at_a_time() -> None:
    socket, _ = await accepted()
    task = asyncio.create_task(socket.receive())
    await settle()
    with pytest.raises(WebSocketState, match="Two tasks"):
        await socket.receive()
    socket.data_received(text("a"))
    assert await task == "a"


# -- messages out ---------------------------------------------------------------------------------------------------


async def stalled(slow: Literal["wait", "drop", "close"] = "wait") -> tuple[EngineWebSocket, MemoryTransport]:
    """Return a socket whose client has taken nothing of 1,000 bytes, which is its cap."""
    socket, transport = await accepted(WebSocketOptions(buffer_bytes=1_000, slow=slow))
    transport.stalled = True
    await socket.send("x" * 1_000)
    return socket, transport


async def test_pain_10_send_waits_for_a_client_that_does_not_read() -> None:
    socket, transport = await stalled()
    tasks = [asyncio.create_task(socket.send(str(n))) for n in range(3)]
    await settle()
    assert not any(task.done() for task in tasks)
    assert len(transport.written) == 1
    transport.drain()
    await asyncio.gather(*tasks)
    assert seen_by_client(transport)[1:] == ["0", "1", "2"]


async def test_pain_10_many_waiting_senders_do_not_overshoot_the_cap() -> None:
    socket, transport = await stalled()
    tasks = [asyncio.create_task(socket.send("y" * 900)) for _ in range(10)]
    for _ in range(10):
        await settle()
        assert transport.unsent < 2_000
        transport.drain()
    await asyncio.gather(*tasks)
    assert len(transport.written) == 11


async def test_rl1_a_cancelled_send_has_sent_nothing() -> None:
    socket, transport = await stalled()
    task = asyncio.create_task(socket.send("lost"))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    transport.drain()
    await socket.send("next")
    assert seen_by_client(transport)[1:] == ["next"]


async def test_rl1_policy_drop_counts_and_goes_on() -> None:
    socket, transport = await stalled("drop")
    await socket.send("a")
    assert not socket.try_send("b")
    assert socket.dropped == 2
    transport.drain()
    assert socket.try_send("c")
    assert seen_by_client(transport)[1:] == ["c"]


async def test_rl1_policy_close_ends_the_connection() -> None:
    socket, transport = await stalled("close")
    with pytest.raises(WebSocketDisconnect) as caught:
        await socket.send("a")
    assert caught.value.close_code == 1008
    assert transport.was_aborted()


async def test_rl1_policy_wait_lets_try_send_refuse() -> None:
    socket, transport = await stalled()
    assert not socket.try_send("b")
    assert socket.dropped == 0
    task = asyncio.create_task(socket.send("b"))
    await settle()
    transport.drain()
    await task
    assert seen_by_client(transport)[1:] == ["b"]


async def test_rl1_fan_out_encodes_once_and_copies_nothing() -> None:
    pairs = [await accepted() for _ in range(10)]
    lazy = opened()
    gone, _ = await accepted()
    gone.connection_lost(None)
    sockets = [socket for socket, _ in (*pairs, lazy)]
    assert fan_out([*sockets, gone], "hello") == 11
    frames = [transport.written[-1] for _, transport in (*pairs, lazy)]
    assert frames[0] == encode_message("hello")
    assert all(frame is frames[0] for frame in frames)


async def test_rl1_fan_out_leaves_out_who_is_slow() -> None:
    slow, _ = await stalled("drop")
    quick, _ = await accepted()
    assert fan_out([slow, quick], "hello") == 1
    assert slow.dropped == 1


async def test_senders_wake_when_the_connection_breaks() -> None:
    socket, _ = await stalled()
    task = asyncio.create_task(socket.send("a"))
    await settle()
    socket.connection_lost(ConnectionResetError("reset"))
    with pytest.raises(WebSocketDisconnect) as caught:
        await task
    assert caught.value.close_code == 1006
    with pytest.raises(WebSocketDisconnect):
        await socket.send("b")


async def test_a_value_that_is_no_message_leaves_the_socket_open() -> None:
    socket, transport = await accepted()
    with pytest.raises(UnsendableMessage, match="send_json"):
        await socket.send({"a": 1})  # type: ignore[arg-type]
    await socket.send("a")
    assert seen_by_client(transport) == ["a"]


# -- pings ----------------------------------------------------------------------------------------------------------


async def test_rl1_pings_are_answered_while_nobody_reads() -> None:
    socket, transport = await accepted()
    socket.data_received(text("unread") + ping(b"1") + ping(b"2"))
    assert seen_by_client(transport) == [Pong(b"1"), Pong(b"2")]


async def test_rl1_a_flood_of_pings_to_a_stalled_client_is_one_pong() -> None:
    socket, transport = await stalled()
    for n in range(1_000):
        socket.data_received(ping(b"%d" % n))
    assert len(transport.written) == 1
    transport.drain()
    assert seen_by_client(transport)[1:] == [Pong(b"999")]


async def test_rl1_an_idle_client_is_pinged_and_ended_when_it_does_not_answer() -> None:
    socket, transport = await accepted()
    for now in (100.0, 119.0):
        sweep(socket, now)
    assert not transport.written
    sweep(socket, 120.0)
    assert seen_by_client(transport) == [Ping(b"")]
    socket.data_received(client(PONG))
    sweep(socket, 139.0)
    sweep(socket, 159.0)
    assert seen_by_client(transport) == [Ping(b"")] * 2
    sweep(socket, 178.0)
    assert not transport.was_aborted()
    sweep(socket, 179.0)
    assert transport.was_aborted()
    assert socket.close_code == 1006


async def test_a_client_that_we_paused_is_not_taken_for_dead() -> None:
    socket, transport = await accepted(limits=Limits(websocket_queue_messages=1))
    socket.data_received(text("a") * 3)
    for now in (0.0, 100.0, 200.0):
        sweep(socket, now)
    assert not transport.was_aborted()


async def test_rl1_a_client_that_takes_nothing_is_ended_even_if_it_talks() -> None:
    socket, transport = await stalled()
    sweep(socket, 0.0)
    for now in (20.0, 40.0):
        socket.data_received(text("hi"))
        sweep(socket, now)
    transport.drain(leave=900)  # it takes a little: a new term
    sweep(socket, 60.0)
    sweep(socket, 119.0)
    assert not transport.was_aborted()
    sweep(socket, 120.0)
    assert transport.was_aborted()


# -- the end --------------------------------------------------------------------------------------------------------


async def test_rl1_close_waits_for_the_answer_in_the_background() -> None:
    forgotten: list[EngineWebSocket] = []
    socket, transport = opened(forget=forgotten.append)
    await socket.accept()
    transport.written.clear()
    await socket.close(1000, "bye")
    assert seen_by_client(transport) == [Close(1000, "bye")]
    assert (socket.closed, socket.close_code, socket.close_reason) == (True, 1000, "bye")
    assert not transport.is_closing()
    socket.data_received(text("late") + close(1000))
    assert transport.is_closing()
    await settle()
    assert forgotten == [socket]
    with pytest.raises(WebSocketDisconnect):
        await socket.receive()
    await socket.close()


async def test_rl1_a_close_that_is_not_answered_ends_in_time() -> None:
    socket, transport = await accepted()
    await socket.close()
    for now in (5.0, 14.0):
        sweep(socket, now)
    assert not transport.was_aborted()
    sweep(socket, 15.0)
    assert transport.was_aborted()


async def test_close_reads_on_although_the_queue_was_full() -> None:
    socket, transport = await accepted(limits=Limits(websocket_queue_messages=1))
    socket.data_received(text("a") * 10)
    assert not transport.is_reading()
    await socket.close()
    assert transport.is_reading()
    socket.data_received(close())
    assert transport.is_closing()


async def test_rl1_messages_before_the_clients_close_can_be_answered() -> None:
    socket, transport = await accepted()
    socket.data_received(text("a") + close(4000, b"done"))
    assert not socket.closed
    await socket.send(await socket.receive())
    with pytest.raises(WebSocketDisconnect) as caught:
        await socket.receive()
    assert (caught.value.close_code, caught.value.reason) == (4000, "done")
    assert seen_by_client(transport) == ["a", Close(4000, "")]


async def test_rl1_a_handler_that_does_not_come_back_delays_the_close_by_a_second() -> None:
    socket, transport = await accepted()
    socket.data_received(text("a") + close())
    sweep(socket, 10.0)
    sweep(socket, 10.9)
    assert not transport.is_closing()
    sweep(socket, 11.0)
    assert transport.is_closing()
    assert socket.close_code == 1000


async def test_rl1_a_close_to_an_idle_handler_is_answered_at_once() -> None:
    socket, transport = await accepted()
    socket.data_received(close(1001))
    assert seen_by_client(transport) == [Close(1001, "")]
    assert transport.is_closing()
    with pytest.raises(WebSocketDisconnect):
        await socket.send("late")


async def test_rl1_a_broken_rule_is_told_before_the_connection_ends() -> None:
    socket, transport = await accepted()
    socket.data_received(b"\x81\x01x")
    (event,) = seen_by_client(transport)
    assert isinstance(event, Close)
    assert event.code == socket.close_code == 1002
    assert transport.half_closed
    socket.data_received(b"whatever still comes")
    sweep(socket, 0.0)
    sweep(socket, 10.0)
    assert transport.was_aborted()


async def test_a_lost_connection_leaves_what_came_before() -> None:
    socket, _ = await accepted(limits=Limits(websocket_queue_messages=1))
    socket.data_received(text("a") * 5 + close(4001))
    socket.connection_lost(None)
    assert [await socket.receive() for _ in range(5)] == ["a"] * 5
    with pytest.raises(WebSocketDisconnect) as caught:
        await socket.receive()
    assert caught.value.close_code == 4001


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 1000), (ValueError("x"), 1011), (BadMessage("x"), 1007), (asyncio.CancelledError(), 1011)],
)
async def test_rl1_the_code_says_how_the_handler_ended(error: BaseException | None, code: int) -> None:
    async def run(socket: WebSocket) -> None:
        await socket.accept()
        if error is not None:
            raise error

    socket, transport = opened()
    if error is None:
        await socket.serve(run)
    else:
        with pytest.raises(type(error)):
            await socket.serve(run)
    transport.written.pop(0)
    assert [event.code for event in seen_by_client(transport) if isinstance(event, Close)] == [code]


async def test_a_disconnect_that_the_handler_lets_pass_is_no_error() -> None:
    async def run(socket: WebSocket) -> None:
        while True:
            await socket.receive()

    socket, _ = await accepted()
    socket.data_received(close())
    await socket.serve(run)


@pytest.mark.parametrize(("error", "line"), [(Forbidden("no"), b"HTTP/1.1 403 Forbidden"), (ValueError("secret"), b"HTTP/1.1 500 Internal Server Error")])  # fmt: skip
async def test_rl1_an_error_before_the_handshake_is_answered_is_its_status(
    error: Exception, line: bytes
) -> None:
    async def run(socket: WebSocket) -> None:
        raise error

    socket, transport = opened()
    with pytest.raises(type(error)):
        await socket.serve(run)
    assert status(transport) == line
    assert b"secret" not in transport.written[0]


async def test_a_handler_that_does_nothing_opens_and_closes() -> None:
    async def run(socket: WebSocket) -> None:
        pass

    socket, transport = opened()
    await socket.serve(run)
    assert status(transport) == b"HTTP/1.1 101 Switching Protocols"
    assert socket.close_code == 1000


async def test_pain_14_shutting_down_closes_with_1012() -> None:
    socket, transport = await accepted()
    task = socket.start(echo)
    await settle()
    socket.shut_down()
    await task
    assert seen_by_client(transport) == [Close(1012, "the server restarts")]
    waiting, transport = opened()
    waiting.shut_down()
    assert status(transport) == b"HTTP/1.1 503 Service Unavailable"


async def test_rl1_the_reason_may_not_be_a_code_that_cannot_be_sent() -> None:
    socket, transport = await accepted()
    with pytest.raises(UnsendableMessage):
        await socket.close(1006)
    await socket.close(4000)
    assert transport.written[0][0] == 0x80 | CLOSE


# -- weight ---------------------------------------------------------------------------------------------------------


async def test_pain_10_an_idle_socket_is_two_small_objects() -> None:
    socket, _ = await accepted()
    for _ in range(3):
        socket.data_received(text("hello") * 3)
        for _ in range(3):
            await socket.send(await socket.receive())
    assert sys.getsizeof(socket) + sys.getsizeof(socket._parser) < 600
    for name in ("_rest", "_receiver", "_senders", "_compression", "_head"):
        assert getattr(socket, name) is None, name
    assert not hasattr(socket, "__dict__")
