"""Errors of signing and encryption: what a token can be guilty of, and what a key can."""

from __future__ import annotations

from typing import ClassVar

from .base import VivaceError


class BadSignature(VivaceError):
    """A signed or encrypted token was not made by one of our keys for this purpose, or was changed on its way."""

    code: ClassVar[str] = "bad-signature"
    status: int = 400


class SignatureExpired(BadSignature):
    """A token is genuine and older than its reader accepts."""

    code: ClassVar[str] = "signature-expired"


class InvalidKey(VivaceError):
    """A signing or encryption key is missing or empty."""

    code: ClassVar[str] = "invalid-key"


class SecretExposed(VivaceError, TypeError):
    """Something tried to serialise a ``Secret``."""

    code: ClassVar[str] = "secret-exposed"
