"""Answers of foreign apps as our values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeAlias

from vivace.http.headers import RawHeaders
from vivace.http.response import Response

ForeignApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[Any]]

_FRAMING: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})  # ours to decide


def fields_of(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return the header fields of a foreign answer, lower-case, without framing."""
    fields = [(bytes(name).lower(), bytes(value)) for name, value in headers]
    return [pair for pair in fields if pair[0] not in _FRAMING]


def whole_response(status: int, fields: RawHeaders, body: bytes) -> Response:
    """Return an ordinary response; its length is counted again, so the foreign one is dropped."""
    response = Response(body, status)
    response.content_type = None
    response.headers.raw[:] = [pair for pair in fields if pair[0] != b"content-length"]
    return response
