"""``/live`` and ``/ready`` on an address of their own, answered by who does not run the app.

==========  ===================================================  ==========================================
path        200                                                  503
==========  ===================================================  ==========================================
``/live``   a worker's loop turns, or one is being started       every worker is stuck: restart the whole
``/ready``  a worker is ready and its heartbeat is fresh         starting, draining, or all loops blocked
==========  ===================================================  ==========================================

The body is JSON and lists the workers, so it also is the place to look at by hand.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from .heartbeat import BEAT, Heartbeat

logger = logging.getLogger("vivace.health")

FRESH: Final = 4 * BEAT  # seconds without a heartbeat after which a worker gets no new traffic
PATIENCE: Final = 2.0  # seconds for a probe to say what it wants
_LIMIT: Final = 4_096  # bytes of a probe's request


class WorkerHealth(msgspec.Struct, frozen=True):
    """One worker as health sees it; ``age`` is how old its last heartbeat is, in seconds."""

    number: int
    pid: int
    age: float
    last: Heartbeat
    stuck: bool = False

    @property
    def ready(self) -> bool:
        """True when it can take traffic."""
        return self.last.state == "ready" and self.age < FRESH


class Report(msgspec.Struct, frozen=True):
    """What is known at one moment."""

    stopping: bool
    workers: Sequence[WorkerHealth]

    @property
    def live(self) -> bool:
        """False when nothing but a restart of the whole helps."""
        return not self.workers or not all(worker.stuck for worker in self.workers)

    @property
    def ready(self) -> bool:
        """True when new connections are answered."""
        return not self.stopping and any(worker.ready for worker in self.workers)


def answer(head: bytes, report: Report) -> bytes:
    """Return the HTTP response to a probe."""
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    well = {b"/live": report.live, b"/ready": report.ready}.get(path)
    if method not in (b"GET", b"HEAD") or well is None:
        status, body = b"404 Not Found", b'{"paths":["/live","/ready"]}'
    else:
        status = b"200 OK" if well else b"503 Service Unavailable"
        body = msgspec.json.encode(report)
    fields = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n" % len(body)
    shown = b"" if method == b"HEAD" else body
    return b"HTTP/1.1 %b\r\n%bcache-control: no-store\r\n\r\n%b" % (status, fields, shown)


class HealthServer:
    """Answers probes on listening sockets, on the running loop. It needs nothing of the app and never waits for it."""

    def __init__(self, report: Callable[[], Report]) -> None:
        self._report = report
        self._listeners: list[asyncio.Server] = []

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Answer from now on."""
        for sock in sockets:
            self._listeners.append(await asyncio.start_server(self._serve, sock=sock, limit=_LIMIT))

    def close(self) -> None:
        """Answer no more."""
        for listener in self._listeners:
            listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer(head, self._report()))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a probe that does not ask gets no answer
        finally:
            writer.close()


def serve_in_thread(report: Callable[[], Report], sockets: Sequence[socket.socket]) -> None:
    """Answer probes from a daemon thread with a loop of its own: for a process that has no supervisor."""

    async def serve() -> None:
        await HealthServer(report).listen(sockets)
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(serve()), name="vivace-health", daemon=True).start()


__all__ = ["FRESH", "HealthServer", "Report", "WorkerHealth", "answer", "serve_in_thread"]
