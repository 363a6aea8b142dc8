"""WebSocket frames: bytes to messages and back (RFC 6455 sections 5 to 7). Pure: no sockets, no event loop.

Theory
------
``FrameParser`` is fed with bytes as they come and asked with ``next()`` for one event after the other: a message
(``str`` or ``bytes``), ``Ping``, ``Pong`` or ``Close``; ``None`` when it needs more bytes. It is pulled, not pushed,
so that whoever owns it can stop before the next message is unpacked (a compressed message of 1 KB may hold 1 MB).

1. The fast path is a whole, unfragmented, uncompressed frame that is completely there. It keeps no state.
2. Everything else goes through one ``_Partial``: the payload is unmasked, inflated, checked and appended as it
   arrives. Text is validated as it arrives, so bad UTF-8 fails at the first bad byte (Autobahn 6.4).
3. What could grow is checked before it is stored: the announced length, the sum of fragments, inflated bytes.
4. A broken rule raises ``WebSocketProtocolError`` with the close code, once; the parser is deaf afterwards, as it
   is after a Close frame (section 1.4: bytes after it are discarded).
"""

from __future__ import annotations

from codecs import utf_8_decode
from struct import Struct
from typing import Final, NamedTuple, Protocol, TypeAlias

from vivace.errors import UnsendableMessage, WebSocketProtocolError

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled wheel for this platform; the same function in Python, 3 to 20 times slower
    from .masking import apply_mask

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
NO_STATUS: Final = 1005  # never on the wire: a Close frame without a code
ABNORMAL: Final = 1006  # never on the wire: the connection broke
INVALID_DATA: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
RESTART: Final = 1012

_FIN: Final = 0x80
_RSV1: Final = 0x40
_RSV23: Final = 0x30
_MASKED: Final = 0x80
_FIN_TEXT: Final = _FIN | TEXT
_FIN_BINARY: Final = _FIN | BINARY
_CONTROL_BYTES: Final = 125  # section 5.5
_SHORT: Final = Struct("!BBH")
_LONG: Final = Struct("!BBQ")
# masked frames, by the length of the payload
_HEADS: Final = {
    opcode: tuple(bytes((_FIN | opcode, size)) for size in range(126))
    for opcode in (TEXT, BINARY, CLOSE, PING, PONG)
}
_TEXT_HEADS: Final = _HEADS[TEXT]
_BINARY_HEADS: Final = _HEADS[BINARY]


class Ping(NamedTuple):
    """The peer asks whether we live; the payload goes back."""

    payload: bytes


class Pong(NamedTuple):
    """The answer to a ping, or an unasked sign of life."""

    payload: bytes


class Close(NamedTuple):
    """The peer closes; ``code`` is 1005 when it gave none."""

    code: int
    reason: str


Event: TypeAlias = "str | bytes | Ping | Pong | Close"


class Inflater(Protocol):
    """What the parser needs of permessage-deflate; see ``deflate``."""

    def inflate(self, data: bytes, room: int, *, last: bool) -> bytes:
        """Return what ``data`` expands to; raises ``WebSocketProtocolError`` beyond ``room`` bytes."""
        ...


class _Partial:
    """A message that has begun and is not complete."""

    __slots__ = ("buffer", "compressed", "final", "fragments", "mask", "remaining", "tail", "text")

    def __init__(self, text: bool, compressed: bool) -> None:
        self.text = text
        self.compressed = compressed
        self.buffer = bytearray()
        self.tail = b""  # the unfinished last character
        self.fragments = 0
        self.remaining = -1  # bytes missing of the current frame; -1: between two frames
        self.mask = b""
        self.final = False


