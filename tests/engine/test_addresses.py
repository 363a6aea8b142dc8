"""Addresses as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.engine.listening.addresses import Address, parse_address
from vivace.errors import ListenError


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("8000", Address("tcp", "127.0.0.1", 8000), "127.0.0.1:8000"),
        ("localhost:0", Address("tcp", "localhost", 0), "localhost:0"),
        (":80", Address("tcp", "", 80), "*:80"),
        ("*:80", Address("tcp", "", 80), "*:80"),
        ("[::1]:443", Address("tcp", "::1", 443), "[::1]:443"),
        ("https://[::]:443/", Address("tcp", "::", 443, tls=True), "[::]:443"),
        ("http://0.0.0.0:80", Address("tcp", "0.0.0.0", 80, tls=False), "0.0.0.0:80"),
        ("unix:/run/a.sock", Address("unix", path="/run/a.sock"), "unix:/run/a.sock"),
        ("unix:a.sock?mode=600", Address("unix", path="a.sock", mode=0o600), "unix:a.sock"),
        ("fd:3", Address("fd", descriptor=3), "fd:3"),
        ("systemd", Address("systemd"), "systemd"),
    ],
)
def test_hs8_addresses(text: str, address: Address, shown: str) -> None:
    assert parse_address(text) == address
    assert str(address) == shown


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("", "a number"),
        ("localhost", "a number"),
        ("localhost:http", "a number"),
        ("localhost:65536", "0 to 65535"),
        ("::1:8000", "brackets"),
        ("ftp://localhost:8000", "http or https"),
        ("unix:", "unix:/run/app.sock"),
        ("unix:/a?mode=9", "octal"),
        ("unix:/a?owner=me", "mode"),
        ("fd:x", "a number"),
    ],
)
def test_hs8_malformed_addresses_say_how_to_write_them(text: str, fix: str) -> None:
    with pytest.raises(ListenError) as caught:
        parse_address(text)
    assert fix in caught.value.fix
    assert caught.value.got == repr(text)
    assert "host:port" in caught.value.expected


@given(st.text())
def test_any_text_is_an_address_or_a_listen_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ListenError:
        return
    assert 0 <= address.port <= 65_535
