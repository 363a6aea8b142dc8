from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import InvalidCookie, InvalidKey
from vivace.http.cookies import (
    MAX_BYTES,
    MAX_COOKIES,
    CookieOptions,
    decode_value,
    encode_value,
    format_cookie,
    parse_cookies,
    relax_secure,
    sign_cookie,
)
from vivace.http.request import Connection, Request
from vivace.http.response import Response

NAMES = st.from_regex(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
DEFAULT = "; Path=/; Secure; HttpOnly; SameSite=Lax"


def request(*cookies: str, keys: tuple[str, ...] = ()) -> Request:
    made = Request("GET", "/", [(b"Cookie", cookie.encode()) for cookie in cookies], Connection())
    made.app = SimpleNamespace(secret_keys=keys)
    return made


def cookies_of(response: Response) -> list[str]:
    return response.headers.getlist("set-cookie")


def sent_back(response: Response, **kwargs: Any) -> Request:
    """A request with the cookies that a browser keeps of the response."""
    return request("; ".join(line.partition(";")[0] for line in cookies_of(response)), **kwargs)


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        (" a = 1 ;\tb=2;", {"a": "1", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ("a", {}),
        ("=a", {}),
        (";;=;", {}),
        ("a=1; a=2", {"a": "1"}),
        ('a="x y"', {"a": "x y"}),
        ('a="', {"a": '"'}),
        ('a=""', {"a": ""}),
        ('a="caf\\303\\251"', {"a": "café"}),
        ('a="x\\"y\\\\z"', {"a": 'x"y\\z'}),
        ("a=caf%C3%A9", {"a": "café"}),
        ("a=100%", {"a": "100%"}),
        ("a=%FF", {"a": "%FF"}),
        ("a=1,2", {"a": "1,2"}),
    ],
)
def test_rq7_header_is_read(header: str, cookies: dict[str, str]) -> None:
    assert request(header).cookies == cookies


def test_rq7_several_headers_are_one() -> None:
    assert request("a=1", "b=2; a=3").cookies == {"a": "1", "b": "2"}


def test_rq7_utf8_as_browsers_send_it() -> None:
    assert request("a=é").cookies == {"a": "é"}


@pytest.mark.parametrize(
    "header",
    [
        "\u2000__Host-sid=evil",
        "\xa0__Host-sid=evil",
        "\x0b__Host-sid=evil",
        '$Version=1; x="a; __Host-sid=evil"',
        "__Host-sid",
        "=__Host-sid=evil",
    ],
)
def test_rq7_no_other_cookie_passes_as_a_prefixed_one(header: str) -> None:
    read = request(header, "__Host-sid=good").cookies
    assert read["__Host-sid"] in {"good", 'evil"'}
    if "$Version" not in header:
        assert read["__Host-sid"] == "good"


def test_rq7_quotes_do_not_swallow_the_next_cookie() -> None:
    assert request('a="x; sid=secret; b=y"').cookies == {"a": '"x', "sid": "secret", "b": 'y"'}


def test_rq7_number_of_cookies_is_bounded() -> None:
    assert len(parse_cookies([";".join(f"c{n}=1" for n in range(10_000))])) == MAX_COOKIES


def test_rq7_reading_is_done_once() -> None:
    asked = request("a=1")
    assert asked.cookies is asked.cookies


@given(st.lists(st.text(max_size=60) | st.text(alphabet='a=;"\\% 0123\xff', max_size=60), max_size=3))
def test_rq7_reading_never_raises(headers: list[str]) -> None:
    parse_cookies(headers)


@given(NAMES, VALUES)
def test_rq7_round_trip(name: str, value: str) -> None:
    encoded = encode_value(value)
    assert encoded.isascii()
    assert not set(encoded) & set('";,\\ \r\n')
    assert parse_cookies([f"x=1; {name}={encoded}"]).get(name) == (value if name != "x" else "1")


@given(VALUES)
def test_rq7_values_of_the_standard_library_are_read(value: str) -> None:
    written = SimpleCookie()
    try:
        written["name"] = value
        raw = written["name"].coded_value
    except Exception:  # newer versions refuse control characters
        return
    if "%" not in value and value.isascii():
        assert decode_value(raw) == value


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, f"a=b{DEFAULT}"),
        ({"max_age": 60}, "a=b; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"max_age": timedelta(minutes=2)}, "a=b; Max-Age=120; Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"max_age": -5}, "a=b; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (
            {"expires": datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)},
            "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
        ({"secure": False, "http_only": False, "same_site": None, "path": "/x"}, "a=b; Path=/x"),
        ({"domain": ".example.com"}, "a=b; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax"),
        (
            {"same_site": "none", "partitioned": True},
            "a=b; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
        ),
    ],
)
def test_rq7_cookie_is_written(options: CookieOptions, line: str) -> None:
    response = Response()
    response.set_cookie("a", "b", **options)
    assert cookies_of(response) == [line]


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("__Host-a", "b", {"domain": "example.com"}),
        ("__Host-a", "b", {"path": "/x"}),
        ("__host-a", "b", {"secure": False}),
        ("__Secure-a", "b", {"secure": False}),
        ("__Http-a", "b", {"http_only": False}),
        ("__Host-Http-a", "b", {"path": "/x"}),
        ("a", "b", {"same_site": "none", "secure": False}),
        ("a", "b", {"partitioned": True, "secure": False}),
        ("a", "b", {"same_site": "Lax"}),
        ("a", "b", {"maxage": 5}),
        ("a", "x" * MAX_BYTES, {}),
        ("a", "\ud800", {}),
        ("", "b", {}),
        ("a b", "b", {}),
        ("a=", "b", {}),
        ("a;", "b", {}),
        ("é", "b", {}),
        ("a", "b", {"path": "/; Domain=evil"}),
        ("a", "b", {"path": "/\r\nX: y"}),
        ("a", "b", {"path": ""}),
        ("a", "b", {"path": "/" + "x" * 2000}),
        ("a", "b", {"domain": "evil.com; Secure"}),
        ("a", "b", {"domain": "exa mple.com"}),
    ],
)
def test_rq7_what_browsers_would_drop_is_refused(name: str, value: str, options: Any) -> None:
    with pytest.raises(InvalidCookie):
        Response().set_cookie(name, value, **options)


