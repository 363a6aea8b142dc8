"""Which host names this app answers for: a wrong ``Host`` poisons links, caches and password-reset mails."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from vivace.errors import BadRequest, ConfigurationError, MisdirectedRequest
from vivace.http.request import Request

_HOST: Final = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)(:[0-9]{1,5})?"
)  # RFC 3986 section 3.2.2, names we allow
_PATTERN: Final = re.compile(
    r"(\*|\[[0-9A-Fa-f:.]+\]|(\*\.|\.)?[A-Za-z0-9_\-][A-Za-z0-9._\-]*)(:[0-9]{1,5})?"
)
_PORTS: Final = {"http": "80", "https": "443"}
LOOPBACK: Final = ("localhost", ".localhost", "127.0.0.1", "[::1]")
_REMEMBERED: Final = 1024  # distinct Host values; an attacker can send any number of them


@dataclass(frozen=True, slots=True)
class Hosts:
    """Answers only for ``allowed`` hosts, else 421.

    ``example.com`` (any port), ``example.com:8000`` (that port), ``*.example.com`` (its subdomains), ``.example.com``
    (those and itself), ``*`` (any), each with a port or without. Without ``allowed``: loopback and this machine's names.
    """

    allowed: tuple[str, ...] = ()
    known: dict[bytes, bool] = field(default_factory=dict[bytes, bool], compare=False, repr=False)

    def __post_init__(self) -> None:
        for pattern in self.allowed:
            if not _PATTERN.fullmatch(pattern):
                raise ConfigurationError(
                    f"{pattern!r} is not a host that can be allowed.",
                    expected="such as example.com, *.example.com, .example.com:8000, [::1] or *",
                    got=pattern,
                    fix="Leave out scheme and path, and put IPv6 addresses into brackets.",
                )

    def check(self, request: Request) -> None:
        """Raise ``MisdirectedRequest`` (421) for a foreign host, ``BadRequest`` for one that is no host name."""
        host = request.headers.first(b"host")
        if host is None:  # HTTP/1.0; the engine requires Host from HTTP/1.1 on
            return
        allowed = self.known.get(host)
        if allowed is None:
            allowed = self._remember(host)
        if not allowed:
            raise MisdirectedRequest(
                "This server does not answer for this host: it is not in its setting VIVACE_HOSTS.",
                expected="one of " + ", ".join(self.allowed or own_names()),
                got=host.decode("latin-1")[:100],
                fix="Name it in the setting VIVACE_HOSTS (comma-separated).",
            )

    def _remember(self, host: bytes) -> bool:
        if not _HOST.fullmatch(host):
            raise BadRequest("The Host header is not a host name.", got=host.decode("latin-1")[:100])
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        answer = self.known[host] = self.matches(host.decode("ascii").lower())
        return answer

    def matches(self, host: str) -> bool:
        """Return whether a lower-case host, perhaps with a port, is allowed."""
        return any(self._matching(host))

    def _matching(self, host: str) -> Iterator[str]:
        name, port = split_port(host)
        return (p for p in self.allowed or own_names() if _matches(p, name.removesuffix("."), port))

    def in_links(self, request: Request) -> str:
        """Return the host that a link may name which somebody else will follow, as in a mail; ``""``: none is certain.

        A name is certain that something other than ``*`` lets through. A port is where it belongs to the scheme, is the one
        that the server listens on, or stands in the pattern, and on the loopback; any other is left out: patterns let all
        ports through, and behind a foreign one may listen whoever sent the request.
        """
        host = (request.headers.get("host") or "").lower()
        name, port = split_port(host)
        patterns = [split_port(pattern) for pattern in self._matching(host)]
        if not (any(pattern != "*" for pattern, _ in patterns) or _own(name)):
            return ""
        server = request.connection.server
        ports = {
            "",
            _PORTS.get(request.scheme, ""),
            str(server[1]) if server else "",
            *(p for _, p in patterns),
        }
        return host if port in ports or any(_matches(each, name, port) for each in LOOPBACK) else name


def split_port(host: str) -> tuple[str, str]:
    """Return name and port of a host; the port is ``""`` where there is none. IPv6 addresses stand in brackets."""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and not port.endswith("]") else (host, "")


def _matches(pattern: str, name: str, port: str) -> bool:
    wanted, wanted_port = split_port(pattern.lower())
    if wanted_port and wanted_port != port:
        return False
    if wanted.startswith("*."):
        return name.endswith(wanted[1:])
    if wanted.startswith("."):
        return name == wanted[1:] or name.endswith(wanted)
    return wanted in ("*", name)


def _own(name: str) -> bool:
    return any(_matches(each, name, "") for each in own_names())


def own_names() -> Iterable[str]:
    """Return the loopback names and this machine's host names."""
    name = socket.gethostname().lower()
    return (*LOOPBACK, name, f"{name}.local")
