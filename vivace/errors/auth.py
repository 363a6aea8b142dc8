"""Errors of sessions and users."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError
from .http import Forbidden, TooManyRequests, Unauthorized


class LoginRequired(Unauthorized):
    """401: this is for people who are signed in. Browsers are sent to the login page instead."""

    code = "login-required"


class PermissionDenied(Forbidden):
    """403: who is signed in may not do this; raised by a backend it ends the search for one that allows it."""

    code = "permission-denied"


class LoginThrottled(TooManyRequests):
    """429: too many logins have failed, of this account or from this address; ``Retry-After`` says when to come back."""

    code = "login-throttled"


class NotAwaited(VivaceError):
    """A lazy part of the request was used without the call and the ``await`` (``request.user.email``)."""

    code: ClassVar[str] = "not-awaited"


class PartMissing(VivaceError):
    """The request was asked for something that no installed part of the app gives it (``request.user()`` without auth)."""

    code: ClassVar[str] = "part-missing"


class SessionClosed(VivaceError):
    """A session was written after its answer had begun: nothing saves it any more."""

    code: ClassVar[str] = "session-closed"


class NoCurrentAuth(VivaceError):
    """Passwords or permissions were asked for outside an app that has users."""

    code: ClassVar[str] = "no-current-auth"


class NoSiteURL(VivaceError):
    """A mail needs a link, and nothing says for certain where the site is."""

    code: ClassVar[str] = "no-site-url"
