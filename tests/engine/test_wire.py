"""Heads as bytes: nothing that a response says can split the stream of answers (HS2)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.engine.ends import Wire
from vivace.engine.http1.wire import STATUS_LINES, HeadCache, status_line
from vivace.errors import InvalidHeader, InvalidStatus
from vivace.http.headers import NO_DEFAULTS
from vivace.http.request import Request
from vivace.http.response import Response, Stream

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BAD_TYPES = ["text/html\r\nx-evil: 1", "text/html\n", "text/\0", "text/\u4e2d"]
BAD_STATUSES = [-1, 0, 99, 100, 101, 103, 199, 1000]


async def chunks() -> AsyncIterator[bytes]:
    yield b"data"


@pytest.mark.parametrize("content_type", BAD_TYPES)
def test_hs2_content_type_cannot_carry_another_field(content_type: str) -> None:
    heads = HeadCache()
    with pytest.raises(InvalidHeader):
        heads[200, content_type, NO_DEFAULTS]
    assert not heads


@pytest.mark.parametrize("content_type", BAD_TYPES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_hs2_bad_content_type_is_a_500(content_type: str, streamed: bool) -> None:
    async def handle(request: Request) -> Response:
        if streamed:
            return Stream(chunks(), content_type=content_type)
        return Response(b"data", content_type=content_type)

    wire = Wire(handle)
    await wire.send(GET)
    assert wire.statuses == [500]
    assert b"x-evil" not in wire.transport.sent
    await wire.close()


@pytest.mark.parametrize("status", BAD_STATUSES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_status_that_ends_no_request_is_a_500(status: int, streamed: bool) -> None:
    async def handle(request: Request) -> Response:
        return Stream(chunks(), status) if streamed else Response(b"data", status, {"x-a": "b"})

    wire = Wire(handle)
    await wire.send(GET)
    assert wire.statuses == [500]
    await wire.close()


def test_final_statuses_have_a_line_known_or_not() -> None:
    assert status_line(204) == b"HTTP/1.1 204 No Content\r\n"
    assert (status_line(299), status_line(999)) == (b"HTTP/1.1 299 \r\n", b"HTTP/1.1 999 \r\n")
    assert min(STATUS_LINES) == 200
    with pytest.raises(InvalidStatus):
        status_line(103)


async def test_there_is_one_date_and_one_say_on_framing() -> None:
    async def handle(request: Request) -> Response:
        mine = {
            "date": "yesterday",
            "content-length": "77",
            "transfer-encoding": "chunked",
            "connection": "x",
        }
        return Response(b"data", headers=mine)

    wire = Wire(handle)
    await wire.send(GET)
    head, _, body = bytes(wire.transport.sent).partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    assert (names.count(b"date"), b"yesterday" in head, b"77" in head, body) == (1, False, False, b"data")
    assert not {b"transfer-encoding", b"connection"} & set(names)
    await wire.close()


async def test_early_hints_cannot_carry_another_field() -> None:
    async def handle(request: Request) -> Response:
        with pytest.raises(InvalidHeader):
            request.connection.early_hints([(b"link", b"</a>\r\nx-evil: 1")])
        return Response(b"data")

    wire = Wire(handle)
    await wire.send(GET)
    assert (wire.statuses, b"x-evil" in wire.transport.sent) == ([200], False)
    await wire.close()


async def test_http_1_0_client_keeps_its_connection_for_a_stream_of_known_length() -> None:
    async def handle(request: Request) -> Response:
        return Stream(chunks(), headers={"content-length": "4"})

    wire = Wire(handle)
    await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert wire.open
    assert b"connection: keep-alive\r\n" in wire.transport.sent
    await wire.close()
