"""Compressed responses: who gets them, what is left alone, what BREACH would need."""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.sinks import Collector
from vivace.app.application import App
from vivace.app.compression import Compression, CompressionOptions
from vivace.engine import compression
from vivace.engine.compression import available, compress, make_compressor
from vivace.http.eventstream import Event, EventStream
from vivace.http.files import File
from vivace.http.request import Connection, Request
from vivace.http.response import JSON, Empty, Response, Stream

PAGE = b"<p>lively and fast</p>" * 200
untyped: Any = brotli
CODINGS = ["zstd", "br", "gzip"]


def decompress(data: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "br":
        return bytes(untyped.decompress(data))
    if sys.version_info >= (3, 14):
        from compression.zstd import decompress as unpack

        return unpack(data)
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def asked(accepted: str | None = "gzip", method: str = "GET", **headers: str) -> Request:
    fields = {"accept-encoding": accepted, **headers} if accepted is not None else headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Request(method, "/", raw, Connection())


async def answer(request: Request, response: Response, **options: Any) -> Response:
    async def call_next(_: Request) -> Response:
        return response

    return await Compression(CompressionOptions(**options))(request, call_next)


def page(**headers: str) -> Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(PAGE, 200, fields, "text/html; charset=utf-8")


async def written(response: Response) -> list[bytes]:
    sink = Collector()
    try:
        await response.write_to(sink)
    finally:
        await response.close()
    return sink.writes


def test_hs10_all_codings_are_here() -> None:
    assert list(available()) == CODINGS


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("*", "zstd"),
        ("br;q=0", None),
        ("deflate", None),
        ("identity", None),
        (None, None),
    ],
)
async def test_hs10_negotiation(accepted: str | None, coding: str | None) -> None:
    response = await answer(asked(accepted), page())
    assert response.headers.get("content-encoding") == coding
    assert response.headers["vary"] == "accept-encoding"
    body = decompress(response.body, coding) if coding else response.body
    assert body == PAGE
    assert coding is None or len(response.body) < len(PAGE) / 4


async def test_hs10_headers_that_change() -> None:
    made = page(etag='"abc"', content_length="4400", accept_ranges="bytes", vary="cookie", x_kept="1")
    headers = dict((await answer(asked(), made)).headers.items())
    assert headers == {
        "content-type": "text/html; charset=utf-8",
        "etag": 'W/"abc"',
        "vary": "cookie, accept-encoding",
        "x-kept": "1",
        "content-encoding": "gzip",
    }
    assert (await answer(asked(), page(etag='W/"abc"'))).headers["etag"] == 'W/"abc"'


@pytest.mark.parametrize(
    "response",
    [
        Response(b"x" * 1023, content_type="text/html"),
        Response(PAGE, content_type="image/png"),
        Response(PAGE, content_type="application/zip"),
        Empty(),
        Empty(304),
        page(content_encoding="br"),
        page(cache_control="private, No-Transform"),
        Response(PAGE, 206, {"content-range": "bytes 0-1/2"}, "text/html"),
    ],
    ids=["small", "png", "zip", "204", "304", "coded", "no-transform", "range"],
)
async def test_hs10_what_is_left_alone(response: Response) -> None:
    before = response.body
    after = await answer(asked(), response)
    assert after is response
    assert after.body == before
    assert "vary" not in after.headers


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/csv; charset=utf-8",
        "application/json",
        "application/problem+json",
        "image/svg+xml",
        "TEXT/HTML",
    ],
)
async def test_hs10_types(kind: str) -> None:
    response = await answer(asked(), Response(PAGE, content_type=kind))
    assert response.headers["content-encoding"] == "gzip"


async def test_hs10_head_has_no_coding_but_varies() -> None:
    response = await answer(asked(method="HEAD"), page())
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "accept-encoding"


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("coding", CODINGS)
async def test_hs10_stream_is_flushed_by_chunk(coding: str) -> None:
    stream = Stream(chunks(b"first ", b"", b"second"), content_type="text/plain")
    response = await answer(asked(coding), stream)
    assert response.headers["content-encoding"] == coding
    writes = await written(response)
    assert len(writes) == 3
    assert decompress(b"".join(writes), coding) == b"first second"
    assert readable(writes[0], coding) == b"first "


def readable(data: bytes, coding: str) -> bytes:
    """Return what a browser can show before the end."""
    if coding == "gzip":
        return zlib.decompressobj(31).decompress(data)
    if coding == "br":
        return bytes(untyped.Decompressor().process(data))
    return decompress(data, coding)


