"""The opening handshake: what is refused and how, the answer, subprotocols, origins."""

from __future__ import annotations

import pytest

from tests.engine.serving import serving
from tests.engine.websocket.peer import HANDSHAKE, upgrade_request
from vivace.engine.websocket.handshake import (
    accept_response,
    accept_value,
    check_upgrade,
    choose_subprotocol,
)
from vivace.errors import BadRequest, HTTPError, InvalidHeader, UpgradeRequired, WebSocketState
from vivace.http.request import Connection, Request
from vivace.http.response import Response, Upgrade
from vivace.http.websocket import WebSocket


def test_rl1_accept_value_of_the_rfc() -> None:
    assert accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_rl1_good_handshake() -> None:
    assert check_upgrade(upgrade_request()) == "dGhlIHNhbXBsZSBub25jZQ=="


def without(name: bytes, value: bytes | None = None) -> list[tuple[bytes, bytes]]:
    fields = [pair for pair in HANDSHAKE if pair[0] != name]
    return fields if value is None else [*fields, (name, value)]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (without(b"upgrade"), UpgradeRequired),
        (without(b"upgrade", b"h2c"), UpgradeRequired),
        (without(b"connection"), BadRequest),
        (without(b"connection", b"keep-alive"), BadRequest),
        (without(b"sec-websocket-version"), UpgradeRequired),
        (without(b"sec-websocket-version", b"8"), UpgradeRequired),
        (without(b"sec-websocket-key"), BadRequest),
        (without(b"sec-websocket-key", b"short"), BadRequest),
        (without(b"sec-websocket-key", b"!!!!IHNhbXBsZSBub25jZQ=="), BadRequest),
        ([*HANDSHAKE, HANDSHAKE[-1]], BadRequest),
    ],
)
def test_rl1_bad_handshakes(fields: list[tuple[bytes, bytes]], error: type[HTTPError]) -> None:
    with pytest.raises(error):
        check_upgrade(Request("GET", "/", fields, Connection()))


@pytest.mark.parametrize(("method", "version"), [("POST", "1.1"), ("GET", "1.0")])
def test_rl1_only_get_over_http_1_1(method: str, version: str) -> None:
    with pytest.raises(UpgradeRequired) as caught:
        check_upgrade(Request(method, "/", list(HANDSHAKE), Connection(http_version=version)))
    assert caught.value.status == 426
    assert caught.value.headers["sec-websocket-version"] == "13"
    assert caught.value.headers["upgrade"] == "websocket"


def test_tokens_are_found_in_lists_and_any_case() -> None:
    fields = [*without(b"upgrade", b"h2c, WebSocket"), (b"connection", b"foo")]
    assert check_upgrade(Request("GET", "/", fields, Connection()))


def test_accept_response() -> None:
    answer = accept_response("dGhlIHNhbXBsZSBub25jZQ==", "chat", "permessage-deflate", {"Set-Cookie": "a=1"})
    lines = answer.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 101 Switching Protocols"
    assert "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in lines
    assert "sec-websocket-protocol: chat" in lines
    assert "sec-websocket-extensions: permessage-deflate" in lines
    assert "set-cookie: a=1" in lines
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("name", ["Upgrade", "connection", "Sec-WebSocket-Accept", "Content-Length"])
def test_the_handshake_headers_are_ours(name: str) -> None:
    with pytest.raises(InvalidHeader, match="belongs to the WebSocket handshake"):
        accept_response("x", None, "", {name: "y"})


def test_headers_cannot_split_the_answer() -> None:
    with pytest.raises(InvalidHeader):
        accept_response("x", None, "", {"x": "a\r\nb: c"})


def test_subprotocols() -> None:
    assert choose_subprotocol(None, ["a", "b"], ()) is None
    assert choose_subprotocol(None, ["a", "b"], ("b", "a")) == "b"
    assert choose_subprotocol(None, ["a"], ("c",)) is None
    assert choose_subprotocol("a", ["a", "b"], ("b",)) == "a"
    with pytest.raises(WebSocketState, match="not offered"):
        choose_subprotocol("c", ["a"], ())


@pytest.mark.parametrize(
    ("method", "version", "key", "status"),
    [
        ("POST", "13", "dGhlIHNhbXBsZSBub25jZQ==", 426),
        ("GET", "8", "dGhlIHNhbXBsZSBub25jZQ==", 426),
        ("GET", "13", "short", 400),
    ],
)
async def test_handshake_that_is_not_complete_is_answered(
    method: str, version: str, key: str, status: int
) -> None:
    async def handle(request: Request) -> Response:
        return Upgrade()

    async with serving(handle) as served:
        client = await served.connect()
        await client.send(
            f"{method} / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            f"sec-websocket-version: {version}\r\nsec-websocket-key: {key}\r\n\r\n".encode()
        )
        got, fields = await client.head()
        assert (got, fields["connection"], fields["content-type"]) == (
            status,
            "close",
            "application/problem+json",
        )
        assert await client.body(fields)
        assert await client.rest() == b""


async def test_error_before_the_handshake_tells_no_details_of_a_500() -> None:
    class Broken(Upgrade):
        async def run(self, socket: WebSocket) -> None:
            raise HTTPError("the password is hunter2", status=500)

    async def handle(request: Request) -> Response:
        return Broken()

    async with serving(handle) as served:
        client = await served.connect()
        fields = b"".join(b"%b: %b\r\n" % pair for pair in HANDSHAKE)
        await client.send(b"GET / HTTP/1.1\r\n%b\r\n" % fields)
        status, answered = await client.head()
        assert (status, b"hunter2" in await client.body(answered)) == (500, False)
