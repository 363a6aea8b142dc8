"""Comparison and randomness."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.crypto import constant_time_compare, random_string

either = st.text() | st.binary()


@given(either, either)
def test_sc15_compare_is_equality_of_bytes(left: str | bytes, right: str | bytes) -> None:
    def raw(value: str | bytes) -> bytes:
        return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")

    assert constant_time_compare(left, right) == (raw(left) == raw(right))
    assert constant_time_compare(left, raw(left))


@pytest.mark.parametrize(("length", "alphabet"), [(0, "ab"), (1, "a"), (500, "abc"), (64, "é💡")])
def test_sc15_random_string_has_length_and_alphabet(length: int, alphabet: str) -> None:
    text = random_string(length, alphabet)
    assert len(text) == length
    assert set(text) <= set(alphabet)


def test_sc15_random_strings_differ_and_use_the_whole_alphabet() -> None:
    assert len({random_string() for _ in range(100)}) == 100
    assert set(random_string(1000, "abc")) == set("abc")
