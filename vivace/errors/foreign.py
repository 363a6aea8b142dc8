"""Errors between Vivace and foreign applications: ASGI servers around it, ASGI and WSGI apps inside it."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class UnknownScope(VivaceError):
    """An ASGI server asked for a protocol that the app does not speak."""

    code: ClassVar[str] = "unknown-scope"


class MountedAppFailed(VivaceError):
    """A mounted ASGI or WSGI app broke the protocol, ended without an answer or did not start."""

    code: ClassVar[str] = "mounted-app-failed"
