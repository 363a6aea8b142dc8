"""The test client's WebSockets and server-sent events, against bare ``handle`` functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from vivace.errors import Forbidden, WebSocketState
from vivace.errors.testing import ClientMisuse, WebSocketRejected
from vivace.http.eventstream import Event, EventStream
from vivace.http.request import Request
from vivace.http.response import Response, Text, Upgrade
from vivace.http.types import Handle
from vivace.http.websocket import WebSocket, WebSocketDisconnect, WebSocketOptions
from vivace.testing import Client


class Socket(Upgrade):
    """An upgrade around a function."""

    def __init__(
        self, function: Callable[[WebSocket], Awaitable[None]], options: WebSocketOptions | None = None
    ) -> None:
        super().__init__(options)
        self.function = function

    async def run(self, socket: WebSocket) -> None:
        await self.function(socket)


def serve(
    function: Callable[[WebSocket], Awaitable[None]], options: WebSocketOptions | None = None
) -> Handle:
    async def handle(request: Request) -> Response:
        return Socket(function, options)

    return handle


async def echo(socket: WebSocket) -> None:
    async for message in socket:
        await socket.send(message)


async def test_rl13_echo_text_binary_and_json() -> None:
    async with Client(serve(echo)).websocket("/echo") as socket:
        await socket.send("grüße")
        assert await socket.receive() == "grüße"
        await socket.send(b"\0")
        assert await socket.receive() == b"\0"
        await socket.send_json({"a": 1})
        assert await socket.receive_json() == {"a": 1}


async def test_rl13_handshake_is_a_real_one() -> None:
    seen: dict[str, str] = {}

    async def handle(request: Request) -> Response:
        seen.update(request.headers.items())
        return Socket(echo)

    client = Client(handle, "https://example.org")
    client.cookies.set("a", "b", domain="example.org")
    async with client.websocket("/", headers={"X-One": "1"}, query={"q": 2}) as socket:
        assert socket.request.target == "/?q=2"
    assert seen["upgrade"] == "websocket"
    assert seen["origin"] == "https://example.org"
    assert (seen["x-one"], seen["cookie"]) == ("1", "a=b")


async def test_rl13_subprotocol_and_headers() -> None:
    async def run(socket: WebSocket) -> None:
        assert socket.offered_subprotocols == ["v1", "v2"]
        await socket.accept("v2", {"x-room": "7"})

    async with Client(serve(run)).websocket("/", subprotocols=["v1", "v2"]) as socket:
        assert (socket.subprotocol, socket.headers["x-room"]) == ("v2", "7")
        with pytest.raises(WebSocketDisconnect) as end:
            await socket.receive()
        assert end.value.close_code == socket.close_code == 1000


async def test_rl13_subprotocol_by_preference_of_the_route() -> None:
    async with Client(serve(echo, WebSocketOptions(subprotocols=("v3", "v2")))).websocket(
        "/", subprotocols=["v1", "v2"]
    ) as socket:
        await socket.send("x")
        assert socket.subprotocol == "v2"


async def test_rl13_handler_sees_the_clients_close_code() -> None:
    codes: list[tuple[int, str]] = []

    async def run(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await socket.receive()
        except WebSocketDisconnect as end:
            codes.append((end.close_code, end.reason))
        with pytest.raises(WebSocketDisconnect):
            await socket.send("too late")

    async with Client(serve(run)).websocket("/") as socket:
        await socket.close(4001, "bye")
    assert codes == [(4001, "bye")]


async def test_rl13_messages_before_the_close_arrive() -> None:
    seen: list[str | bytes] = []

    async def run(socket: WebSocket) -> None:
        await socket.accept()
        seen.extend([message async for message in socket])

    async with Client(serve(run)).websocket("/") as socket:
        for number in range(50):
            await socket.send(str(number))
    assert seen == [str(number) for number in range(50)]


async def test_rl13_server_closes_with_a_code() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.send("last")
        await socket.close(4404, "gone")

    async with Client(serve(run)).websocket("/") as socket:
        assert [message async for message in socket] == ["last"]
        assert (socket.close_code, socket.close_reason) == (4404, "gone")
        with pytest.raises(WebSocketDisconnect):
            await socket.send("x")


async def test_rl13_rejection_gives_the_response() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.reject(Text("no", 403))

    async def no_socket(request: Request) -> Response:
        return Text("plain", 200)

    async def error(request: Request) -> Response:
        raise Forbidden("members only")

    for handle, status, text in ((serve(run), 403, "no"), (no_socket, 200, "plain")):
        with pytest.raises(WebSocketRejected, match="refused the WebSocket") as caught:
            await Client(handle).websocket("/").__aenter__()
        assert (caught.value.response.status, caught.value.response.text) == (status, text)
    with pytest.raises(WebSocketRejected) as caught:
        await Client(error, raise_errors=False).websocket("/").__aenter__()
    assert caught.value.response.status == 403


async def test_rl13_errors_of_the_handler_are_raised() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.receive()
        raise ZeroDivisionError("oops")

    async with Client(serve(run)).websocket("/") as socket:
        await socket.send("x")
        with pytest.raises(ZeroDivisionError):
            await socket.receive()  # and not once more at the end
    with pytest.raises(ZeroDivisionError):
        async with Client(serve(run)).websocket("/") as socket:
            await socket.send("x")
    async with Client(serve(run), raise_errors=False).websocket("/") as socket:
        await socket.send("x")
        with pytest.raises(WebSocketDisconnect) as end:
            await socket.receive()
        assert end.value.close_code == 1011


async def test_rl13_unreadable_message_closes_with_1007() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.receive_json()

    async with Client(serve(run), raise_errors=False).websocket("/") as socket:
        await socket.send("{")
        with pytest.raises(WebSocketDisconnect) as end:
            await socket.receive()
        assert end.value.close_code == 1007


async def test_rl13_accepting_twice_is_an_error() -> None:
    async def run(socket: WebSocket) -> None:
        await socket.accept()
        await socket.accept()

    with pytest.raises(WebSocketState, match="after the handshake had been answered"):
        async with Client(serve(run)).websocket("/") as socket:
            await socket.receive()


async def test_rl13_sender_waits_for_a_slow_client() -> None:
    sent = 0

    async def run(socket: WebSocket) -> None:
        nonlocal sent
        for number in range(100):
            await socket.send(str(number))
            sent += 1

    async with Client(serve(run)).websocket("/") as socket:
        for _ in range(200):
            await asyncio.sleep(0)
        assert sent < 40
        assert [message async for message in socket] == [str(number) for number in range(100)]


async def test_rl13_a_handler_that_ignores_the_close_is_cancelled() -> None:
    ended: list[str] = []

    async def run(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with Client(serve(run)).websocket("/"):
        pass
    assert ended == ["cancelled"]


async def news(request: Request) -> Response:
    async def events() -> AsyncIterator[Event]:
        yield Event({"n": 1}, event="tick", id="7")
        yield Event(request.headers.get("last-event-id") or "none")
        await asyncio.Event().wait()

    return EventStream(events()) if request.path == "/news" else Text("no", 404)


async def test_te1_events_are_read_one_by_one() -> None:
    async with Client(news).events("/news", last_event_id="41") as events:
        first = await anext(events)
        assert (first.event, first.id, first.data) == ("tick", "7", '{"n":1}')
        assert (await anext(events)).data == "41"


async def test_te1_events_of_a_page_are_refused() -> None:
    with pytest.raises(ClientMisuse, match="status 404 and text/plain"):
        async with Client(news).events("/x"):
            pass
