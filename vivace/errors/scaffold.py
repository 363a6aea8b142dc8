"""Errors of the commands that write code: names, specifications of fields, files that are there."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class NameRefused(VivaceError):
    """A name cannot be that of a project, a model or a field: Python, a module or a model means something else by it."""

    code: ClassVar[str] = "name-refused"


class FieldSpecInvalid(VivaceError):
    """A field of ``vivace make resource`` is not written as ``name:kind``."""

    code: ClassVar[str] = "field-spec"


class WouldOverwrite(VivaceError):
    """Code was to be written where there is some: nothing was written."""

    code: ClassVar[str] = "would-overwrite"


class NoProject(VivaceError):
    """``vivace make`` was called where no project is, or for something that the project does not have."""

    code: ClassVar[str] = "no-project"
