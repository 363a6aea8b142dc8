"""Addresses to listen on, as text and as values.

=====================  ==========================================================================
``8000``               this machine only, port 8000
``host:8000``          every address of that host name; ``[::1]:8000`` for IPv6
``:8000``, ``*:8000``  all addresses of this machine
``host:0``             a port that is free; which one is reported
``unix:/run/a.sock``   a Unix socket, mode 0660; ``unix:/run/a.sock?mode=666`` sets another
``fd:3``               a socket that was inherited, open and bound
``systemd``            all sockets that systemd passes (``LISTEN_FDS``)
=====================  ==========================================================================

``https://`` and ``http://`` before an address say whether it speaks TLS, where only some do.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from vivace.errors import ListenError

Kind: TypeAlias = Literal["tcp", "unix", "fd", "systemd"]

LOCAL: Final = "127.0.0.1"
UNIX_MODE: Final = 0o660  # owner and group: a proxy is put into the group
_EXAMPLES: Final = "host:port, [::1]:port, :port, unix:/path, fd:3 or systemd"


class Address(msgspec.Struct, frozen=True):
    """One address. ``host`` is ``""`` for all addresses; ``tls`` is ``None`` where the address does not say."""

    kind: Kind
    host: str = ""
    port: int = 0
    path: str = ""
    mode: int = UNIX_MODE
    descriptor: int = -1
    tls: bool | None = None

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "tcp":
            return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host or '*'}:{self.port}"
        return f"fd:{self.descriptor}" if self.kind == "fd" else "systemd"


def parse_address(text: str) -> Address:
    """Return the address that ``text`` names; raises ``ListenError``."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        return _parse(text.strip(), text, None)
    if scheme not in ("http", "https"):
        raise _malformed(text, "The scheme is http or https.")
    return _parse(rest.rstrip("/"), text, scheme == "https")


def _parse(rest: str, text: str, tls: bool | None) -> Address:
    if rest == "systemd":
        return Address("systemd", tls=tls)
    if rest.startswith("unix:"):
        return _parse_unix(rest.removeprefix("unix:"), text, tls)
    if rest.startswith("fd:"):
        return Address("fd", descriptor=_number(rest.removeprefix("fd:"), text, 1 << 20), tls=tls)
    host, colon, port = rest.rpartition(":")
    if not colon:
        host = LOCAL
    elif host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _malformed(text, "Put an IPv6 address into brackets: [::1]:8000.")
    return Address("tcp", "" if host == "*" else host, _number(port, text, 65_535), tls=tls)


def _parse_unix(rest: str, text: str, tls: bool | None) -> Address:
    path, _, query = rest.partition("?")
    name, _, value = query.partition("=")
    if not path:
        raise _malformed(text, "Write the path: unix:/run/app.sock.")
    if not query:
        return Address("unix", path=path, tls=tls)
    if name != "mode" or not value or value.strip("01234567") or len(value) > 4:
        raise _malformed(text, "The only option is mode, in octal digits: unix:/run/app.sock?mode=660.")
    return Address("unix", path=path, mode=int(value, 8), tls=tls)


def _number(digits: str, text: str, largest: int) -> int:
    if digits.isascii() and digits.isdigit() and len(digits) < 8 and int(digits) <= largest:
        return int(digits)
    raise _malformed(text, f"Give a number from 0 to {largest}; port 0 finds a free one.")


def _malformed(text: str, fix: str) -> ListenError:
    return ListenError("An address to listen on cannot be read.", expected=_EXAMPLES, got=repr(text), fix=fix)


__all__ = ["LOCAL", "UNIX_MODE", "Address", "parse_address"]