class FrameParser:
    """Frames to events. ``masked`` is True on the server, whose peer must mask, and False on the client.

    ``limit`` bounds a message in bytes, ``fragments`` its number of frames. Nothing happens without more bytes once
    ``unread`` is empty.
    """

    __slots__ = (
        "_inflater",
        "_masked",
        "_partial",
        "_short",
        "_start",
        "deaf",
        "fragments",
        "limit",
        "unread",
    )

    def __init__(
        self,
        *,
        masked: bool = True,
        limit: int = 1_048_576,
        fragments: int = 131_072,
        inflater: Inflater | None = None,
    ) -> None:
        self._masked = masked
        self._inflater = inflater
        self.unread = b""
        self._start = 0
        self._partial: _Partial | None = None
        self.limit = limit
        self._short = min(limit, 125) if masked else -1  # longest payload for whole(); -1: none
        self.fragments = fragments
        self.deaf = False

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes; ``next`` must be asked until it returns ``None``, unless it is to go on later."""
        if type(data) is not bytes:
            data = bytes(data)
        if self.unread:
            self.unread = self.unread[self._start :] + data
            self._start = 0
        elif not self.deaf:
            self.unread = data

    def whole(self, data: bytes) -> str | bytes | None:
        """Return the message of a packet that is one short frame and nothing else; otherwise nothing is consumed."""
        length = len(data) - 6
        if self.unread or self._partial is not None or not 0 <= length <= self._short:
            return None
        if data[1] != length | _MASKED:
            return None
        first = data[0]
        if first == _FIN_TEXT:
            try:
                return apply_mask(data[6:], data[2:6]).decode()
            except UnicodeDecodeError:
                return None  # the long way finds it again, and says so
        return apply_mask(data[6:], data[2:6]) if first == _FIN_BINARY else None

    def next(self) -> Event | None:
        """Return the next event, or ``None`` when more bytes are needed; raises ``WebSocketProtocolError``."""
        data, start = self.unread, self._start
        if self._masked and self._partial is None and len(data) - start >= 8:
            first = data[start]
            if first == _FIN_TEXT or first == _FIN_BINARY:  # noqa: SIM109  # a tuple costs 20 ns more
                length = data[start + 1]
                if length == 254:  # masked, 16 bits of length
                    length = data[start + 2] << 8 | data[start + 3]
                    begin = start + 8 if length > 125 else 0
                else:
                    length -= 128
                    begin = start + 6 if 0 <= length < 126 else 0
                end = begin + length
                if begin and end <= len(data) and length <= self.limit:
                    payload = apply_mask(data[begin:end], data[begin - 4 : begin])
                    self._consume(end)
                    return payload if first == _FIN_BINARY else self._text(payload)
        return self._next() if data else None

    def _consume(self, end: int) -> None:
        if end == len(self.unread):
            self.unread = b""
            self._start = 0
        else:
            self._start = end

    def _text(self, payload: bytes | bytearray) -> str:
        try:
            return payload.decode()
        except UnicodeDecodeError as error:
            raise self._bad_text(error) from None

    def _next(self) -> Event | None:
        if self.deaf:
            self.unread = b""
            return None
        try:
            while True:
                partial = self._partial
                if partial is not None and partial.remaining >= 0:
                    event = self._payload(partial)
                    waiting = event is None and self._partial is not None and partial.remaining >= 0
                else:
                    before = self._start
                    event = self._frame()
                    waiting = event is None and self._start == before and bool(self.unread)
                if event is not None:
                    return event
                if waiting or not self.unread:
                    self._compact()
                    return None
        except WebSocketProtocolError:
            self._stop()
            raise

    def _compact(self) -> None:
        """Let go of what was consumed: a frame's beginning must not keep a whole packet alive."""
        if self._start:
            self.unread = self.unread[self._start :]
            self._start = 0

    def _stop(self) -> None:
        self.deaf = True
        self._short = -1
        self.unread = b""
        self._start = 0
        self._partial = None

    def _frame(self) -> Event | None:
        """Read the head of a frame, and a whole control or unfragmented data frame; nothing if it is not there yet."""
        data, start = self.unread, self._start
        if len(data) - start < 2:
            return None
        first, second = data[start], data[start + 1]
        self._check_head(first, second)
        length, begin = second & 0x7F, start + 2
        if length >= 126:
            wide = 2 if length == 126 else 8
            begin += wide
            if len(data) < begin:
                return None
            length = self._check_length(int.from_bytes(data[begin - wide : begin], "big"), wide)
        if not first & 0x8:
            self._check_size(first, length)
        begin += 4 if self._masked else 0
        if len(data) < begin:
            return None
        mask = data[begin - 4 : begin] if self._masked else b""
        if first & 0x8:
            return self._control(first & 0xF, begin, length, mask)
        return self._data_frame(first, begin, length, mask)

    def _check_head(self, first: int, second: int) -> None:
        opcode = first & 0xF
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise WebSocketProtocolError("The frame has a reserved opcode.", got=f"0x{opcode:x}")
        if first & _RSV23:
            raise WebSocketProtocolError("The frame sets reserved bits.", got=f"0x{first:02x}")
        if first & _RSV1 and (self._inflater is None or opcode not in (TEXT, BINARY)):
            raise WebSocketProtocolError("The frame is marked as compressed where that was not agreed.")
        if bool(second & _MASKED) is not self._masked:
            wanted = "masked" if self._masked else "unmasked"
            raise WebSocketProtocolError("The frame's mask is wrong.", expected=f"{wanted} frames")
        if opcode & 0x8:
            if not first & _FIN:
                raise WebSocketProtocolError("A control frame is fragmented.")
            if second & 0x7F > _CONTROL_BYTES:
                raise WebSocketProtocolError("A control frame is too long.", expected="at most 125 bytes")
        elif (opcode == CONTINUATION) is (self._partial is None):
            what = "has no message to continue" if opcode == CONTINUATION else "begins inside another message"
            raise WebSocketProtocolError(f"A data frame {what}.")

    def _check_length(self, length: int, wide: int) -> int:
        if length < (126 if wide == 2 else 65_536):
            raise WebSocketProtocolError("A length is not encoded in the fewest bytes.", got=str(length))
        if length >> 63:
            raise WebSocketProtocolError("A length has its highest bit set.")
        return length

    def _check_size(self, first: int, length: int) -> None:
        partial = self._partial
        if first & _RSV1 or (partial is not None and partial.compressed):
            return  # the inflater counts what matters: expanded bytes
        size = length if partial is None else length + len(partial.buffer)
        if size > self.limit:
            raise WebSocketProtocolError(
                "The message is too large.",
                TOO_BIG,
                expected=f"at most {self.limit} bytes",
                got=f"{size} bytes",
            )

    def _control(self, opcode: int, begin: int, length: int, mask: bytes) -> Event | None:
        end = begin + length
        if len(self.unread) < end:
            return None
        payload = self.unread[begin:end]
        if mask:
            payload = apply_mask(payload, mask)
        self._consume(end)
        if opcode == PING:
            return Ping(payload)
        if opcode == PONG:
            return Pong(payload)
        event = decode_close(payload)
        self._stop()
        return event

    def _data_frame(self, first: int, begin: int, length: int, mask: bytes) -> Event | None:
        end = begin + length
        if first & _FIN and not first & _RSV1 and self._partial is None and end <= len(self.unread):
            payload = self.unread[begin:end]
            if mask:
                payload = apply_mask(payload, mask)
            self._consume(end)
            return payload if first & 0xF == BINARY else self._text(payload)
        partial = self._partial
        if partial is None:
            partial = self._partial = _Partial(first & 0xF == TEXT, bool(first & _RSV1))
        partial.fragments += 1
        if partial.fragments > self.fragments:
            raise WebSocketProtocolError(
                "A message has too many fragments.", TOO_BIG, expected=f"at most {self.fragments}"
            )
        partial.final = bool(first & _FIN)
        partial.remaining = length
        partial.mask = mask
        self._consume(begin)
        return self._payload(partial)

    def _payload(self, partial: _Partial) -> Event | None:
        """Take what is there of the current frame's payload; return the message if that completes it."""
        start = self._start
        piece = self.unread[start : start + partial.remaining]
        size = len(piece)
        if size:
            self._consume(start + size)
            partial.remaining -= size
            if partial.mask:
                piece = apply_mask(piece, partial.mask)
                turn = size & 3
                if turn:
                    partial.mask = partial.mask[turn:] + partial.mask[:turn]
        ended = partial.remaining == 0
        if partial.compressed and self._inflater is not None:
            room = self.limit - len(partial.buffer)
            piece = self._inflater.inflate(piece, room, last=ended and partial.final)
        if piece:
            if partial.text:
                self._validate(partial, piece)
            partial.buffer += piece
        if not ended:
            return None
        partial.remaining = -1
        return self._complete(partial) if partial.final else None

    def _complete(self, partial: _Partial) -> str | bytes:
        self._partial = None
        return self._text(partial.buffer) if partial.text else bytes(partial.buffer)

    def _validate(self, partial: _Partial, piece: bytes) -> None:
        pending = partial.tail + piece if partial.tail else piece
        try:
            _, used = utf_8_decode(pending, "strict", False)
        except UnicodeDecodeError as error:
            raise self._bad_text(error) from None
        tail = partial.tail = pending[used:]
        # Python lets the first two bytes of a surrogate wait for the third (measured on 3.11 to 3.13).
        if len(tail) > 1 and tail[0] == 0xED and tail[1] > 0x9F:
            raise self._bad_text("surrogate")

    def _bad_text(self, cause: object) -> WebSocketProtocolError:
        self._stop()
        return WebSocketProtocolError("A text message is not UTF-8.", INVALID_DATA, got=str(cause))


