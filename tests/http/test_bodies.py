"""Bodies by media type, text and its charsets, and what may be read how often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vivace.errors import BadRequest, BodyConsumed, ContentTooLarge, UnsupportedMediaType
from vivace.http.bodies import DEFAULT_BODIES, Bodies
from vivace.http.request import Connection, Request

from .bodies import MULTIPART, multipart, part, post


async def read_csv(request: Request) -> list[list[str]]:
    return [line.split(",") for line in (await request.text()).splitlines()]


async def read_size(request: Request) -> int:
    return len(await request.body())


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"[1]", "application/json", [1]),
        (b"{}", "application/ld+json", {}),
        (b"a=1", "application/x-www-form-urlencoded", {"a": "1"}),
        (multipart(part("a", b"1")), MULTIPART, {"a": "1"}),
        (b"hello", "text/plain", "hello"),
    ],
)
async def test_rq3_data_is_read_by_media_type(body: bytes, content_type: str, value: Any) -> None:
    assert await post(body, content_type).data() == value
    assert await post([body], content_type).data() == value


async def test_rq3_parsers_are_pluggable_the_most_specific_wins() -> None:
    bodies = DEFAULT_BODIES.with_parsers({"Text/CSV": read_csv, "*/*": read_size})
    assert await post(b"a,b\nc,d", "text/csv; header=absent", bodies=bodies).data() == [
        ["a", "b"],
        ["c", "d"],
    ]
    assert await post(b"a,b", "text/plain", bodies=bodies).data() == "a,b"
    assert await post(b"xyz", "image/png", bodies=bodies).data() == 3
    assert await post(b"xyz", bodies=bodies).data() == 3
    assert await post(b"[1]", "application/json", bodies=bodies).data() == [1]
    family = Bodies().with_parsers({"image/*": read_size, "*+xml": read_csv})
    assert await post(b"xyz", "image/png", bodies=family).data() == 3
    assert await post(b"x,y", "image/svg+xml", bodies=family).data() == [["x", "y"]]
    assert set(DEFAULT_BODIES.parsers) < set(bodies.parsers)


@pytest.mark.parametrize("content_type", ["", "image/png", "nonsense", "*/*", "application/xml"])
async def test_rq3_unknown_media_types_are_415(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        await post(b"x", content_type).data()


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("é".encode(), ""),
        ("é".encode(), "; charset=UTF-8"),
        (b"\xe9", "; charset=iso-8859-1"),
        (b"\xe9\0", '; charset="utf-16le"'),
    ],
)
async def test_text_is_decoded_by_its_charset(body: bytes, charset: str) -> None:
    assert await post(body, f"text/plain{charset}").text() == "é"


@pytest.mark.parametrize("charset", ["rot13", "punycode", "idna", "unicode_escape", "utf-7", "x", ""])
async def test_codecs_that_are_no_charsets_are_415(charset: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        await post(b"x", f"text/plain; charset={charset}").text()


@pytest.mark.parametrize(
    ("body", "charset"), [(b"ab\xff", "utf-8"), (b"\x81", "windows-1252"), (b"a", "utf-16le")]
)
async def test_text_that_does_not_fit_its_charset_is_400(body: bytes, charset: str) -> None:
    with pytest.raises(BadRequest):
        await post(body, f"text/plain; charset={charset}").text()


async def test_rq4_body_limit() -> None:
    for body in (b"x" * 11, [b"x" * 6, b"x" * 5]):
        request = post(body)
        request.body_limit = 10
        with pytest.raises(ContentTooLarge, match="at most 10 bytes"):
            await request.body()
        request = post(body)
        request.body_limit = 11
        assert await request.body() == b"x" * 11


async def test_body_is_kept_and_a_stream_is_not() -> None:
    request = post([b"a", b"b"])
    assert await request.body() == await request.body() == b"ab"
    assert [chunk async for chunk in request.stream()] == [b"ab"]
    request = post([b"a", b"b"])
    assert [chunk async for chunk in request.stream()] == [b"a", b"b"]
    with pytest.raises(BodyConsumed):
        await request.body()


async def test_closing_a_form_that_was_not_read_is_nothing() -> None:
    post(b"").close_form()


class Arriving:
    """A body source whose chunks come when the loop turns."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = iter(chunks)

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        return next(self._chunks, b"")


async def test_body_may_be_asked_for_by_several_tasks_while_it_arrives() -> None:
    request = Request("POST", "/", [], Connection(), Arriving(b"abc", b"def"))
    assert tuple(await asyncio.gather(request.body(), request.body(), request.body())) == (b"abcdef",) * 3


async def test_body_whose_reader_was_cancelled_is_not_taken_for_the_whole() -> None:
    request = Request("POST", "/", [], Connection(), Arriving(b"abc", b"def"))
    first = asyncio.ensure_future(request.body())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(BodyConsumed):
        await request.body()
