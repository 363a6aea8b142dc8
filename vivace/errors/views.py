"""Errors of class-based views: what they were given, and what they lack."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class BadView(VivaceError):
    """A class-based view lacks what it needs (a template, a model …) or was given what it does not know."""

    code: ClassVar[str] = "view"


class BadFlash(VivaceError):
    """A flash message has a level that does not exist."""

    code: ClassVar[str] = "flash"
