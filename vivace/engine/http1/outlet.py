"""The way out of a connection: bytes to the transport, back-pressure, and what was said of the connection's end.

Everything that writes itself (``ResponseWriter``, ``sendfile``) knows a connection by this half alone; the half that
reads and serves builds on it (``protocol``).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from vivace.errors import ClientDisconnected
from vivace.http.headers import RawHeaders, checked_fields, encode_fields
from vivace.http.request import Request
from vivace.http.response import Response

from .connection import EngineConnection
from .wire import CLOSE, KEEP_ALIVE, LENGTHS, WITHOUT_BODY, asks_to_close, encode_head

if TYPE_CHECKING:
    from vivace.engine.server import Server

JOINED: Final = 65_536  # bytes: larger bodies are handed over beside their head, not copied behind it


class Outlet(asyncio.Protocol):
    """What a connection needs to send."""

    __slots__ = (
        "_close_after",
        "_connection",
        "_drain_waiters",
        "_head_sent",
        "gone",
        "server",
        "transport",
        "write_paused",
    )

    transport: asyncio.Transport
    _connection: EngineConnection

    def __init__(self, server: Server) -> None:
        self.server = server
        self._drain_waiters: list[asyncio.Future[None]] | None = None
        self._close_after = self._head_sent = False
        self.write_paused = self.gone = False

    def write(self, data: bytes) -> None:
        """Write to the socket, or raise ``ClientDisconnected``."""
        if self.gone:
            raise ClientDisconnected("The client went away.")
        self.transport.write(data)

    def write_head(self, request: Request, response: Response, framing: bytes) -> None:
        """Write the head of a response that writes itself."""
        if response._headers is not None and asks_to_close(response._headers):
            self._close_after = True
        if self._close_after:
            framing += CLOSE
        elif request.connection.http_version == "1.0":
            framing += KEEP_ALIVE
        head = b"%b%b%b" % (self.server.heads.head(response), framing, self.server.date)
        self._head_sent = True
        self.write(head)

    def close_after_response(self) -> None:
        """End the connection with this response, because its end is the end of the body."""
        self._close_after = True

    def early_hints(self, headers: RawHeaders) -> None:
        """Send a 103 with ``headers`` unless the response has begun (RFC 8297)."""
        if not self._head_sent and not self.gone:
            self.write(b"HTTP/1.1 103 Early Hints\r\n" + encode_fields(checked_fields(headers)) + b"\r\n")

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written."""
        while self.write_paused and not self.gone:
            waiter: asyncio.Future[None] = self.server.loop.create_future()
            if self._drain_waiters is None:
                self._drain_waiters = []
            self._drain_waiters.append(waiter)
            await waiter
        if self.gone:
            raise ClientDisconnected("The client went away while the response was sent.")

    def _wake_writers(self) -> None:
        waiters, self._drain_waiters = self._drain_waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def _write_buffered(self, request: Request, response: Response) -> None:
        if self.gone:  # an unsafe method has finished for nobody
            return
        body = response.body
        size = len(body)
        server = self.server
        framing = LENGTHS[size] if size < len(LENGTHS) else b"content-length: %d\r\n" % size
        if response._headers is not None and asks_to_close(response._headers):
            self._close_after = True
        if self._close_after:
            framing += CLOSE
        elif request.connection.http_version == "1.0":
            framing += KEEP_ALIVE
        if request.method == "HEAD" or response.status in WITHOUT_BODY:
            self._write_bodiless(response, framing)
            return
        if response._headers is None:
            head = server.heads[response.status, response.content_type, response.defaults]
        else:
            head = encode_head(response)
        if size < JOINED:
            self.transport.write(b"".join((head, framing, server.date, body)))
        else:
            self.transport.writelines((head, framing, server.date, body))
        self._head_sent = True  # not before: what fails to be encoded can still become an error page

    def _write_bodiless(self, response: Response, framing: bytes) -> None:
        if response.status in WITHOUT_BODY:
            framing = CLOSE if self._close_after else b""
        self.transport.write(b"".join((self.server.heads.head(response), framing, self.server.date)))
        self._head_sent = True


__all__ = ["Outlet"]
