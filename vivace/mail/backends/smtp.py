"""SMTP: many messages over one connection, encrypted and verified, never waiting longer than the time-out.

What an answer means (RFC 5321 section 4.2.1): 4xx is temporary and may be tried again, 5xx is final. A lost connection,
a time-out and a refused connection are temporary; a wrong certificate, a refused password and a server without
STARTTLS are final, because somebody has to mend something.

A message that a server breaks the connection on is tried once more on a new one: servers close idle connections and
limit the messages of each (Postfix: ``smtpd_client_…_limit``), which says nothing about the message.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from vivace.errors import MailNotSent, MissingExtra
from vivace.mail.message import Envelope
from vivace.mail.urls import SMTPOptions

from .base import Backend

if TYPE_CHECKING:
    import aiosmtplib


_CANCEL_AGAIN: Final = 0.05  # seconds


class SMTPBackend(Backend):
    """Sends by a mail server; needs the extra ``mail`` (aiosmtplib)."""

    def __init__(self, options: SMTPOptions) -> None:
        self.options = options
        self._library = _library()
        self._context: ssl.SSLContext | None = None

    async def deliver(self, envelopes: Sequence[Envelope]) -> list[MailNotSent | None]:
        """Send the messages over one connection; a new one is made where the server ended it.

        In a task of its own, that is cancelled until it ends: the library waits by ``asyncio.wait_for``, which before
        Python 3.12 loses a cancellation that comes together with an answer (CPython issue 86296).
        """
        work = asyncio.create_task(self._deliver(envelopes))
        try:
            await asyncio.wait((work,))
        finally:
            while not work.done():
                work.cancel()
                await asyncio.wait((work,), timeout=_CANCEL_AGAIN)
        return work.result()

    async def _deliver(self, envelopes: Sequence[Envelope]) -> list[MailNotSent | None]:
        outcomes: list[MailNotSent | None] = []
        client: aiosmtplib.SMTP | None = None
        try:
            for envelope in envelopes:
                fresh = client is None
                try:
                    client = client or await self._connect()
                    outcome = await self._send(client, envelope)
                    if outcome is not None and not client.is_connected and not fresh:
                        client = None
                        client = await self._connect()
                        outcome = await self._send(client, envelope)
                except MailNotSent as error:  # no connection: the others would wait for the same
                    return [*outcomes, *[_about(error, each) for each in envelopes[len(outcomes) :]]]
                outcomes.append(outcome)
                if not client.is_connected:
                    client = None
        except BaseException:
            if client is not None:
                client.close()  # cancelled: no polite end, which could wait
            raise
        if client is not None:
            await self._quit(client)
        return outcomes

    async def _connect(self) -> aiosmtplib.SMTP:
        client = self._client()
        try:
            await client.connect()
        except BaseException as error:
            client.close()
            if isinstance(error, Exception):
                raise self._explained(error) from error
            raise
        return client

    def _client(self) -> aiosmtplib.SMTP:
        options = self.options
        client: aiosmtplib.SMTP = self._library.SMTP(
            hostname=options.host,
            port=options.port,
            username=options.user or None,
            password=options.password.reveal() or None,
            use_tls=options.tls == "tls",
            start_tls=options.tls == "starttls",
            tls_context=self._tls_context() if options.tls != "none" else None,
            local_hostname=options.hostname or _own_name(),
            timeout=options.timeout,
        )
        return client

    def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                self._context = ssl.create_default_context(cafile=self.options.ca or None)
            except OSError as error:
                raise MailNotSent(
                    f"The certificates of ?ca= cannot be read: {error}", got=self.options.ca
                ) from error
        return self._context

    async def _send(self, client: aiosmtplib.SMTP, envelope: Envelope) -> MailNotSent | None:
        library = self._library
        try:
            refused, _ = await client.sendmail(
                envelope.sender,
                list(envelope.recipients),
                envelope.content,
                mail_options=["SMTPUTF8"] if envelope.utf8 else [],
            )
        except library.SMTPRecipientsRefused as error:
            refused = {each.recipient: each for each in error.recipients}
        except (library.SMTPException, OSError, ValueError) as error:
            if isinstance(error, library.SMTPTimeoutError | library.SMTPServerDisconnected):
                client.close()  # what comes now would be taken for the answer to something else
            return _about(self._explained(error), envelope)
        return _refused(envelope, {address: (each.code, each.message) for address, each in refused.items()})

    async def _quit(self, client: aiosmtplib.SMTP) -> None:
        try:
            await client.quit()
        except (self._library.SMTPException, OSError):
            pass  # the messages are taken; how the server says goodbye is its business
        finally:
            client.close()

    def _explained(self, error: BaseException) -> MailNotSent:
        """Return our error for one of the library, of TLS or of the system."""
        if isinstance(error, MailNotSent):
            return error
        place = f"{self.options.host}:{self.options.port}"
        library, code = self._library, int(getattr(error, "code", 0) or 0)
        cause = error.__cause__ or error
        if isinstance(error, ssl.SSLCertVerificationError) or isinstance(cause, ssl.SSLCertVerificationError):
            fix = "The host in the URL must be a name in its certificate; for an authority of your own add ?ca=file.pem."
            return MailNotSent(
                f"The certificate of the mail server {place} is not trusted.", got=str(cause), fix=fix
            )
        if isinstance(error, library.SMTPAuthenticationError):
            fix = "Look at user and password in VIVACE_MAIL_URL."
            return MailNotSent(f"The mail server {place} refused the login.", got=_text(error), fix=fix)
        if type(error) in (
            library.SMTPNotSupported,
            library.SMTPException,
        ):  # the latter: no STARTTLS, no login it knows
            fix = "A server that knows no STARTTLS may know smtps://; plain text is ?tls=none."
            return MailNotSent(f"The mail server {place} cannot do that.", got=_text(error), fix=fix)
        temporary = code == 0 or 400 <= code < 500
        if isinstance(error, ValueError):
            temporary = False
        return MailNotSent(f"The mail server {place} did not take it.", got=_text(error), temporary=temporary)


def _library() -> Any:
    try:
        import aiosmtplib
    except ImportError:
        raise MissingExtra(
            "Mail by SMTP needs the package aiosmtplib, which is not installed.",
            fix='pip install "vivace[mail]"',
        ) from None
    return aiosmtplib


def _own_name() -> str:
    """Return how we introduce ourselves (RFC 5321 section 4.1.4), without asking a name server."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _refused(envelope: Envelope, refused: dict[str, tuple[int, str]]) -> MailNotSent | None:
    if not refused:
        return None
    reasons = {address: f"{code} {text}" for address, (code, text) in refused.items()}
    return MailNotSent(
        f"The mail server refused {len(refused)} of {len(envelope.recipients)} recipients of {envelope.id}.",
        got="; ".join(f"{address}: {reason}" for address, reason in reasons.items())[:500],
        temporary=all(400 <= code < 500 for code, _ in refused.values()),
        refused=reasons,
    )


def _about(error: MailNotSent, envelope: Envelope) -> MailNotSent:
    """Return the error of a connection as that of one message."""
    about = MailNotSent(
        f"{error.what} (message {envelope.id})", temporary=error.temporary, got=error.got, fix=error.fix
    )
    about.__cause__ = error.__cause__
    return about


def _text(error: BaseException) -> str:
    code = getattr(error, "code", None)
    text = f"{code} {getattr(error, 'message', '')}" if code else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:500]


__all__ = ["SMTPBackend"]
