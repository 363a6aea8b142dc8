"""Which host names this app answers for: a wrong ``Host`` poisons links, caches and password-reset mails."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from vivace.errors import BadRequest, MisdirectedRequest
from vivace.http.request import Request

_HOST: Final = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)(:[0-9]{1,5})?"
)  # RFC 3986 section 3.2.2, names we allow
LOOPBACK: Final = ("localhost", ".localhost", "127.0.0.1", "[::1]")
_REMEMBERED: Final = 1024  # distinct Host values; an attacker can send any number of them


@dataclass(frozen=True, slots=True)
class Hosts:
    """Answers only for ``allowed`` hosts, else 421: ``example.com``, ``.example.com`` (with all subdomains),
    ``example.com:8000`` (that port alone), ``*`` (any).

    Without ``allowed`` it is loopback and this machine's own names.
    """

    allowed: tuple[str, ...] = ()
    _known: dict[bytes, bool] = field(default_factory=dict, compare=False, repr=False)

    def check(self, request: Request) -> None:
        """Raise ``MisdirectedRequest`` (421) for a foreign host, ``BadRequest`` for one that is no host name."""
        host = request.headers.first(b"host")
        if host is None:  # HTTP/1.0; the engine requires Host from HTTP/1.1 on
            return
        known = self._known.get(host)
        if known is None:
            known = self._remember(host)
        if not known:
            raise MisdirectedRequest(
                "This server does not answer for this host.",
                got=host.decode("latin-1")[:100],
                fix="Name it in the setting VIVACE_HOSTS (comma-separated).",
            )

    def _remember(self, host: bytes) -> bool:
        if not _HOST.fullmatch(host):
            raise BadRequest("The Host header is not a host name.", got=host.decode("latin-1")[:100])
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        answer = self._known[host] = self.matches(host.decode("ascii").lower())
        return answer

    def matches(self, host: str) -> bool:
        """Return whether a lower-case host, perhaps with a port, is allowed."""
        name = re.sub(r":\d+$", "", host).removesuffix(".")
        return any(_matches(pattern.lower(), name, host) for pattern in self.allowed or own_names())


def _matches(pattern: str, name: str, host: str) -> bool:
    if pattern == "*":
        return True
    if pattern.startswith("*."):
        pattern = pattern[1:]
    if pattern.startswith("."):
        return name == pattern[1:] or name.endswith(pattern)
    return pattern in (name, host)


def own_names() -> Iterable[str]:
    """Return the loopback names and this machine's host names."""
    name = socket.gethostname().lower()
    return (*LOOPBACK, name, f"{name}.local")
