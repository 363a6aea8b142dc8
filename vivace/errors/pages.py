"""Errors of templates: what cannot be found, what may not be read, what must not be written where it stands."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class TemplateError(VivaceError):
    """A template cannot be used as it is; ``template``, ``filename`` and ``lineno`` say where, when that is known."""

    code: ClassVar[str] = "template"
    template: str | None = None
    filename: str | None = None
    lineno: int | None = None

    def at(self, template: str | None, lineno: int | None, filename: str | None = None) -> TemplateError:
        """Say where the mistake stands; returns the error itself."""
        self.template, self.lineno, self.filename = template, lineno, filename
        return self


class TemplateNotFound(TemplateError):
    """No folder and no package has a template of that name, or the template has no such block."""

    code: ClassVar[str] = "template-not-found"


class UnsafeOutput(TemplateError):
    """A value stands where escaping cannot make it harmless: in a script, a style or the code of an event."""

    code: ClassVar[str] = "template-unsafe-output"


class TemplateAccessRefused(TemplateError):
    """A template reads a private name, or calls a method that changes data."""

    code: ClassVar[str] = "template-access"


class NotInRender(TemplateError):
    """Something waits in the way templates do, and no template is being rendered."""

    code: ClassVar[str] = "not-in-render"


class NoTemplates(TemplateError):
    """A template is asked for where there is no app that has templates."""

    code: ClassVar[str] = "no-templates"


class NotProvided(TemplateError):
    """A template reads a name whose part is not installed."""

    code: ClassVar[str] = "template-not-provided"


class TemplateSyntaxInvalid(TemplateError):
    """A template cannot be read: a tag, a filter or a test is unknown or misspelt, or does not end."""

    code: ClassVar[str] = "template-syntax"


class UndefinedName(TemplateError):
    """A template uses a name, or an attribute of a value, that does not exist."""

    code: ClassVar[str] = "template-undefined"


class InvalidFormat(TemplateError):
    """A date or time cannot be written by this format."""

    code: ClassVar[str] = "invalid-format"


class UnknownStatic(TemplateError):
    """There is no static file of that name."""

    code: ClassVar[str] = "unknown-static"


__all__ = [
    "InvalidFormat",
    "NoTemplates",
    "NotInRender",
    "NotProvided",
    "TemplateAccessRefused",
    "TemplateError",
    "TemplateNotFound",
    "TemplateSyntaxInvalid",
    "UndefinedName",
    "UnknownStatic",
    "UnsafeOutput",
]