def decode_close(payload: bytes) -> Close:
    """Return the content of a Close frame; raises ``WebSocketProtocolError`` when it is not allowed."""
    if not payload:
        return Close(NO_STATUS, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not sendable_code(code):
        raise WebSocketProtocolError("A Close frame has a bad code.", got=str(code))
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError as error:
        raise WebSocketProtocolError("A close reason is not UTF-8.", INVALID_DATA, got=str(error)) from None


def sendable_code(code: int) -> bool:
    """Return whether a code may be in a Close frame: those of the IANA registry, and 3000 to 4999."""
    return 3000 <= code <= 4999 or (1000 <= code <= 1014 and code not in (1004, NO_STATUS, ABNORMAL))


def encode_close(code: int = NO_STATUS, reason: str = "", mask: bytes = b"") -> bytes:
    """Return a Close frame; 1005 sends no code; a long reason is cut at a whole character."""
    if code == NO_STATUS:
        return encode_frame(CLOSE, b"", mask=mask)
    if not sendable_code(code):
        raise UnsendableMessage(
            "The close code cannot be sent.", expected="1000 … 1014 or 3000 … 4999", got=str(code)
        )
    text = reason.encode("utf-8", "replace")[: _CONTROL_BYTES - 2].decode("utf-8", "ignore")
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text.encode(), mask=mask)


