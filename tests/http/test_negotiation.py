from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import NotAcceptable
from vivace.http.negotiation import (
    parse_accept,
    preferred_encoding,
    preferred_language,
    preferred_type,
)
from vivace.http.request import Connection, Request

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HEADERS = st.text(alphabet='ab*/;,=q.01"\\- \tz', max_size=80) | st.text(max_size=80)


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("GET", "/", raw, Connection())


@pytest.mark.parametrize(
    ("accept", "offers", "chosen"),
    [
        (None, ["text/html", "application/json"], "text/html"),
        ("", ["text/html"], "text/html"),
        (None, [], None),
        ("*/*", ["application/json", "text/html"], "application/json"),
        (BROWSER, ["application/json", "text/html"], "text/html"),
        (BROWSER, ["application/json", "application/xml"], "application/xml"),
        ("application/json, text/plain, */*", ["text/html", "application/json"], "application/json"),
        ("text/html, application/json", ["application/json", "text/html"], "application/json"),
        ("text/*;q=0.9, text/html;q=0", ["text/html", "text/plain"], "text/plain"),
        ("text/*, text/html;q=0", ["text/html"], None),
        ("image/png", ["text/html"], None),
        ("TEXT/HTML", ["text/html"], "text/html"),
        ("text/html;level=1, text/html;q=0.1", ["text/html", "text/html;level=1"], "text/html;level=1"),
        ("text/html;q=0.5;ext=1", ["text/html"], "text/html"),
        ("text/html;q=2, text/plain", ["text/html", "text/plain"], "text/plain"),
        ("text/html;q=nan", ["text/plain"], "text/plain"),
        (";q=1", ["text/plain"], "text/plain"),
    ],
)
def test_rq6_media_type_by_quality_then_specificity_then_offer(
    accept: str | None, offers: list[str], chosen: str | None
) -> None:
    assert preferred_type(accept, offers) == chosen


@pytest.mark.parametrize(
    ("header", "offers", "chosen"),
    [
        (None, ["en", "de"], "en"),
        ("de", ["en", "de"], "de"),
        ("de-CH, en;q=0.9", ["en", "de"], "de"),
        ("de-CH, de;q=0.1, en;q=0.9", ["en", "de"], "en"),
        ("en", ["en-GB"], "en-GB"),
        ("en-US, en;q=0.5", ["en-GB", "fr"], "en-GB"),
        ("*", ["fr"], "fr"),
        ("de-CH;q=0, *", ["de"], "de"),
        ("fr;q=0, *;q=0.5", ["fr", "it"], "it"),
        ("e", ["en"], None),
        ("ja", ["en"], None),
    ],
)
def test_rq6_language(header: str | None, offers: list[str], chosen: str | None) -> None:
    assert preferred_language(header, offers) == chosen


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("deflate", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("gzip;q=0.001, identity;q=0", "gzip"),
        ("gzip;q=0", "identity"),
    ],
)
def test_rq6_encoding(header: str | None, chosen: str | None) -> None:
    assert preferred_encoding(header, ["br", "gzip"]) == chosen


def test_rq6_request_asks_all_headers_of_a_name() -> None:
    raw = [(b"Accept", b"text/html;q=0.1"), (b"Accept", b"application/json")]
    asking = Request("GET", "/", raw, Connection())
    assert asking.preferred_type(["text/html", "application/json"]) == "application/json"
    assert asking.accepts("text/html")
    assert not asking.accepts("image/png", "image/webp")
    assert request(accept_language="fr").preferred_language(["en", "fr"]) == "fr"
    assert request(accept_encoding="gzip").preferred_encoding(["br", "gzip"]) == "gzip"


def test_rq6_nothing_acceptable_is_406_and_varies() -> None:
    offers = ["text/html", "application/json"]
    assert request(accept="application/json").require_type(offers) == "application/json"
    with pytest.raises(NotAcceptable) as caught:
        request(accept="image/png").require_type(offers)
    assert caught.value.status == 406
    assert caught.value.headers == {"vary": "accept"}
    assert str(caught.value) == (
        "This address answers with text/html, application/json.\n"
        "Expected: text/html, application/json\nGot: image/png\n[not-acceptable]"
    )


def test_number_of_preferences_is_bounded() -> None:
    assert len(parse_accept("a/b," * 100_000)) == 100


@given(HEADERS, st.lists(st.sampled_from(["text/html", "a/b", "a/*", "b", "en-GB", ""]), max_size=4))
def test_never_raises_and_chooses_among_the_offers(header: str, offers: list[str]) -> None:
    for choose in (preferred_type, preferred_language):
        assert choose(header, offers) in {*offers, None}
    assert preferred_encoding(header, offers) in {*offers, "identity", None}


@given(HEADERS)
def test_qualities_are_between_0_and_1(header: str) -> None:
    assert all(0 <= preference.quality <= 1 for preference in parse_accept(header))
