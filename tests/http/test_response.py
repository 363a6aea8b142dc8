"""Responses as values: what a body may be made of, and what is refused before anything is sent."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.http.sinks import body_of
from vivace.errors import WrongResult
from vivace.http.response import JSON, Response, Stream

WORDS = array("I", [1, 2])  # its memoryview has two items and eight bytes


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b"a", b"a"),
        ("é", b"\xc3\xa9"),
        (bytearray(b"a"), b"a"),
        (memoryview(b"a"), b"a"),
        (memoryview(WORDS), WORDS.tobytes()),
    ],
    ids=["bytes", "str", "bytearray", "memoryview", "words"],
)
async def test_body_is_bytes_whatever_it_came_as(body: Any, sent: bytes) -> None:
    response = Response(body)
    assert (type(response.body), response.body) == (bytes, sent)

    async def chunks() -> AsyncIterator[Any]:
        yield body

    assert await body_of(Stream(chunks())) == sent


def test_body_that_changes_later_was_copied() -> None:
    buffer = bytearray(b"before")
    response = Response(buffer)
    buffer[:] = b"after!"
    assert response.body == b"before"


@pytest.mark.parametrize("body", [None, {"a": 1}, 5, ["a"]])
async def test_body_of_anything_else_is_refused(body: Any) -> None:
    with pytest.raises(WrongResult, match="neither text nor bytes"):
        Response(body)

    async def chunks() -> AsyncIterator[Any]:
        yield body

    with pytest.raises(WrongResult):
        await body_of(Stream(chunks()))


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        Response("\ud800")


def test_json_of_what_says_its_own_form() -> None:
    class Row:
        def __vivace_json__(self) -> dict[str, int]:
            return {"id": 3}

    class Text(str):
        __slots__ = ()

    assert JSON({"row": Row(), "text": Text("x")}).body == b'{"row":{"id":3},"text":"x"}'
    with pytest.raises(TypeError, match="object has no JSON form"):
        JSON([object()])
