"""One request and its answer, over any carrier that is not our own protocol: an ASGI server, the test client.

The engine's hot path does the same with bytes; here a *carrier* takes a status, header fields and chunks. What must
hold for every carrier is written once:

- the head leaves with the first chunk, so what fails before it can still become an error page;
- a response that announced its length is held to it; HEAD, 204 and 304 have no body;
- a response is closed exactly once, and ``on_sent`` runs after it, whether it was sent whole, cut off or never started;
- when the client goes away, safe methods and answers that write themselves are cancelled; an unsafe method finishes
  its work (it may have half-changed something), and what it sends afterwards goes nowhere.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from vivace.errors import ClientDisconnected, HTTPError
from vivace.http.headers import RawHeaders
from vivace.http.request import Request
from vivace.http.response import Response, Upgrade, head_fields
from vivace.http.types import Handle
from vivace.http.websocket import WebSocketDisconnect, close_for

from .http1.refusals import refusal_response
from .http1.sendfile import read_exactly
from .http1.wire import WITHOUT_BODY, announced_length, final_status
from .socket import MessageSocket, State

FILE_CHUNK: Final = 262_144  # bytes read from a file at once; larger chunks were not faster
_PER_CONNECTION: Final = frozenset(
    {b"connection", b"content-length", b"keep-alive", b"transfer-encoding"}
)  # the carrier frames; HTTP/2 forbids them (RFC 9113 section 8.2.2)


class Carrier(Protocol):
    """Takes an answer away. Every method may wait for a slow client and raise ``ClientDisconnected``."""

    async def start(self, status: int, fields: RawHeaders) -> None:
        """Send the head."""

    async def write(self, data: bytes) -> None:
        """Send a piece of the body."""

    async def finish(self, data: bytes = b"") -> None:
        """Send the last piece of the body, which may be the only one, and say that it is complete."""


class Exchange:
    """Runs ``handle(request)`` in a task of its own and delivers the response; knows what a disconnect does to it."""

    __slots__ = ("_carrier", "_handle", "_response", "_task", "gone", "request")

    def __init__(self, handle: Handle, request: Request, carrier: Carrier) -> None:
        self._handle = handle
        self._carrier = carrier
        self._response: Response | None = None
        self._task: asyncio.Task[None] | None = None
        self.request = request
        self.gone = False

    def start(self) -> asyncio.Task[None]:
        """Start the handler; the task ends when the response has been delivered or cut off."""
        task = self._task = asyncio.get_running_loop().create_task(
            self._run(), name=f"{self.request.method} {self.request.path}"
        )
        return task

    def disconnect(self) -> None:
        """Say that the client went away: cancels what is safe to cancel."""
        if self.gone:
            return
        self.gone = True
        if self._task is not None and self.cancellable:
            self._task.cancel()

    async def wait(self) -> None:
        """Wait for the end; raises what the handler raised, but not the cancellation of our own disconnect."""
        if self._task is None:
            return
        try:
            await self._task
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if not self.gone or (waiting is not None and waiting.cancelling()):
                raise

    @property
    def cancellable(self) -> bool:
        """True when a disconnect cancels: safe methods, and answers that write themselves."""
        streaming = self._response is not None and not self._response.buffered
        return streaming or self.request.cancel_on_disconnect

    async def _answer(self) -> Response:
        try:
            return await self._handle(self.request)
        except HTTPError as error:  # an App maps its errors itself; a bare function may let them through
            return refusal_response(error)

    async def _run(self) -> None:
        try:
            response = self._response = await self._answer()
            await deliver(response, self.request, self._carrier)
        except ClientDisconnected:
            if not self.gone:
                raise


async def deliver(response: Response, request: Request, carrier: Carrier) -> None:
    """Send ``response`` over ``carrier``, then close it and run ``on_sent``."""
    answer = _upgrade_required() if isinstance(response, Upgrade) else response
    sink = CarrierSink(answer, request, carrier)
    try:
        await sink.send()
    finally:
        await release(response)


async def release(response: Response) -> None:
    """Close ``response`` and run its ``on_sent``."""
    try:
        if not response.buffered:
            await response.close()
    finally:
        if response.on_sent is not None:
            response.on_sent()


def _upgrade_required() -> Response:
    return Response("This address talks WebSocket.", 426, {"upgrade": "websocket"})


async def converse(handle: Handle, request: Request, socket: MessageSocket) -> None:
    """Answer a WebSocket handshake: run the ``Upgrade`` that ``handle`` returns, or reject with its response.

    The socket is closed with 1000 at the end, with 1007 after a message the handler could not read, with 1011 after any
    other error; an error before the handshake was answered gives its status. Errors go on to the caller.
    """
    try:
        response = await handle(request)
        if not isinstance(response, Upgrade):
            await socket.reject(response)
            return
        socket.options = response.options or socket.options
        try:
            await response.run(socket)
        except WebSocketDisconnect:
            pass
        except Exception as error:
            if not await response.failed(socket, error):
                raise
        finally:
            await release(response)
    except WebSocketDisconnect:
        return
    except Exception as error:
        await _end_broken(socket, error)
        raise
    await socket.close()


async def _end_broken(socket: MessageSocket, error: Exception) -> None:
    if socket.state is State.CONNECTING:
        await socket.reject(refusal_response(error))
    else:
        await socket.close(*close_for(error))


class CarrierSink:
    """The ``Sink`` of one response on a carrier."""

    __slots__ = ("_bodiless", "_carrier", "_remaining", "_response", "_started")

    def __init__(self, response: Response, request: Request, carrier: Carrier) -> None:
        self._response = response
        self._carrier = carrier
        status = final_status(response.status)
        self._bodiless = request.method == "HEAD" or status in WITHOUT_BODY
        self._remaining = self._announced(status)
        self._started = False

    def _announced(self, status: int) -> int | None:
        if not self._response.buffered:
            return announced_length(self._response)
        return None if status in WITHOUT_BODY else len(self._response.body)

    async def send(self) -> None:
        """Send the whole response."""
        response = self._response
        if response.buffered:
            await self._start()
            await self._carrier.finish(b"" if self._bodiless else response.body)
            return
        if not self._bodiless:  # nobody would end a stream without end that a HEAD request asked for
            await response.write_to(self)
        await self._finish()

    async def write(self, data: bytes) -> None:
        """Send ``data``; the head goes first."""
        if not self._started:
            await self._start()
        if self._bodiless or not data:
            return
        self._count(len(data))
        await self._carrier.write(data)

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send part of an open file, read in a thread piece by piece."""
        while count > 0 and not self._bodiless:
            data = await read_exactly(descriptor, offset, min(count, FILE_CHUNK))
            await self.write(data)
            offset += len(data)
            count -= len(data)

    async def _start(self) -> None:
        self._started = True
        fields = [pair for pair in head_fields(self._response) if pair[0] not in _PER_CONNECTION]
        if self._remaining is not None:
            fields.append((b"content-length", b"%d" % self._remaining))
        await self._carrier.start(self._response.status, fields)

    async def _finish(self) -> None:
        if not self._started:
            await self._start()
        if self._remaining and not self._bodiless:
            raise ValueError(
                f"the response is {self._remaining} bytes shorter than the Content-Length it announced"
            )
        await self._carrier.finish()

    def _count(self, size: int) -> None:
        if self._remaining is not None:
            if size > self._remaining:
                raise ValueError("the response is longer than the Content-Length it announced")
            self._remaining -= size
