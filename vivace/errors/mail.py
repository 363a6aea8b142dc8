"""Errors of mail: a message that cannot be written, a server that does not take it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import VivaceError


class InvalidMail(VivaceError):
    """A message that cannot be sent as it stands: a line break in a header, an address that is none, no recipient."""

    code: ClassVar[str] = "invalid-mail"


class MailURLInvalid(VivaceError):
    """The address of the mail server, or the name of the backend, cannot be read."""

    code: ClassVar[str] = "mail-url-invalid"


class MailNotSent(VivaceError):
    """A message was not taken, or not for all recipients; ``temporary``: it may be another time.

    ``refused`` maps the addresses that the server refused to its reasons; ``failures`` holds, where several messages
    were sent, the error of each that failed.
    """

    code: ClassVar[str] = "mail-not-sent"
    status: int = 503

    def __init__(
        self, what: str, *, temporary: bool = False, refused: Mapping[str, str] | None = None, **parts: Any
    ) -> None:
        super().__init__(what, **parts)
        self.temporary = temporary
        self.refused = dict(refused or {})
        self.failures: list[MailNotSent] = [self]
