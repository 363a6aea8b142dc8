"""Compressed request bodies: refused, or decoded within limits."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from vivace.config.settings import Limits
from vivace.errors import BadRequest, ContentTooLarge, UnsupportedMediaType
from vivace.http.bodies import Bodies
from vivace.http.decoding import FLOOR, decode_body

from .bodies import post

Compress = Callable[[bytes], bytes]
CODINGS: dict[str, Compress] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=3),  # pyright: ignore[reportUnknownLambdaType]
    "zstd": zstandard.ZstdCompressor().compress,
}
OPEN = Bodies(codings=frozenset(CODINGS))


@pytest.mark.parametrize("coding", [*CODINGS, "x-gzip", "compress", "gzip, gzip", "bogus"])
async def test_sc14_codings_are_refused_by_default(coding: str) -> None:
    for body in (b"xx", [b"xx"]):
        with pytest.raises(UnsupportedMediaType) as caught:
            await post(body, "text/plain", content_encoding=coding).body()
        assert caught.value.headers["accept-encoding"] == "identity"
        with pytest.raises(UnsupportedMediaType):
            [chunk async for chunk in post(body, content_encoding=coding).stream()]
        raw = post(body, content_encoding=coding).stream(raw=True)
        assert [chunk async for chunk in raw] == [b"xx"]


async def test_identity_is_no_coding() -> None:
    assert await post([b"{}"], "application/json", content_encoding="Identity").json() == {}


@pytest.mark.parametrize("coding", CODINGS)
async def test_allowed_codings_are_decoded(coding: str) -> None:
    body = CODINGS[coding](b'{"a": 1}')
    for sent in (body, [body[:5], body[5:]]):
        request = post(sent, "application/json", bodies=OPEN, content_encoding=coding)
        assert await request.json() == {"a": 1}
        assert await request.body() == b'{"a": 1}'
        assert [chunk async for chunk in request.stream()] == [b'{"a": 1}']


async def test_only_the_allowed_ones() -> None:
    only = Bodies(codings=frozenset({"gzip"}))
    assert await post(gzip.compress(b"x"), bodies=only, content_encoding="x-gzip").body() == b"x"
    with pytest.raises(UnsupportedMediaType) as caught:
        await post(b"x", bodies=only, content_encoding="br").body()
    assert caught.value.headers["accept-encoding"] == "gzip, identity"


@pytest.mark.parametrize("coding", CODINGS)
async def test_sc14_decompression_bombs_are_413(coding: str) -> None:
    bomb = CODINGS[coding](bytes(50_000_000))
    request = post(bomb, bodies=OPEN, content_encoding=coding)
    with pytest.raises(ContentTooLarge, match="decoded"):
        await request.body()


@pytest.mark.parametrize("coding", CODINGS)
def test_sc14_ratio_is_limited(coding: str) -> None:
    body = CODINGS[coding](bytes(FLOOR * 8))
    with pytest.raises(ContentTooLarge):
        decode_body(body, coding, CODINGS, None, 10)
    assert decode_body(body, coding, CODINGS, None, 100_000) == bytes(FLOOR * 8)
    exact = CODINGS[coding](bytes(1000))
    assert decode_body(exact, coding, CODINGS, 1000, 10) == bytes(1000)
    with pytest.raises(ContentTooLarge):
        decode_body(exact, coding, CODINGS, 999, 10)


@pytest.mark.parametrize("coding", CODINGS)
def test_damaged_bodies_are_400(coding: str) -> None:
    body = CODINGS[coding](b"hello world " * 50)
    for broken in (body[:-1], body[:8], body + b"x", b"x" + body, b"\0"):
        with pytest.raises(BadRequest):
            decode_body(broken, coding, CODINGS, 10_000, 100)


@given(st.sampled_from(sorted(CODINGS)), st.binary(max_size=300))
def test_no_bytes_raise_anything_but_client_errors(coding: str, body: bytes) -> None:
    try:
        decoded = decode_body(body, coding, CODINGS, 1000, 100)
    except (BadRequest, ContentTooLarge):
        return
    assert len(decoded) <= 1000


@given(st.sampled_from(sorted(CODINGS)), st.binary(max_size=3000))
def test_every_body_reads_back(coding: str, body: bytes) -> None:
    assert decode_body(CODINGS[coding](body), coding, CODINGS, None, 100) == body


def test_limit_of_settings_is_the_ratio_used() -> None:
    assert Limits().decompression_ratio == 100
