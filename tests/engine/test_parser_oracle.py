"""Hypothesis drives the edge where bytes become requests; h11 says what they mean.

Three promises: what is sent in pieces means what it means in one; what we accept, h11 accepts and reads alike; what h11
accepts and we refuse is in ``STRICTER``, with the reason.
"""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise
from typing import Final

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .ends import Seen, Wire

STRICTER: Final = {
    "a method that is unknown or not in upper case": rb"(?m)^(?!(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) )[^\s:]+ ",
    "a target that is no path, no absolute http address and not the * of OPTIONS": rb"(?m)^\w+ (?!/|https?://[\w.:]+[/? ])[^ ]* ",
    "characters that a target may not have": rb"(?m)^\w+ [^ ]*[\x7f-\xff^`{|}\"<>\\][^ ]* ",
    "a bare line feed": rb"(?<!\r)\n",
    "a folded value": rb"\n[ \t]",
    "a version other than 1.0 and 1.1": rb"HTTP/(?!1\.[01])",
    "several lengths": rb"(?is)content-length:.*(content-length:|,)",
    "lengths beyond 64 bits": rb"(?i)content-length: *\d{19}",
    "a chunked body over 1.0": rb"(?is)HTTP/1\.0.*transfer-encoding",
    "a missing or empty Host": rb"(?is)\A(?!.*\nhost:[ \t]*[^ \t\r])",
    "one-time fields that come twice": rb"(?is)(content-type|authorization|origin|host):.*\1:",
    "white space around chunk sizes": rb"(?i)[ \t]\r\n|\n[ \t]*[0-9a-f]*[ \t]+;",
    "control characters in chunk extensions": rb";[^\r\n]*[\x00-\x1f\x7f-\xff=\"]",
    "an empty line before the end of the head": rb"\r\n\r\n",
    "an Upgrade that carries a body": rb"(?i)upgrade: *websocket",
}
"""Why we refuse what h11 accepts. The other way round there are no exceptions."""

TOKEN: Final = st.text("abcdefgXYZ-09", min_size=1, max_size=12).map(str.encode)
METHOD: Final = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"])
TARGET: Final = st.text("abc/?&=%20.;-_~*'()", max_size=20).map(lambda text: b"/" + text.encode())
VALUE: Final = st.binary(max_size=20).map(
    lambda raw: bytes(each for each in raw if each >= 32 and each != 127).strip()
)
RESERVED: Final = {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"}
FIELDS: Final = st.lists(st.tuples(TOKEN, VALUE), max_size=5, unique_by=lambda pair: pair[0].lower())


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Return the bytes of one well-formed request."""
    fields = [(b"Host", b"a"), *draw(FIELDS)]
    body = draw(st.binary(max_size=40))
    framing = draw(st.sampled_from(["none", "length", "chunks"]))
    if framing == "length":
        fields.insert(draw(st.integers(0, len(fields))), (b"Content-Length", b"%d" % len(body)))
    elif framing == "chunks":
        fields.insert(draw(st.integers(0, len(fields))), (b"Transfer-Encoding", b"chunked"))
        parts = [body[at : at + 7] for at in range(0, len(body), 7)]
        trailers = b"".join(b"%b: %b\r\n" % pair for pair in draw(FIELDS))
        body = b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailers + b"\r\n"
    else:
        body = b""
    head = b"".join(
        b"%b:%b%b\r\n" % (name, draw(st.sampled_from([b"", b" "])), value) for name, value in fields
    )
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (draw(METHOD), draw(TARGET), head, body)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return well-formed requests with a few bytes replaced, removed, doubled or put in."""
    data = bytearray(b"".join(draw(st.lists(requests(), min_size=1, max_size=3))))
    alphabet = st.sampled_from([*b" \t\r\n\x00:;,/0159afx\x7f\xff-+HTP", 0x0B, 0x1F])
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["replace", "remove", "double", "insert", "swap"]))
        if kind == "replace":
            data[at] = draw(alphabet)
        elif kind == "remove" and len(data) > 1:
            del data[at]
        elif kind == "double":
            end = min(len(data), at + draw(st.integers(1, 30)))
            data[at:at] = data[at:end]
        elif kind == "insert":
            data.insert(at, draw(alphabet))
        else:
            data[at : at + 2] = data[at : at + 2][::-1]
    return bytes(data)


async def ours(*pieces: bytes) -> tuple[list[Seen], list[int]]:
    """Return what the app saw, and how it was answered."""
    wire = Wire()
    await wire.send(*pieces)
    await wire.end()
    await wire.pass_time(3)
    assert not wire.protocol.busy
    seen, statuses = wire.seen, wire.statuses
    await wire.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return seen, statuses


def oracle(data: bytes) -> tuple[list[Seen], bool]:
    """Return what h11 makes of the bytes, and whether it found an error.

    RFC 9112 section 2.2: empty lines before a request line are to be ignored, and a bare LF may end a line. The parser
    skips any CR and LF there; h11 only CRLF. Nothing can be hidden there: no field, no framing and no body has begun.
    """
    found: list[Seen] = []
    rest: bytes | None = data
    try:
        while rest is not None and (rest := rest.lstrip(b"\r\n")):
            rest = _next_of(rest, found)
    except h11.RemoteProtocolError:
        return found, True
    return found, False


def _next_of(data: bytes, found: list[Seen]) -> bytes | None:
    """Add the first request to ``found`` and return what follows; ``None`` when nothing may."""
    seen = Seen("", "", [], b"", [])
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            headers = [(bytes(name), bytes(value)) for name, value in event.headers]
            seen = Seen(event.method.decode(), event.target.decode("latin-1"), headers, b"", [])
        elif isinstance(event, h11.Data):
            seen.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            seen.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
            found.append(seen)
            connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            connection.send(h11.EndOfMessage())
            return None if h11.MUST_CLOSE in connection.states.values() else connection.trailing_data[0]
        else:
            return None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@settings(max_examples=60, deadline=None)
@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 1000), max_size=8))
async def test_hs3_requests_are_read_as_h11_reads_them(sent: list[bytes], places: list[int]) -> None:
    data = b"".join(sent)
    expected, failed = oracle(data)
    assert not failed
    seen, statuses = await ours(*cut(data, places))
    assert seen == expected
    assert statuses == [200] * len(sent)


@settings(max_examples=150, deadline=None)
@given(mutated())
@example(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nContent-Length:1\r\nHost:a\r\n\r\n\r\n\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nabc")
async def test_hs3_what_we_accept_h11_accepts_and_reads_alike(data: bytes) -> None:
    expected, failed = oracle(data)
    seen, statuses = await ours(data)
    assert seen == expected[: len(seen)]
    assert 500 not in statuses
    if len(seen) < len(expected):
        assert any(re.search(pattern, data) for pattern in STRICTER.values()), data
    if failed and len(seen) == len(expected):
        assert statuses[len(seen) :] in ([400], [])


@settings(max_examples=120, deadline=None)
@given(st.one_of(mutated(), st.binary(max_size=200)), st.lists(st.integers(0, 1000), max_size=10))
async def test_hs3_pieces_mean_what_the_whole_means(data: bytes, places: list[int]) -> None:
    whole = await ours(data)
    pieces = await ours(*cut(data, places))
    if not re.search(rb"[A-Z]  |  (HTTP|RTSP|ICE)/", data):  # see `vivace.engine.http1.refusals`
        assert pieces[0] == whole[0]
        assert pieces[1] == whole[1]
