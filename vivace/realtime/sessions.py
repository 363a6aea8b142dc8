"""When the session ends on which the rights of a connection rest: by the clock, which is no write."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from vivace.http.request import Request

SURELY: Final = 0.01  # seconds: what ends at a moment is over then, whatever clocks do


def session_lasts(request: Request) -> float:
    """Return how many seconds the session of a request lasts; without end where nobody asked for it."""
    lasts: Callable[[Request], float | None] | None = getattr(request.app, "session_lasts", None)
    seconds = lasts(request) if lasts is not None and request.known_part("session") is not None else None
    return math.inf if seconds is None else max(seconds, 0.0)


__all__ = ["SURELY", "session_lasts"]