def test_rq7_refusal_says_what_to_do() -> None:
    with pytest.raises(InvalidCookie) as caught:
        format_cookie("__Host-sid", "x", domain="example.com")
    assert str(caught.value) == (
        "The cookie '__Host-sid' would be dropped by browsers: its name or attributes promise more than it keeps.\n"
        "Expected: path='/' and no domain\n"
        "Got: secure=True, http_only=True, path='/', domain='example.com'\n"
        "Fix: Keep the promise, or use a name without that prefix.\n[invalid-cookie]"
    )
    misspelt: Any = {"maxage": 5}
    with pytest.raises(InvalidCookie, match="Did you mean 'max_age'"):
        format_cookie("a", "b", **misspelt)


@given(NAMES, st.text(max_size=40))
def test_sc8_no_value_splits_the_header(name: str, value: str) -> None:
    response = Response()
    try:
        response.set_cookie(name, value)
    except InvalidCookie:
        return
    (line,) = cookies_of(response)
    assert line.isascii()
    assert line.isprintable()
    assert line.count(";") == DEFAULT.count(";")


def test_rq7_same_cookie_set_again_is_sent_once() -> None:
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("a", "other path", path="/x")
    response.set_cookie("aa", "2")
    response.set_cookie("a", "3", max_age=5)
    assert [line.partition(";")[0] for line in cookies_of(response)] == ["a=other%20path", "aa=2", "a=3"]


def test_rq7_cookie_is_deleted_where_it_was_set() -> None:
    response = Response()
    response.delete_cookie("__Secure-a", path="/x", domain="example.com")
    assert cookies_of(response) == [
        (
            "__Secure-a=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/x; Domain=example.com; "
            "Secure; HttpOnly; SameSite=Lax"
        )
    ]


def test_rq7_debug_over_plain_http_relaxes_only_what_browsers_take_without() -> None:
    response = Response()
    response.set_cookie("a", "Secure")
    response.set_cookie("__Host-b", "1")
    response.set_cookie("c", "1", same_site="none")
    response.headers.set("x-other", "1; Secure")
    relax_secure(response.headers)
    assert cookies_of(response) == [
        "a=Secure; Path=/; HttpOnly; SameSite=Lax",
        f"__Host-b=1{DEFAULT}",
        "c=1; Path=/; Secure; HttpOnly; SameSite=None",
    ]
    assert response.headers["x-other"] == "1; Secure"


@given(VALUES)
def test_rq7_signed_cookie_comes_back(value: str) -> None:
    response = Response()
    response.set_signed_cookie(request(keys=("new", "old")), "a", value, max_age=60)
    assert sent_back(response, keys=("newer", "new")).signed_cookie("a", max_age=60) == value


def test_rq7_signed_cookie_that_is_not_ours_is_none() -> None:
    token = sign_cookie(["key"], "a", "value")
    assert request(f"a={token}", keys=("key",)).signed_cookie("a") == "value"
    assert request(keys=("key",)).signed_cookie("a") is None
    assert request(f"a={token}x", keys=("key",)).signed_cookie("a") is None
    assert request(f"a={token}", keys=("other",)).signed_cookie("a") is None
    assert request(f"b={token}", keys=("key",)).signed_cookie("b") is None, "moved to another cookie"
    assert request(f"a={token}", keys=("key",)).signed_cookie("a", max_age=-1) is None, "too old"


def test_rq7_encrypted_cookie_hides_its_value_and_comes_back() -> None:
    response = Response()
    response.set_encrypted_cookie(request(keys=("key",)), "a", "naïve secret")
    assert "naïve" not in cookies_of(response)[0]
    assert "secret" not in cookies_of(response)[0]
    back = sent_back(response, keys=("key",))
    assert back.encrypted_cookie("a", max_age=60) == "naïve secret"
    assert back.signed_cookie("a") is None
    assert sent_back(response, keys=("other",)).encrypted_cookie("a") is None
    assert request(keys=("key",)).encrypted_cookie("a") is None


def test_rq7_signing_without_a_key_is_an_error() -> None:
    with pytest.raises(InvalidKey):
        Response().set_signed_cookie(request(), "a", "b")


def test_rq7_options_may_be_shared() -> None:
    strict: CookieOptions = {"same_site": "strict", "max_age": 5}
    response = Response()
    response.set_cookie("a", "b", **strict)
    assert cookies_of(response) == ["a=b; Max-Age=5; Path=/; Secure; HttpOnly; SameSite=Strict"]
