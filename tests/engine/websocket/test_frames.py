"""The frame codec: round trips in arbitrary pieces, limits, masking, and the websockets library as an oracle."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.speedups import apply_mask
from websockets.streams import StreamReader

from tests.engine.websocket.peer import MASK, binary, chopped, client, events, more, text
from vivace.engine.websocket import masking
from vivace.engine.websocket.frames import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Close,
    Event,
    FrameParser,
    Ping,
    encode_close,
    encode_frame,
    encode_message,
)
from vivace.errors import UnsendableMessage, WebSocketProtocolError

long = st.tuples(st.integers(65_530, 65_540), st.integers(0, 255)).map(
    lambda pair: bytes([pair[1]]) * pair[0]
)
payloads = st.one_of(st.binary(max_size=200), long)
messages = st.one_of(st.text(max_size=100), payloads)
masks = st.binary(min_size=4, max_size=4)


def in_frames(message: str | bytes, pieces: int, mask: bytes) -> bytes:
    """Return a message as ``pieces`` frames."""
    payload = message.encode() if isinstance(message, str) else message
    size = len(payload) // pieces + 1
    parts = [payload[n * size : (n + 1) * size] for n in range(pieces)]
    opcodes = [TEXT if isinstance(message, str) else BINARY, *[CONTINUATION] * (pieces - 1)]
    return b"".join(
        encode_frame(opcode, part, fin=n == pieces - 1, mask=mask)
        for n, (opcode, part) in enumerate(zip(opcodes, parts, strict=True))
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(messages, st.integers(1, 5)), max_size=5), masks, st.integers(1, 70_000), st.booleans()
)
def test_rl1_round_trip_in_any_pieces(
    sent: list[tuple[str | bytes, int]], mask: bytes, chop: int, from_client: bool
) -> None:
    key = mask if from_client else b""
    data = b"".join(in_frames(message, pieces, key) for message, pieces in sent)
    parser = FrameParser(masked=from_client)
    chop = max(chop, len(data) // 500)
    received = [event for piece in chopped(data, chop) for event in events(parser, piece)]
    assert received == [message for message, _ in sent]
    assert parser.unread == b""


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_are_events_or_one_protocol_error_however_they_are_cut(data: bytes, chop: int) -> None:
    def read(size: int) -> tuple[list[Event], str]:
        parser, found = FrameParser(limit=1_000), list[Event]()
        try:
            for piece in chopped(data, size):
                parser.feed(piece)
                while (event := parser.next()) is not None:
                    found.append(event)
        except WebSocketProtocolError as error:
            assert parser.next() is None
            return found, str(error.close_code)
        return found, ""

    assert read(len(data) or 1) == read(chop)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), masks)
def test_mask_in_python_is_the_compiled_one_and_undoes_itself(data: bytes, mask: bytes) -> None:
    assert masking.apply_mask(data, mask) == apply_mask(data, mask)
    assert masking.apply_mask(masking.apply_mask(data, mask), mask) == data


def oracle_parse(data: bytes, *, mask: bool) -> Frame:
    """Return the frame that the websockets library reads."""
    reader = StreamReader()
    reader.feed_data(data)
    parse = Frame.parse(reader.read_exact, mask=mask)
    try:
        while True:
            next(parse)
    except StopIteration as stop:
        result = stop.value
        assert isinstance(result, Frame)
        return result


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([TEXT, BINARY, CONTINUATION, PING]), payloads, st.booleans(), masks)
def test_rl1_encoder_against_the_oracle(opcode: int, payload: bytes, fin: bool, mask: bytes) -> None:
    payload, fin = (payload[:125], True) if opcode == PING else (payload, fin)
    for key in (b"", mask):
        frame = oracle_parse(encode_frame(opcode, payload, fin=fin, mask=key), mask=bool(key))
        assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode(opcode), payload, fin)


@settings(max_examples=60, deadline=None)
@given(messages)
def test_rl1_parser_against_the_oracle(message: str | bytes) -> None:
    opcode, payload = (
        (Opcode.TEXT, message.encode()) if isinstance(message, str) else (Opcode.BINARY, message)
    )
    assert events(FrameParser(), Frame(opcode, payload).serialize(mask=True)) == [message]
    assert encode_message(message) == Frame(opcode, payload).serialize(mask=False)


@pytest.mark.parametrize("view", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_fed(view: type) -> None:
    assert events(FrameParser(), view(text("a") + binary(b"b"))) == ["a", b"b"]


@pytest.mark.parametrize("length", [101, 65_536, 1 << 40])
def test_rl1_announced_length_is_refused_before_a_byte_of_it_came(length: int) -> None:
    if length < 126:
        head = bytes((0x82, 0x80 | length))
    elif length < 65_536:
        head = b"\x82\xfe" + length.to_bytes(2, "big")
    else:
        head = b"\x82\xff" + length.to_bytes(8, "big")
    parser = FrameParser(limit=100)
    with pytest.raises(WebSocketProtocolError, match="too large") as caught:
        events(parser, head + MASK)
    assert caught.value.close_code == 1009
    assert parser.unread == b""


def test_rl1_fragments_together_are_limited() -> None:
    parser = FrameParser(limit=100)
    assert events(parser, binary(b"a" * 60, fin=False)) == []
    with pytest.raises(WebSocketProtocolError) as caught:
        events(parser, more(b"a" * 41))
    assert caught.value.close_code == 1009
    assert events(FrameParser(limit=100), binary(b"a" * 60, fin=False) + more(b"a" * 40)) == [b"a" * 100]


def test_rl1_number_of_fragments_is_limited() -> None:
    parser = FrameParser(fragments=3)
    assert events(parser, text("", fin=False) + more("", fin=False) + more("")) == [""]
    with pytest.raises(WebSocketProtocolError, match="too many fragments") as caught:
        events(parser, text("", fin=False) + more("", fin=False) * 3)
    assert caught.value.close_code == 1009


def test_control_frames_pass_while_a_frame_is_half_there() -> None:
    parser = FrameParser()
    long = more("bc")
    assert events(parser, text("a", fin=False) + client(PING, b"p") + long[:-1]) == [Ping(b"p")]
    assert events(parser, long[-1:]) == ["abc"]


def test_what_was_consumed_does_not_keep_a_packet_alive() -> None:
    parser = FrameParser()
    events(parser, binary(b"x" * 60_000) + b"\x82")
    assert parser.unread == b"\x82"


@pytest.mark.parametrize("code", [0, 999, 1004, 1005 + 1, 1015, 2999, 5000])
def test_codes_that_must_not_be_sent(code: int) -> None:
    with pytest.raises(UnsendableMessage, match="close code"):
        encode_close(code)


def test_a_long_reason_is_cut_at_a_character() -> None:
    (event,) = events(FrameParser(masked=False), encode_close(1000, "é" * 100))
    assert event == Close(1000, "é" * 61)
    assert events(FrameParser(masked=False), encode_close()) == [Close(1005, "")]


@pytest.mark.parametrize("value", ["\ud800", 5, None, {"a": 1}])
def test_values_that_are_no_messages(value: object) -> None:
    with pytest.raises(UnsendableMessage):
        encode_message(value)  # type: ignore[arg-type]


def test_bytes_like_values_are_binary_messages() -> None:
    assert encode_message(bytearray(b"ab")) == encode_message(memoryview(b"ab")) == b"\x82\x02ab"  # type: ignore[arg-type]
