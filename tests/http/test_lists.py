from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.http.lists import MAX_ELEMENTS, quote, split_elements, split_pair, unquote


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("", []),
        (" , ,,", []),
        ("a, b ,c", ["a", "b", "c"]),
        ('a="x, y", b', ['a="x, y"', "b"]),
        ('a="x\\", y", b', ['a="x\\", y"', "b"]),
        ('a, "never closed, b', ["a", '"never closed, b']),
        ('"a\\', ['"a\\']),
    ],
)
def test_elements_are_split_outside_quotes(text: str, elements: list[str]) -> None:
    assert split_elements(text) == elements


def test_what_comes_after_the_limit_is_not_read() -> None:
    assert len(split_elements("a," * 10_000)) == MAX_ELEMENTS
    assert len(split_elements('"a",' * 10_000)) == MAX_ELEMENTS


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("Q=1", ("q", "1")),
        ("flag", ("flag", None)),
        ('a = "b c"', ("a", "b c")),
        ("=x", ("", "x")),
        ("a=", ("a", "")),
    ],
)
def test_pairs(text: str, pair: tuple[str, str | None]) -> None:
    assert split_pair(text) == pair


@given(st.text(max_size=50))
def test_quoting_round_trips_and_stays_one_element(text: str) -> None:
    assert unquote(quote(text)) == text
    assert len(split_elements(f"x={quote(text)}")) == 1


@given(st.text(alphabet='",;\\ ab', max_size=200))
def test_splitting_never_raises_and_loses_no_text_but_separators(text: str) -> None:
    joined = "".join(split_elements(text, limit=1000))
    assert sorted(joined.replace(",", "").replace(" ", "")) == sorted(text.replace(",", "").replace(" ", ""))
