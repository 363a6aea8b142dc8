"""Mail URLs: where messages go, in one line.

| URL | messages |
|---|---|
| ``smtp://user:password@host:587`` | go to a server, over TLS from the first command after greeting it (STARTTLS) |
| ``smtps://user:password@host:465`` | go to a server, over TLS from the first byte |
| ``console:`` | are printed |
| ``file:sent`` | become files in a folder (relative to the app's) |
| ``memory:`` | are kept in ``outbox`` |
| ``dummy:`` | are dropped |

STARTTLS is *required*, since who can read the wire can also strike the offer out; only servers on this machine
(``localhost``, a loopback address) are spoken to in plain text. ``?tls=none`` and ``?tls=starttls`` say otherwise.
Certificates are always verified, by the system's authorities or by those in the file of ``?ca=``. Ports without a
number: 587 with a user, else 25; 465 for ``smtps``. User names and passwords are percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from vivace.config.secret import Secret
from vivace.errors import MailURLInvalid, nearest

FORMS: Final = "smtp://user:password@host:587, smtps://…, console:, file:folder, memory: or dummy:"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
TLS: Final[Mapping[str, Literal["starttls", "none"]]] = {"starttls": "starttls", "none": "none"}
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9.:\[\]-]*")
_OPTIONS: Final = ("tls", "ca", "hostname")


class SMTPOptions(msgspec.Struct, frozen=True):
    """How to reach a mail server. ``tls``: from the first byte, after STARTTLS, or never. ``timeout`` in seconds."""

    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: Secret[str] = Secret("")
    tls: Literal["tls", "starttls", "none"] = "none"
    ca: str = ""  # a file of certificates to trust instead of the system's
    hostname: str = ""  # how we introduce ourselves; without: the name of this machine
    timeout: float = 15.0


def scheme_of(url: str) -> str:
    """Return the scheme of a mail URL in lower case; raises ``MailURLInvalid``."""
    scheme, colon, _ = url.partition(":")
    if not colon or scheme.lower() not in SCHEMES:
        raise MailURLInvalid(
            "A mail URL has no scheme that is known." if colon else "A mail URL has no scheme.",
            expected=FORMS,
            got=repr(scheme[:20]) if colon else "",  # without a colon it may be a password
            fix=nearest(scheme, SCHEMES) if colon else "",
        )
    return scheme.lower()


def smtp_options(url: str, timeout: float = 15.0) -> SMTPOptions:
    """Return what an ``smtp:`` or ``smtps:`` URL says; raises ``MailURLInvalid``, which never shows the password."""
    scheme = scheme_of(url)
    parts = _split(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in query:
        if name not in _OPTIONS:
            fix = nearest(name, _OPTIONS)
            raise MailURLInvalid(
                f"A mail URL has no option {name[:40]!r}.", expected=", ".join(_OPTIONS), fix=fix
            )
    host = parts.hostname or "localhost"
    if not _HOSTNAME.fullmatch(query.get("hostname", "")):
        raise MailURLInvalid("A mail URL has a ?hostname= that is none.", expected="such as app.example.com")
    return SMTPOptions(
        host=host,
        port=parts.port or _default_port(scheme, bool(parts.username)),
        user=unquote(parts.username or ""),
        password=Secret(unquote(parts.password or "")),
        tls="tls" if scheme == "smtps" else _starttls(query.get("tls"), host),
        ca=query.get("ca", ""),
        hostname=query.get("hostname", ""),
        timeout=timeout,
    )


def folder_of(url: str, root: Path) -> Path:
    """Return the folder of a ``file:`` URL; relative ones start at ``root``."""
    path = unquote(url.partition(":")[2])
    return root / (path[2:] if path.startswith("//") else path or "sent-mail")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise MailURLInvalid("A mail URL cannot be read.", expected=FORMS) from None
    if not url.partition(":")[2].startswith("//") or parts.path not in ("", "/") or parts.fragment:
        raise MailURLInvalid(
            "A mail URL has something else than user, password, host, port and options.",
            expected="smtp://user:password@host:587",
            fix="Percent-encode what stands in user and password: / is %2F, @ is %40, # is %23.",
        )
    return parts


def _default_port(scheme: str, user: bool) -> int:
    if scheme == "smtps":
        return 465  # RFC 8314 section 3.3
    return 587 if user else 25


def _starttls(asked: str | None, host: str) -> Literal["starttls", "none"]:
    if asked is None:
        return "none" if host in _LOOPBACK else "starttls"
    if asked not in TLS:
        raise MailURLInvalid(
            "A mail URL has a ?tls= that is none.", expected=" or ".join(TLS), got=repr(asked[:40])
        )
    return TLS[asked]


def _smtp(url: str, root: Path, timeout: float) -> Any:
    from .backends.smtp import SMTPBackend

    return SMTPBackend(smtp_options(url, timeout))


def _console(url: str, root: Path, timeout: float) -> Any:
    from .backends.local import ConsoleBackend

    return ConsoleBackend()


def _file(url: str, root: Path, timeout: float) -> Any:
    from .backends.local import FileBackend

    return FileBackend(folder_of(url, root))


def _memory(url: str, root: Path, timeout: float) -> Any:
    from .backends.local import MemoryBackend

    return MemoryBackend()


def _dummy(url: str, root: Path, timeout: float) -> Any:
    from .backends.local import DummyBackend

    return DummyBackend()


SCHEMES: Final[Mapping[str, Callable[[str, Path, float], Any]]] = {
    "smtp": _smtp,
    "smtps": _smtp,
    "console": _console,
    "file": _file,
    "memory": _memory,
    "dummy": _dummy,
}


def make_backend(url: str, root: Path, timeout: float) -> Any:
    """Return the backend that a URL names; raises ``MailURLInvalid``, ``MissingExtra`` for smtp without aiosmtplib."""
    return SCHEMES[scheme_of(url)](url, root, timeout)


__all__ = ["SMTPOptions", "make_backend", "scheme_of", "smtp_options"]
