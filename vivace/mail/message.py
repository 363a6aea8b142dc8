"""A message as its writer sees it, and the bytes that travel.

``EmailMessage`` is plain data with Django's names. ``sealed`` makes an ``Envelope`` of it: everything is checked there,
so that a wrong message is an error where it was written and not in the background. The bytes are made by Python's
``email`` with 7-bit transfer encodings, which every server takes.

Header injection: names and values of headers, addresses, the subject and names of attachments are refused when there
is a control character in them; a body cannot reach the headers, since ``email`` writes it after the empty line.
"""

from __future__ import annotations

import mimetypes
import re
import secrets
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vivace.errors import InvalidMail

from .addresses import Address, Addresses, parse_address, parse_addresses, refuse_controls

if TYPE_CHECKING:
    from email.message import EmailMessage as MIMEMessage

UNKNOWN_TYPE: Final = "application/octet-stream"
_HEADER_NAME: Final = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 section 2.2
_MEDIA_TYPE: Final = re.compile(r"([A-Za-z0-9!#$&^_.+\-]+)/([A-Za-z0-9!#$&^_.+\-]+)")
_OWN_HEADERS: Final = {
    "subject": "subject",
    "from": "from_email",
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "reply-to": "reply_to",
    "content-type": "attachments",
    "content-transfer-encoding": "attachments",
    "mime-version": "attachments",
}


class Attachment(msgspec.Struct, frozen=True):
    """A file that travels with a message. ``cid``: it is shown inside the HTML, which names it ``cid:…``."""

    name: str
    content: bytes
    mimetype: str = UNKNOWN_TYPE
    cid: str = ""


@dataclass
class EmailMessage:
    """A message. Addresses are ``ada@example.com`` or ``Ada <ada@example.com>``; fields with several also take one text.

    ``body`` is plain text, ``html`` the same for programs that show HTML. Without ``from_email`` the setting
    ``mail.sender`` is taken. ``bcc`` receive it and are not named in it. ``envelope_from`` is where bounces go.
    """

    subject: str = ""
    body: str = ""
    from_email: str = ""
    to: Addresses = ()
    html: str = field(default="", kw_only=True)
    cc: Addresses = field(default=(), kw_only=True)
    bcc: Addresses = field(default=(), kw_only=True)
    reply_to: Addresses = field(default=(), kw_only=True)
    envelope_from: str = field(default="", kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)
    attachments: list[Attachment] = field(default_factory=list[Attachment], kw_only=True)

    def attach(self, name: str, content: bytes | str, mimetype: str = "") -> None:
        """Add a file; without ``mimetype`` it follows from the name."""
        self.attachments.append(_attachment(name, content, mimetype))

    def attach_file(self, path: str | Path, mimetype: str = "") -> None:
        """Add a file from the disk, under its own name. It is read now."""
        self.attach(Path(path).name, Path(path).read_bytes(), mimetype)

    def attach_inline(self, name: str, content: bytes, mimetype: str = "") -> str:
        """Add a picture that the HTML shows; returns what to write there: ``<img src="cid:…">``."""
        cid = f"{secrets.token_hex(8)}@inline"
        self.attachments.append(msgspec.structs.replace(_attachment(name, content, mimetype), cid=cid))
        return f"cid:{cid}"

    def recipients(self) -> list[str]:
        """Return the addresses of all who receive it, each once, without names. Raises ``InvalidMail``."""
        return list(dict.fromkeys(address.spec for address in self._recipients()))

    def _recipients(self) -> list[Address]:
        fields: list[tuple[str, Addresses]] = [("to", self.to), ("cc", self.cc), ("bcc", self.bcc)]
        return [
            address for name, given in fields for address in parse_addresses(given, f"An address in {name}")
        ]


