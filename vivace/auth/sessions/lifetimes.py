"""When a session ends: a number of seconds without a request, a number since it began, and what the session itself says."""

from __future__ import annotations

import datetime
import math
from typing import Any, Final

from vivace.config.settings import SessionSettings

from .session import EXPIRY, REMEMBER

NEVER: Final = 253_370_764_800.0  # the year 9999: what "no limit" is in a column


class Lifetimes:
    """The rules of the settings, applied to a session's data. Times are seconds since 1970."""

    __slots__ = ("_settings",)

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings

    def ends(self, data: dict[str, Any], created: float, last_seen: float) -> float:
        """Return when a session ends unless another request comes."""
        settings, remember = self._settings, bool(data.get(REMEMBER))
        absolute = settings.remember_absolute if remember else settings.absolute
        limit = created + absolute if absolute else NEVER
        moment = _moment(data)
        by_idle = moment if moment is not None else last_seen + (self._idle(data) or math.inf)
        return min(limit, by_idle, NEVER)

    def cookie_age(self, data: dict[str, Any], ends: float, now: float) -> int | None:
        """Return the cookie's ``Max-Age``; ``None``: until the browser closes."""
        return None if data.get(EXPIRY) == 0 else max(math.ceil(ends - now), 1)

    def needs_touch(self, last_seen: float, now: float) -> bool:
        """Say whether the last request is so long ago that this one is written down."""
        return now - last_seen >= self._settings.touch

    def _idle(self, data: dict[str, Any]) -> float:
        own = data.get(EXPIRY)
        if isinstance(own, int | float) and own > 0:
            return own
        return self._settings.remember_idle if data.get(REMEMBER) else self._settings.idle


def _moment(data: dict[str, Any]) -> float | None:
    own = data.get(EXPIRY)
    if not isinstance(own, str):
        return None
    try:
        return datetime.datetime.fromisoformat(own).timestamp()
    except ValueError:
        return 0.0


__all__ = ["Lifetimes"]
