"""Heads that are refused before anything else sees them: each rule with its source.

What the parser refuses itself is not repeated: Content-Length with Transfer-Encoding, differing or repeated
Content-Length, obsolete line folding, a bare LF, a space before the colon.

What it takes and we do not, beyond the rules below: several spaces between the parts of a request line. It does not say
where a line began, so packets in which there might be one (``LOOSE``) are fed line by line. (Spaces that the boundary of
two packets divides are taken; they hide no second request.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from vivace.config.settings import Limits
from vivace.errors import BadRequest, HeadersTooLarge, HTTPError, ServerError, URITooLong
from vivace.http.headers import RawHeaders
from vivace.http.problems import problem_response
from vivace.http.request import Request
from vivace.http.response import Response

_ABSOLUTE: Final = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+([/?]|$)")  # RFC 9112 section 3.2.2
_ONCE: Final = (b"host", b"content-length", b"content-type", b"authorization", b"origin")
"""Fields that mean one thing: two of them are an attempt to be read differently by two servers."""
LOOSE: Final = re.compile(rb"[A-Z]  |  (?:HTTP|RTSP|ICE)/")
LINES: Final = re.compile(rb"[^\n]*\n|[^\n]+")


class Refused(Exception):
    """Stops the parser; what is wrong is kept by the connection."""


def is_loose(line: bytes, target: bytes) -> bool:
    """Return whether a request line has several spaces around its target."""
    return b"  " + target in line or target + b"  " in line


def find_refusal(
    method: bytes, target: bytes, headers: RawHeaders, version: str, limits: Limits
) -> HTTPError | None:
    """Return what is wrong with a head, or ``None``."""
    for problem in _too_large(target, headers, limits):
        return problem
    for problem in _problems(method, target, headers, version):
        return problem
    return None


def _too_large(target: bytes, headers: RawHeaders, limits: Limits) -> Iterable[HTTPError]:
    if len(target) > limits.target_bytes:
        yield _target_too_long(target, limits)
    if len(headers) > limits.header_count:
        yield HeadersTooLarge(
            "The request has too many header fields.",
            expected=f"at most {limits.header_count}",
            got=str(len(headers)),
        )
    if head_size(target, headers) > limits.header_bytes:
        yield oversized_head(target, limits)


def _problems(method: bytes, target: bytes, headers: RawHeaders, version: str) -> Iterable[HTTPError]:
    if version not in ("1.1", "1.0"):
        yield BadRequest("The server speaks HTTP/1.1 here.", got=f"HTTP/{version}")
    names = [name for name, _ in headers]
    if version == "1.1" and not dict(headers).get(b"host"):  # RFC 9112 section 3.2
        yield BadRequest("The request has no Host header.")
    if method == b"CONNECT":
        yield BadRequest("This server is no tunnel.", got="CONNECT")
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and (version == "1.0" or codings != [b"chunked"]):  # RFC 9112 sections 6.1 and 7
        yield BadRequest(
            "The Transfer-Encoding is not understood.",
            expected="chunked, over HTTP/1.1",
            got=f"{b', '.join(codings).decode('latin-1')[:80]}, over HTTP/{version}",
        )
    for name in _ONCE:
        if names.count(name) > 1:
            yield BadRequest(f"The header {name.decode()} may come only once.")
    if not (target.startswith(b"/") or (target == b"*" and method == b"OPTIONS") or _ABSOLUTE.match(target)):
        yield BadRequest(
            "The request target is not a path.", expected="/path", got=target[:80].decode("latin-1")
        )


def origin_form(target: bytes, headers: RawHeaders) -> bytes:
    """Return the path of an absolute target, and let its authority replace Host (RFC 9112 section 3.2.2)."""
    if target[:1] == b"/" or target == b"*":
        return target
    authority, slash, path = target.partition(b"://")[2].partition(b"/")
    authority, mark, query = authority.partition(b"?")
    headers[:] = [pair for pair in headers if pair[0] != b"host"] + [(b"host", authority)]
    return slash + path if slash else b"/" + mark + query


def head_size(target: bytes, headers: RawHeaders) -> int:
    """Return how many bytes of a header section are known, ``: `` and line ends included."""
    return sum([len(name) + len(value) + 4 for name, value in headers]) + len(target)


def announces_body(request: Request) -> bool:
    """Return whether a body comes behind the head."""
    return bool(request.content_length) or b"transfer-encoding" in request.indexed()


def handshake_with_body() -> BadRequest:
    """Return the error for a WebSocket handshake with a body: where its frames begin would be a matter of opinion."""
    return BadRequest("A WebSocket handshake has no body.")


def first_values(headers: RawHeaders) -> dict[bytes, bytes]:
    """Return an index of header fields in which the first value of a repeated name holds."""
    return dict(reversed(headers))


def oversized_head(target: bytes, limits: Limits) -> HTTPError:
    """Return the error for a head beyond the limit: 414 when the target alone is too long."""
    if len(target) > limits.target_bytes:
        return _target_too_long(target, limits)
    return HeadersTooLarge(
        "The header section is too large.", expected=f"at most {limits.header_bytes} bytes"
    )


def _target_too_long(target: bytes, limits: Limits) -> HTTPError:
    return URITooLong(
        "The request target is too long.",
        expected=f"at most {limits.target_bytes} bytes",
        got=f"{len(target)} bytes",
    )


def refusal_response(error: BaseException) -> Response:
    """Return the answer to a request that never reached the app, as a problem document (RFC 9457)."""
    return problem_response(error if isinstance(error, HTTPError) else ServerError())
