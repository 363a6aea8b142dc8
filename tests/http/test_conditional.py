from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import InvalidHeader, PreconditionFailed
from vivace.http.caching import never_cache
from vivace.http.conditional import (
    Outcome,
    conditional,
    etag,
    evaluate,
    not_modified,
    parse_etags,
    precondition,
    quote_etag,
    strong_match,
    weak_match,
)
from vivace.http.request import Connection, Request
from vivace.http.response import HTML, Response, Stream

PROCEED, NOT_MODIFIED, FAILED = Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.FAILED
MODIFIED = datetime(1994, 11, 6, 8, 49, 37, 999_999, tzinfo=UTC)
BEFORE, SAME, AFTER = (f"Sun, 06 Nov 1994 08:49:{second} GMT" for second in (36, 37, 38))


def request(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request(method, "/", raw, Connection())


@pytest.mark.parametrize(
    ("method", "headers", "outcome"),
    [
        ("GET", {}, PROCEED),
        ("GET", {"if_none_match": '"a"'}, NOT_MODIFIED),
        ("HEAD", {"if_none_match": '"a"'}, NOT_MODIFIED),
        ("GET", {"if_none_match": 'W/"a"'}, NOT_MODIFIED),
        ("GET", {"if_none_match": '"b", "a"'}, NOT_MODIFIED),
        ("GET", {"if_none_match": "*"}, NOT_MODIFIED),
        ("GET", {"if_none_match": '"b"'}, PROCEED),
        ("GET", {"if_none_match": "a"}, PROCEED),
        ("PUT", {"if_none_match": '"a"'}, FAILED),
        ("PUT", {"if_none_match": "*"}, FAILED),
        ("GET", {"if_modified_since": SAME}, NOT_MODIFIED),
        ("GET", {"if_modified_since": AFTER}, NOT_MODIFIED),
        ("GET", {"if_modified_since": BEFORE}, PROCEED),
        ("GET", {"if_modified_since": "yesterday"}, PROCEED),
        ("POST", {"if_modified_since": SAME}, PROCEED),
        ("GET", {"if_none_match": '"b"', "if_modified_since": SAME}, PROCEED),
        ("PUT", {"if_match": '"a"'}, PROCEED),
        ("PUT", {"if_match": '"b", "a"'}, PROCEED),
        ("PUT", {"if_match": "*"}, PROCEED),
        ("PUT", {"if_match": '"b"'}, FAILED),
        ("PUT", {"if_match": 'W/"a"'}, FAILED),
        ("PATCH", {"if_match": '"b"'}, FAILED),
        ("DELETE", {"if_match": ""}, FAILED),
        ("GET", {"if_match": '"b"'}, FAILED),
        ("GET", {"if_match": '"a"', "if_none_match": '"a"'}, NOT_MODIFIED),
        ("PUT", {"if_unmodified_since": BEFORE}, FAILED),
        ("PUT", {"if_unmodified_since": SAME}, PROCEED),
        ("PUT", {"if_unmodified_since": "junk"}, PROCEED),
        ("PUT", {"if_match": '"a"', "if_unmodified_since": BEFORE}, PROCEED),
        ("OPTIONS", {"if_match": '"b"'}, PROCEED),
    ],
)
def test_rs6_order_of_rfc_9110(method: str, headers: dict[str, str], outcome: Outcome) -> None:
    assert evaluate(request(method, **headers), etag='"a"', last_modified=MODIFIED) is outcome


@pytest.mark.parametrize(
    ("method", "headers", "outcome"),
    [
        ("PUT", {"if_none_match": "*"}, PROCEED),
        ("PUT", {"if_match": "*"}, FAILED),
        ("PUT", {"if_match": '"a"'}, FAILED),
        ("PUT", {"if_none_match": '"a"'}, PROCEED),
        ("PUT", {"if_unmodified_since": BEFORE}, PROCEED),
    ],
)
def test_rs6_resource_that_does_not_exist_yet(method: str, headers: dict[str, str], outcome: Outcome) -> None:
    assert evaluate(request(method, **headers), exists=False) is outcome


def test_rs6_resource_without_validators() -> None:
    assert evaluate(request(if_modified_since=AFTER)) is PROCEED
    assert evaluate(request(if_none_match='"a"')) is PROCEED
    assert evaluate(request("PUT", if_match='"a"')) is FAILED
    assert evaluate(request("PUT", if_unmodified_since=BEFORE)) is PROCEED


def test_rs6_tags_of_all_headers_count() -> None:
    raw = [(b"If-None-Match", b'"x"'), (b"if-none-match", b'"a"')]
    assert evaluate(Request("GET", "/", raw, Connection()), etag='"a"') is NOT_MODIFIED


def test_rs6_lost_update_is_412_with_the_current_etag() -> None:
    precondition(request("PUT", if_match='"a"'), etag='"a"')
    with pytest.raises(PreconditionFailed) as caught:
        precondition(request("PUT", if_match='"old"'), etag='"a"')
    assert caught.value.status == 412
    assert caught.value.headers == {"etag": '"a"'}


def test_rs6_not_modified_before_the_page_is_built() -> None:
    assert not_modified(request(), etag='"a"') is None
    unchanged = not_modified(request(if_none_match='"a"'), etag='"a"', last_modified=MODIFIED)
    assert unchanged is not None
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert unchanged.headers["etag"] == '"a"'
    assert unchanged.headers["last-modified"] == SAME
    with pytest.raises(PreconditionFailed):
        not_modified(request(if_match='"b"'), etag='"a"')


def test_rs6_buffered_answer_gets_an_etag_and_becomes_304() -> None:
    first = conditional(request(), HTML("<p>hi"))
    assert first.status == 200
    tag = first.headers["etag"]
    assert tag == etag("<p>hi")
    page = HTML("<p>hi", headers={"vary": "cookie", "content-language": "en", "x-frame-options": "DENY"})
    page.set_cookie("seen", "1")
    second = conditional(request(if_none_match=tag), page)
    assert (second.status, second.body) == (304, b"")
    assert sorted(second.headers.keys()) == ["etag", "set-cookie", "vary", "x-frame-options"]
    assert conditional(request(if_none_match=tag), HTML("<p>changed")).status == 200


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("GET", 404), ("GET", 206)])
def test_rs6_other_answers_are_left_alone(method: str, status: int) -> None:
    response = Response("x", status)
    assert conditional(request(method, if_none_match="*"), response) is response
    assert response.plain


