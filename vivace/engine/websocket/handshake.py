"""The opening handshake (RFC 6455 section 4.2): what a request must have, and the answer that opens the socket."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from vivace.engine.http1.wire import encode_head
from vivace.errors import BadRequest, InvalidHeader, UpgradeRequired, WebSocketState
from vivace.http.headers import RawHeaders, encode_fields, encode_name, encode_value
from vivace.http.request import Request
from vivace.http.response import Response

VERSION = "13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_OURS = ("connection", "upgrade", "content-length", "transfer-encoding")
_NAMES: Final = {
    name: name
    for name in (
        *(
            b"host",
            b"origin",
            b"user-agent",
            b"cookie",
            b"accept-language",
            b"accept-encoding",
            b"authorization",
        ),
        *(b"sec-websocket-key", b"sec-websocket-extensions", b"sec-websocket-protocol", b"x-forwarded-for"),
    )
}
_FIELDS: Final = {
    field: field
    for field in (
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"connection", b"keep-alive, Upgrade"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        (b"accept-encoding", b"gzip, deflate, br, zstd"),
        (b"cache-control", b"no-cache"),
        (b"pragma", b"no-cache"),
        (b"sec-fetch-mode", b"websocket"),
        (b"sec-fetch-site", b"same-origin"),
    )
}


def check_upgrade(request: Request) -> str:
    """Return the Sec-WebSocket-Key of a valid handshake; raises ``UpgradeRequired`` (426) or ``BadRequest``."""
    headers = request.headers
    if request.method != "GET" or request.connection.http_version == "1.0":
        raise _no_upgrade(
            f"a {request.method} request over HTTP/{request.connection.http_version}",
            "a GET request over HTTP/1.1",
        )
    if "websocket" not in _tokens(headers.getlist("upgrade")):
        raise _no_upgrade(headers.get("upgrade") or "no Upgrade header", "Upgrade: websocket")
    if "upgrade" not in _tokens(headers.getlist("connection")):
        raise BadRequest(
            "The WebSocket handshake is incomplete.",
            expected="Connection: Upgrade",
            got=headers.get("connection") or "no Connection header",
            fix="A proxy may have removed it: let it pass Upgrade and Connection on.",
        )
    versions = headers.getlist("sec-websocket-version")
    if versions != [VERSION]:
        raise _no_upgrade(", ".join(versions) or "no Sec-WebSocket-Version", "Sec-WebSocket-Version: 13")
    return _checked_key(headers.getlist("sec-websocket-key"))


def _no_upgrade(got: str, expected: str) -> UpgradeRequired:
    """Section 4.2.2 asks for the version we speak, RFC 9110 section 15.5.22 for the protocol."""
    fields = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": VERSION}
    return UpgradeRequired("This address talks WebSocket.", headers=fields, expected=expected, got=got)


def _checked_key(values: list[str]) -> str:
    try:
        if len(values) == 1 and len(base64.b64decode(values[0], validate=True)) == 16:
            return values[0]
    except (binascii.Error, ValueError):
        pass
    raise BadRequest(
        "Sec-WebSocket-Key is not valid.",
        expected="one value, 16 bytes in base64",
        got=", ".join(values)[:80],
    )


def _tokens(values: Iterable[str]) -> set[str]:
    return {token.strip().lower() for value in values for token in value.split(",")}


def accept_value(key: str) -> str:
    """Return the Sec-WebSocket-Accept that belongs to a key."""
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def accept_response(key: str, subprotocol: str | None, extensions: str, headers: Mapping[str, str]) -> bytes:
    """Return the 101 answer; raises ``InvalidHeader`` when ``headers`` name what the handshake itself sets."""
    fields: RawHeaders = [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", accept_value(key).encode()),
    ]
    if subprotocol is not None:
        fields.append((b"sec-websocket-protocol", encode_value("sec-websocket-protocol", subprotocol)))
    if extensions:
        fields.append((b"sec-websocket-extensions", extensions.encode()))
    for name, value in headers.items():
        if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
            raise InvalidHeader(
                f"The header {name!r} belongs to the WebSocket handshake.",
                fix="Pass subprotocol= to accept(), and leave the others out.",
            )
        fields.append((encode_name(name), encode_value(name, value)))
    return b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n" % encode_fields(fields)


def settle(request: Request) -> None:
    """Let a request whose handshake was answered take less memory, for its socket may idle for days.

    Measured with the five fields that a handshake must have: 1 kB less. Browsers send more of what is shared here.
    """
    request.forget_index()
    request.raw_headers[:] = [
        _FIELDS.get(field) or (_NAMES.get(field[0], field[0]), field[1]) for field in request.raw_headers
    ]


def refusal(response: Response) -> bytes:
    """Return the bytes of an ordinary response in place of the 101, which ends the connection."""
    return b"%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        encode_head(response),
        len(response.body),
        response.body,
    )


def choose_subprotocol(wanted: str | None, offered: list[str], ours: tuple[str, ...]) -> str | None:
    """Return ``wanted``, else the first of ``ours`` that is offered; raises ``WebSocketState`` unless it is offered."""
    if wanted is None:
        return next((name for name in ours if name in offered), None)
    if wanted not in offered:  # section 4.1: the client would fail the connection
        raise WebSocketState(
            f"The subprotocol {wanted!r} was not offered by the client.",
            expected=", ".join(offered) or "no subprotocol",
            got=wanted,
            fix="Choose one of socket.offered_subprotocols.",
        )
    return wanted
