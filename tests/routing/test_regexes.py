"""Regexes in paths: which are refused, and that what passes takes few steps on hostile input."""

from __future__ import annotations

import pytest

from vivace.errors import BadPattern
from vivace.routing.regexes import MAX_INPUT, compile_regex, matcher_of


@pytest.mark.parametrize(
    "text",
    [
        "[a-z]{3}",
        r"\d{4}-\d{2}-\d{2}",
        r"\d{1,3}(?:\.\d{1,3}){3}",
        "[a-z0-9]+(?:-[a-z0-9]+)*",
        "(?:[a-z]+/)*[a-z]+",
        "(?:draft|final)",
        "(?:a|b)*",
        ".*-.*",
        r"v\d+(?:\.\d+)?",
        "[^.]+",
        r"\w+\.(?:jpe?g|png|webp)",
    ],
)
def test_ro2_ordinary_regexes_pass(text: str) -> None:
    compile_regex(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(a+)+", "repeat stands inside a repeat"),
        ("(a*)*b", "may be empty"),
        ("([a-z]+)*!", "repeat stands inside a repeat"),
        ("(a?){30}a{30}", "repeat stands inside a repeat"),
        ("(a{1,16}){16}b", "repeat stands inside a repeat"),
        ("(?:-[a-z]*[a-z]*)*!", "compete"),
        ("(?:a|ab|b)*c", "start alike"),
        ("(?:a-|[a-z]b)*", "start alike"),
        (r"(?:-[ab](?:(?:\wa)?)?)*!", "may be empty"),
        ("(?:aa*)?(?:aa*)?(?:aa*)?(?:aa*)?!", "compete"),
        ("(?:-(?:[a-z]b|a[a-z]c?))*!", "start alike"),
        ("(?:-(?:aa?)+)*!", "repeat stands inside a repeat"),
        ("(?:.|[a-z])+x", "start alike"),
        (".*.*.*x", "compete"),
        ("a?" * 60 + "b", "compete"),
        ("(a|aa)" * 30, "compete"),
        ("(a*)(a*)(a*)b", "compete"),
        (r"\w*[a-z]*\d*[0-9a-f]*x", "compete"),
        (r"(a)\1", "back reference"),
        ("(?=a)a", "look-around"),
        ("(?P<x>a)", "names groups"),
        ("[a-z", "malformed"),
        ("a" * 201, "201 characters"),
    ],
)
def test_ro2_a_dangerous_regex_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(BadPattern, match="cannot be used in a path") as caught:
        compile_regex(text)
    assert says in caught.value.what


def test_ro2_a_regex_must_match_the_whole_of_a_short_segment() -> None:
    parse = matcher_of("[a-z]+")
    assert parse("abc") == "abc"
    for text in ("abc1", "abc\n", "a" * (MAX_INPUT + 1)):
        with pytest.raises(ValueError):
            parse(text)
