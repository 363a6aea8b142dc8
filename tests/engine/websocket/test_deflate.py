"""permessage-deflate: negotiation of all four parameters, messages, bombs; the websockets library as an oracle."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from tests.engine.websocket.peer import chopped, client, events
from vivace.engine.websocket.deflate import Agreement, Compression, negotiate, parse_extensions
from vivace.engine.websocket.frames import FrameParser
from vivace.errors import BadRequest, WebSocketProtocolError
from vivace.http.websocket import Deflate

FULL = Deflate(window_bits=15, client_window_bits=15, threshold=0)
NAME = "permessage-deflate"


@pytest.mark.parametrize(
    ("offer", "options", "answer"),
    [
        (NAME, FULL, NAME),
        (NAME, Deflate(), f"{NAME}; server_max_window_bits=12"),
        (f"{NAME}; client_max_window_bits", FULL, f"{NAME}; client_max_window_bits=15"),
        (f"{NAME}; client_max_window_bits", Deflate(), f"{NAME}; server_max_window_bits=12; client_max_window_bits=12"),
        (f"{NAME}; client_max_window_bits=10", FULL, f"{NAME}; client_max_window_bits=10"),
        (f"{NAME}; client_max_window_bits=8", FULL, f"{NAME}; client_max_window_bits=8"),
        (f"{NAME}; server_max_window_bits=9", FULL, f"{NAME}; server_max_window_bits=9"),
        (f'{NAME}; server_max_window_bits="10"', FULL, f"{NAME}; server_max_window_bits=10"),
        (f"{NAME}; server_no_context_takeover", FULL, f"{NAME}; server_no_context_takeover"),
        (f"{NAME}; client_no_context_takeover", FULL, f"{NAME}; client_no_context_takeover"),
        (NAME, Deflate(15, 15, takeover=False, client_takeover=False), f"{NAME}; server_no_context_takeover; client_no_context_takeover"),
        (f"{NAME}; server_max_window_bits=8", FULL, None),
        (f"{NAME}; server_max_window_bits=8, {NAME}", FULL, NAME),
        (f"{NAME}; server_max_window_bits", FULL, None),
        (f"{NAME}; server_max_window_bits=16", FULL, None),
        (f"{NAME}; server_max_window_bits=010", FULL, None),
        (f"{NAME}; server_no_context_takeover=1", FULL, None),
        (f"{NAME}; client_max_window_bits=7", FULL, None),
        (f"{NAME}; server_no_context_takeover; server_no_context_takeover", FULL, None),
        (f"{NAME}; unknown", FULL, None),
        ("x-webkit-deflate-frame", FULL, None),
        ("x-other; a=b, , permessage-deflate", FULL, NAME),
        ("", FULL, None),
    ],
)  # fmt: skip
def test_rl1_negotiation(offer: str, options: Deflate, answer: str | None) -> None:
    agreement = negotiate(offer, options)
    assert (agreement.header() if agreement else None) == answer


@pytest.mark.parametrize("header", ["permessage deflate", "a; b c", "a=b", "a;", "a; b=", 'a; b="x y"', ";"])
def test_malformed_extension_headers_are_refused(header: str) -> None:
    with pytest.raises(BadRequest, match="malformed"):
        list(parse_extensions(header))


AGREEMENTS = [
    Agreement(),
    Agreement(server_bits=9, client_bits=9),
    Agreement(server_takeover=False, client_takeover=False),
    Agreement(server_bits=10, client_bits=12, server_takeover=False),
]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=800), max_size=4), st.sampled_from(AGREEMENTS), st.integers(1, 200))
def test_rl1_round_trip_between_both_roles(messages: list[bytes], agreed: Agreement, chop: int) -> None:
    ours, theirs = Compression(agreed, FULL), Compression(agreed.mirrored(), FULL)
    to_client = FrameParser(masked=False, inflater=theirs)
    to_server = FrameParser(inflater=ours)
    for message in messages:
        data = ours.encode(message)
        pieces = [data[n : n + chop] for n in range(0, len(data), chop)]
        assert [event for piece in pieces for event in events(to_client, piece)] == [message]
        assert events(to_server, client(2, theirs.deflate(message), rsv=4)) == [message]


@pytest.mark.parametrize("agreed", AGREEMENTS)
def test_rl1_compression_against_the_oracle(agreed: Agreement) -> None:
    oracle = PerMessageDeflate(
        remote_no_context_takeover=not agreed.server_takeover,
        local_no_context_takeover=not agreed.client_takeover,
        remote_max_window_bits=agreed.server_bits,
        local_max_window_bits=agreed.client_bits,
    )
    ours = Compression(agreed, FULL)
    parser = FrameParser(inflater=ours)
    for number in range(4):
        message = f"{number} of many messages that look alike ".encode() * 50
        data = oracle.encode(Frame(Opcode.BINARY, message))
        assert events(parser, client(2, bytes(data.data), rsv=4)) == [message]
        back = oracle.decode(Frame(Opcode.BINARY, ours.deflate(message), rsv1=True))
        assert bytes(back.data) == message


@pytest.mark.parametrize("limit", [1_000, 100_000])
@pytest.mark.parametrize("chop", [7, 1 << 20])
def test_rl1_a_bomb_stops_at_the_limit(limit: int, chop: int) -> None:
    stream = zlib.compressobj(9, wbits=-15)
    bomb = (stream.compress(bytes(20_000_000)) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    parser = FrameParser(limit=limit, inflater=Compression(Agreement(), FULL))
    frame = client(2, bomb, rsv=4)
    with pytest.raises(WebSocketProtocolError) as caught:
        [events(parser, piece) for piece in chopped(frame, chop)]
    assert caught.value.close_code == 1009


def test_a_message_of_exactly_the_limit_passes_compressed() -> None:
    ours, theirs = Compression(Agreement(), FULL), Compression(Agreement(), FULL)
    parser = FrameParser(limit=5_000, inflater=ours)
    assert events(parser, client(2, theirs.deflate(b"x" * 5_000), rsv=4)) == [b"x" * 5_000]
    with pytest.raises(WebSocketProtocolError):
        events(parser, client(2, theirs.deflate(b"x" * 5_001), rsv=4))


def test_a_final_block_inside_a_message_is_read() -> None:
    first = zlib.compressobj(wbits=-15)
    data = first.compress(b"Hello") + first.flush(zlib.Z_FINISH) + b"\x00"  # RFC 7692 section 7.2.3.5
    parser = FrameParser(inflater=Compression(Agreement(), FULL))
    for _ in range(2):
        assert events(parser, client(1, data, rsv=4)) == ["Hello"]


def test_bytes_of_the_rfc() -> None:
    parser = FrameParser(masked=False, inflater=Compression(Agreement(), FULL))
    sent = [
        bytes.fromhex("c107f248cdc9c90700"),  # section 7.2.3.1: one block
        bytes.fromhex("c105f200110000"),  # 7.2.3.2: the window is shared
        bytes.fromhex("4103f248cd8004c9c90700"),  # fragments
        bytes.fromhex("c10b000500faff48656c6c6f00"),  # 7.2.3.3: a block without compression
        bytes.fromhex("c10df248050000 00ffffcac9c90700".replace(" ", "")),  # 7.2.3.6: two blocks
    ]
    assert [event for data in sent for event in events(parser, data)] == ["Hello"] * 5


def test_short_messages_are_not_compressed() -> None:
    compression = Compression(Agreement(), Deflate(threshold=10))
    assert compression.encode("a" * 9)[0] == 0x81
    assert compression.encode("a" * 10)[0] == 0xC1
    assert compression.encode(b"a" * 10)[0] == 0xC2


def test_pain_10_without_takeover_nothing_is_kept_between_messages() -> None:
    compression = Compression(Agreement(server_takeover=False, client_takeover=False), FULL)
    parser = FrameParser(inflater=compression)
    assert events(parser, client(2, compression.deflate(b"a" * 99), rsv=4)) == [b"a" * 99]
    assert compression._deflater is None
    assert compression._inflater is None
