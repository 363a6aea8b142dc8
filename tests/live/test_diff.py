"""Splices turn the old text into the new one, whatever the two are, and are short where little changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivace.live.diff import Splice, apply, splices

TOKENS = st.sampled_from(
    ["<li>", "</li>", "<b id=1>", "</b>", "one", "two ", "&amp;", "😀", "é", "<", ">", "\n  ", "x" * 30]
)
TEXTS = st.lists(TOKENS, max_size=40).map("".join)


@given(TEXTS, TEXTS)
def test_lv2_splices_give_the_new_text(old: str, new: str) -> None:
    found = splices(old, new)
    assert apply(old, found) == new
    ends = [0, *(start + deleted for start, deleted, _ in found)]
    assert all(start >= end for (start, _, _), end in zip(found, ends, strict=False))  # ascending, and apart


@given(st.text(), st.text())
def test_lv2_splices_of_any_texts_give_the_new_text(old: str, new: str) -> None:
    assert apply(old, splices(old, new)) == new


def row(number: int, text: str = "") -> str:
    return f'<li id="row-{number}"><b>{number}</b> {text or "the same in all rows"}</li>\n'


def test_lv2_equal_texts_have_no_splices() -> None:
    assert splices("<p>x</p>", "<p>x</p>") == []


def test_lv2_a_number_costs_its_digits() -> None:
    assert splices("<p><b>41</b></p>", "<p><b>42</b></p>") == [Splice(7, 1, "2")]


def test_lv2_places_are_counted_in_utf_16_units() -> None:
    assert splices("<p>😀</p><b>1</b>", "<p>😀</p><b>2</b>") == [Splice(12, 1, "2")]
    assert splices("<p>😀</p>x", "<p></p>x") == [Splice(3, 2, "")]


def test_lv2_in_a_long_list_only_what_changed_travels() -> None:
    rows = [row(number) for number in range(1_000)]
    old = "".join(rows)
    changes = {
        "one more at the beginning": [row(5_000), *rows],
        "one more in the middle": [*rows[:500], row(5_000), *rows[500:]],
        "one less": [*rows[:300], *rows[301:]],
        "one moved": [rows[900], *rows[:900], *rows[901:]],
        "three changed": [row(n, "other") if n in (10, 500, 990) else row(n) for n in range(1_000)],
    }
    for what, new in changes.items():
        found = splices(old, "".join(new))
        assert apply(old, found) == "".join(new)
        assert sum(len(text) for _, _, text in found) < 3 * len(row(5_000)), what


def test_texts_without_anything_in_common_are_replaced_in_little_time() -> None:
    old = "".join(f"<a{n}>" for n in range(20_000))
    new = "".join(f"<b{n}>" for n in range(20_000))
    assert apply(old, splices(old, new)) == new


def test_texts_of_many_equal_tokens_are_compared_in_little_time() -> None:
    old, new = "<li>x</li>" * 5_000, "<li>x</li>" * 2_000 + "<li>y</li>" * 10 + "<li>x</li>" * 3_000 + "<p>"
    assert apply(old, splices(old, new)) == new
