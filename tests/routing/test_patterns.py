"""Path patterns: how they are read, what is refused and why, and how raw paths are decoded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import BadPattern, BadRequest
from vivace.routing.patterns import (
    Mixed,
    Param,
    decode_path,
    decode_segments,
    encode_segment,
    join_patterns,
    parse_pattern,
)


def test_ro1_a_pattern_is_a_tuple_of_segments() -> None:
    pattern = parse_pattern("/books/{id:int}/{title}-{year}.html")
    assert pattern.segments[:2] == ("books", Param("id", "int"))
    assert pattern.segments[2] == Mixed(("", "-", ".html"), (Param("title"), Param("year")))
    assert pattern.names == ("id", "title", "year")


def test_ro2_a_regex_may_hold_braces_slashes_and_colons() -> None:
    assert parse_pattern(r"/{code:re:[a-z]{3}}/{rest:re:(?:a:b|[^/])\}}").segments == (
        Param("code", "re:[a-z]{3}"),
        Param("rest", r"re:(?:a:b|[^/])\}"),
    )


def test_an_optional_part_stands_for_two_paths() -> None:
    assert parse_pattern("/posts/{page:int?}").variants() == (
        ("posts",),
        ("posts", Param("page", "int", True)),
    )
    assert parse_pattern("/{rest:path?}").variants()[0] == ("",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("books", "does not begin with a slash"),
        ("/a//b", "empty segment"),
        ("/a/../b", "dot segment"),
        ("/{a}{b}", "side by side"),
        ("/{a}/{a}", "'a' twice"),
        ("/{a", "unbalanced"),
        ("/a}", "unbalanced"),
        ("/{1a}", "no identifier"),
        ("/{}", "no identifier"),
        ("/caf%C3%A9", "has '%'"),
        ("/search?q={q}", "has '?'"),
        ("/a\\b", "has '\\\\'"),
        ("/{a?}/b", "optional parameter in the middle"),
        ("/x{a?}", "optional parameter in the middle"),
        ("/a" * 65, "65 segments"),
    ],
)
def test_ro1_a_wrong_pattern_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadPattern, match="The path") as caught:
        parse_pattern(text)
    assert says in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize("text", ["/{p:path}/edit", "/v{p:path}"])
def test_nothing_follows_the_rest_of_the_path(text: str) -> None:
    with pytest.raises(BadPattern, match="takes the rest"):
        parse_pattern(text).bind({}, {})


def test_ro1_an_unknown_converter_names_the_nearest_one() -> None:
    with pytest.raises(BadPattern) as caught:
        parse_pattern("/{id:integr}").bind({}, {})
    assert caught.value.got == "integr"
    with pytest.raises(BadPattern, match="Did you mean 'uuid'"):
        parse_pattern("/{id:uid}").bind({}, {})


@given(st.text(max_size=40))
def test_any_text_is_a_pattern_or_a_bad_pattern(text: str) -> None:
    try:
        pattern = parse_pattern("/" + text)
    except BadPattern:
        return
    assert "/" + "/".join(map(str, pattern.segments)) == "/" + text


@pytest.mark.parametrize(
    ("prefix", "path", "joined"),
    [("/a", "/b", "/a/b"), ("/a", "/", "/a/"), ("/a", "", "/a"), ("", "/b", "/b"), ("", "", "")],
)
def test_ro3_prefix_and_path_are_joined(prefix: str, path: str, joined: str) -> None:
    assert join_patterns(prefix, path) == joined


def test_segments_are_split_before_they_are_decoded() -> None:
    assert decode_segments("/a%2Fb/c%20d") == ["", "a/b", "c d"]
    assert decode_path("/caf%C3%A9") == "/café"


@pytest.mark.parametrize("path", ["/%", "/%4", "/%zz", "/%ff", "/%c3", "/a%00b", "/%ed%a0%80", "/%C3/%A9"])
def test_a_malformed_path_is_400(path: str) -> None:
    with pytest.raises(BadRequest):
        decode_segments(path)


@given(st.text(min_size=1))
def test_a_segment_survives_encoding(text: str) -> None:
    try:
        encoded = encode_segment(text)
    except ValueError:
        assert text in {".", ".."} or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)
        return
    assert encoded.isascii()
    assert decode_segments("/" + encoded) == ["", text]


@given(st.lists(st.text("ab-.", min_size=1), min_size=2, max_size=2))
def test_a_mixed_segment_is_cut_one_way(pieces: list[str]) -> None:
    segment = Mixed(("v", "-", ".html"), (Param("a"), Param("b")))
    cut = segment.cut(segment.join(pieces))
    assert cut is not None or pieces[0].startswith("-")
    assert cut == pieces or "-" in pieces[0]
    assert cut is None or segment.join(cut) == segment.join(pieces)


@pytest.mark.parametrize("text", ["v-b.html", "va-.html", "va.html", "a-b.html", "v", ".html", "v.html"])
def test_a_mixed_segment_refuses_empty_parameters(text: str) -> None:
    assert Mixed(("v", "-", ".html"), (Param("a"), Param("b"))).cut(text) is None
