"""Backends for development and tests: they print messages, keep them, or drop them."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Final, TextIO

from vivace.mail.message import EmailMessage, Envelope

from .base import LocalBackend

RULE: Final = "-" * 79


class ConsoleBackend(LocalBackend):
    """Prints messages as people read them: the headers, then the text."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, envelope: Envelope) -> None:
        """Print one message; without a text its HTML."""
        message = envelope.message
        names = ", ".join(attachment.name for attachment in message.attachments)
        lines = [
            RULE,
            f"To: {', '.join(envelope.recipients)}",
            f"From: {message.from_email or envelope.sender}",
            f"Subject: {message.subject}",
            *([f"Attachments: {names}"] if names else []),
            "",
            message.body or message.html,
            RULE,
        ]
        print("\n".join(lines), file=self._stream or sys.stdout, flush=True)


class FileBackend(LocalBackend):
    """Writes each message into a file of its own, ``….eml``, which mail programs open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, envelope: Envelope) -> None:
        """Write one message; the names sort by time. Only the owner may read it: there are tokens in mail."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = self.folder / f"{stamp}-{time.time_ns() % 10**9:09}-{secrets.token_hex(3)}.eml"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(envelope.content)


class MemoryBackend(LocalBackend):
    """Keeps messages in ``outbox``, the oldest first."""

    def __init__(self) -> None:
        self.outbox: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []

    def write(self, envelope: Envelope) -> None:
        """Keep one message."""
        self.outbox.append(envelope.message)
        self.envelopes.append(envelope)


class DummyBackend(LocalBackend):
    """Drops messages."""


__all__ = ["ConsoleBackend", "DummyBackend", "FileBackend", "MemoryBackend"]
