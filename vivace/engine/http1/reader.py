"""The body of a request that did not come in one piece: chunks go in at one end and are awaited at the other.

The buffer is bounded by pausing the socket: what the handler does not read stays with the client.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Final

from vivace.errors import BodyConsumed, ClientDisconnected, HTTPError
from vivace.http.headers import RawHeaders

HIGH_WATER: Final = 65_536  # bytes buffered before the socket is paused
SLOWEST: Final = (
    240  # bytes per second of waiting, beyond the patience for a first byte; Kestrel's minimum rate
)
FRAMED: Final = (
    9  # bytes on the wire for each byte of a body that raise no doubt; chunks of one byte take six
)


class BodyReader:
    """The engine's ``BodySource``. ``wanted`` is called when a handler starts to wait, ``drained`` when it took all."""

    __slots__ = (
        "_buffer",
        "_drained",
        "_error",
        "_waiter",
        "_wanted",
        "complete",
        "discarding",
        "expects_continue",
        "received",
        "since",
        "size",
        "trailers",
        "waited",
        "wire",
    )

    def __init__(self, wanted: Callable[[], None], drained: Callable[[], None]) -> None:
        self._buffer: list[bytes] = []
        self._wanted = wanted
        self._drained = drained
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self.complete = False
        self.discarding = False
        self.expects_continue = False
        self.size = 0
        self.received = self.wire = (
            0  # bytes of the body, and of everything since it was known to be incomplete
        )
        self.since = self.waited = (
            0.0  # when the handler began to wait, and how long it has waited for the client
        )
        self.trailers: RawHeaders | None = None

    @property
    def waiting(self) -> bool:
        """True while a handler waits for bytes."""
        return self._waiter is not None

    @property
    def full(self) -> bool:
        """True when the socket should pause."""
        return self.size >= HIGH_WATER

    @property
    def failed(self) -> bool:
        """True when the rest of the body will never come."""
        return self._error is not None

    def patience(self, timeout: float) -> float:
        """Return how many seconds to wait for the next byte: ``timeout``, less for a client that sends drop by drop."""
        return min(timeout, timeout + self.received / SLOWEST - self.waited)

    def excess(self, size: int) -> int:
        """Count ``size`` bytes from the wire; return how many came that were no body: chunk extensions, trailers."""
        self.wire += size
        return self.wire - FRAMED * self.received

    def feed(self, data: bytes, now: float = 0.0) -> None:
        """Take bytes from the socket."""
        self.received += len(data)
        if self._waiter is not None:
            self.waited += now - self.since
            self.since = now
        if not self.discarding:
            self._buffer.append(data)
            self.size += len(data)
            self._wake()

    def finish(self, trailers: RawHeaders | None) -> None:
        """Take the end of the body, and the fields after it."""
        self.complete = True
        if trailers:
            self.trailers = trailers
        self._wake()

    def fail(self, error: HTTPError | ClientDisconnected) -> None:
        """Let the waiting handler, and every later read, raise ``error``."""
        self._error = error
        self._wake()

    def discard(self) -> None:
        """Drop what is there and what may still come: nobody will read it."""
        self.discarding = True
        self._buffer.clear()
        self.size = 0

    async def read(self) -> bytes:
        """Return what has arrived, waiting for at least one byte; ``b""`` at the end."""
        while not self._buffer:
            if self.discarding:  # work after the response must not take what is left for the whole
                raise BodyConsumed(
                    "The rest of the request body was dropped when the response was sent.",
                    fix="Read the body in the handler, and hand it to the work after the response.",
                )
            if self.complete:
                return b""
            if self._error is not None:
                raise copy.copy(self._error)  # the one we keep must not come to hold the frames that hold us
            self._wanted()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer.clear()
        self.size = 0
        self._drained()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
