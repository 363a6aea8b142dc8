"""The PROXY protocol: both versions, byte by byte, from trusted peers, before plain HTTP and before TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.serving import LOOPS, Client, Run, Served, serving
from vivace.config.settings import Settings, Timeouts
from vivace.engine.listening.proxyprotocol import (
    MAX_SIZE,
    MalformedProxyHeader,
    ProxyHeader,
    missing,
    parse_header,
)
from vivace.http.request import Request
from vivace.http.response import JSON, Response

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"
TOLD = ProxyHeader(True, ("203.0.113.7", 56324), ("192.0.2.1", 443))
ON = Settings(proxy_protocol=True, trusted_proxies=("127.0.0.1",))
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


def binary(payload: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(payload).to_bytes(2) + payload


def inet(
    client: str = "203.0.113.7", server: str = "192.0.2.1", ports: tuple[int, int] = (56324, 443)
) -> bytes:
    return (
        ip_address(client).packed + ip_address(server).packed + b"".join(port.to_bytes(2) for port in ports)
    )


def read(data: bytes) -> tuple[ProxyHeader, bytes]:
    """Read as the acceptor does: no more than what is missing each time. Return the header and what is left."""
    taken = b""
    while wanted := missing(taken):
        if len(taken) + wanted > len(data):
            raise MalformedProxyHeader("nothing more came")
        taken += data[len(taken) : len(taken) + wanted]
    return parse_header(taken), data[len(taken) :]


TLV = b"\x02\x00\x04abcd" + b"\x20\x00\x05\x01\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (LINE, TOLD),
        (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", ProxyHeader(True, ("2001:db8::1", 1), ("::1", 2))),
        (b"PROXY UNKNOWN\r\n", ProxyHeader()),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ProxyHeader()),
        (binary(inet()), TOLD),
        (binary(inet() + TLV), TOLD),
        (
            binary(inet("2001:db8::1", "::1", (1, 2)), family=0x21),
            ProxyHeader(True, ("2001:db8::1", 1), ("::1", 2)),
        ),
        (binary(b"a" * 216, family=0x31), ProxyHeader(True)),
        (binary(b"", command=0x20, family=0x00), ProxyHeader()),
        (binary(inet(), command=0x20), ProxyHeader()),
        (binary(TLV, family=0x00), ProxyHeader()),
    ],
)
def test_hs9_headers(data: bytes, header: ProxyHeader) -> None:
    assert read(data + GET) == (header, GET)


@pytest.mark.parametrize(
    "data",
    [
        GET,
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n",
        b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 99999\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 +1 443\r\n",
        b"PROXY TCP9 203.0.113.7 192.0.2.1 1 443\r\n",
        b"PROXY TCP4  203.0.113.7 192.0.2.1 1 443\r\n",
        b"PROXY \xff\xff\xff\xff\xff\xff\xff\r\n",
        b"PROXY UNKNOWN" + b"x" * 200,
        b"PROXIED!!!!!\r\n",
        LINE[:20],
        binary(inet())[:-1],
        binary(inet()[:-1]),
        binary(inet(), command=0x11),
        binary(inet(), command=0x22),
        binary(inet(), family=0x41),
        binary(b"a" * 215, family=0x31),
        binary(inet(), family=0x21),
        SIGNATURE + b"\x21\x11" + MAX_SIZE.to_bytes(2) + b"x" * MAX_SIZE,
        SIGNATURE[:-1] + b"\r" + b"x" * 40,
    ],
)
def test_hs9_malformed_headers(data: bytes) -> None:
    with pytest.raises(MalformedProxyHeader):
        read(data)


ports = st.tuples(st.integers(0, 65_535), st.integers(0, 65_535))


@given(
    st.one_of(*(st.tuples(*[st.ip_addresses(v=version)] * 2) for version in (4, 6))),
    ports,
    st.binary(max_size=99),
)
def test_hs9_round_trip(
    pair: tuple[IPv4Address | IPv6Address, ...], numbers: tuple[int, int], rest: bytes
) -> None:
    client, server = map(str, pair)
    told = ProxyHeader(True, (client, numbers[0]), (server, numbers[1]))
    version = pair[0].version
    line = f"PROXY TCP{version} {client} {server} {numbers[0]} {numbers[1]}\r\n".encode()
    assert read(line + rest) == (told, rest)
    packed = binary(inet(client, server, numbers), family=0x11 if version == 4 else 0x21)
    assert read(packed + rest) == (told, rest)


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\x00"]),
)
def test_hs9_garbage_is_malformed_or_read(data: bytes, prefix: bytes) -> None:
    try:
        read(prefix + data)
    except MalformedProxyHeader:
        pass


async def show(request: Request) -> Response:
    return JSON([request.scheme, request.client, request.connection.server])


async def send(served: Served, data: bytes) -> Client:
    """Send bytes before TLS, if there is any; return the client that goes on."""
    sock = socket.socket()
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", served.port))
    for index in range(len(data)):  # byte by byte
        await loop.sock_sendall(sock, data[index : index + 1])
    return await served.over(sock)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return LOOPS[request.param]


@pytest.mark.parametrize("data", [LINE, binary(inet() + TLV)])
def test_hs9_address_of_the_client(run: Run, data: bytes) -> None:
    async def main() -> None:
        async with serving(show, ON) as served:
            client = await send(served, data)
            for _ in range(2):
                assert (await client.get())[2] == b'["http",["203.0.113.7",56324],["192.0.2.1",443]]'
            assert served.server.introduced == {}

    run(main())


def test_hs9_before_tls(run: Run) -> None:
    authority = trustme.CA()
    contexts = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(contexts[0])
    authority.configure_trust(contexts[1])

    async def main() -> None:
        async with serving(show, ON, contexts=contexts) as served:
            client = await send(served, LINE)
            assert (await client.get())[2] == b'["https",["203.0.113.7",56324],["192.0.2.1",443]]'

    run(main())


def test_hs9_local_keeps_the_peer(run: Run) -> None:
    async def main() -> None:
        async with serving(show, ON) as served:
            client = await send(served, binary(b"", command=0x20, family=0))
            assert b'["127.0.0.1",' in (await client.get())[2]

    run(main())


@pytest.mark.parametrize("data", [GET, b"PROXY TCP4 x y 1 2\r\n" + GET, binary(b"short") + GET])
def test_hs9_malformed_closes_without_an_answer(run: Run, data: bytes) -> None:
    async def main() -> None:
        async with serving(show, ON) as served:
            client = await served.connect()
            await client.send(data)
            assert await client.rest() == b""

    run(main())


def test_hs9_untrusted_peer_is_served_as_it_is(run: Run) -> None:
    async def main() -> None:
        async with serving(show, Settings(proxy_protocol=True, trusted_proxies=("10.0.0.1",))) as served:
            client = await served.connect()
            assert b'["127.0.0.1",' in (await client.get())[2]
            client = await served.connect()
            await client.send(LINE + GET)
            assert (await client.head())[0] == 400

    run(main())


def test_hs9_a_header_that_does_not_come_closes(run: Run) -> None:
    async def main() -> None:
        async with serving(
            show, Settings(proxy_protocol=True, trusted_proxies=("*",), timeouts=Timeouts(headers=0.05))
        ) as served:
            client = await served.connect()
            await client.send(LINE[:20])
            assert await client.rest() == b""

    run(main())
