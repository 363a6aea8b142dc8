"""Heads that are refused before anything else sees them: each rule with its source.

What the parser refuses itself is not repeated: Content-Length with Transfer-Encoding, differing or repeated
Content-Length, obsolete line folding, a bare LF, a space before the colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from vivace.config.settings import Limits
from vivace.errors import BadRequest, HeadersTooLarge, HTTPError, ServerError, URITooLong
from vivace.http.headers import RawHeaders
from vivace.http.response import Response

_ABSOLUTE: Final = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+([/?]|$)")  # RFC 9112 section 3.2.2
_ONCE: Final = (b"host", b"content-length", b"content-type", b"authorization", b"origin")
"""Fields that mean one thing: two of them are an attempt to be read differently by two servers."""


def find_refusal(target: bytes, headers: RawHeaders, version: str, limits: Limits) -> HTTPError | None:
    """Return what is wrong with a head, or ``None``."""
    for problem in _problems(target, headers, version, limits):
        return problem
    return None


def _problems(target: bytes, headers: RawHeaders, version: str, limits: Limits) -> Iterable[HTTPError]:
    if len(target) > limits.target_bytes:
        yield _target_too_long(target, limits)
    if len(headers) > limits.header_count:
        yield HeadersTooLarge(
            "The request has too many header fields.",
            expected=f"at most {limits.header_count}",
            got=str(len(headers)),
        )
    size = sum([len(name) + len(value) + 4 for name, value in headers]) + len(target)
    if size > limits.header_bytes:
        yield oversized_head(target, limits)
    if version not in ("1.1", "1.0"):
        yield BadRequest("The server speaks HTTP/1.1 here.", got=f"HTTP/{version}")
    names = [name for name, _ in headers]
    if version == "1.1" and b"host" not in names:  # RFC 9112 section 3.2
        yield BadRequest("The request has no Host header.")
    for name in _ONCE:
        if names.count(name) > 1:
            yield BadRequest(f"The header {name.decode()} may come only once.")
    if not (target.startswith(b"/") or target == b"*" or _ABSOLUTE.match(target)):
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
    shown = error if isinstance(error, HTTPError) else ServerError()
    document = {
        "type": f"urn:vivace:error:{shown.code}",
        "title": shown.title,
        "status": shown.status,
        "detail": shown.what,
    }
    return Response(
        msgspec.json.encode(document), shown.status, dict(shown.headers), "application/problem+json"
    )
