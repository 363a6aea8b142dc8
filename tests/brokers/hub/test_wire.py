"""Frames of the hub: whole ones come out however the bytes are cut, anything else ends the connection."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.brokers.hub.wire import BadFrame, FrameReader, frame

PARTS = st.lists(
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=20), min_size=1, max_size=4
)
CALLS = st.lists(st.tuples(st.integers(0, 2**40), PARTS), max_size=6)


@given(CALLS, st.lists(st.integers(1, 30), max_size=40))
def test_frames_come_out_whole_however_the_bytes_are_cut(
    calls: list[tuple[int, list[Any]]], cuts: list[int]
) -> None:
    data = b"".join(frame(number, *parts) for number, parts in calls)
    reader, said = FrameReader(1_000), list[list[Any]]()
    for cut in cuts:
        said += reader.feed(data[:cut])
        data = data[cut:]
    said += reader.feed(data)
    assert said == [[number, *parts] for number, parts in calls]


@given(st.binary(max_size=40))
def test_any_bytes_are_frames_or_none(data: bytes) -> None:
    reader = FrameReader(30)
    try:
        for said in reader.feed(data):
            assert isinstance(said[0], int)
    except BadFrame:
        pass


@pytest.mark.parametrize(
    "data",
    [
        (1_001).to_bytes(4, "big"),  # too long, before any of it came
        b"\0\0\0\1\xc1",
        b"\0\0\0\1\x90",
        b"\0\0\0\2\x91\1",
        b"\0\0\0\3\x92\xa0\1",
        b"\0\0\0\4\x92\1\xa1\xff",
    ],
    ids=["long", "no MessagePack", "empty", "short", "no id", "no text"],
)
def test_what_is_no_frame_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        FrameReader(1_000).feed(data)
