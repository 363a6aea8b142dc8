"""Every case family of the Autobahn suite against an echo handler, whole and chopped into single bytes.

Names are the suite's: ``1.1.3`` is a text message of 126 bytes. Expected is what the client sees, in order.
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

import pytest

from tests.engine.websocket.peer import (
    accepted,
    binary,
    chopped,
    client,
    close,
    events,
    more,
    ping,
    seen_by_client,
    settle,
    talk,
    text,
)
from vivace.config.settings import Limits
from vivace.engine.websocket.deflate import Agreement, Compression, parse_extensions
from vivace.engine.websocket.frames import PONG, Close, Event, FrameParser, Pong
from vivace.http.websocket import Deflate, WebSocketOptions

Case: TypeAlias = "tuple[str, bytes, list[Event]]"

BYE = Close(1000, "")
GOOD_TEXT = "Hello-µ@ßöäüàá-UTF-8!!"
SIZES = (0, 125, 126, 127, 128, 65_535, 65_536)


def broken(code: int = 1002) -> Close:
    return Close(code, "*")


def case(name: str, data: bytes, *expected: Event) -> Case:
    return name, data, list(expected)


def framing() -> list[Case]:
    cases: list[Case] = []
    for index, size in enumerate(SIZES, 1):
        cases.append((f"1.1.{index} text of {size}", text("*" * size) + close(), ["*" * size, BYE]))
        cases.append(
            (f"1.2.{index} binary of {size}", binary(b"\xfe" * size) + close(), [b"\xfe" * size, BYE])
        )
    return cases


PINGS: list[Case] = [
    ("2.1 empty ping", ping() + close(), [Pong(b""), BYE]),
    ("2.2 ping with text", ping(b"Hello") + close(), [Pong(b"Hello"), BYE]),
    ("2.3 ping with bytes", ping(b"\x00\xff\xfe") + close(), [Pong(b"\x00\xff\xfe"), BYE]),
    ("2.4 ping of 125", ping(b"\xfe" * 125) + close(), [Pong(b"\xfe" * 125), BYE]),
    ("2.5 ping of 126", client(0x9, b"\xfe" * 126), [broken()]),
    ("2.7 unasked pong", client(PONG) + close(), [BYE]),
    ("2.8 unasked pong with payload", client(PONG, b"x") + close(), [BYE]),
    ("2.9 pong, then ping", client(PONG, b"x") + ping(b"y") + close(), [Pong(b"y"), BYE]),
    (
        "2.10 ten pings",
        b"".join(ping(b"%d" % n) for n in range(10)) + close(),
        [*(Pong(b"%d" % n) for n in range(10)), BYE],
    ),
]

RESERVED_BITS: list[Case] = [
    *[case(f"3.1 RSV={rsv} text", client(0x1, b"x", rsv=rsv), broken()) for rsv in range(1, 8)],
    ("3.2 after a good message", text("a") + client(0x1, b"x", rsv=2) + ping(), ["a", broken()]),
    ("3.5 binary", client(0x2, b"x", rsv=5), [broken()]),
    ("3.6 ping", client(0x9, b"x", rsv=6), [broken()]),
    ("3.7 close", client(0x8, b"", rsv=7), [broken()]),
]

OPCODES: list[Case] = [
    *[case(f"4.1 opcode {op}", client(op, b"x" * (op & 1)), broken()) for op in (3, 4, 5, 6, 7)],
    *[case(f"4.2 opcode {op}", client(op, b"x" * (op & 1)), broken()) for op in (11, 12, 13, 14, 15)],
    ("4.1.3 after a good message", text("a") + client(5) + ping(), ["a", broken()]),
]

FRAGMENTS: list[Case] = [
    ("5.1 fragmented ping", client(0x9, b"a", fin=False) + more("b"), [broken()]),
    ("5.2 fragmented pong", client(0xA, b"a", fin=False) + more("b"), [broken()]),
    ("5.3 text in two", text("frag", fin=False) + more("ment") + close(), ["fragment", BYE]),
    ("5.6 ping between", text("a", fin=False) + ping(b"p") + more("b") + close(), [Pong(b"p"), "ab", BYE]),
    ("5.9 continuation of nothing", more("a"), [broken()]),
    ("5.10 unfinished continuation of nothing", more("a", fin=False), [broken()]),
    ("5.15 after a whole message", text("a", fin=False) + more("b") + more("c", fin=False), ["ab", broken()]),
    ("5.18 two beginnings", text("a", fin=False) + text("b"), [broken()]),
    (
        "5.19 five fragments, pings between",
        text("1", fin=False) + more("2", fin=False) + ping(b"x") + more("3", fin=False) + more("4", fin=False) + ping(b"y") + more("5") + close(),
        [Pong(b"x"), Pong(b"y"), "12345", BYE],
    ),
    ("5.20 binary in two", binary(b"\xff", fin=False) + more(b"\xfe") + close(), [b"\xff\xfe", BYE]),
]  # fmt: skip

UTF8_GOOD = {
    "6.2 text": GOOD_TEXT.encode(),
    "6.5 kosme": "κόσμε".encode(),
    "6.6 last of one byte": b"\x7f",
    "6.7 first of two bytes": b"\xc2\x80",
    "6.9 last of three bytes": b"\xef\xbf\xbf",
    "6.11 around the surrogates": b"\xed\x9f\xbf\xee\x80\x80",
    "6.11.5 last code point": b"\xf4\x8f\xbf\xbf",
    "6.22 noncharacters": b"\xef\xbf\xbe\xf0\x9f\xbf\xbe",
    "6.23 specials": b"\xef\xbf\xb9\xef\xbf\xbd",
}
UTF8_BAD = {
    "6.3 surrogate inside": b"\xce\xba\xed\xa0\x80\x65",
    "6.4 beyond the last code point": b"\xce\xba\xf4\x90\x80\x80",
    "6.8 five bytes": b"\xf8\x88\x80\x80\x80",
    "6.10 six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "6.12 lone continuation": b"\x80",
    "6.13 lone start": b"\xe0\x20",
    "6.14 cut short": b"\xc3",
    "6.15 many cut short": b"\xc0\xe0\x80\xf0\x80\x80",
    "6.16 impossible bytes": b"\xfe\xff",
    "6.17 overlong slash": b"\xc0\xaf",
    "6.18 overlong maximum": b"\xe0\x9f\xbf",
    "6.19 overlong nul": b"\xc0\x80",
    "6.20 lone surrogate": b"\xed\xbf\xbf",
    "6.21 surrogate pair": b"\xed\xa0\x80\xed\xb0\x80",
}


def utf8() -> list[Case]:
    cases: list[Case] = [
        ("6.1 empty fragments", text("", fin=False) + more("", fin=False) + more("") + close(), ["", BYE]),
    ]
    for name, raw in UTF8_GOOD.items():
        split = len(raw) // 2
        cases.append((name, text(raw) + close(), [raw.decode(), BYE]))
        cases.append(
            (
                f"{name} in two",
                text(raw[:split], fin=False) + more(raw[split:]) + close(),
                [raw.decode(), BYE],
            )
        )
    for name, raw in UTF8_BAD.items():
        cases.append((name, text(raw), [broken(1007)]))
        cases.append((f"{name} in two", text(raw[:1], fin=False) + more(raw[1:]), [broken(1007)]))
    return cases


GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)

CLOSING: list[Case] = [
    ("7.1.1 message, then close", text("a") + close(), ["a", BYE]),
    ("7.1.2 two closes", close() + close(), [BYE]),
    ("7.1.3 ping after close", close() + ping(), [BYE]),
    ("7.1.4 text after close", close() + text("late"), [BYE]),
    ("7.1.5 close inside a message", text("a", fin=False) + close() + more("b"), [BYE]),
    ("7.3.1 without a code", close(None), [Close(1005, "")]),
    ("7.3.2 one byte", client(0x8, b"a"), [broken()]),
    ("7.3.4 with a reason", close(1000, b"Hello"), [BYE]),
    ("7.3.5 longest reason", close(1000, b"*" * 123), [BYE]),
    ("7.3.6 too long", client(0x8, b"\x03\xe8" + b"*" * 124), [broken()]),
    ("7.5.1 reason not UTF-8", close(1000, b"\xce\xba\xed\xa0\x80"), [broken(1007)]),
    *[case(f"7.7 code {code}", close(code), Close(code, "")) for code in GOOD_CODES],
    *[case(f"7.9 code {code}", close(code), broken()) for code in BAD_CODES],
]

MASKING: list[Case] = [
    ("unmasked text", b"\x81\x01x", [broken()]),
    ("unmasked ping", b"\x89\x00", [broken()]),
    ("length 125 in 16 bits", b"\x82\xfe\x00\x7d" + bytes(4) + bytes(125), [broken()]),
    ("length 65535 in 64 bits", b"\x82\xff" + (65_535).to_bytes(8, "big") + bytes(4), [broken()]),
    ("length with its top bit", b"\x82\xff" + (1 << 63).to_bytes(8, "big") + bytes(4), [broken()]),
]

SMALL_CASES: list[Case] = [*PINGS, *RESERVED_BITS, *OPCODES, *FRAGMENTS, *utf8(), *CLOSING, *MASKING]


def loosen(seen: list[Event]) -> list[Event]:
    """Replace the reason of an error, which is for people, by a star."""
    return [Close(e.code, "*") if isinstance(e, Close) and e.reason else e for e in seen]


@pytest.mark.parametrize("chop", [1 << 20, 1, 3])
@pytest.mark.parametrize("case", SMALL_CASES, ids=lambda each: each[0])
async def test_rl1_families_2_to_7(case: Case, chop: int) -> None:
    _, data, expected = case
    seen, _ = await talk(data, chop)
    assert loosen(seen) == expected


@pytest.mark.parametrize("chop", [1 << 20, 997])
@pytest.mark.parametrize("case", framing(), ids=lambda each: each[0])
async def test_rl1_family_1_framing(case: Case, chop: int) -> None:
    _, data, expected = case
    seen, _ = await talk(data, chop)
    assert seen == expected


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4", b"\x90"),
        (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed", b"\xa0"),
        (b"abc", b"\xff"),
    ],
)
async def test_rl1_family_6_4_bad_text_fails_at_its_first_bad_byte(first: bytes, then: bytes) -> None:
    socket, transport = await accepted()
    frame = text(first + then + b"x" * 100)
    socket.data_received(frame[: 6 + len(first)])
    assert seen_by_client(transport) == []
    socket.data_received(frame[6 + len(first) : 6 + len(first) + len(then)])
    assert [event.code for event in seen_by_client(transport) if isinstance(event, Close)] == [1007]


@pytest.mark.parametrize("size", [65_536, 1 << 20, 4 << 20])
@pytest.mark.parametrize("kind", ["text", "binary"])
async def test_rl1_family_9_large_messages(size: int, kind: str) -> None:
    payload = ("µ" * (size // 2)).encode()
    frame = text(payload) if kind == "text" else binary(payload)
    limits = Limits(websocket_message_bytes=size)
    seen, _ = await talk(frame + close(), 65_536, limits=limits)
    assert seen == [payload.decode() if kind == "text" else payload, BYE]


@pytest.mark.parametrize("piece", [64, 1_024, 65_536])
def test_rl1_family_9_3_large_message_in_fragments(piece: int) -> None:
    pieces = [bytes([n & 0xFF]) * piece for n in range((1 << 20) // piece)]
    frames = [binary(pieces[0], fin=False), *(more(p, fin=False) for p in pieces[1:]), more(b"")]
    assert events(FrameParser(), b"".join(frames)) == [b"".join(pieces)]


@pytest.mark.parametrize("size", [0, 16, 64, 256, 1_024])
async def test_rl1_family_9_7_many_messages(size: int) -> None:
    messages = [chr(97 + n % 26) * size for n in range(300)]
    seen, _ = await talk(b"".join(map(text, messages)) + close(), 1 << 20)
    assert seen == [*messages, BYE]


async def test_rl1_family_10_fragments_smaller_than_the_message() -> None:
    whole = "*" * 65_536
    frames = [whole[n : n + 1_300] for n in range(0, len(whole), 1_300)]
    data = text(frames[0], fin=False) + b"".join(more(f, fin=False) for f in frames[1:-1]) + more(frames[-1])
    seen, _ = await talk(data + close(), 4_096)
    assert seen == [whole, BYE]


OFFERS = {
    "13.1": "permessage-deflate; client_no_context_takeover; client_max_window_bits",
    "13.2": "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
    "13.3": "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    "13.4": "permessage-deflate; client_max_window_bits=15",
    "13.5": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "13.6": "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=10",
    "13.7": "permessage-deflate; unknown=1, permessage-deflate",
}


def agreed_by(answer: bytes) -> Agreement:
    """Return the agreement that a 101 answer states."""
    line = next(line for line in answer.split(b"\r\n") if line.startswith(b"sec-websocket-extensions"))
    ((_, parameters),) = parse_extensions(line.partition(b":")[2].decode())
    stated = dict(parameters)
    return Agreement(
        server_bits=int(stated.get("server_max_window_bits") or 15),
        client_bits=int(stated.get("client_max_window_bits") or 15),
        server_takeover="server_no_context_takeover" not in stated,
        client_takeover="client_no_context_takeover" not in stated,
    )


@pytest.mark.parametrize("size", [16, 1_000, 65_536, 131_072])
@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_rl1_families_12_and_13_compression(offer: str, size: int) -> None:
    deflate = Deflate(threshold=0)
    socket, transport = await accepted(
        WebSocketOptions(deflate=deflate), (b"sec-websocket-extensions", offer.encode())
    )
    # the handshake was forgotten by accepted(): ask the socket for the same agreement again
    compression = socket._compression
    assert compression is not None
    stated = agreed_by(b"sec-websocket-extensions: " + compression.agreed.header().encode())
    other = Compression(stated.mirrored(), deflate)
    parser = FrameParser(masked=False, inflater=other)
    for round_ in range(3):
        message = (f"{round_} " + "the quick brown fox jumps " * (size // 26 + 1))[:size]
        for piece in chopped(client(0x1, other.deflate(message.encode()), rsv=4), 4_096):
            socket.data_received(piece)
        received = await socket.receive()
        assert received == message
        await socket.send(received)
        assert events(parser, b"".join(transport.written)) == [message]
        transport.written.clear()


async def test_rl1_family_12_compressed_in_fragments_with_control_frames_between() -> None:
    offer = (b"sec-websocket-extensions", b"permessage-deflate")
    socket, transport = await accepted(WebSocketOptions(deflate=Deflate()), offer)
    stream = zlib.compressobj(wbits=-15)
    data = (stream.compress(b"abc" * 999) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
    socket.data_received(client(0x1, data[:5], fin=False, rsv=4) + ping(b"p") + more(data[5:]))
    assert await socket.receive() == "abc" * 999
    await settle()
    assert seen_by_client(transport) == [Pong(b"p")]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (client(0x9, b"", rsv=4), 1002),
        (client(0x8, b"", rsv=4), 1002),
        (text("a", fin=False) + client(0x0, b"b", rsv=4), 1002),
        (client(0x1, b"\xff\xff\xff", rsv=4), 1007),
    ],
    ids=["ping", "close", "continuation", "junk"],
)
async def test_rl1_family_12_misplaced_compression(frame: bytes, code: int) -> None:
    offer = (b"sec-websocket-extensions", b"permessage-deflate")
    socket, _ = await accepted(WebSocketOptions(deflate=Deflate()), offer)
    socket.data_received(frame)
    assert socket.close_code == code
