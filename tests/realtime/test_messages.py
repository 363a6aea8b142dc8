"""The parser of what clients say: anything may come, and only messages get through."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import BadMessage
from vivace.realtime.messages import (
    Ack,
    BinaryMessage,
    Join,
    JoinOptions,
    Leave,
    Nack,
    Send,
    encode_binary,
    parse_as,
    parse_binary,
    parse_message,
)

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
numbers = st.integers(0, 2**53 - 1)


@given(st.text(max_size=80) | values.map(json.dumps))
def test_only_arrays_that_begin_with_a_verb_are_messages(text: str) -> None:
    wanted: Any = None
    with suppress(ValueError):
        wanted = json.loads(text)
    is_message = wanted.__class__ is list and wanted[:1] != [] and isinstance(wanted[0], str)
    try:
        message = parse_message(text)
    except BadMessage:
        # what the standard library reads beyond JSON (NaN, lone surrogates) may be refused
        assert not is_message or "\\u" in text or any(word in text for word in ("NaN", "Infinity"))
    else:
        assert isinstance(message[0], str)


@given(st.lists(values, max_size=6))
def test_whatever_stands_behind_a_verb_is_checked(items: list[Any]) -> None:
    kinds: tuple[tuple[str, Any], ...] = (
        ("join", Join),
        ("leave", Leave),
        ("send", Send),
        ("ack", Ack),
        ("nack", Nack),
    )
    for verb, kind in kinds:
        try:
            parsed: Any = parse_as([verb, *items], kind)
        except BadMessage:
            continue
        assert isinstance(parsed.room, str)


@given(room=texts, name=names, data=values, ack=numbers)
def test_send_is_read_as_it_was_written(room: str, name: str, data: Any, ack: int) -> None:
    message = parse_message(json.dumps(["send", room, name, data, ack]))
    assert parse_as(message, Send) == Send(room, name, data, ack)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (["join"], Join),
        (["join", 1], Join),
        (["join", "a", {"since": [1]}], Join),
        (["join", "a", {"since": [-1, 2]}], Join),
        (["join", "a", {"client": "c" * 101}], Join),
        (["send", "a", ""], Send),
        (["send", "a", "n" * 101], Send),
        (["send", "a", "line\n"], Send),
        (["send", "a", "b", None, -1], Send),
        (["send", "a", "b", None, 2**53], Send),
        (["ack", "a", "one"], Ack),
        (["leave", None], Leave),
    ],
)
def test_message_with_a_wrong_part_is_refused(message: list[Any], kind: Any) -> None:
    with pytest.raises(BadMessage, match="no message of ours"):
        parse_as(message, kind)


def test_join_has_defaults() -> None:
    assert parse_as(["join", "a"], Join) == Join("a", JoinOptions(None, None, ""))
    assert parse_as(["join", "a", {"since": [1, 2]}], Join).options.since == (1, 2)


def test_deeply_nested_message_is_refused() -> None:
    with pytest.raises(BadMessage, match="not JSON"):
        parse_message("[" * 100_000)


@given(
    kind=st.integers(0, 255), room=texts, name=texts, number=st.integers(0, 2**64 - 1), payload=st.binary()
)
def test_rl9_binary_message_comes_back(kind: int, room: str, name: str, number: int, payload: bytes) -> None:
    message = BinaryMessage(kind, room, name, number, payload)
    assert parse_binary(encode_binary(message)) == message


@given(st.binary(max_size=60))
def test_any_bytes_are_a_binary_message_or_refused(data: bytes) -> None:
    try:
        message = parse_binary(data)
    except BadMessage:
        return
    assert encode_binary(message) == data