def encode_frame(
    opcode: int, payload: bytes, *, fin: bool = True, compressed: bool = False, mask: bytes = b""
) -> bytes:
    """Return one frame; ``mask`` is 4 unpredictable bytes on the client and empty on the server."""
    first = (_FIN if fin else 0) | (_RSV1 if compressed else 0) | opcode
    size = len(payload)
    bit = _MASKED if mask else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 65_536:
        head = _SHORT.pack(first, bit | 126, size)
    else:
        head = _LONG.pack(first, bit | 127, size)
    return head + mask + apply_mask(payload, mask) if mask else head + payload


def encode_message(message: str | bytes) -> bytes:
    """Return a message as one server frame, to be sent to any number of sockets; raises ``UnsendableMessage``."""
    if type(message) is str:
        try:
            payload = message.encode()
        except UnicodeEncodeError:
            payload = encode_text(message)  # which says what is wrong
        size = len(payload)
        return _TEXT_HEADS[size] + payload if size < 126 else encode_frame(TEXT, payload)
    if type(message) is bytes and len(message) < 126:
        return _BINARY_HEADS[len(message)] + message
    opcode, payload = message_payload(message)
    return encode_frame(opcode, payload)


def message_payload(message: object) -> tuple[int, bytes]:
    """Return the opcode and the payload of a message; raises ``UnsendableMessage`` when it is none."""
    if isinstance(message, str):
        return TEXT, encode_text(message)
    if isinstance(message, (bytes, bytearray)):
        return BINARY, bytes(message)
    if isinstance(message, memoryview):
        return BINARY, message.tobytes()
    raise UnsendableMessage(
        "This value is not a WebSocket message.",
        expected="str or bytes",
        got=type(message).__name__,
        fix="Use send_json() for values.",
    )


def encode_text(text: str) -> bytes:
    """Return the UTF-8 of a text message; raises ``UnsendableMessage`` on lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnsendableMessage(
            "The text has characters that UTF-8 cannot carry.",
            got=str(error),
            fix="Decode your input with errors='replace'.",
        ) from None
