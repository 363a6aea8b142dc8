"""Host patterns: what they match, what they capture, and how a Host header is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.routing.hosts import host_name, parse_host


@pytest.mark.parametrize(
    ("pattern", "host", "params"),
    [
        ("example.com", "example.com", {}),
        ("example.com", "a.example.com", None),
        ("{t}.example.com", "a.example.com", {"t": "a"}),
        ("{t}.example.com", "example.com", None),
        ("{t}.example.com", "a.b.example.com", None),
        ("{t}.example.com", ".example.com", None),
        ("{t}.example.com", "a/b.example.com", None),
        ("{a}.{b}.com", "x.y.com", {"a": "x", "b": "y"}),
        ("*.example.com", "a.b.example.com", {}),
        ("*.example.com", "example.com", None),
        ("*.example.com", "evilexample.com", None),
        ("Example.COM", "example.com", {}),
    ],
)
def test_ro5_hosts_match_label_by_label(pattern: str, host: str, params: dict[str, str] | None) -> None:
    assert parse_host(pattern).match(host) == params


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, ""),
        (b"", ""),
        (b"A.example:80", "a.example"),
        (b"a.example.", "a.example"),
        (b"[::1]:8000", "[::1]"),
        (b"\xff", "\xff"),
    ],
)
def test_ro5_the_host_header_is_read_without_its_port(header: bytes | None, name: str) -> None:
    assert host_name(header) == name


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True))
def test_ro5_a_label_survives_the_way_there_and_back(label: str) -> None:
    pattern = parse_host("{t}.example.com")
    assert pattern.match(pattern.build({"t": label})) == {"t": label}
