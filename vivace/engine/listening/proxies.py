"""Who the client is when a proxy speaks for it (HS9): forwarding headers, from networks that are trusted alone.

Anybody can send ``X-Forwarded-For: 127.0.0.1``. What holds here:

1. Headers of a peer outside the trusted networks mean nothing.
2. Addresses are read from the right, where the nearest proxy wrote, as long as those who wrote are trusted. The first
   that is not trusted is the client: what stands left of it is the client's own claim.
3. One family of headers is read, the one that the proxy is known to write: ``X-Forwarded-*`` or ``Forwarded`` (RFC
   7239). A proxy overwrites only what it knows, so the other family comes straight from the client.
4. Where an address cannot be read (garbage, ``unknown``, ``_hidden``), the client is unknown: ``None``, never the
   proxy's own address, which may be allowed more.
5. The host stays that of the Host header unless ``host=True``: many proxies hand the client's ``X-Forwarded-Host`` on,
   and with a cache in between it poisons pages. With it the header replaces Host, so that ``Hosts`` checks it.
6. Scheme and host are those which the proxy facing the client wrote where there is one for each address, else the last.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, Literal, TypeAlias

import msgspec

from vivace.errors import ConfigurationError
from vivace.http.headers import RawHeaders
from vivace.http.lists import split_elements, split_pair

Family: TypeAlias = Literal["x-forwarded", "forwarded"]
Address: TypeAlias = tuple[str, int]

UNIX: Final = "unix"
ANY: Final = "*"
_REMEMBERED: Final = 4_096  # peer addresses kept with the verdict on them
_ALL: Final = (
    65_536  # elements: more than a head has room for; reading from the right must not miss the right end
)
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_NODE: Final = re.compile(
    r"\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?|([0-9.]+)(?::([0-9]{1,5}))?|([0-9A-Fa-f:.]+)"
)


class Origin(msgspec.Struct, frozen=True):
    """What the trusted proxies say of a request; ``None``: they say nothing, or what they say cannot be read."""

    client: Address | None
    scheme: str | None = None
    host: str | None = None


class _Hop(msgspec.Struct, frozen=True):
    """What one proxy wrote about the one before it."""

    node: str
    scheme: str = ""
    host: str = ""


class TrustedProxies:
    """The networks whose word counts: ``TrustedProxies(["10.0.0.0/8", "::1", "unix"])``.

    ``unix`` is any peer on a Unix socket, ``*`` everybody (only where nothing but the proxy can connect). ``headers``
    is the family that the proxies write, ``host`` whether they are known to overwrite the forwarded host and port.
    Raises ``ConfigurationError`` for what is no network.
    """

    __slots__ = ("_any", "_headers", "_host", "_known", "_networks", "_read", "_unix")

    def __init__(
        self, networks: Sequence[str], *, headers: Family = "x-forwarded", host: bool = False
    ) -> None:
        self._any = ANY in networks
        self._unix = UNIX in networks
        self._networks = tuple(_network(text) for text in networks if text not in (ANY, UNIX))
        self._read: Callable[[RawHeaders], list[_Hop]] = (
            _forwarded if headers == "forwarded" else _x_forwarded
        )
        self._host = host
        self._known: dict[str, bool] = {}

    def trusts(self, peer: Address | None) -> bool:
        """Tell whether the peer of a connection may speak for others; ``None`` is one on a Unix socket."""
        if peer is None:
            return self._unix or self._any
        known = self._known.get(peer[0])
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[peer[0]] = self._any or self._contains(peer[0])
        return known

    def _contains(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)

    def resolve(self, peer: Address | None, headers: RawHeaders) -> Origin:
        """Return what the headers of a trusted peer say."""
        hops = self._read(headers)
        client, index = peer, len(hops) - 1
        for index in range(len(hops) - 1, -1, -1):  # where the walk ends is used below
            client = _node(hops[index].node) if hops[index].node else client
            if client is None or not self.trusts(client):
                break
        if not hops:
            return Origin(peer)
        hop = hops[index]
        return Origin(client, _SCHEMES.get(hop.scheme.lower()), self._trusted_host(hop.host))

    def _trusted_host(self, host: str) -> str | None:
        return host if self._host and _HOST.fullmatch(host) else None


def peer_address(name: tuple[Any, ...] | str | bytes | None) -> Address | None:
    """Return address and port of what a socket calls its peer or itself; ``None`` on a Unix socket.

    Addresses are interned: behind a proxy, thousands of connections have the same one.
    """
    return (sys.intern(str(name[0])), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None


def replace_host(headers: RawHeaders, host: str) -> None:
    """Let ``host`` be what the Host header says."""
    headers[:] = [pair for pair in headers if pair[0] != b"host"] + [(b"host", host.encode("latin-1"))]


def _x_forwarded(headers: RawHeaders) -> list[_Hop]:
    nodes = _listed(headers, b"x-forwarded-for")
    schemes, hosts = _listed(headers, b"x-forwarded-proto"), _listed(headers, b"x-forwarded-host")
    port = _last(_listed(headers, b"x-forwarded-port"))
    if not nodes and not schemes and not hosts:
        return []
    nodes = nodes or [""]
    return [
        _Hop(node, _beside(schemes, nodes, index), _with_port(_beside(hosts, nodes, index), port))
        for index, node in enumerate(nodes)
    ]


def _beside(values: list[str], nodes: list[str], index: int) -> str:
    return values[index] if len(values) == len(nodes) else _last(values)


def _last(values: list[str]) -> str:
    return values[-1] if values else ""


def _with_port(host: str, port: str) -> str:
    if not host or port in ("", "80", "443") or not port.isdigit() or re.search(r":\d+$", host):
        return host
    return f"{host}:{port}"


def _forwarded(headers: RawHeaders) -> list[_Hop]:
    hops: list[_Hop] = []
    for element in _listed(headers, b"forwarded"):
        pairs = dict(map(split_pair, split_elements(element, ";")))
        node = pairs.get("for") or "unknown"  # an element without it hides who it was
        hops.append(_Hop(node, pairs.get("proto") or "", pairs.get("host") or ""))
    return hops


def _listed(headers: RawHeaders, name: bytes) -> list[str]:
    text = b",".join([value for key, value in headers if key == name]).decode("latin-1")
    return split_elements(text, limit=_ALL) if text else []


def _node(text: str) -> Address | None:
    """Return address and port (0: not told) of ``192.0.2.1``, ``192.0.2.1:80``, ``[::1]:80`` or ``::1``, or ``None``."""
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    address = _address(match[1] or match[3] or match[5])
    port = int(match[2] or match[4] or 0)
    return (str(address), port) if address is not None and port < 65_536 else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; one of IPv4 that is written as IPv6 (a dual-stack socket) is the IPv4 one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(
            f"{text!r} is not a network of trusted proxies.",
            expected='an address, a network such as 10.0.0.0/8, "unix" or "*"',
            got=text,
            fix="Name the addresses that your proxy connects from (VIVACE_TRUSTED_PROXIES).",
        ) from error


__all__ = ["Address", "Family", "Origin", "TrustedProxies", "peer_address", "replace_host"]
