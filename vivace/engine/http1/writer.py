"""The sink of a response that writes itself: framing, back-pressure, and the head with the first write.

What the client may expect is decided when the first bytes leave: a response that announced its length is held to it,
any other is chunked for HTTP/1.1 and ended by closing for HTTP/1.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.http.request import Request
from vivace.http.response import Response

from .wire import CHUNKED, LAST_CHUNK, WITHOUT_BODY, announced_length, chunk

if TYPE_CHECKING:
    from .outlet import Outlet


class ResponseWriter:
    """One unbuffered response on its way out; implements ``Sink``."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_protocol",
        "_remaining",
        "_request",
        "_response",
        "sent",
        "started",
    )

    def __init__(self, protocol: Outlet, request: Request, response: Response) -> None:
        self._protocol = protocol
        self._request = request
        self._response = response
        self._remaining = announced_length(response)
        self._bodiless = request.method == "HEAD" or response.status in WITHOUT_BODY
        self._chunked = self._remaining is None and request.connection.http_version != "1.0"
        self.started = False
        self.sent = 0

    @property
    def whole(self) -> bool:
        """True when everything that was announced has been sent."""
        return self._bodiless or not self._remaining

    async def write(self, data: bytes) -> None:
        """Send ``data``; the head goes first; waits while the client is slow."""
        if not self.started:
            self._start()
        if not self._bodiless and data:
            self._count(len(data))
            self._protocol.write(chunk(data) if self._chunked else data)
        if self._protocol.write_paused:
            await self._protocol.drain()

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send part of an open file; see ``vivace.engine.http1.sendfile``."""
        if not self.started:
            self._start()
        if self._bodiless or not count:
            return
        from .sendfile import send_file  # only file responses need it

        if self._chunked:
            self._protocol.write(b"%x\r\n" % count)
        self._count(count)
        await send_file(self._protocol, descriptor, offset, count)
        if self._chunked:
            self._protocol.write(b"\r\n")

    def finish(self, trailers: bytes = b"") -> None:
        """Send the head if nothing was written, and the last chunk."""
        if not self.started:
            self._start()
        if self._chunked and not self._bodiless:
            self._protocol.write(b"0\r\n" + trailers + b"\r\n" if trailers else LAST_CHUNK)

    def _start(self) -> None:
        self.started = True
        if self._bodiless:
            framing = b"content-length: %d\r\n" % self._remaining if self._remaining is not None else b""
        elif self._remaining is not None:
            framing = b"content-length: %d\r\n" % self._remaining
        else:
            framing = CHUNKED if self._chunked else b""
        if not framing and not self._bodiless:
            self._protocol.close_after_response()
        self._protocol.write_head(self._request, self._response, framing)

    def _count(self, size: int) -> None:
        self.sent += size
        if self._remaining is not None:
            if size > self._remaining:
                raise ValueError("the response is longer than the Content-Length it announced")
            self._remaining -= size
