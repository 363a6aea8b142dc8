"""Valkey URLs."""

from __future__ import annotations

import pytest

from vivace.brokers.valkey import ValkeyOptions, valkey_options
from vivace.errors import ValkeyURLInvalid


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("valkey://", ValkeyOptions()),
        ("redis://cache.example", ValkeyOptions(host="cache.example")),
        ("VALKEY://[::1]:7000/15", ValkeyOptions(host="::1", port=7000, database=15)),
        (
            "rediss://ann:p%40ss%2F@host/2?client_name=web&timeout=0.5",
            ValkeyOptions(
                host="host",
                user="ann",
                password="p@ss/",
                database=2,
                tls=True,
                client_name="web",
                timeout=0.5,
            ),
        ),
        ("valkeys://:secret@host", ValkeyOptions(host="host", password="secret", tls=True)),
        ("valkey://?path=/run/valkey.sock&database=3", ValkeyOptions(path="/run/valkey.sock", database=3)),
        ("valkey://host?prefix=shop", ValkeyOptions(host="host", prefix="shop")),
    ],
)
def test_what_a_url_says(url: str, options: ValkeyOptions) -> None:
    assert valkey_options(url) == options


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("localhost:6379", "no scheme"),
        ("valky://host", "Did you mean 'valkey'"),
        ("valkey://host/news", "not the number of a database"),
        ("valkey://:secret@host:sixthree", "its host or port is none"),
        ("valkey://:secret@host?tiemout=3", "Did you mean 'timeout'"),
        ("valkey://:secret@host?timeout=soon", "wrong value"),
        ("valkey://:secret@host?timeout=0", "cannot work"),
    ],
)
def test_what_cannot_be_read_says_so_and_hides_the_password(url: str, told: str) -> None:
    with pytest.raises(ValkeyURLInvalid, match=told) as caught:
        valkey_options(url)
    assert "secret" not in str(caught.value)
    assert "valkey://user:password@host:6379/0" in str(caught.value) or "option" in str(caught.value)


def test_options_shown_in_logs_have_no_password() -> None:
    options = ValkeyOptions(host="host", user="ann", password="secret")
    assert repr(options) == str(options) == "<ValkeyOptions host:6379/0>"
