"""The cookie jar by RFC 6265 section 5."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from vivace.testing import CookieJar
from vivace.testing.addresses import Address

HERE = Address("http", "app.example.org", "/shop/cart")


def jar_with(line: str, now: float = 1000.0, address: Address = HERE) -> CookieJar:
    jar = CookieJar(clock=lambda: now)
    jar.store(line, address)
    return jar


@pytest.mark.parametrize(
    ("line", "url", "sent"),
    [
        ("a=1", "http://app.example.org/shop/other", "a=1"),
        ("a=1", "http://app.example.org/shop", "a=1"),
        ("a=1", "http://app.example.org/shopping", ""),
        ("a=1; Path=/", "http://app.example.org/", "a=1"),
        ("a=1; path=/shop/", "http://app.example.org/shop/x?y", "a=1"),
        ("a=1; Path=/", "http://example.org/", ""),
        ("a=1; Path=/", "http://sub.app.example.org/", ""),
        ("a=1; Path=/; Domain=example.org", "http://other.example.org/", "a=1"),
        ("a=1; Path=/; Domain=.Example.org", "http://example.org/", "a=1"),
        ("a=1; Path=/; Domain=evil.org", "http://app.example.org/", ""),
        ("a=1; Path=/; Domain=ample.org", "http://app.example.org/", ""),
        ("a=1; Path=/; Secure", "http://app.example.org/", ""),
        ("a=1; Path=/; Secure", "https://app.example.org/", "a=1"),
        ("a=1; Path=/; Max-Age=0", "http://app.example.org/", ""),
        ("a=1; Path=/; Max-Age=10", "http://app.example.org/", "a=1"),
        ("a=1; Path=/; Max-Age=-5; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "http://app.example.org/", ""),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "http://app.example.org/", ""),
        ("a=1; Path=/; Expires=whenever", "http://app.example.org/", "a=1"),
        ("=1; Path=/", "http://app.example.org/", ""),
        ("nothing", "http://app.example.org/", ""),
    ],
)
def test_te1_where_a_cookie_goes(line: str, url: str, sent: str) -> None:
    assert jar_with(line).header(HERE.join(url)) == sent


def test_te1_secure_cookies_reach_localhost() -> None:
    local = Address("http", "localhost:8000", "/")
    assert jar_with("a=1; Secure", address=local).header(local) == "a=1"


def test_te1_cookies_expire_and_are_replaced() -> None:
    now = [1000.0]
    jar = CookieJar(clock=lambda: now[0])
    jar.store("a=1; Path=/; Max-Age=10", HERE)
    jar.store("a=2; Path=/; Max-Age=10", HERE)
    jar.store("a=3; Path=/shop", HERE)
    assert jar.header(HERE) == "a=3; a=2"
    now[0] += 11
    assert jar.header(HERE) == "a=3"
    jar.delete("a")
    assert len(jar) == 0


@given(strategies.text())
def test_te1_junk_is_never_an_error(line: str) -> None:
    jar_with(line).header(HERE)


@given(strategies.text(strategies.characters(codec="utf-8")))
def test_te1_values_survive(value: str) -> None:
    jar = CookieJar()
    jar.set("name", value)
    assert jar["name"] == value
