"""Mail: messages, where they go, and when. It knows nothing of databases, apps or HTTP."""

from __future__ import annotations

from .backends import Backend as Backend
from .backends import ConsoleBackend as ConsoleBackend
from .backends import DummyBackend as DummyBackend
from .backends import FileBackend as FileBackend
from .backends import LocalBackend as LocalBackend
from .backends import MemoryBackend as MemoryBackend
from .mailer import Failed as Failed
from .mailer import Mailer as Mailer
from .mailer import Surroundings as Surroundings
from .mailer import current_mailer as current_mailer
from .mailer import mail_admins as mail_admins
from .mailer import mail_managers as mail_managers
from .mailer import send_mail as send_mail
from .message import Attachment as Attachment
from .message import EmailMessage as EmailMessage
from .message import Envelope as Envelope
from .urls import SMTPOptions as SMTPOptions
