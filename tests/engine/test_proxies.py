"""Forwarding headers: believed from trusted networks, ignored from everybody else."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.serving import serving
from vivace.config.settings import Settings
from vivace.engine.listening.proxies import Family, Origin, TrustedProxies
from vivace.errors import ConfigurationError
from vivace.http.headers import RawHeaders
from vivace.http.request import Request
from vivace.http.response import JSON, Response

PEER = ("10.0.0.1", 4000)
NETWORKS = ["10.0.0.0/8", "2001:db8::/32"]


def fields(**headers: str) -> RawHeaders:
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]


def resolve(headers: RawHeaders, family: Family = "x-forwarded", host: bool = True) -> Origin:
    return TrustedProxies(NETWORKS, headers=family, host=host).resolve(PEER, headers)


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.7", ("203.0.113.7", 0)),
        ("127.0.0.1, 203.0.113.7", ("203.0.113.7", 0)),  # the left one is what the client claims
        ("203.0.113.7, 10.9.9.9", ("203.0.113.7", 0)),
        ("10.1.1.1, 203.0.113.7, 10.9.9.9, 10.8.8.8", ("203.0.113.7", 0)),
        ("10.1.1.1, 10.2.2.2", ("10.1.1.1", 0)),  # all of them are ours
        ("203.0.113.7:5123", ("203.0.113.7", 5123)),
        ("[2001:db9::1]:5123, 2001:db8::7", ("2001:db9::1", 5123)),
        ("::ffff:203.0.113.7", ("203.0.113.7", 0)),
        ("203.0.113.7, garbage", None),
        ("203.0.113.7, unknown, 10.9.9.9", None),
        ("203.0.113.7:99999", None),
        ("", PEER),
    ],
)
def test_hs9_client_is_the_first_from_the_right_that_is_not_trusted(
    chain: str, client: tuple[str, int] | None
) -> None:
    assert resolve(fields(x_forwarded_for=chain)).client == client


def test_hs9_a_long_chain_does_not_hide_its_right_end() -> None:
    chain = ", ".join(["127.0.0.1"] * 2000 + ["203.0.113.7"])
    assert resolve(fields(x_forwarded_for=chain)).client == ("203.0.113.7", 0)


def test_hs9_repeated_fields_are_one_chain() -> None:
    headers = fields(x_forwarded_for="127.0.0.1") + fields(x_forwarded_for="203.0.113.7")
    assert resolve(headers).client == ("203.0.113.7", 0)


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        (fields(x_forwarded_proto="https"), "https", None),
        (fields(x_forwarded_for="203.0.113.7", x_forwarded_proto="https"), "https", None),
        (
            fields(x_forwarded_for="1.2.3.4, 203.0.113.7, 10.2.2.2", x_forwarded_proto="x, https, http"),
            "https",
            None,
        ),
        (
            fields(x_forwarded_for="203.0.113.7, 10.2.2.2", x_forwarded_proto="http, https, http"),
            "http",
            None,
        ),
        (fields(x_forwarded_proto="javascript"), None, None),
        (fields(x_forwarded_host="shop.example", x_forwarded_proto="wss"), "https", "shop.example"),
        (fields(x_forwarded_host="shop.example", x_forwarded_port="8443"), None, "shop.example:8443"),
        (fields(x_forwarded_host="shop.example:81", x_forwarded_port="8443"), None, "shop.example:81"),
        (fields(x_forwarded_host="evil.example, shop.example"), None, "shop.example"),
        (fields(x_forwarded_host="a b"), None, None),
    ],
)
def test_hs9_scheme_and_host(headers: RawHeaders, scheme: str | None, host: str | None) -> None:
    origin = resolve(headers)
    assert (origin.scheme, origin.host) == (scheme, host)


@pytest.mark.parametrize(
    ("value", "client", "scheme", "host"),
    [
        ("for=203.0.113.7;proto=https;host=shop.example", ("203.0.113.7", 0), "https", "shop.example"),
        ('for=127.0.0.1, For="203.0.113.7:47";Proto=https, for=10.2.2.2', ("203.0.113.7", 47), "https", None),
        ('for="[2001:db9::1]:99"', ("2001:db9::1", 99), None, None),
        ("for=_hidden, for=10.2.2.2", None, None, None),
        ("proto=https", None, "https", None),
        ('for="203.0.113.7, for=1.2.3.4', None, None, None),
    ],
)
def test_hs9_forwarded(
    value: str, client: tuple[str, int] | None, scheme: str | None, host: str | None
) -> None:
    assert resolve(fields(forwarded=value), "forwarded") == Origin(client, scheme, host)


def test_hs9_only_the_family_of_the_proxy_is_read() -> None:
    both = fields(forwarded="for=1.1.1.1", x_forwarded_for="203.0.113.7")
    assert resolve(both).client == ("203.0.113.7", 0)
    assert resolve(both, "forwarded").client == ("1.1.1.1", 0)


def test_hs9_host_only_where_it_is_known_to_be_overwritten() -> None:
    assert resolve(fields(x_forwarded_host="shop.example"), host=False).host is None


def test_trust() -> None:
    proxies = TrustedProxies([*NETWORKS, "192.0.2.1"])
    trusted = ["10.255.0.1", "192.0.2.1", "2001:db8::5", "::ffff:10.0.0.1", "10.255.0.1"]
    assert all(proxies.trusts((address, 1)) for address in trusted)
    assert not any(proxies.trusts((address, 1)) for address in ["11.0.0.1", "2001:db9::1", "name"])
    assert not proxies.trusts(None)
    assert TrustedProxies(["unix"]).trusts(None)
    assert TrustedProxies(["*"]).trusts(("9.9.9.9", 1))
    assert not TrustedProxies([]).trusts(("127.0.0.1", 1))


def test_a_network_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match=r"'10\.0\.0' is not a network"):
        TrustedProxies(["10.0.0"])


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(
    st.lists(st.one_of(addresses, st.text('0123456789abcdef:.[]% _,";=', max_size=20)), max_size=8), addresses
)
def test_hs9_what_the_client_claims_never_counts(claims: list[str], client: str) -> None:
    """Whatever a client sends, its address is what the trusted proxy appended."""
    proxies = TrustedProxies(["10.0.0.0/8"])
    if proxies.trusts((client, 0)):
        return
    chain = ", ".join([*claims, client]).encode("latin-1")
    resolved = proxies.resolve(PEER, [(b"x-forwarded-for", chain)]).client
    if '"' in ",".join(claims):
        assert resolved in (None, (_plain(client), 0))  # an open quote may swallow it: unknown, not chosen
    else:
        assert resolved == (_plain(client), 0)


def _plain(text: str) -> str:
    address = ip_address(text)
    return str(getattr(address, "ipv4_mapped", None) or address)


@given(st.binary(max_size=200), st.sampled_from(["x-forwarded", "forwarded"]))
def test_nothing_raises(value: bytes, family: Family) -> None:
    names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded")
    origin = resolve([(name, value) for name in names], family)
    assert origin.scheme in (None, "http", "https")


async def show(request: Request) -> Response:
    return JSON([request.scheme, list(request.client or ()), request.headers["host"]])


SPOOF = {"x_forwarded_for": "203.0.113.7", "x_forwarded_proto": "https", "x_forwarded_host": "shop.example"}


async def test_hs9_spoofed_headers_of_an_untrusted_peer_are_ignored() -> None:
    async with serving(show, Settings(trusted_proxies=("10.0.0.0/8",), forwarded_host=True)) as served:
        client = await served.connect()
        port = client.writer.get_extra_info("sockname")[1]
        assert (await client.get(**SPOOF))[2] == b'["http",["127.0.0.1",%d],"localhost"]' % port


async def test_hs9_a_trusted_peer_speaks_for_each_request_anew() -> None:
    async with serving(show, Settings(trusted_proxies=("127.0.0.1",), forwarded_host=True)) as served:
        client = await served.connect()
        assert (await client.get(**SPOOF))[2] == b'["https",["203.0.113.7",0],"shop.example"]'
        assert (await client.get(x_forwarded_for="203.0.113.8"))[
            2
        ] == b'["http",["203.0.113.8",0],"localhost"]'