class Envelope(msgspec.Struct, frozen=True):
    """A message ready to travel: who sends it, who receives it, the bytes, and the message they were made of."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    message: EmailMessage
    utf8: bool = False  # addresses beyond ASCII: only servers with SMTPUTF8 take it
    whole: bool = True  # False: what is attached is not in the content yet; no backend sees such a one


def seal(message: EmailMessage, default_sender: str, identity: str = "") -> Envelope:
    """Check a message and make its bytes; raises ``InvalidMail``. ``identity`` is its id, a new one unless given."""
    sender = parse_address(message.from_email or default_sender, "The sender")
    bounces = parse_address(message.envelope_from, "envelope_from") if message.envelope_from else sender
    everybody = message._recipients()
    if not everybody:
        raise InvalidMail(
            f"The message {message.subject!r} has no recipient.", expected="an address in to, cc or bcc"
        )
    utf8 = not all(address.ascii for address in (sender, bounces, *everybody))
    identity = identity or f"<{secrets.token_hex(16)}@{sender.domain.strip('[]')}>"
    mime = _mime(message, sender, identity, utf8)
    recipients = tuple(dict.fromkeys(address.spec for address in everybody))
    return Envelope(str(mime["Message-ID"]), bounces.spec, recipients, mime.as_bytes(), message, utf8)


def seal_later(message: EmailMessage, default_sender: str) -> Envelope:
    """Check all of a message, and leave the bytes of its files to ``seal_again``; raises ``InvalidMail``.

    The envelope keeps the message as it is now, whatever its writer does with it afterwards.
    """
    files = [msgspec.structs.replace(each, content=each.content[:0]) for each in message.attachments]
    checked = seal(replace(message, attachments=files), default_sender)
    return msgspec.structs.replace(checked, message=deepcopy(message), whole=False)


def seal_again(envelope: Envelope, default_sender: str) -> Envelope:
    """Return an envelope with the bytes of its files, under the same id; it takes a while."""
    return envelope if envelope.whole else seal(envelope.message, default_sender, envelope.id)


def _mime(message: EmailMessage, sender: Address, identity: str, utf8: bool) -> MIMEMessage:
    from email import policy  # 20 ms: not before the first message
    from email.message import EmailMessage as MIMEMessage
    from email.utils import formatdate

    mime = MIMEMessage(policy=(policy.SMTPUTF8 if utf8 else policy.SMTP).clone(cte_type="7bit"))
    refuse_controls(message.subject, "The subject")
    mime["Subject"] = message.subject
    mime["From"] = _header_address(sender)
    fields: list[tuple[str, Addresses]] = [
        ("To", message.to),
        ("Cc", message.cc),
        ("Reply-To", message.reply_to),
    ]
    for name, given in fields:
        addresses = parse_addresses(given, f"An address in {name}")
        if addresses:
            mime[name] = [_header_address(address) for address in addresses]
    for name, value in _checked_headers(message.headers):
        mime[name] = value
    for name, value in (("Date", formatdate(usegmt=True)), ("Message-ID", identity)):
        if name not in mime:
            mime[name] = value
    _add_content(mime, message)
    return mime


def _header_address(address: Address) -> object:
    from email.headerregistry import Address as HeaderAddress

    return HeaderAddress(address.name, address.local, address.domain)


def _checked_headers(headers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidMail(
                "The name of a header is none.", expected="such as X-Priority", got=repr(name[:100])
            )
        if name.lower() in _OWN_HEADERS:
            raise InvalidMail(
                f"The header {name} has a field of its own.",
                fix=f"EmailMessage({_OWN_HEADERS[name.lower()]}=…); where bounces go is envelope_from=….",
            )
        refuse_controls(value, f"The header {name}")
        yield name, value


def _add_content(mime: MIMEMessage, message: EmailMessage) -> None:
    """Write text, HTML and files in the order in which programs choose the best that they can show (RFC 2046, 5.1.4)."""
    mime.set_content(_lines(message.body))
    if message.html:
        if message.body:
            mime.add_alternative(_lines(message.html), subtype="html")
        else:
            mime.set_content(_lines(message.html), subtype="html")
    parts: Any = mime.get_payload()
    shown: MIMEMessage = parts[-1] if message.html and message.body else mime
    for attachment in sorted(message.attachments, key=lambda each: not each.cid):
        maintype, subtype = _media_type(attachment)
        refuse_controls(attachment.name, "The name of an attachment")
        if attachment.cid:
            place: dict[str, Any] = {
                "cid": f"<{attachment.cid}>",
                "filename": attachment.name,
                "disposition": "inline",
            }
            shown.add_related(attachment.content, maintype, subtype, **place)
        else:
            mime.add_attachment(attachment.content, maintype, subtype, filename=attachment.name)


def _attachment(name: str, content: bytes | str, mimetype: str) -> Attachment:
    raw = content.encode() if isinstance(content, str) else content
    return Attachment(name, raw, mimetype or mimetypes.guess_type(name)[0] or UNKNOWN_TYPE)


def _media_type(attachment: Attachment) -> tuple[str, str]:
    found = _MEDIA_TYPE.fullmatch(attachment.mimetype)
    if found is None:
        raise InvalidMail(
            f"The attachment {attachment.name!r} has a media type that is none.",
            expected="such as image/png",
            got=repr(attachment.mimetype[:100]),
        )
    return found[1], found[2]


def _lines(text: str) -> str:
    """Return text with the line ends that ``email`` expects; it writes CRLF of them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


__all__ = ["Attachment", "EmailMessage", "Envelope", "seal", "seal_again", "seal_later"]