def test_rs6_no_store_gets_no_etag() -> None:
    response = Response("x")
    never_cache(response)
    assert "etag" not in conditional(request(), response).headers


def test_rs6_failed_condition_on_get_is_412() -> None:
    assert conditional(request(if_match='"b"'), Response("x", headers={"etag": '"a"'})).status == 412


def test_rs6_defaults_and_sent_callback_move_to_the_304() -> None:
    response = Response("x", headers={"last-modified": SAME})
    response.on_sent = print
    answer = conditional(request(if_modified_since=SAME), response)
    assert answer.status == 304
    assert answer.defaults is response.defaults
    assert answer.on_sent is print


async def test_rs6_stream_behind_a_304_is_closed_and_never_hashed() -> None:
    closed: list[bool] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"x"
            yield b"y"
        finally:
            closed.append(True)

    stream = chunks()
    await anext(stream)
    assert "etag" not in conditional(request(), Stream(stream)).headers
    answer = conditional(request(if_none_match='"a"'), Stream(stream, headers={"etag": '"a"'}))
    assert answer.status == 304
    await answer.close()
    assert closed == [True]


def test_rs6_etags_are_made_and_quoted() -> None:
    assert etag(b"a") == etag("a") != etag(b"b")
    assert etag(b"a", weak=True) == "W/" + etag(b"a")
    assert quote_etag("v1") == '"v1"'
    assert quote_etag("v1", weak=True) == 'W/"v1"'
    for bad in ('a"b', "a b", "a\n", "ü€"):
        with pytest.raises(InvalidHeader, match="entity tag"):
            quote_etag(bad)


@pytest.mark.parametrize(
    ("left", "right", "strong", "weak"),  # RFC 9110 section 8.8.3.2
    [
        ('W/"1"', 'W/"1"', False, True),
        ('W/"1"', 'W/"2"', False, False),
        ('W/"1"', '"1"', False, True),
        ('"1"', '"1"', True, True),
    ],
)
def test_rs6_comparison(left: str, right: str, strong: bool, weak: bool) -> None:
    assert strong_match(left, right) is strong
    assert weak_match(left, right) is weak


@given(st.lists(st.from_regex(r'(W/)?"[a-z,0-9*]{0,8}"', fullmatch=True), max_size=5))
def test_rs6_lists_of_tags_round_trip(tags: list[str]) -> None:
    assert parse_etags(", ".join(tags)) == tuple(tags)


@given(st.text(st.characters(max_codepoint=255), max_size=40), st.sampled_from(["GET", "PUT", "DELETE"]))
def test_rs6_never_raises(text: str, method: str) -> None:
    for name in ("if_match", "if_none_match", "if_modified_since", "if_unmodified_since"):
        evaluate(request(method, **{name: text}), etag='"a"', last_modified=MODIFIED)
