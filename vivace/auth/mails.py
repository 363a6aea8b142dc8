"""The mails of the account pages: from templates ``auth/mail/<name>.txt``, whose first line is ``Subject: …``.

Nothing that somebody typed is in them but their own address: names would be a way to send advertising to strangers in
this site's name. A template ``auth/mail/<name>.html`` of yours is sent beside the text.

Whether a mail is sent must not be visible in the answer. So both cases do the same work (the text is rendered and
checked for an address without an account, too) and only the last step differs; sending itself is never waited for.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from vivace.errors import InvalidMail, TemplateNotFound
from vivace.errors.auth import NoSiteURL
from vivace.http.request import Request
from vivace.mail import EmailMessage
from vivace.mail.addresses import parse_address
from vivace.security import Hosts, Security
from vivace.security.ratelimits import RateLimit, by_address

from .current import current_realm

logger: Final = logging.getLogger("vivace.auth")
HOUR: Final = 3_600.0
PER_VISITOR: Final = (
    20  # mails that one network address may cause in an hour: an office, not a list of addresses
)
_HEADERS: Final = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}  # RFC 3834


class MailLimits:
    """How many mails strangers can have sent: to one address, and from one network address."""

    def __init__(self) -> None:
        self._from: RateLimit | None = None
        self._to: RateLimit | None = None

    async def wait_of(self, request: Request) -> float:
        """Count a mail that a visitor wants sent; return 0, or after how many seconds to come back."""
        if self._from is None:
            store = current_realm().throttle.store
            self._from = RateLimit(f"{PER_VISITOR}/hour", name="auth-mail-from", store=store)
        verdict = await self._from.hit(by_address(request))
        return 0.0 if verdict.allowed else max(1.0, verdict.retry_after)

    async def allow(self, kind: str, email: str) -> bool:
        """Count a mail of a kind to an address; say whether it may be sent.

        Each kind for itself: whoever has others sent must not keep back the link to a new password.
        """
        auth = current_realm().settings
        if not auth.mails_per_hour:
            return True
        if self._to is None:
            store = current_realm().throttle.store
            self._to = RateLimit(f"{auth.mails_per_hour}/hour", name="auth-mail-to", store=store)
        return (await self._to.hit(f"{kind} {_mailbox(email)}")).allowed


def _mailbox(email: str) -> str:
    """Return one key for all spellings of a mailbox: domains have many that mean the same (IDNA)."""
    try:
        return parse_address(email).spec.lower()
    except InvalidMail:
        return email.lower()


async def compose(request: Request, name: str, email: str, values: Mapping[str, Any]) -> EmailMessage:
    """Return the mail of a template, ready to be sent to ``email``."""
    templates = request.app.templates
    context = {**values, "email": email, "site": urlsplit(site_of(request)).netloc}
    head, _, body = (await templates.render(f"auth/mail/{name}.txt", context, request)).partition("\n")
    subject = " ".join(head.removeprefix("Subject:").split())
    html = (
        await templates.render(f"auth/mail/{name}.html", context, request)
        if _has_html(templates, name)
        else ""
    )
    return EmailMessage(subject, body.strip() + "\n", "", email, html=html, headers=_HEADERS)


def _has_html(templates: Any, name: str) -> bool:
    try:
        templates.get(f"auth/mail/{name}.html")
    except TemplateNotFound:
        return False
    return True


def site_of(request: Request) -> str:
    """Return what absolute links begin with: the setting ``auth.site_url``, else a host that is certainly the app's own.

    The host check alone does not make it so: it lets every port through, and with ``*`` every name. Raises ``NoSiteURL``.
    """
    auth = current_realm().settings
    if auth.site_url:
        return auth.site_url.rstrip("/")
    app, asked = request.app, request.headers.get("host") or ""
    hosts = (app.security or Security()).with_settings(app.settings).hosts or Hosts(("*",))
    host = hosts.in_links(request) or (asked if app.debug else "")
    if not host:
        raise NoSiteURL(
            "A link in a mail would lead to whatever host was asked for: the app answers for any (*).",
            expected="the address of the site in the setting auth.site_url, or its names in the setting hosts",
            got=asked[:100],
            fix="Set VIVACE_AUTH_SITE_URL=https://example.com.",
        )
    if host != asked.lower():
        logger.warning(
            "a mail was asked for at %r, a port that nobody named: its links begin with %r", asked, host
        )
    return f"{request.scheme}://{host}"


def link(request: Request, route: str, **params: str) -> str:
    """Return the absolute address of a page."""
    return site_of(request) + str(request.app.url(route, **params))


def duration(seconds: float) -> str:
    """Return how long something is valid, in words."""
    hours = math.floor(seconds / HOUR)
    if hours < 1:
        return f"{max(1, math.floor(seconds / 60))} minutes"
    if hours < 48:
        return "one hour" if hours == 1 else f"{hours} hours"
    return f"{hours // 24} days"


__all__ = ["MailLimits", "compose", "duration", "link", "site_of"]
