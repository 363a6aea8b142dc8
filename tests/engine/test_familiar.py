"""What is recognised must mean what the parser would have made of it; what is not exactly the same is not recognised."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivace.config.settings import Limits
from vivace.engine.http1.familiar import Familiar, remember
from vivace.http.request import Connection, Request
from vivace.http.response import Response

from .ends import Seen, Wire

POST: Final = b"POST /a?b=1 HTTP/1.1\r\nHost: h\r\ncontent-LENGTH:\t%b \r\nX: y\r\n\r\n%b"
CONNECTION: Final = Connection()


async def learned(packet: bytes) -> Familiar:
    """Return what is kept of a packet that the parser has read."""
    wire = Wire()
    await wire.send(packet)
    await wire.close()
    (seen,) = wire.seen
    request = Request(seen.method, seen.target, seen.headers, CONNECTION, seen.body, dict(seen.headers))
    known = remember(packet, request, Limits())
    assert known is not None
    return known


async def test_hs1_a_known_head_is_recognised_in_front_of_bodies_of_any_length() -> None:
    known = await learned(POST % (b"3", b"abc"))
    for body in (b"xyz", b"", b"a longer one", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(300)):
        request = known.read(POST % (b"%d" % len(body), body), CONNECTION)
        if not body:  # a length of zero is the parser's
            assert request is None
            continue
        assert request is not None
        assert (request.method, request.target, await request.body()) == ("POST", "/a?b=1", body)
        length = b"%d" % len(body)
        assert request.raw_headers == [(b"host", b"h"), (b"content-length", length), (b"x", b"y")]
        assert request.index == dict(request.raw_headers)
        assert request.content_length == len(body)


@pytest.mark.parametrize(
    "packet",
    [
        POST % (b"4", b"abc"),
        POST % (b"2", b"abc"),
        POST % (b"03", b"abc"),
        POST % (b"+3", b"abc"),
        POST % (b"3,3", b"abc"),
        POST % (b"3 3", b"abc"),
        POST % (b"", b"abc"),
        POST % (b"3", b"abc") + b"GET / HTTP/1.1\r\n\r\n",
        (POST % (b"3", b"abc")).replace(b"X: y", b"X: z"),
        (POST % (b"3", b"abc")).replace(b"X: y", b"X: y\r\nTransfer-Encoding: chunked"),
        (POST % (b"3", b"abc")).replace(b"content-LENGTH", b"Content-Length"),
        (POST % (b"3", b"abc")).replace(b"POST", b"GET"),
        (POST % (b"3", b"abc")).replace(b"POST", b"POST "),
        (POST % (b"3", b"abc")).replace(b"1.1", b"1.0"),
        (POST % (b"3", b"abc")).replace(b"/a", b"/\xe4"),
        (POST % (b"3", b"abc")).replace(b"/a", b"http://h/a"),
        (POST % (b"3", b"abc")).replace(b"/a", b"/" + b"a" * 9000),
        b"\r\n" + POST % (b"3", b"abc"),
    ],
)
async def test_hs3_what_differs_in_more_than_line_and_length_is_left_to_the_parser(packet: bytes) -> None:
    known = await learned(POST % (b"3", b"abc"))
    assert known.read(packet, CONNECTION) is None


@pytest.mark.parametrize(
    "fields",
    [
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\nExpect: 100-continue\r\n",
        b"Content-Length: 3\r\nTrailer: x\r\n",
        b"Content-Length: 3\r\nUpgrade: h2c\r\n",
        b"Content-Length: 03\r\n",
        b"Content-Length: 3\r\nX-Long: " + b"x" * 4_096 + b"\r\n",
    ],
)
def test_hs3_heads_that_mean_more_are_not_remembered(fields: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"
    pairs = [tuple(line.split(b": ", 1)) for line in fields.lower().splitlines()]
    headers = [(b"host", b"a"), *((name, value) for name, value in pairs)]
    request = Request("POST", "/", headers, CONNECTION, b"abc", dict(headers))
    assert remember(head + b"abc", request, Limits()) is None


@pytest.mark.parametrize(("sizes", "statuses"), [((6,), [413]), ((5, 4, 6), [200, 200, 413])])
async def test_hs1_the_limit_of_a_route_holds(sizes: tuple[int, ...], statuses: list[int]) -> None:
    """The first body is remembered before the route has said its limit, the others are recognised."""

    async def handle(request: Request) -> Response:
        request.body_limit = 5
        return Response(await request.body())

    wire = Wire(handle)
    await wire.send(*(POST % (b"%d" % size, bytes(size)) for size in sizes))
    assert wire.statuses == statuses
    await wire.close()


# -- the same bytes, recognised and parsed ----------------------------------------------------------------------------

METHOD: Final = st.sampled_from([b"POST", b"PUT", b"PATCH", b"DELETE", b"GET", b"HEAD", b"OPTIONS"])
TARGET: Final = st.sampled_from([b"/", b"/a?b=c%20", b"/a#b", b"*", b"http://x/y", b"/\x7f", b"//x", b'/"'])
BODY: Final = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n", b"\r\n", b"{  }"]),
)
SECTIONS: Final = (
    b"Host: a\r\nContent-Length: %b\r\n\r\n",
    b"content-length:%b \r\nHost: a\r\nX: content-length: 1\r\n\r\n",
    b"Host: a\r\nContent-Length: %b\r\nConnection: keep-alive\r\nX: 1\r\nX: 2\r\n\r\n",
    b"Host: a\r\nContent-Length: %b\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"Host: a\r\nContent-Length: %b\r\nContent-Length: %b\r\n\r\n",
    b"Host: a\r\nContent-Length: %b\r\nConnection: close\r\n\r\n",
)


@st.composite
def packets(draw: st.DrawFn) -> list[bytes]:
    """Return messages of one client, mostly alike, some with a length that lies, some joined, some cut."""
    section = draw(st.sampled_from(SECTIONS[:3]))
    sent: list[bytes] = []
    for _ in range(draw(st.integers(2, 6))):
        body = draw(BODY)
        length = b"%d" % len(body)
        if draw(st.integers(0, 7)) == 0:
            lies = [b"0" + length, b"+" + length, length + b"0", b"", b"1", b"-1", b"0x1", length + b" 1"]
            length = draw(st.sampled_from(lies))
        used = draw(st.sampled_from(SECTIONS)) if draw(st.integers(0, 7)) == 0 else section
        head = used.replace(b"%b", length)
        method = draw(METHOD) if draw(st.booleans()) else b"POST"
        target = draw(TARGET) if draw(st.booleans()) else b"/a"
        sent.append(b"%b %b HTTP/1.1\r\n%b%b" % (method, target, head, body))
    data = b"".join(sent)
    ends = {sum(map(len, sent[:count])) for count in range(len(sent) + 1)}
    ends -= draw(st.sets(st.sampled_from(sorted(ends)), max_size=2)) - {0, len(data)}
    ends |= draw(st.sets(st.integers(0, len(data)), max_size=2))
    return [data[start:end] for start, end in pairwise(sorted(ends))]


async def outcome(*pieces: bytes) -> tuple[list[Seen], list[int], bool]:
    wire = Wire()
    await wire.send(*pieces)
    await wire.end()
    await wire.pass_time(3)
    result = (wire.seen, wire.statuses, wire.open)
    await wire.close()
    return result


@settings(max_examples=120, deadline=None)
@given(packets())
@example(
    [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%b" % body for body in (b"a", b"b", b"cG")]
)
async def test_hs3_recognised_and_parsed_bytes_mean_the_same(sent: list[bytes]) -> None:
    data = b"".join(sent)
    if re.search(rb"[A-Z]  |  (HTTP|RTSP|ICE)/", data):  # see `vivace.engine.http1.refusals`
        return
    in_packets = await outcome(*sent)
    assert in_packets == await outcome(data)  # the first packet of a connection always goes to the parser
    assert in_packets == await outcome(*(data[at : at + 1] for at in range(len(data))))
