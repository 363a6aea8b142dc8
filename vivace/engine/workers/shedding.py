"""Load shedding: over the limit a quick 503 with Retry-After in place of one more request that will be late (RT7).

Requests pay nothing for it: while the worker is well ``server.handle`` is the app's own; when it is over a limit it is
``refuse``. Only a limit of requests in flight counts each request, because it must hold at every moment. What began to
shed stops when the value is a fifth below the limit, so that it does not flap.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vivace.engine.http1.refusals import refusal_response
from vivace.errors import ServiceUnavailable
from vivace.http.request import Request
from vivace.http.response import Response

from .options import Watch

if TYPE_CHECKING:
    from vivace.engine.server import Server

logger = logging.getLogger("vivace.engine")

RETRY_AFTER: Final = 1  # seconds
RELIEF: Final = 0.8  # of the limit: shedding ends below that
HEALTH_PATHS: Final = frozenset({"/live", "/ready"})
_STATM: Final = Path("/proc/self/statm")


class Shedding:
    """Switches a server between answering and refusing; ``check`` is called a few times per second."""

    def __init__(self, server: Server, watch: Watch, memory: Callable[[], int] | None = None) -> None:
        self._server = server
        self._watch = watch
        self._memory = memory or resident_bytes
        self._handle = server.handle
        self._running = 0
        self.refused = 0
        self.reason = ""
        self._install()

    def check(self, lag: float) -> None:
        """Look at the worker; ``lag`` is how late the loop was, in seconds."""
        reason = self._find_reason(lag)
        if reason != self.reason:
            if bool(reason) != bool(self.reason):
                logger.warning("%s", f"shedding load: {reason}" if reason else "no longer shedding load")
            self.reason = reason
            self._install()

    async def refuse(self, request: Request) -> Response:
        """Answer 503, except for health checks."""
        if request.path in HEALTH_PATHS:
            return await self._handle(request)
        self.refused += 1
        return refusal_response(
            ServiceUnavailable(
                "The server has more to do than it can.", headers={"retry-after": str(RETRY_AFTER)}
            )
        )

    async def _count(self, request: Request) -> Response:
        if self._running >= self._watch.in_flight:
            return await self.refuse(request)
        self._running += 1
        try:
            return await self._handle(request)
        finally:
            self._running -= 1

    def _install(self) -> None:
        calm = self._count if self._watch.in_flight else self._handle
        self._server.handle = self.refuse if self.reason else calm

    def _find_reason(self, lag: float) -> str:
        watch = self._watch
        measured = (
            ("the loop is late", lag, watch.loop_lag),
            ("memory", self._memory() if watch.memory_bytes else 0, watch.memory_bytes),
        )
        relief = RELIEF if self.reason else 1.0
        for name, value, limit in measured:
            if limit and value > limit * relief:
                return name
        return ""


def resident_bytes() -> int:
    """Return how much memory this process holds now (where only the maximum is known: that)."""
    try:
        return int(_STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return (
            usage if sys.platform == "darwin" else usage * 1024
        )  # getrusage(2): bytes there, kilobytes elsewhere


__all__ = ["HEALTH_PATHS", "Shedding", "resident_bytes"]
