"""Hosts: patterns with ports, what is no host, and the answer that names the setting."""

from __future__ import annotations

import pytest

from vivace.errors import BadRequest, ConfigurationError, MisdirectedRequest
from vivace.http.request import Connection, Request
from vivace.security import Hosts
from vivace.security.hosts import own_names


def asked(host: str | None) -> Request:
    return Request("GET", "/", [] if host is None else [(b"host", host.encode("latin-1"))], Connection())


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (
            "example.com",
            "example.com EXAMPLE.com example.com. example.com:81",
            "a.example.com example.com.evil.com",
        ),
        ("example.com:81", "example.com:81", "example.com example.com:8 example.com:811"),
        ("*.example.com", "a.example.com a.b.example.com:5", "example.com evilexample.com"),
        (".example.com", "example.com a.example.com example.com:5", "evilexample.com"),
        (".example.com:81", "example.com:81 a.example.com:81", "a.example.com a.example.com:82"),
        ("*", "anything 10.0.0.1:5 [::1]", ""),
        ("*:81", "anything:81", "anything anything:82"),
        ("[::1]", "[::1] [::1]:8000", "::1 [::2]"),
        ("[::1]:81", "[::1]:81", "[::1] [::1]:82"),
        ("127.0.0.1", "127.0.0.1:8000", "127.0.0.11"),
    ],
)
def test_sc6_patterns_and_ports(pattern: str, yes: str, no: str) -> None:
    hosts = Hosts((pattern,))
    assert [host for host in yes.split() if not hosts.matches(host.lower())] == []
    assert [host for host in no.split() if hosts.matches(host.lower())] == []


def test_sc6_loopback_and_this_machine_unless_named() -> None:
    hosts = Hosts()
    for host in ("localhost", "app.localhost:8000", "127.0.0.1:8000", "[::1]:8000", *own_names()):
        hosts.check(asked(host.removeprefix(".")))
    with pytest.raises(MisdirectedRequest) as caught:
        hosts.check(asked("example.com"))
    assert caught.value.status == 421
    assert "VIVACE_HOSTS" in caught.value.detail
    hosts.check(asked(None))  # HTTP/1.0


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "a@b", "a:b", "a:123456", "[::1", "grüße", "a,b", "a\\b", "a#b"]
)
def test_sc6_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(BadRequest):
        Hosts(("*",)).check(asked(host))


def test_sc6_remembers_a_bounded_number() -> None:
    hosts = Hosts((".example.com",))
    for number in range(3000):
        hosts.check(asked(f"h{number}.example.com"))
    assert len(hosts.known) <= 1024
    hosts.check(asked("h1.example.com"))


@pytest.mark.parametrize(
    "pattern", ["https://example.com", "example.com/x", "::1", "a.*.com", "", "a b", "example.com:"]
)
def test_sc6_patterns_that_cannot_match_are_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a host that can be allowed"):
        Hosts((pattern,))


@pytest.mark.parametrize(
    ("allowed", "host", "linked"),
    [
        (("example.com",), "Example.com", "example.com"),
        (("example.com",), "example.com:443", "example.com:443"),  # that of the scheme
        (("example.com",), "example.com:8000", "example.com:8000"),  # that the server listens on
        (("example.com",), "example.com:1337", "example.com"),
        ((".example.com",), "a.example.com:80", "a.example.com"),
        (("example.com", "example.com:8443"), "example.com:8443", "example.com:8443"),
        (("*:8443", "example.com"), "evil.example:8443", ""),
        (("*",), "evil.example", ""),
        (("*",), "localhost:9000", "localhost:9000"),
        (("*", "example.com"), "example.com:1337", "example.com"),
        ((), "[::1]:9000", "[::1]:9000"),
        ((), "127.0.0.1:9000", "127.0.0.1:9000"),
        (("[2001:db8::1]",), "[2001:db8::1]:1337", "[2001:db8::1]"),
        (("example.com",), None, ""),
    ],
)
def test_sc6_links_for_others_name_no_foreign_port(
    allowed: tuple[str, ...], host: str | None, linked: str
) -> None:
    request = asked(host)
    request.connection = Connection("https", None, ("10.0.0.5", 8000))
    assert Hosts(allowed).in_links(request) == linked
