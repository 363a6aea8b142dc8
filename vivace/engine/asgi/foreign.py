"""Answers of foreign apps as our values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from vivace.http.headers import MutableHeaders, RawHeaders, checked_fields
from vivace.http.response import Response, Sink

ForeignApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[Any]]

_FRAMING: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding"})  # ours to decide


def fields_of(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """Return the header fields of a foreign answer, lower-case, without framing; raises ``InvalidHeader``."""
    return [pair for pair in checked_fields(headers) if pair[0] not in _FRAMING]


def whole_response(status: int, fields: RawHeaders, body: bytes) -> Response:
    """Return an ordinary response; its length is counted again, so the foreign one is dropped."""
    response = Response(body, status)
    response.content_type = None
    response.headers.raw[:] = [pair for pair in fields if pair[0] != b"content-length"]
    return response


class ForeignBody(Protocol):
    """The rest of a foreign answer, and the end of our interest in it."""

    async def stream_to(self, sink: Sink) -> None:
        """Let the foreign app write until its answer is complete; raises what cut it off."""

    def abandon(self) -> None:
        """Tell the foreign app that nobody waits any more."""


class ForeignResponse(Response):
    """The streamed answer of a mounted app."""

    __slots__ = ("_call",)
    buffered: ClassVar[bool] = False

    def __init__(self, call: ForeignBody, status: int, fields: RawHeaders) -> None:
        super().__init__(b"", status)
        self.content_type = None
        self._call = call
        self._headers = MutableHeaders(fields)

    async def write_to(self, sink: Sink) -> None:
        """Write what the foreign app sends."""
        await self._call.stream_to(sink)

    async def close(self) -> None:
        """Tell the foreign app that the exchange is over."""
        self._call.abandon()
