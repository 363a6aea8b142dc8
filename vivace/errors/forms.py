"""Errors of forms: what the program that uses one did wrong. What a person filled in wrong is a ``ValidationError``."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class FormError(VivaceError):
    """A form, field or widget was declared or used in a way that has no meaning."""

    code: ClassVar[str] = "form"


class FormNotValidated(FormError):
    """``errors`` or ``cleaned_data`` of a form was read before ``await form.is_valid()``."""

    code: ClassVar[str] = "form-not-validated"


class UnknownFormField(FormError, KeyError, ValueError):
    """A form was asked for a field that it does not have. Names the nearest match."""

    code: ClassVar[str] = "unknown-form-field"
