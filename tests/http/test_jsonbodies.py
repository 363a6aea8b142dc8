"""JSON bodies: malformed ones are 400 with a position, deep ones are 400, and nothing else can happen."""

from __future__ import annotations

import json
from typing import TypeAlias, Union

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import BadRequest, UnsupportedMediaType
from vivace.http.jsonbodies import decode_json, nesting

from .bodies import post

JSON = "application/json"
Value: TypeAlias = Union[bool, int, str, "list[Value]", "dict[str, Value]", None]


async def test_json_is_decoded_and_may_be_read_again() -> None:
    request = post([b'{"a"', b": [1, 2]}"], JSON)
    assert await request.json() == {"a": [1, 2]}
    assert await request.json() == {"a": [1, 2]}
    assert await request.body() == b'{"a": [1, 2]}'


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"a": 1,}', "line 1, column 9 (byte 8)"),
        (b'{\n  "a": x}', "line 2, column 8 (byte 9)"),
        ('{"é": x}'.encode(), "line 1, column 7 (byte 7)"),
        (b'{"a"', "line 1, column 5 (byte 4)"),
        (b"", "line 1, column 1 (byte 0)"),
        (b"[1] x", "line 1, column 6 (byte 5)"),
        (b"NaN", "line 1, column 1 (byte 0)"),
        (b'{"a": "ok", "b": "\xff"}', "byte 0xff at position 18"),
        (b"\xef\xbb\xbf{x}", "byte 1"),
        (b"1e999", "out of range"),
        (b"9" * 5000, "out of range"),
    ],
)
async def test_rq3_malformed_json_is_400_with_its_position(body: bytes, where: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await post(body, JSON).json()
    assert where in caught.value.got
    assert where in caught.value.detail or "UTF-8" in caught.value.detail  # what the client sees


async def test_byte_order_mark_is_ignored() -> None:
    assert await post(b"\xef\xbb\xbf[1]", JSON).json() == [1]


@pytest.mark.parametrize("levels", [101, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"\\"]\\\\":', b"}]")])
async def test_sc14_deep_json_is_400(levels: int, opening: bytes, closing: bytes) -> None:
    with pytest.raises(BadRequest, match="nested too deeply"):
        await post(opening * levels + b"1" + closing * levels, JSON).json()


async def test_sc14_deep_and_cut_off_json_is_400() -> None:
    with pytest.raises(BadRequest):
        await post(b"[" * 100_000, JSON).json()


async def test_sc14_json_as_deep_as_the_limit_is_read() -> None:
    assert await post(b"[" * 100 + b"]" * 100, JSON).json()
    with pytest.raises(BadRequest):
        decode_json(b"[[[]]]", 2)


async def test_brackets_in_strings_and_side_by_side_are_not_depth() -> None:
    flat = json.dumps([{"a": ["[[[[", '\\"]', "{"]}] * 500).encode()
    assert nesting(flat) == 3
    assert len(await post(flat, JSON).json()) == 500


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(alphabet='[]{}"\\ab\n'),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=20,
)


def depth_of(value: Value) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 0


@given(values)
def test_nesting_is_the_depth_of_the_value(value: Value) -> None:
    body = json.dumps(value).encode()
    assert nesting(body) == depth_of(value)
    assert decode_json(body, 100) == value


@given(st.binary() | st.text(alphabet='[]{}":,\\u01e.-ntf ').map(str.encode), st.integers(0, 3))
def test_sc14_no_bytes_raise_anything_but_bad_request(body: bytes, limit: int) -> None:
    try:
        value = decode_json(body, limit)
    except BadRequest:
        return
    assert depth_of(value) <= limit


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_other_media_types_are_415(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="application/json"):
        await post(b"{}", content_type).json()


@pytest.mark.parametrize(
    "content_type",
    [JSON, "Application/JSON; charset=UTF-8", "application/problem+json", 'application/json;charset="utf-8"'],
)
async def test_json_media_types_are_read(content_type: str) -> None:
    assert await post(b"{}", content_type).json() == {}


async def test_json_in_another_charset_is_415() -> None:
    with pytest.raises(UnsupportedMediaType, match="always in UTF-8"):
        await post(b"{}", "application/json; charset=utf-16").json()


def test_typed_decoders_keep_their_validation_errors() -> None:
    decode = msgspec.json.Decoder(list[int]).decode
    assert decode_json(b"[1]", 10, decode) == [1]
    with pytest.raises(msgspec.ValidationError):
        decode_json(b'["x"]', 10, decode)
    with pytest.raises(BadRequest):
        decode_json(b"[1", 10, decode)
