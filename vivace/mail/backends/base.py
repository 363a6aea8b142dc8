"""The contract of a backend: take envelopes, say of each what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from vivace.errors import MailNotSent
from vivace.mail.message import Envelope


class Backend:
    """Takes messages; subclass it to send them in a way of your own, and name the class in the setting ``mail.backend``.

    It is made with the settings' group ``mail`` where its ``__init__`` takes one argument.
    """

    async def deliver(self, envelopes: Sequence[Envelope]) -> list[MailNotSent | None]:
        """Send the messages, over one connection where there is one; return for each ``None`` or why it was not sent."""
        return [None for _ in envelopes]

    async def close(self) -> None:
        """Let go of what is held, at the stop of the app."""


class LocalBackend(Backend):
    """A backend that is done at once: nothing is waited for, so messages are never queued for it."""

    def write(self, envelope: Envelope) -> None:
        """Take one message."""

    async def deliver(self, envelopes: Sequence[Envelope]) -> list[MailNotSent | None]:
        """Take the messages one after another."""
        return [self.attempt(envelope) for envelope in envelopes]

    def attempt(self, envelope: Envelope) -> MailNotSent | None:
        """Take one message; what the system refuses is an error like any other that a backend reports."""
        try:
            self.write(envelope)
        except OSError as error:
            return MailNotSent(f"The message {envelope.id} could not be written: {error}", temporary=True)
        return None


__all__ = ["Backend", "LocalBackend"]
