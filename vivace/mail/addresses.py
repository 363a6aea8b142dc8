"""Mail addresses, read strictly: what is not plainly one address is refused before it reaches a header or a server.

The grammar is that of HTML's ``type=email`` (which is what people type into forms) with an optional name before angle
brackets, and letters beyond ASCII: domains become IDNA, local parts need SMTPUTF8 (RFC 6531). RFC 5322 allows more
(comments, quoted local parts, groups, folding); all of it has been used to smuggle a second recipient past a check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from vivace.errors import InvalidMail

Addresses: TypeAlias = str | Iterable[str]
"""One address, or several."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_NAMED: Final = re.compile(r"""\s*(?P<name>"(?:[^"\\]|\\.)*"|[^<>"]*?)\s*<(?P<address>[^<>]*)>\s*""")
_LOCAL: Final = re.compile(r"(?!\.)(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]|[^\x00-\xa0\s])+(?<!\.)")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f.:]+\]", re.IGNORECASE)
MAX_LOCAL: Final = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_ADDRESS: Final = 254  # octets, erratum 1690 to RFC 3696


class Address(msgspec.Struct, frozen=True):
    """A mail address: ``name`` may be empty; the domain is in ASCII."""

    name: str
    local: str
    domain: str

    @property
    def spec(self) -> str:
        """The address without the name, as the server wants it."""
        return f"{self.local}@{self.domain}"

    @property
    def ascii(self) -> bool:
        """Whether servers without SMTPUTF8 take it."""
        return self.local.isascii()


def parse_address(text: str, where: str = "An address") -> Address:
    """Return the address in ``Ada Lovelace <ada@example.com>`` or ``ada@example.com``; raises ``InvalidMail``."""
    refuse_controls(text, where)
    if "=?" in text:  # half of an encoded word; the address behind it in the header could be the other half
        raise InvalidMail(f"{where} has the beginning of an encoded word in it (=?).", got=repr(text[:100]))
    named = _NAMED.fullmatch(text)
    name, spec = (named["name"], named["address"]) if named else ("", text)
    local, _, domain = spec.strip().rpartition("@")
    domain = _ascii_domain(domain)
    fits = len(local.encode()) <= MAX_LOCAL and len(local.encode()) + len(domain) < MAX_ADDRESS
    if not (fits and _LOCAL.fullmatch(local) and ".." not in local and _DOMAIN.fullmatch(domain)):
        raise InvalidMail(
            f"{where} is no mail address.",
            expected="ada@example.com or Ada Lovelace <ada@example.com>",
            got=repr(text[:100]),
        )
    return Address(_unquoted(name), local, domain)


def parse_addresses(given: Addresses, where: str) -> list[Address]:
    """Return the addresses of a message's field; a single text is one address, not several."""
    return [parse_address(text, where) for text in ([given] if isinstance(given, str) else given) if text]


def refuse_controls(text: str, where: str) -> None:
    """Raise ``InvalidMail`` for what would begin another header: control characters, and encoded words.

    Python's ``email`` decodes an encoded word (RFC 2047) when a header is set, and may write what was in it as it is, line
    breaks among it (CVE-2024-6923; names of attachments also after its mend).
    """
    if _CONTROL.search(text):
        raise InvalidMail(
            f"{where} has a line break or another control character in it.",
            expected="one line of text",
            got=repr(text[:100]),
            fix="Do not put what users typed into a header as it is; ' '.join(text.split()) makes it one line.",
        )
    if "?=" in text.partition("=?")[2]:
        raise InvalidMail(
            f"{where} has an encoded word in it (=?…?=).",
            expected="the text itself; it is encoded where it has to be",
            got=repr(text[:100]),
            fix="Do not put what users typed into a header as it is, or take the question marks out of it.",
        )


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _unquoted(name: str) -> str:
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


__all__ = ["Address", "Addresses", "parse_address", "parse_addresses", "refuse_controls"]