async def test_hs10_each_event_is_flushed() -> None:
    async def events() -> AsyncIterator[Event]:
        yield Event("one")
        yield Event("two")

    response = await answer(asked("gzip"), EventStream(events()))
    assert response.content_type == "text/event-stream"
    writes = await written(response)
    decoder = zlib.decompressobj(31)
    shown = [decoder.decompress(data) for data in writes]
    assert b"data: one\n\n" in shown
    assert b"data: two\n\n" in shown


async def test_hs10_stream_that_says_it_is_short_is_left_alone() -> None:
    stream = Stream(chunks(b"short"), headers={"content-length": "5"}, content_type="text/plain")
    assert await answer(asked(), stream) is stream


@pytest.mark.parametrize("coding", CODINGS)
async def test_hs10_file(tmp_path: Path, coding: str) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(PAGE * 100)
    request = asked(coding)
    response = await answer(request, await File(path).prepare(request))
    before = len(os.listdir("/proc/self/fd"))
    assert "content-length" not in response.headers
    assert decompress(b"".join(await written(response)), coding) == PAGE * 100
    assert len(os.listdir("/proc/self/fd")) == before - 1


@pytest.mark.parametrize("error", [RuntimeError("boom"), asyncio.CancelledError()])
async def test_hs10_stream_that_fails_is_closed(error: BaseException) -> None:
    closed: list[bool] = []

    async def failing() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            raise error
        finally:
            closed.append(True)

    response = await answer(asked(), Stream(failing(), content_type="text/plain"))
    with pytest.raises(type(error)):
        await written(response)
    assert closed == [True]


async def test_trailers_follow() -> None:
    response = await answer(
        asked(), Stream(chunks(b"x"), trailers=lambda: {"x-sum": "1"}, content_type="text/plain")
    )
    assert response.encoded_trailers() == b"x-sum: 1\r\n"


async def test_hs10_large_bodies_leave_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    make = make_compressor

    def noticed(coding: str, level: int | None = None) -> compression.Compressor:
        threads.append(threading.current_thread() is threading.main_thread())
        return make(coding, level)

    monkeypatch.setattr(compression, "make_compressor", noticed)
    await compress(b"x" * compression.INLINE, "gzip")
    await compress(b"x" * (compression.INLINE + 1), "gzip")
    assert threads == [True, False]


@pytest.mark.parametrize(
    ("headers", "compressed", "padded"),
    [
        ({}, True, False),
        ({"cookie": "a=1"}, True, True),
        ({"authorization": "Bearer x"}, True, True),
        ({"cookie": "a=1", "sec_fetch_site": "same-origin"}, True, False),
        ({"cookie": "a=1", "sec_fetch_site": "none"}, True, False),
        ({"cookie": "a=1", "sec_fetch_site": "cross-site"}, False, False),
        ({"cookie": "a=1", "sec_fetch_site": "same-site"}, False, False),
        ({"cookie": "a=1", "sec_fetch_site": "cross-site", "sec_fetch_user": "?1"}, True, False),
        ({"sec_fetch_site": "cross-site"}, True, False),
    ],
)
async def test_hs10_breach(headers: dict[str, str], compressed: bool, padded: bool) -> None:
    response = await answer(asked(**headers), page())
    assert ("content-encoding" in response.headers) is compressed
    assert ("x-padding" in response.headers) is padded


async def test_hs10_padding_has_a_random_length() -> None:
    lengths = {len((await answer(asked(cookie="a=1"), page())).headers["x-padding"]) for _ in range(200)}
    assert len(lengths) > 20
    assert max(lengths) <= 64
    assert "x-padding" not in (await answer(asked(cookie="a=1"), page(), padding=0)).headers


async def test_hs10_in_an_app_and_switched_off_by_route() -> None:
    app = App()
    app.middleware(Compression(CompressionOptions(codings=["gzip"])))

    async def numbers() -> JSON:
        return JSON(list(range(2000)))

    app.get("/on")(numbers)
    app.get("/off", extra={"compress": False})(numbers)
    seen: dict[str, str | None] = {}
    for path in ("/on", "/off"):
        fields = [(b"host", b"localhost"), (b"accept-encoding", b"zstd, gzip")]
        response = await app.handle(Request("GET", path, fields, Connection()))
        seen[path] = response.headers.get("content-encoding")
    assert seen == {"/on": "gzip", "/off": None}


@given(st.lists(st.binary(max_size=2000), max_size=6), st.sampled_from(CODINGS), st.booleans())
def test_hs10_round_trip(parts: list[bytes], coding: str, flushed: bool) -> None:
    compressor = make_compressor(coding)
    data = b"".join(compressor.push(part) + (compressor.flush() if flushed else b"") for part in parts)
    assert decompress(data + compressor.finish(), coding) == b"".join(parts)
