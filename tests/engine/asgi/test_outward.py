"""The adapter's rules, event by event, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vivace.engine.asgi import ASGIAdapter
from vivace.engine.asgi.scope import connection_values, target_of
from vivace.errors import ContentTooLarge
from vivace.errors.foreign import UnknownScope
from vivace.http.request import Request
from vivace.http.response import Response, Stream, Text


class Wire:
    """An ASGI server's side: events to give, events that came."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        for event in events:
            self.events.put_nowait(event)
        self.asked = 0
        self.asked_before_head = -1
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        self.asked += 1
        return await self.events.get()

    async def send(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self.asked_before_head = self.asked
        self.sent.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event["type"].rpartition(".")[2] for event in self.sent]


def scope(**more: Any) -> dict[str, Any]:
    no_headers: list[tuple[bytes, bytes]] = []
    basic: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": no_headers,
    }
    return {**basic, "scheme": "http", "http_version": "1.1", **more}


@pytest.mark.parametrize(
    ("path", "raw", "root", "query", "target"),
    [
        ("/a b", b"/a%20b", "", b"", "/a%20b"),
        ("/a", b"/a?x=1", "", b"x=1", "/a?x=1"),
        ("/a/ö", None, "", b"", "/a/%C3%B6"),
        ("/old/x", b"/old/x", "/old", b"", "/x"),
        ("/old", b"/old", "/old", b"", "/"),
        ("/older/x", b"/older/x", "/old", b"", "/older/x"),
        ("/ö/x y", b"/%C3%B6/x%20y", "/ö", b"", "/x%20y"),
        ("/ö/x", b"/%c3%b6/x", "/ö", b"q=%20", "/x?q=%20"),
        ("/old/a/b", b"/old/a%2Fb", "/old/", b"", "/a%2Fb"),
    ],
)
def test_hs1_target_below_the_root_path(
    path: str, raw: bytes | None, root: str, query: bytes, target: str
) -> None:
    assert target_of({"path": path, "raw_path": raw, "root_path": root, "query_string": query}) == target


def test_hs1_addresses_and_schemes() -> None:
    assert connection_values(
        {"scheme": "wss", "client": ["::1", 9], "server": ("a", 80), "http_version": "2"}
    ) == (
        "https",
        ("::1", 9),
        ("a", 80),
        "2",
    )
    assert connection_values({"client": None, "server": ("/run/x.sock", None)}) == ("http", None, None, "1.1")


async def test_hs1_buffered_answer_is_two_events() -> None:
    async def handle(request: Request) -> Response:
        return Text("hello", headers={"connection": "close"})

    wire = Wire()
    await ASGIAdapter(handle)(scope(), wire.receive, wire.send)
    head, body = wire.sent
    assert dict(head["headers"]) == {b"content-type": b"text/plain; charset=utf-8", b"content-length": b"5"}
    assert (head["status"], body["body"], body["more_body"]) == (200, b"hello", False)


async def test_hs1_expect_continue_can_be_refused_before_the_body_is_asked_for() -> None:
    async def handle(request: Request) -> Response:
        if request.path == "/read":
            return Text(await request.body())
        raise ContentTooLarge("not that much")

    headers = [(b"expect", b"100-continue"), (b"content-length", b"3")]
    wire = Wire()
    await ASGIAdapter(handle)(scope(method="POST", headers=headers), wire.receive, wire.send)
    assert (wire.sent[0]["status"], wire.asked_before_head) == (413, 0)
    wire = Wire({"type": "http.request", "body": b"abc"})
    await ASGIAdapter(handle)(
        scope(method="POST", path="/read", raw_path=b"/read", headers=headers), wire.receive, wire.send
    )
    assert wire.sent[-1]["body"] == b"abc"


async def test_hs1_upload_is_read_no_faster_than_the_handler() -> None:
    go = asyncio.Event()

    async def handle(request: Request) -> Response:
        await go.wait()
        request.body_limit = None
        return Text(str(len(await request.body())))

    pieces: list[dict[str, Any]] = [{"type": "http.request", "body": b"x" * 40_000, "more_body": True}] * 20
    wire = Wire(*pieces, {"type": "http.request", "body": b""})
    serving = asyncio.create_task(
        ASGIAdapter(handle)(scope(method="POST", http_version="2"), wire.receive, wire.send)
    )
    for _ in range(50):
        await asyncio.sleep(0)
    assert wire.asked == 2
    go.set()
    await serving
    assert wire.sent[-1]["body"] == b"800000"


