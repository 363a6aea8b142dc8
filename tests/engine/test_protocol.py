"""One connection and its conversation: keep-alive, HEAD, 100-continue, 103, trailers, upgrades, refused bodies (HS1, HS7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from vivace.http.request import Request
from vivace.http.response import Empty, Response, Stream

from .ends import Wire

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"


async def test_hs1_a_thousand_answers_of_one_connection_are_in_order() -> None:
    wire = Wire()
    for number in range(0, 1_000, 10):
        await wire.send(
            b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % each for each in range(number, number + 10))
        )
        await wire.settle(30)
    assert [seen.target for seen in wire.seen] == [f"/{number}" for number in range(1_000)]
    assert wire.statuses == [200] * 1_000
    await wire.close()


async def test_hs1_http_1_0_is_kept_only_when_asked() -> None:
    wire = Wire()
    await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"connection: keep-alive\r\n" in wire.transport.sent
    await wire.send(b"GET / HTTP/1.0\r\n\r\n")
    assert wire.transport.sent.endswith(b"GET /")
    assert b"connection: close\r\n" in wire.transport.sent
    assert (wire.statuses, wire.open) == ([200, 200], False)
    await wire.close()


async def test_hs1_head_has_the_length_and_not_the_body() -> None:
    wire = Wire()
    await wire.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    head, _, rest = bytes(wire.transport.sent).partition(b"\r\n\r\n")
    assert b"content-length: 7" in head
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    await wire.close()


async def test_hs1_statuses_without_a_body_say_nothing_of_one() -> None:
    async def handle(request: Request) -> Response:
        return Empty(int(request.target[1:]))

    wire = Wire(handle)
    await wire.send(GET.replace(b"/ ", b"/204 ", 1), GET.replace(b"/ ", b"/304 ", 1))
    assert (wire.statuses, wire.open) == ([204, 304], True)
    assert b"content-length" not in wire.transport.sent
    await wire.close()


async def test_hs7_continue_is_sent_when_the_body_is_read() -> None:
    wire = Wire()
    await wire.send(EXPECTING)
    assert wire.transport.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    await wire.send(b"hello")
    assert (wire.statuses, wire.open, wire.seen[0].body) == ([200], True, b"hello")
    await wire.close()


async def test_hs7_continue_is_refused_before_the_body() -> None:
    async def handle(request: Request) -> Response:
        return Response("no", 403)

    wire = Wire(handle)
    await wire.send(EXPECTING)
    assert wire.transport.sent.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close" in wire.transport.sent
    assert not wire.open
    await wire.close()


async def test_hs7_other_expectations_are_417_and_those_of_1_0_are_nothing() -> None:
    wire = Wire()
    await wire.send(EXPECTING.replace(b"100-continue", b"a miracle"))
    assert (wire.statuses, wire.open) == ([417], False)
    await wire.close()
    wire = Wire()
    await wire.send(EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0"), b"hello")
    assert wire.transport.sent.startswith(b"HTTP/1.1 200 ")
    await wire.close()


async def test_hs7_early_hints_come_before_the_answer() -> None:
    async def handle(request: Request) -> Response:
        request.connection.early_hints([(b"link", b"</a.css>; rel=preload")])
        return Response("page")

    wire = Wire(handle)
    await wire.send(GET)
    assert wire.transport.sent.startswith(
        b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 "
    )
    await wire.send(b"GET / HTTP/1.0\r\n\r\n")
    assert wire.transport.sent.count(b" 103 ") == 1
    await wire.close()


async def test_hs7_trailers_of_a_body_that_came_in_pieces() -> None:
    wire = Wire()
    await wire.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        b"0\r\nx-sum: 1\r\n\r\n",
    )
    assert (wire.seen[0].body, wire.seen[0].trailers) == (b"x", [(b"x-sum", b"1")])
    await wire.close()


async def test_rs4_stream_is_chunked_for_1_1_and_closed_for_1_0() -> None:
    async def handle(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"c"

        return Stream(chunks())

    wire = Wire(handle)
    await wire.send(GET)
    assert wire.transport.sent.endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert (wire.statuses, wire.open) == ([200], True)
    await wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert wire.transport.sent.endswith(b"\r\n\r\nabc")
    assert not wire.open
    await wire.close()


async def test_rs4_stream_that_fails_is_cut() -> None:
    async def handle(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"ab"
            raise ValueError("half-way")

        return Stream(chunks())

    wire = Wire(handle)
    await wire.send(GET)
    assert wire.transport.aborted
    assert not wire.transport.sent.endswith(b"0\r\n\r\n")
    await wire.close()


async def test_rq4_short_unread_body_is_skipped_and_a_long_one_ends_the_connection() -> None:
    async def handle(request: Request) -> Response:
        return Response("at once")

    wire = Wire(handle)
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", b"GET / HTT", GET)
    assert (wire.statuses, wire.open) == ([200, 200], True)
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n", GET)
    assert (wire.statuses, wire.open) == ([200, 200, 200], False)
    await wire.pass_time(3)
    assert wire.transport.lost
    await wire.close()


async def test_hs1_broken_rest_of_an_unread_body_is_no_second_answer() -> None:
    async def handle(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response("at once")

    wire = Wire(handle)
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n", GET)
    assert (wire.statuses, wire.open) == ([200], False)
    await wire.close()


async def test_hs1_known_head_is_read_as_the_first_time() -> None:
    """A repeated header section is recognised; what is not exactly a request line in front of it is parsed."""
    tail = b" HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"
    wire = Wire()
    await wire.send(
        b"GET /1" + tail, b"GET /2?a=b" + tail, b"HEAD /3" + tail, b"OPTIONS /4" + tail, b"GET /5" + tail
    )
    assert [(seen.method, seen.target) for seen in wire.seen] == [
        ("GET", "/1"),
        ("GET", "/2?a=b"),
        ("HEAD", "/3"),
        ("OPTIONS", "/4"),
        ("GET", "/5"),
    ]
    assert all(seen.headers == [(b"host", b"a"), (b"x", b"y")] for seen in wire.seen)
    await wire.send(b"GET http://b/6" + tail)
    assert (wire.seen[5].target, wire.seen[5].headers[-1]) == ("/6", (b"host", b"b"))
    await wire.send(b"GET  /7" + tail)
    assert (wire.statuses, wire.open) == ([200] * 6 + [400], False)
    await wire.close()


async def test_hs1_nothing_is_answered_for_a_client_that_left() -> None:
    go = asyncio.Event()

    async def handle(request: Request) -> Response:
        await go.wait()
        return Response("written")

    wire = Wire(handle)
    await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    await wire.lose()
    go.set()
    await wire.settle()
    assert wire.transport.sent == b""
    assert not wire.protocol.busy
    await wire.close()
