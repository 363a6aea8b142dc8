"""The PROXY protocol, versions 1 and 2: a load balancer says who the client is, before the first byte of HTTP or TLS.

(HAProxy, "The PROXY protocol", sections 2.1 and 2.2.) Rules:

1. It is read where ``settings.proxy_protocol`` is on, and from trusted peers alone, who then must send it: guessing
   would let a client that reaches us directly choose its address. Peers that are not trusted are served as they are.
2. Not one byte after the header is read: TLS may begin there. So version 2 is read by the length it announces, and
   version 1 byte by byte after its shortest form.
3. What is malformed, longer than ``MAX_SIZE`` or later than ``timeouts.headers`` closes the connection, without an
   answer: who sent it does not speak HTTP yet.
4. TLVs are skipped. LOCAL (a health check of the balancer itself) and UNKNOWN keep the address of the peer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from .listeners import BACKLOG
from .proxies import Address, peer_address

if TYPE_CHECKING:
    import ssl

    from vivace.engine.server import Server

logger = logging.getLogger("vivace.engine")

MAX_SIZE: Final = 4_096  # bytes of a version 2 header with its TLVs; HAProxy and AWS send some hundred
MAX_LINE: Final = 107  # bytes of a version 1 header (section 2.1)
PENDING: Final = 1_024  # connections of one listener whose header is being read
RETRY: Final = 0.1  # seconds before accepting again when descriptors ran out
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED: Final = 16  # bytes of a version 2 header before its addresses
_FAMILIES: Final = {0x1: ("4", 4), 0x2: ("6", 16)}  # AF_INET, AF_INET6: bytes of an address
_UNIX_SIZE: Final = 216  # two paths of 108 bytes
_TCP: Final = {"TCP4": 4, "TCP6": 6}


class MalformedProxyHeader(Exception):
    """The bytes before a connection are no PROXY header; inside the engine only."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """Who connected to whom; ``told`` is false where the proxy speaks for itself or does not know."""

    told: bool = False
    client: Address | None = None
    server: Address | None = None


def missing(data: bytes) -> int:
    """Return how many bytes to read next, 0 when the header is complete; raises ``MalformedProxyHeader``."""
    first = data[: len(_SIGNATURE)]
    if not (_SIGNATURE.startswith(first) or b"PROXY ".startswith(first[:6])):
        raise MalformedProxyHeader("neither version 1 nor 2")
    if len(data) < len(_SIGNATURE):
        return len(_SIGNATURE) - len(data)  # no header of either version is shorter
    return _missing_line(data) if first != _SIGNATURE else _missing_binary(data)


def _missing_line(data: bytes) -> int:
    if data.endswith(b"\r\n"):
        return 0
    if len(data) >= MAX_LINE:
        raise MalformedProxyHeader("a line without an end")
    return 1


def _missing_binary(data: bytes) -> int:
    if len(data) < _FIXED:
        return _FIXED - len(data)
    size = _FIXED + int.from_bytes(data[14:16])
    if size > MAX_SIZE:
        raise MalformedProxyHeader(f"{size} bytes")
    return max(size - len(data), 0)


def parse_header(data: bytes) -> ProxyHeader:
    """Return what a complete header says; raises ``MalformedProxyHeader``."""
    return _parse_binary(data) if data.startswith(_SIGNATURE) else _parse_line(data)


def _parse_line(data: bytes) -> ProxyHeader:
    try:
        words = data.decode("ascii").removesuffix("\r\n").split(" ")
    except UnicodeDecodeError:
        raise MalformedProxyHeader("not ASCII") from None
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return ProxyHeader()
    if len(words) != 6 or words[0] != "PROXY" or words[1] not in _TCP:
        raise MalformedProxyHeader(f"{len(words)} words")
    version = _TCP[words[1]]
    return ProxyHeader(
        True, _text_address(words[2], words[4], version), _text_address(words[3], words[5], version)
    )


def _text_address(text: str, port: str, version: int) -> Address:
    try:
        address = ip_address(text)
    except ValueError:
        raise MalformedProxyHeader("no address") from None
    if address.version != version or not port.isdigit() or len(port) > 5 or int(port) > 65_535:
        raise MalformedProxyHeader("no address of its family, or no port")
    return str(address), int(port)


def _parse_binary(data: bytes) -> ProxyHeader:
    version, command = divmod(data[12], 16)
    family, transport = divmod(data[13], 16)
    payload = data[_FIXED:]
    if version != 2 or command > 1 or family > 3 or transport > 2:
        raise MalformedProxyHeader(f"version {version}, command {command}, family {family}")
    if command == 0 or family == 0 or transport != 1:  # LOCAL, unspecified, datagrams
        return ProxyHeader()
    if family not in _FAMILIES:
        if len(payload) < _UNIX_SIZE:
            raise MalformedProxyHeader("shorter than its addresses")
        return ProxyHeader(True)
    size = _FAMILIES[family][1]
    if len(payload) < 2 * size + 4:
        raise MalformedProxyHeader("shorter than its addresses")
    ports = [int.from_bytes(payload[at : at + 2]) for at in (2 * size, 2 * size + 2)]
    hosts = [str(ip_address(payload[at : at + size])) for at in (0, size)]
    return ProxyHeader(True, (hosts[0], ports[0]), (hosts[1], ports[1]))


class ProxyAcceptor:
    """An ``Acceptor`` whose connections begin with a PROXY header; they become the server's when it was read."""

    __slots__ = ("_accepting", "_reading", "_room", "_server", "_sock", "_tls")

    def __init__(self, server: Server, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._server = server
        self._sock = sock
        self._tls = tls
        self._accepting: asyncio.Task[None] | None = None
        self._reading = 0
        self._room = asyncio.Event()

    async def open(self) -> None:
        """Accept from now on; nothing happens when it does already."""
        if self._accepting is None:
            duplicate = self._sock.dup()
            duplicate.setblocking(False)
            duplicate.listen(BACKLOG)
            self._accepting = self._server.adopt(self._accept(duplicate), "accept behind a proxy")

    def close(self) -> None:
        """Accept no more, until ``open``; headers that are being read are read on."""
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            accepting.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        loop = self._server.loop
        try:
            while True:
                try:
                    connection, peer = await loop.sock_accept(listener)
                except OSError as error:  # out of descriptors, or a connection that is gone already
                    logger.warning("could not accept a connection: %s", error)
                    await asyncio.sleep(RETRY)
                    continue
                self._server.adopt(self._begin(connection, peer), "PROXY header")
                while self._reading >= PENDING:
                    self._room.clear()
                    await self._room.wait()
        finally:
            listener.close()

    async def _begin(self, connection: socket.socket, peer: Any) -> None:
        self._reading += 1
        try:
            connection.setblocking(False)
            header = (
                await self._header(connection) if self._server.trusts(peer_address(peer)) else ProxyHeader()
            )
        except BaseException as error:
            connection.close()
            if not isinstance(error, MalformedProxyHeader | OSError):  # a TimeoutError is an OSError
                raise
            logger.warning(
                "a connection from %s did not begin with a PROXY header: %s", peer, str(error) or "too late"
            )
            return
        finally:
            self._reading -= 1
            self._room.set()
        await self._hand_over(connection, header)

    async def _header(self, connection: socket.socket) -> ProxyHeader:
        data = b""
        async with asyncio.timeout(self._server.timeouts.headers or None):
            while wanted := missing(data):
                piece = await self._server.loop.sock_recv(connection, wanted)
                if not piece:
                    raise MalformedProxyHeader("nothing more came")
                data += piece
        return parse_header(data)

    async def _hand_over(self, connection: socket.socket, header: ProxyHeader) -> None:
        server, key = self._server, connection.fileno()
        options: dict[str, Any] = {"ssl": self._tls}
        if self._tls is not None:
            options["ssl_handshake_timeout"] = server.timeouts.headers or None
        if header.told:
            server.introduced[key] = header  # the protocol asks for it as soon as it has its transport
        try:
            await server.loop.connect_accepted_socket(server.protocol, connection, **options)
        except OSError as error:  # TLS failed, or the client is gone
            logger.debug("a connection behind a proxy failed: %s", error)
            connection.close()
        finally:
            server.introduced.pop(key, None)


__all__ = ["MalformedProxyHeader", "ProxyAcceptor", "ProxyHeader", "missing", "parse_header"]
