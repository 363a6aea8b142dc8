"""Messages as values: JSON by type, text and binary by name."""

from __future__ import annotations

import msgspec
import pytest

from tests.engine.websocket.peer import accepted, binary, seen_by_client, text
from vivace.errors import BadMessage


class Point(msgspec.Struct):
    x: int


async def test_rl1_typed_receives() -> None:
    socket, _ = await accepted()
    for payload in ('{"x": 1}', '{"x": 2}', '{"x": "no"}', "{", "text"):
        socket.data_received(text(payload))
    socket.data_received(binary(b"bytes") * 2 + text("text"))
    assert await socket.receive_json() == {"x": 1}
    assert await socket.receive_json(Point) == Point(2)
    with pytest.raises(BadMessage, match="Point"):
        await socket.receive_json(Point)
    with pytest.raises(BadMessage, match="cannot be read"):
        await socket.receive_json()
    assert await socket.receive_text() == "text"
    assert await socket.receive_bytes() == b"bytes"
    with pytest.raises(BadMessage, match="binary"):
        await socket.receive_text()
    with pytest.raises(BadMessage, match="text"):
        await socket.receive_bytes()


async def test_send_json_is_a_text_message() -> None:
    socket, transport = await accepted()
    await socket.send_json({"a": "é"})
    assert seen_by_client(transport) == ['{"a":"é"}']
