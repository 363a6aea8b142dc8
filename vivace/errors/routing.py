"""Errors of routes: patterns that cannot be, names that are not there, addresses that moved."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError
from .http import HTTPError


class BadPattern(VivaceError):
    """A path or host pattern, or a part of it, cannot be used."""

    code: ClassVar[str] = "bad-pattern"


class RouterFrozen(VivaceError):
    """A route was added after the app had been checked and compiled."""

    code: ClassVar[str] = "router-frozen"


class UnknownRoute(VivaceError):
    """No route has this name."""

    code: ClassVar[str] = "unknown-route"


class WrongRouteParameters(VivaceError):
    """A route was asked for with parameters that are missing, too many, or do not fit its pattern."""

    code: ClassVar[str] = "wrong-route-parameters"


class MovedPermanently(HTTPError):
    """308: the same resource under its other spelling; method and body stay (RFC 9110 section 15.4.9)."""

    code, status, title = "moved-permanently", 308, "Permanent Redirect"

    def __init__(self, location: str) -> None:
        super().__init__(f"This address is spelt {location}.", headers={"location": location})
        self.location = location
