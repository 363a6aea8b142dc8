"""The smuggling corpus: bytes, what is answered, whether the connection stays open, how many requests the app saw (HS3).

A request that two servers could read differently is answered 400 and the connection is closed, for what follows may be
the hidden half. Each case is followed by a good request: it must never be answered after a bad one.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from vivace.app import App

from .ends import Wire

H = b"Host: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def get(fields: bytes = H, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return line + b"\r\n" + fields + b"\r\n"


def post(fields: bytes, body: bytes = b"", line: bytes = b"POST / HTTP/1.1") -> bytes:
    return line + b"\r\n" + H + fields + b"\r\n" + body


def chunks(body: bytes) -> bytes:
    return post(CHUNKED, body)


REFUSED: dict[str, bytes] = {
    # two lengths
    "CL then TE": post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n"),
    "TE then CL": post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "two equal CL": post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"),
    "two differing CL": post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello"),
    "list of equal CL": post(b"Content-Length: 5, 5\r\n", b"hello"),
    "list of differing CL": post(b"Content-Length: 5, 6\r\n", b"hello"),
    "negative CL": post(b"Content-Length: -5\r\n", b"hello"),
    "plus CL": post(b"Content-Length: +5\r\n", b"hello"),
    "hexadecimal CL": post(b"Content-Length: 0x5\r\n", b"hello"),
    "CL with an underscore": post(b"Content-Length: 1_0\r\n", b"hello"),
    "CL with a fraction": post(b"Content-Length: 5.0\r\n", b"hello"),
    "CL beyond 64 bits": post(b"Content-Length: 18446744073709551621\r\n", b"hello"),
    "empty CL": post(b"Content-Length:\r\n", b"hello"),
    "CL of words": post(b"Content-Length: five\r\n", b"hello"),
    "CL with a space inside": post(b"Content-Length: 5 5\r\n", b"hello"),
    "CL in Arabic digits": post("Content-Length: ٥\r\n".encode(), b"hello"),
    # transfer codings
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunkedx": post(b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n"),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "identity, chunked": post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    "chunked twice": post(CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n"),
    "empty TE": post(b"Transfer-Encoding:\r\n", b"0\r\n\r\n"),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;a=b\r\n", b"0\r\n\r\n"),
    "quoted chunked": post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    "TE with a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "TE over 1.0": post(CHUNKED, b"0\r\n\r\n", line=b"POST / HTTP/1.0"),
    "TE over 1.0, kept": post(CHUNKED + b"Connection: keep-alive\r\n", b"0\r\n\r\n", line=b"POST / HTTP/1.0"),
    # line ends
    "LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "LF after a field": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "LF as the last line": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "LF everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
    "CR in a value": get(b"Host: a\rX: b\r\n"),
    "CR in a name": get(H + b"X\rY: b\r\n"),
    "CR after the request line": b"GET / HTTP/1.1\rHost: a\r\n\r\n",
    "CR as the last line": b"GET / HTTP/1.1\r\nHost: a\r\n\rX",
    "CR CR LF": b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "folded value": get(H + b"X: b\r\n c\r\n"),
    "folded value with a tab": get(H + b"X: b\r\n\tc\r\n"),
    "folded first line": get(b" X: b\r\n" + H),
    "folded CL": post(b"Content-Length:\r\n 5\r\n", b"hello"),
    # names and values
    "space before the colon": get(H + b"X : b\r\n"),
    "space before the colon of CL": post(b"Content-Length : 5\r\n", b"hello"),
    "space before the colon of TE": post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    "tab before the colon": get(H + b"X\t: b\r\n"),
    "space in a name": get(H + b"X Y: b\r\n"),
    "empty name": get(H + b": b\r\n"),
    "no colon": get(H + b"X\r\n"),
    "nul in a name": get(H + b"X\x00: b\r\n"),
    "nul in a value": get(H + b"X: a\x00b\r\n"),
    "nul in Host": get(b"Host: a\x00b\r\n"),
    "control in a name": get(H + b"X\x01: b\r\n"),
    "control in a value": get(H + b"X: \x01\r\n"),
    "DEL in a value": get(H + b"X: \x7f\r\n"),
    "byte above ASCII in a name": get(H + b"X\xff: b\r\n"),
    "slash in a name": get(H + b"X/Y: b\r\n"),
    # targets
    "nul in the target": get(line=b"GET /\x00 HTTP/1.1"),
    "control in the target": get(line=b"GET /\x01 HTTP/1.1"),
    "DEL in the target": get(line=b"GET /\x7f HTTP/1.1"),
    "byte above ASCII in the target": get(line=b"GET /\xe4 HTTP/1.1"),
    "tab in the target": get(line=b"GET /a\tb HTTP/1.1"),
    "space in the target": get(line=b"GET /a b HTTP/1.1"),
    "no target": get(line=b"GET HTTP/1.1"),
    "relative target": get(line=b"GET index HTTP/1.1"),
    "asterisk for GET": get(line=b"GET * HTTP/1.1"),
    "authority-form for GET": get(line=b"GET a:80 HTTP/1.1"),
    "absolute-form without a host": get(line=b"GET http:///x HTTP/1.1"),
    "absolute-form with a user": get(line=b"GET http://b@a/x HTTP/1.1"),
    "absolute-form of another scheme": get(line=b"GET ftp://a/x HTTP/1.1"),
    # hosts
    "no Host": get(b"X: b\r\n"),
    "no fields": get(b""),
    "empty Host": get(b"Host:\r\n"),
    "blank Host": get(b"Host:  \r\n"),
    "two Hosts": get(H + b"Host: b\r\n"),
    "two equal Hosts": get(H + H),
    "no Host beside an absolute target": get(b"X: b\r\n", line=b"GET http://a/ HTTP/1.1"),
    # request lines
    "two spaces before the target": get(line=b"GET  / HTTP/1.1"),
    "two spaces after the target": get(line=b"GET /  HTTP/1.1"),
    "spaces on both sides": get(line=b"GET   /   HTTP/1.1"),
    "space before the method": get(line=b" GET / HTTP/1.1"),
    "space after the version": get(line=b"GET / HTTP/1.1 "),
    "tab between the parts": get(line=b"GET\t/ HTTP/1.1"),
    "no version": get(line=b"GET /"),
    "HTTP/0.9": get(line=b"GET / HTTP/0.9"),
    "HTTP/1.2": get(line=b"GET / HTTP/1.2"),
    "HTTP/2.0": get(line=b"GET / HTTP/2.0"),
    "HTTP/1.10": get(line=b"GET / HTTP/1.10"),
    "HTTP/11": get(line=b"GET / HTTP/11"),
    "http in lower case": get(line=b"GET / http/1.1"),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "lower-case method": get(line=b"get / HTTP/1.1"),
    "unknown method": get(line=b"FROB / HTTP/1.1"),
    "very long method": get(line=b"G" * 5_000 + b" / HTTP/1.1"),
    "CONNECT": get(line=b"CONNECT a:80 HTTP/1.1"),
    "CONNECT to a path": get(line=b"CONNECT /x HTTP/1.1"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    # chunks
    "chunk size beyond 64 bits": chunks(b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"),
    "negative chunk size": chunks(b"-5\r\nhello\r\n0\r\n\r\n"),
    "plus chunk size": chunks(b"+5\r\nhello\r\n0\r\n\r\n"),
    "0x chunk size": chunks(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with an underscore": chunks(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "space before the chunk size": chunks(b" 5\r\nhello\r\n0\r\n\r\n"),
    "space after the chunk size": chunks(b"5 \r\nhello\r\n0\r\n\r\n"),
    "empty chunk size": chunks(b"\r\nhello\r\n0\r\n\r\n"),
    "extension without a size": chunks(b";a=b\r\nhello\r\n0\r\n\r\n"),
    "no CRLF after a chunk": chunks(b"5\r\nhello0\r\n\r\n"),
    "two bytes in place of CRLF": chunks(b"5\r\nhelloXX0\r\n\r\n"),
    "LF after a chunk": chunks(b"5\r\nhello\n0\r\n\r\n"),
    "LF after the chunk size": chunks(b"5\nhello\r\n0\r\n\r\n"),
    "LF in an extension": chunks(b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "CR in an extension": chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "nul in an extension": chunks(b"5;a\x00\r\nhello\r\n0\r\n\r\n"),
    "LF after the last chunk": chunks(b"0\n\r\n"),
    "LF after the trailers": chunks(b"0\r\nX: y\n\r\n"),
    "folded trailer": chunks(b"0\r\nX: y\r\n z\r\n\r\n"),
    "CL among the trailers": chunks(b"0\r\nContent-Length: 3\r\n\r\n"),
    "TE among the trailers": chunks(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    # once-only fields
    "two Authorizations": get(H + b"Authorization: a\r\nAuthorization: b\r\n"),
    "two Origins": get(H + b"Origin: http://a\r\nOrigin: http://b\r\n"),
    "two Content-Types": post(b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n"),
    # a refused head whose body looks like a request
    "no Host, with a body": b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(NEXT),
    "handshake with a body": post(
        b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n", b"ab", line=b"GET / HTTP/1.1"
    ),
}

DIVIDED = ("two spaces before the target", "two spaces after the target", "spaces on both sides")
"""Taken when a packet boundary divides the spaces: the parser does not tell them, and they hide no second request."""

ACCEPTED: dict[str, tuple[bytes, list[str], bytes]] = {
    # bytes; targets that the app saw, the good one included; body of the first
    "plain": (get(), ["/", "/next"], b""),
    "empty line before": (b"\r\n" + get(), ["/", "/next"], b""),
    "body": (post(b"Content-Length: 5\r\n", b"hello"), ["/", "/next"], b"hello"),
    "CL with zeros": (post(b"Content-Length: 0005\r\n", b"hello"), ["/", "/next"], b"hello"),
    "CL with spaces around": (post(b"Content-Length: \t5 \t\r\n", b"hello"), ["/", "/next"], b"hello"),
    "body that looks like a request": (
        post(b"Content-Length: %d\r\n" % len(NEXT), NEXT),
        ["/", "/next"],
        NEXT,
    ),
    "body with two spaces": (post(b"Content-Length: 9\r\n", b"GET  / HT"), ["/", "/next"], b"GET  / HT"),
    "value with two spaces": (get(H + b"X: GET  / HTTP/1.1\r\n"), ["/", "/next"], b""),
    "chunks": (chunks(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), ["/", "/next"], b"hello!"),
    "chunks in upper case": (
        post(b"TRANSFER-ENCODING: Chunked\r\n", b"A\r\n0123456789\r\n0\r\n\r\n"),
        ["/", "/next"],
        b"0123456789",
    ),
    "chunk extension": (chunks(b"5;a=b\r\nhello\r\n0\r\n\r\n"), ["/", "/next"], b"hello"),
    "GET with a body": (
        post(b"Content-Length: 5\r\n", b"hello", b"GET / HTTP/1.1"),
        ["/", "/next"],
        b"hello",
    ),
    "h2c": (get(H + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), ["/", "/next"], b""),
    "h2c with a body": (
        post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", b"hello"),
        ["/", "/next"],
        b"hello",
    ),
    "h2c with a body that looks like a request": (
        post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n" % len(NEXT), NEXT),
        ["/", "/next"],
        NEXT,
    ),
    "h2c with chunks": (
        post(b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CHUNKED, b"5\r\nhello\r\n0\r\n\r\n"),
        ["/", "/next"],
        b"hello",
    ),
    "upgrade to nothing": (get(H + b"Connection: upgrade\r\n"), ["/", "/next"], b""),
    "upgrade without Connection": (get(H + b"Upgrade: websocket2\r\n"), ["/", "/next"], b""),
    "TRACE": (get(line=b"TRACE / HTTP/1.1"), ["/", "/next"], b""),
    "asterisk": (get(line=b"OPTIONS * HTTP/1.1"), ["*", "/next"], b""),
    "HTTP/1.0 kept": (get(b"Connection: keep-alive\r\n", b"GET / HTTP/1.0"), ["/", "/next"], b""),
    "HTTP/1.0": (get(b"", b"GET / HTTP/1.0"), ["/"], b""),
    "Connection: close": (get(H + b"Connection: close\r\n"), ["/"], b""),
    "forbidden trailers": (
        chunks(b"1\r\nx\r\n0\r\nHost: evil\r\nAuthorization: evil\r\n\r\n"),
        ["/", "/next"],
        b"x",
    ),
}


async def play(data: bytes, cuts: list[int] | None = None) -> Wire:
    """Send ``data`` and a good request behind it, cut at the given places."""
    wire = Wire()
    whole = data + NEXT
    edges = [0, *sorted(cuts or []), len(whole)]
    await wire.send(*[whole[a:b] for a, b in pairwise(edges) if a < b])
    return wire


@pytest.mark.parametrize("name", REFUSED)
async def test_hs3_refused_once_and_closed(name: str) -> None:
    wire = await play(REFUSED[name])
    assert (wire.statuses, wire.open, wire.seen) == ([400], False, [])
    assert b"connection: close" in wire.transport.sent
    await wire.close()


@pytest.mark.parametrize("name", REFUSED)
async def test_hs3_pipelined_garbage_after_a_good_request(name: str) -> None:
    wire = Wire()
    await wire.send(get(line=b"GET /good HTTP/1.1") + REFUSED[name] + NEXT)
    assert ([seen.target for seen in wire.seen], wire.statuses, wire.open) == (["/good"], [200, 400], False)
    await wire.close()


@pytest.mark.parametrize("name", REFUSED)
async def test_hs3_refused_however_it_is_cut(name: str) -> None:
    data = REFUSED[name]
    for step in (1, 2, 7):
        wire = await play(data, list(range(step, len(data), step)))
        if name in DIVIDED:
            assert wire.statuses in ([200, 200], [400])
        else:
            assert (wire.statuses, wire.open, wire.seen) == ([400], False, [])
        await wire.close()


@pytest.mark.parametrize("name", ACCEPTED)
async def test_hs3_accepted(name: str) -> None:
    data, targets, body = ACCEPTED[name]
    chance = random.Random(name)
    for cuts in (None, list(range(len(data))), [chance.randrange(len(data)) for _ in range(4)]):
        wire = await play(data, cuts)
        assert [seen.target for seen in wire.seen] == targets
        assert wire.seen[0].body == body
        assert wire.statuses == [200] * len(targets)
        assert wire.open is (len(targets) == 2)
        await wire.close()


async def test_hs3_data_after_connection_close_is_no_request() -> None:
    wire = Wire()
    await wire.send(get(H + b"Connection: close\r\n") + NEXT, NEXT)
    assert ([seen.target for seen in wire.seen], wire.statuses, wire.open) == (["/"], [200], False)
    await wire.close()


async def test_hs3_absolute_form_replaces_host() -> None:
    for target, path, host in (
        (b"http://b/x?y=1", "/x?y=1", b"b"),
        (b"HTTPS://b:444/x", "/x", b"b:444"),
        (b"http://b", "/", b"b"),
        (b"http://b?y=1", "/?y=1", b"b"),
    ):
        wire = await play(get(line=b"GET " + target + b" HTTP/1.1"))
        assert wire.seen[0].target == path
        assert [value for name, value in wire.seen[0].headers if name == b"host"] == [host]
        await wire.close()


async def test_hs3_trailers_stay_beside_the_headers() -> None:
    wire = await play(ACCEPTED["forbidden trailers"][0])
    assert (b"host", b"evil") not in wire.seen[0].headers
    assert wire.seen[0].trailers == [(b"host", b"evil"), (b"authorization", b"evil")]
    await wire.close()


async def test_hs3_white_space_around_values_is_no_part_of_them() -> None:
    wire = await play(get(b"Host: \t a \t\r\nX:\t b c \r\nY:\r\n"))
    assert wire.seen[0].headers == [(b"host", b"a"), (b"x", b"b c"), (b"y", b"")]
    await wire.close()


async def test_hs3_many_upgrades_in_one_packet() -> None:
    wire = Wire()
    await wire.send(get(H + b"Connection: Upgrade\r\nUpgrade: h2c\r\n") * 600)
    await wire.settle(2_000)  # before Python 3.12 each request takes a few turns of the loop
    assert len(wire.seen) == 600
    assert wire.open
    await wire.close()


async def test_hs3_half_a_method_and_a_known_head() -> None:
    """What was seen before on a connection is recognised only between two requests."""
    wire = Wire()
    await wire.send(NEXT, b"PO", NEXT)
    assert (len(wire.seen), wire.statuses, wire.open) == (1, [200, 400], False)
    await wire.close()


async def test_hs3_body_that_begins_like_a_request_teaches_nothing() -> None:
    fake = b"GET /x HTTP/1.1\r\nAuthorization: evil\r\n"

    async def answer_at_once(wire: Wire) -> None:
        await wire.send(
            post(b"Content-Length: %d\r\n" % len(fake)), fake + NEXT, b"GET /y HTTP/1.1" + fake[15:] + NEXT
        )

    wire = Wire()
    await answer_at_once(wire)
    assert (len(wire.seen), wire.statuses, wire.open) == (2, [200, 200, 400], False)
    await wire.close()


@pytest.mark.parametrize("host", [b"a b", b"a/b", b"a@b", b"a,b", b"[::1", b"a:b", b'"', b"a\\b", b"\xe4"])
async def test_hs3_invalid_host_is_refused_by_the_app(host: bytes) -> None:
    app = App()
    wire = Wire(app.handle)
    await wire.send(get(b"Host: " + host + b"\r\n"))
    assert wire.statuses == [400]
    await wire.close()
