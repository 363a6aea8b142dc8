"""permessage-deflate (RFC 7692): negotiation of the four parameters, and messages through zlib.

Rules: an offer that we cannot meet exactly is passed over (section 5.1), a malformed header is refused. A window of
8 bits is declined, because zlib has no raw deflate of 256 bytes (it would silently use 512, which breaks the peer).
Expanding stops at the room that is left of the message limit: a bomb costs what a legal message costs.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vivace.errors import BadRequest, WebSocketProtocolError
from vivace.http.websocket import Deflate

from .frames import INVALID_DATA, TOO_BIG, encode_frame, encode_message, message_payload

NAME: Final = "permessage-deflate"
_TAIL: Final = b"\x00\x00\xff\xff"  # section 7.2.1: cut off each message, added again to read it
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = re.compile(rf"({_WORD})(?:\s*=\s*(?:\"({_WORD})\"|({_WORD})))?")
_BITS: Final = {str(bits): bits for bits in range(8, 16)}
_ALL_BITS: Final = 15
_SMALLEST: Final = 9


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides keep to; windows in bits."""

    server_bits: int = _ALL_BITS
    client_bits: int = _ALL_BITS
    server_takeover: bool = True
    client_takeover: bool = True
    says_client_bits: bool = False

    def mirrored(self) -> Agreement:
        """Return the agreement as the client sees it: its own direction in the place of the server's."""
        return Agreement(self.client_bits, self.server_bits, self.client_takeover, self.server_takeover)

    def header(self) -> str:
        """Return the agreement as the value of the answer's Sec-WebSocket-Extensions."""
        parts = [NAME]
        if not self.server_takeover:
            parts.append("server_no_context_takeover")
        if not self.client_takeover:
            parts.append("client_no_context_takeover")
        if self.server_bits < _ALL_BITS:
            parts.append(f"server_max_window_bits={self.server_bits}")
        if self.says_client_bits:
            parts.append(f"client_max_window_bits={self.client_bits}")
        return "; ".join(parts)


def negotiate(header: str, options: Deflate) -> Agreement | None:
    """Return the agreement on the first offer we can meet, or ``None``; raises ``BadRequest`` on a malformed header."""
    for name, parameters in parse_extensions(header):
        if name == NAME:
            agreement = _meet(parameters, options)
            if agreement is not None:
                return agreement
    return None


def parse_extensions(header: str) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Yield each extension and its parameters (RFC 6455 section 9.1); raises ``BadRequest`` when malformed."""
    for element in header.split(","):
        pieces = [piece.strip() for piece in element.split(";")]
        matches = [_PARAMETER.fullmatch(piece) for piece in pieces]
        if pieces == [""]:
            continue  # RFC 9110 section 5.6.1: empty list elements are skipped
        parsed = [(m[1].lower(), m[2] or m[3]) for m in matches if m is not None]
        if len(parsed) != len(pieces) or parsed[0][1] is not None:
            raise BadRequest("Sec-WebSocket-Extensions is malformed.", got=element.strip()[:80])
        yield parsed[0][0], parsed[1:]


def _meet(parameters: list[tuple[str, str | None]], options: Deflate) -> Agreement | None:
    """Return what an offer and our options make together, or ``None`` when the offer is invalid or beyond us."""
    offer = dict(parameters)
    if len(offer) != len(parameters) or not all(_valid(name, value) for name, value in parameters):
        return None
    asked = _BITS[offer.get("server_max_window_bits") or "15"]
    if asked < _SMALLEST:
        return None
    may_limit = "client_max_window_bits" in offer
    client_bits = _BITS[offer.get("client_max_window_bits") or "15"]
    return Agreement(
        server_bits=min(asked, options.window_bits),
        client_bits=min(client_bits, options.client_window_bits) if may_limit else _ALL_BITS,
        server_takeover=options.takeover and "server_no_context_takeover" not in offer,
        client_takeover=options.client_takeover and "client_no_context_takeover" not in offer,
        says_client_bits=may_limit,
    )


def _valid(name: str, value: str | None) -> bool:
    """Return whether a parameter of an offer is one of the four and has a legal value (section 7.1)."""
    if name in ("server_no_context_takeover", "client_no_context_takeover"):
        return value is None
    if name == "server_max_window_bits":
        return value in _BITS
    return name == "client_max_window_bits" and (value is None or value in _BITS)


class Compression:
    """The two zlib streams of one connection, each made when first used and dropped if it is not taken over.

    Written for the server; a client passes ``agreement.mirrored()``.
    """

    __slots__ = ("_deflater", "_inflater", "_options", "agreed")

    def __init__(self, agreed: Agreement, options: Deflate) -> None:
        self.agreed = agreed
        self._options = options
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None

    def encode(self, message: str | bytes) -> bytes:
        """Return a message as one frame, compressed if it is long enough."""
        if len(message) < self._options.threshold:
            return encode_message(message)
        opcode, payload = message_payload(message)
        return encode_frame(opcode, self.deflate(payload), compressed=True)

    def deflate(self, payload: bytes) -> bytes:
        """Return ``payload`` compressed, without the tail."""
        stream = self._deflater
        if stream is None:
            options = self._options
            stream = zlib.compressobj(
                options.level, zlib.DEFLATED, -self.agreed.server_bits, options.memory_level
            )
            if self.agreed.server_takeover:
                self._deflater = stream
        data = stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)
        return data[:-4]

    def inflate(self, data: bytes, room: int, *, last: bool) -> bytes:
        """Return what ``data`` expands to; ``last`` ends the message; raises 1009 beyond ``room`` bytes, 1007 on junk."""
        stream = self._inflater
        if stream is None:
            stream = self._inflater = self._new_inflater()
        try:
            result = self._expand(stream, data + _TAIL if last else data, room)
        except zlib.error as error:
            raise WebSocketProtocolError(
                "A compressed message is damaged.", INVALID_DATA, got=str(error)
            ) from None
        if last and not self.agreed.client_takeover:
            self._inflater = None
        return result

    def _new_inflater(self) -> zlib._Decompress:
        return zlib.decompressobj(-max(self.agreed.client_bits, _SMALLEST))

    def _expand(self, stream: zlib._Decompress, data: bytes, room: int) -> bytes:
        result = stream.decompress(data, room + 1)
        while (
            len(result) <= room and stream.eof
        ):  # section 7.2.3.5: a final block may end before the message does
            data = stream.unused_data
            stream = self._inflater = self._new_inflater()
            if not data:
                return result
            result += stream.decompress(data, room + 1 - len(result))
        if len(result) > room or stream.unconsumed_tail:
            raise WebSocketProtocolError("The message expands beyond the limit.", TOO_BIG)
        return result
