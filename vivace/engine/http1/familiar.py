"""Heads that came before: a client on a kept connection repeats its header section, byte for byte.

The parser has seen and accepted those bytes once on this connection. When a packet is a new request line in front of
the very same bytes, only the line is new, and a strict pattern reads that: no callbacks, no header values to build
(measured: 0.9 µs against 2.2 µs for one header, against 4.7 µs for the thirteen of a browser). Where a body follows,
the section may differ in the digits of Content-Length, and only there (measured for 1 KB: 13,000 instructions against
37,000, since nobody has to look for a second request in the body).

This cannot be made to disagree with the parser, because it accepts less: six methods, HTTP/1.1, printable ASCII
without ``#``, one Content-Length written as the parser would write it or none, no other framing, upgrades or
expectations in the section, the packet ending with the request, and the connection between two requests. Anything else
goes to the parser as before.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from vivace.config.settings import Limits
from vivace.http.headers import RawHeaders
from vivace.http.request import Connection, Request

_LINE: Final = re.compile(rb"(GET|HEAD) (/[!-\"$-~]*) HTTP/1\.1")
_LINE_BEFORE_BODY: Final = re.compile(rb"(POST|PUT|PATCH|DELETE) (/[!-\"$-~]*) HTTP/1\.1")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([1-9][0-9]*)[ \t]*(?=\r\n)", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[1-9][0-9]{0,8}")
_MEANINGFUL: Final = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"trailer", b"http2-settings"})
LONGEST: Final = 4_096  # bytes of head kept per connection

Index: TypeAlias = "dict[bytes, bytes]"


class Familiar:
    """A header section without a body, as bytes from the end of the request line on, and what the parser made of it."""

    __slots__ = ("_headers", "_index", "_longest", "_section")

    def __init__(self, section: bytes, headers: RawHeaders, index: Index, longest: int) -> None:
        self._section = section
        self._headers = headers
        self._index = index
        self._longest = longest  # target

    def read(self, data: bytes, connection: Connection) -> Request | None:
        """Return the request that ``data`` is, or ``None`` when the parser has to tell."""
        if not data.endswith(self._section):
            return None
        line = _LINE.fullmatch(data, 0, len(data) - len(self._section))
        if line is None:
            return None
        method, target = line.groups()
        if len(target) > self._longest:
            return None
        name = "GET" if method == b"GET" else "HEAD"
        return Request(name, target.decode("ascii"), self._headers, connection, b"", self._index)


class FamiliarWithBody(Familiar):
    """A header section in front of a body. ``_around``: what stands around the length, once another one came."""

    __slots__ = ("_around", "_size")

    def __init__(self, section: bytes, headers: RawHeaders, index: Index, longest: int) -> None:
        super().__init__(section, headers, index, longest)
        self._size = int(index[b"content-length"])
        self._around: tuple[bytes, bytes] | None = None

    def read(self, data: bytes, connection: Connection) -> Request | None:
        """Return the request that ``data`` is, its body included, or ``None`` when the parser has to tell."""
        line = _LINE_BEFORE_BODY.match(data)
        if line is None:
            return None
        start = line.end()
        end = start + len(self._section)
        if data[start:end] != self._section:
            if not self._measure(data, start):
                return None
            end = start + len(self._section)
        method, target = line.groups()
        if len(data) - end != self._size or len(target) > self._longest:
            return None
        return Request(
            method.decode("ascii"), target.decode("ascii"), self._headers, connection, data[end:], self._index
        )

    def _measure(self, data: bytes, start: int) -> bool:
        """Take over the length of a section that differs in nothing else; False when it is another one."""
        if self._around is None:
            self._around = _around_length(self._section, self._index[b"content-length"])
        before, after = self._around
        digits = _DIGITS.match(data, start + len(before))
        if (
            digits is None
            or not data.startswith(before, start)
            or not (after and data.startswith(after, digits.end()))
        ):
            return False
        length = digits[0]
        self._section = before + length + after
        self._size = int(length)
        self._headers = [
            (name, length if name == b"content-length" else value) for name, value in self._headers
        ]
        self._index = {**self._index, b"content-length": length}
        return True


def _around_length(section: bytes, length: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and after the length; nothing where it is not found exactly once."""
    found = list(_LENGTH.finditer(section))
    if len(found) != 1 or found[0][1] != length:
        return b"", b""
    start, end = found[0].span(1)
    return section[:start], section[end:]


def remember(data: bytes, request: Request, limits: Limits) -> Familiar | None:
    """Return what may be recognised of a packet that was exactly one request, or ``None`` when it is not simple."""
    index = request.index
    body = request._body  # not whole_body(), which would settle the limit before the route has said its own
    if index is None or body is None or not _MEANINGFUL.isdisjoint(index):
        return None
    head = data[: len(data) - len(body)]
    line = (_LINE_BEFORE_BODY if body else _LINE).match(head)
    if line is None or len(head) > LONGEST or not head.endswith(b"\r\n\r\n"):
        return None
    section = head[line.end() :]
    if section[:2] != b"\r\n":
        return None
    known = (section, request.raw_headers, index, limits.target_bytes)
    length = index.get(b"content-length")
    if not body:
        return Familiar(*known) if length is None else None
    return FamiliarWithBody(*known) if length == b"%d" % len(body) else None


__all__ = ["Familiar", "remember"]
