from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import RangeNotSatisfiable
from vivace.http.ranges import MAX_RANGES, Span, frame, parse_ranges, range_applies

MODIFIED = datetime(1994, 11, 6, 8, 49, 37, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("bytes=0-499", [(0, 100)]),
        ("bytes=0-9", [(0, 10)]),
        ("bytes=90-", [(90, 10)]),
        ("bytes=-10", [(90, 10)]),
        ("bytes=-1000", [(0, 100)]),
        ("bytes=0-0", [(0, 1)]),
        ("BYTES = 1-2", [(1, 2)]),
        ("bytes=0-0,-1", [(0, 1), (99, 1)]),
        ("bytes=-1,0-0", [(99, 1), (0, 1)]),
        ("bytes= 5-6 , , 1-2", [(5, 2), (1, 2)]),
        ("bytes=0-9,10-19", [(0, 20)]),
        ("bytes=50-59,0-9,5-14", [(0, 15), (50, 10)]),
        ("bytes=0-9,200-", [(0, 10)]),
        ("bytes=0-" + "9" * 5000, [(0, 100)]),
        ("bytes=" + "0" * 5000 + "1-2", [(1, 2)]),
    ],
)
def test_rs3_ranges_of_100_bytes(text: str, spans: list[tuple[int, int]]) -> None:
    assert parse_ranges(text, 100) == tuple(Span(*span) for span in spans)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "items=0-9",
        "bytes=9-0",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-9,x",
        "bytes=1",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=٠-٩",
        "bytes=0-0;1-1",
        "bytes=0x1-0x2",
        "bytes=" + "9" * 40 + "-" + "8" * 3,
    ],
)
def test_rs3_malformed_header_is_ignored(text: str) -> None:
    assert parse_ranges(text, 100) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("bytes=100-", 100),
        ("bytes=-0", 100),
        ("bytes=500-600,700-", 100),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
        ("bytes=" + "9" * 5000 + "-", 100),
    ],
)
def test_rs3_range_beyond_the_end_is_416(text: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_ranges(text, size)
    assert caught.value.headers == {"content-range": f"bytes */{size}"}


@pytest.mark.parametrize(
    "text",
    [
        "bytes=0-,0-,0-",  # the whole file three times
        "bytes=" + ",".join(f"{start}-" for start in range(60)),  # CVE-2011-3192
        "bytes=0-," + ",".join(f"5-{stop}" for stop in range(5, 1300)),
        "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(MAX_RANGES + 1)),  # many small ones
        "bytes=" + "," * 5000 + "0-1",
    ],
)
def test_rs3_abuse_gets_the_whole_file_once(text: str) -> None:
    assert parse_ranges(text, 100) is None


@given(
    st.text(alphabet="0123456789-, =bytes", max_size=60)
    | st.from_regex(r"bytes=([0-9]{0,3}-[0-9]{0,3},?){1,20}"),
    st.integers(0, 500),
)
def test_rs3_never_more_bytes_than_the_file_has(text: str, size: int) -> None:
    try:
        spans = parse_ranges(text, size)
    except RangeNotSatisfiable:
        return
    if spans is not None:
        positions = [position for span in spans for position in range(span.start, span.stop)]
        assert len(positions) == len(set(positions))
        assert positions
        assert all(0 <= position < size for position in positions)


@pytest.mark.parametrize(
    ("if_range", "applies"),
    [
        (None, True),
        ('"a"', True),
        ('"b"', False),
        ('W/"a"', False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", True),
        ("Sun, 06 Nov 1994 08:49:38 GMT", False),
        ("junk", False),
    ],
)
def test_rs3_if_range(if_range: str | None, applies: bool) -> None:
    assert range_applies(if_range, '"a"', MODIFIED) is applies


def test_rs3_if_range_needs_a_strong_etag_or_a_date() -> None:
    assert not range_applies('W/"a"', 'W/"a"', None)
    assert not range_applies('"a"', 'W/"a"', None)
    assert not range_applies('"a"', None, None)
    assert not range_applies("Sun, 06 Nov 1994 08:49:37 GMT", None, None)


def test_rs3_multipart_framing() -> None:
    framing = frame([Span(0, 2), Span(5, 1)], 10, "text/plain", "XYZ")
    body = framing.heads[0] + b"ab" + framing.heads[1] + b"f" + framing.tail
    assert body == (
        b"--XYZ\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-1/10\r\n\r\nab"
        b"\r\n--XYZ\r\ncontent-type: text/plain\r\ncontent-range: bytes 5-5/10\r\n\r\nf"
        b"\r\n--XYZ--\r\n"
    )
    assert framing.length == len(body)
    assert framing.content_type == "multipart/byteranges; boundary=XYZ"
