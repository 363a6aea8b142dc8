"""How much memory values take: exact for texts, near enough for what has parts."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest

from vivace.cache.sizes import PARTS, size_of


class Point(msgspec.Struct):
    text: str


class Plain:
    def __init__(self, text: str) -> None:
        self.text = text
        self.itself = self


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("x" * 5_000, 5_000),
        (b"x" * 5_000, 5_000),
        (["x" * 1_000 + str(n) for n in range(10)], 10_000),
        ({"key": {"deep": ("x" * 5_000,)}}, 5_000),
        (Point("x" * 5_000), 5_000),
        (Plain("x" * 5_000), 5_000),
        ([[n, str(n)] for n in range(50_000)], 50_000 * 140),
        (list(range(1_000_000)), 8_000_000),
    ],
)
def test_values_are_about_as_large_as_they_are(value: Any, least: int) -> None:
    assert least <= size_of(value) <= least * 5 + 1_000


def test_what_is_there_twice_counts_once() -> None:
    text = "x" * 5_000
    assert size_of([text] * 100) < 7_000


def test_only_the_first_parts_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0

    def counting(value: Any, default: int) -> int:
        nonlocal looked
        looked += 1
        return sys.getsizeof(value, default)

    monkeypatch.setattr("vivace.cache.sizes.getsizeof", counting)
    size_of([[str(n)] for n in range(100_000)])
    assert looked <= PARTS


@pytest.mark.parametrize("value", [None, 5, Plain, sys, len, object(), test_what_is_there_twice_counts_once])
def test_anything_has_a_size(value: Any) -> None:
    assert 0 <= size_of(value) < 20_000