async def test_rt5_disconnect_cancels_a_safe_handler_quietly() -> None:
    ended: list[str] = []

    async def handle(request: Request) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return Text("")

    wire = Wire({"type": "http.request", "body": b""}, {"type": "http.disconnect"})
    await ASGIAdapter(handle)(scope(), wire.receive, wire.send)
    assert (ended, wire.sent) == (["cancelled"], [])


async def test_rt5_send_that_fails_ends_a_stream_quietly() -> None:
    ended: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            ended.append("closed")

    async def handle(request: Request) -> Response:
        return Stream(pieces())

    async def send(event: Any) -> None:
        if event["type"] == "http.response.body":
            wire.events.put_nowait({"type": "http.disconnect"})

    wire = Wire()
    await ASGIAdapter(handle)(scope(), wire.receive, send)
    assert ended == ["closed"]


async def test_hs1_errors_go_to_the_server() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        raise ZeroDivisionError("late")

    async def handle(request: Request) -> Response:
        return Stream(pieces())

    wire = Wire()
    with pytest.raises(ZeroDivisionError, match="late"):
        await ASGIAdapter(handle)(scope(), wire.receive, wire.send)
    assert wire.kinds == ["start", "body"]
    assert wire.sent[-1]["more_body"] is True


async def test_hs1_early_hints_where_offered() -> None:
    async def handle(request: Request) -> Response:
        request.connection.early_hints([(b"link", b"</a.css>"), (b"x-other", b"1")])
        return Text("")

    wire = Wire()
    offering = scope(extensions={"http.response.early_hint": {}})
    await ASGIAdapter(handle)(offering, wire.receive, wire.send)
    assert wire.sent[0] == {"type": "http.response.early_hint", "links": [b"</a.css>"]}
    wire.sent.clear()
    await ASGIAdapter(handle)(scope(), wire.receive, wire.send)
    assert wire.kinds == ["start", "body"]


async def test_rt3_lifespan() -> None:
    async def handle(request: Request) -> Response:
        return Text("")

    async def fail() -> None:
        raise RuntimeError("no disk")

    log: list[str] = []

    async def up() -> None:
        log.append("up")

    async def down() -> None:
        log.append("down")

    start, stop = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    wire = Wire(start, stop)
    await ASGIAdapter(handle, up, down)({"type": "lifespan"}, wire.receive, wire.send)
    assert (log, wire.kinds) == (["up", "down"], ["complete", "complete"])
    wire = Wire(start)
    await ASGIAdapter(handle, fail)({"type": "lifespan"}, wire.receive, wire.send)
    assert wire.sent == [{"type": "lifespan.startup.failed", "message": "no disk"}]


async def test_hs1_other_scopes_are_refused() -> None:
    async def handle(request: Request) -> Response:
        return Text("")

    wire = Wire()
    with pytest.raises(UnknownScope, match="'carrier-pigeon'"):
        await ASGIAdapter(handle)({"type": "carrier-pigeon"}, wire.receive, wire.send)


async def test_rl1_refused_handshake_without_the_extension() -> None:
    async def handle(request: Request) -> Response:
        assert request.headers["upgrade"] == "websocket"
        return Text("no", 403)

    wire = Wire({"type": "websocket.connect"})
    await ASGIAdapter(handle)({**scope(), "type": "websocket", "scheme": "ws"}, wire.receive, wire.send)
    assert wire.kinds == ["close"]


async def test_rl1_handler_that_ignores_a_lost_client_is_cancelled_after_the_grace() -> None:
    from vivace.http.response import Upgrade
    from vivace.http.websocket import WebSocket

    ended: list[str] = []

    class Deaf(Upgrade):
        async def run(self, socket: WebSocket) -> None:
            await socket.accept()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

    async def handle(request: Request) -> Response:
        return Deaf()

    wire = Wire({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001})
    await ASGIAdapter(handle, grace=0)({**scope(), "type": "websocket"}, wire.receive, wire.send)
    assert (ended, wire.kinds) == (["cancelled"], ["accept"])
