"""Heads that came before: a client on a kept connection repeats its header section, byte for byte.

The parser has seen and accepted those bytes once on this connection. When a packet is a new request line in front of
the very same bytes, only the line is new, and a strict pattern reads that: no callbacks, no header values to build
(measured: 0.9 µs against 2.2 µs for one header, against 4.7 µs for the thirteen of a browser).

This cannot be made to disagree with the parser, because it accepts less: GET and HEAD, HTTP/1.1, printable ASCII without
``#``, nothing about bodies, upgrades or expectations in the section, the section ending the packet, and the connection
between two requests. Anything else goes to the parser as before.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from vivace.http.headers import RawHeaders
from vivace.http.request import Request

REQUEST_LINE: Final = re.compile(rb"(GET|HEAD) (/[!-\"$-~]*) HTTP/1\.1")
MEANINGFUL: Final = frozenset(
    {b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"trailer", b"http2-settings"}
)
LONGEST: Final = 4_096  # bytes kept per connection

Familiar: TypeAlias = "tuple[bytes, RawHeaders, dict[bytes, bytes]]"
"""A header section as bytes, from the end of the request line on, and what the parser made of it."""


def remember(data: bytes, request: Request) -> Familiar | None:
    """Return what may be recognised of a packet that was exactly one request, or ``None`` when it is not simple."""
    index = request.index
    if (
        index is None
        or len(data) > LONGEST
        or not data.startswith((b"GET ", b"HEAD "))
        or not data.endswith(b"\r\n\r\n")
        or not MEANINGFUL.isdisjoint(index)
    ):
        return None
    return data[data.index(b"\r\n") :], request.raw_headers, index
