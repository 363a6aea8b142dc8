from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.errors import UnsafeRedirect
from vivace.http.redirect import Redirect, encode_url, is_safe_target
from vivace.http.request import Connection, Request
from vivace.http.response import Response

URLS = {"board": "/b/", "book-list": "/books/"}


def resolved(redirect: Redirect, method: str = "GET") -> Response:
    return redirect.resolve(method, URLS.__getitem__)


def location(response: Response) -> str | None:
    return response.headers.get("location")


@pytest.mark.parametrize(
    ("method", "permanent", "preserve", "status"),
    [
        ("GET", False, False, 302),
        ("HEAD", False, False, 302),
        ("POST", False, False, 303),
        ("PUT", False, False, 303),
        ("DELETE", False, False, 303),
        ("POST", False, True, 307),
        ("GET", False, True, 307),
        ("GET", True, False, 301),
        ("POST", True, True, 308),
    ],
)
def test_status_by_method_and_wish(method: str, permanent: bool, preserve: bool, status: int) -> None:
    assert resolved(Redirect("/x", permanent=permanent, preserve=preserve), method).status == status


def test_status_may_be_given() -> None:
    assert resolved(Redirect("/x", status=302), "POST").status == 302
    with pytest.raises(UnsafeRedirect, match="not the status of a redirect"):
        Redirect("/x", status=200)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("board", "/b/"),
        ("book-list", "/books/"),
        ("/board", "/board"),
        ("?page=2", "?page=2"),
        ("#top", "#top"),
        ("page.html", "page.html"),
        ("", ""),
        ("https://example.com/x", "https://example.com/x"),
        ("/a b", "/a%20b"),
        ("/ü?q=€", "/%C3%BC?q=%E2%82%AC"),
        ("/a%20b", "/a%20b"),
        ("//cdn.example.com/x", "//cdn.example.com/x"),
    ],
)
def test_ro10_target_is_a_route_name_or_a_url(target: str, url: str) -> None:
    assert location(resolved(Redirect(target))) == url


async def test_ro10_app_prepares_a_redirect() -> None:
    request = Request("POST", "/", [], Connection())
    request.app = SimpleNamespace(reverse=URLS.__getitem__)
    redirect = Redirect("board", headers={"x-a": "1"})
    redirect.set_cookie("a", "b")
    assert redirect.needs_prepare
    response = await redirect.prepare(request)
    assert (response.status, location(response), response.body) == (303, "/b/", b"")
    assert response.headers["x-a"] == "1"
    assert "set-cookie" in response.headers
    assert "content-type" not in response.headers


def test_unknown_name_is_the_error_of_the_router() -> None:
    with pytest.raises(KeyError):
        resolved(Redirect("bord"))


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "data:text/html,x", "blog:detail", "ftp://example.com"]
)
def test_sc8_scheme_is_http_or_https(target: str) -> None:
    with pytest.raises(UnsafeRedirect) as caught:
        Redirect(target)
    assert "app.reverse" in str(caught.value)


@given(st.text(max_size=60))
def test_sc8_no_target_splits_the_header(text: str) -> None:
    url = location(Redirect("/" + text))
    assert url is not None
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_encoding_twice_changes_nothing(text: str) -> None:
    assert encode_url(encode_url(text)) == encode_url(text)


# What browsers make of these is in WHATWG URL section 4.4; the list grew from Django's and OWASP's.
FOREIGN = [
    "",
    "//evil.com",
    "///evil.com",
    "////evil.com",
    "/\\evil.com",
    "\\/evil.com",
    "\\\\evil.com",
    "\\evil.com",
    "/\\/evil.com",
    "/path\\@evil.com",
    "\t//evil.com",
    "/\t/evil.com",
    "/\n/evil.com",
    "/\r/evil.com",
    "/\x00/evil.com",
    "\x01//evil.com",
    "\x08//evil.com",
    "\x1f//evil.com",
    " //evil.com",
    "\u00a0//evil.com",
    "\u2028//evil.com",
    "\ufeff//evil.com",
    "/ok\u202e",
    "/ok\x7f",
    "/ok\x85",
    "http:evil.com",
    "https:evil.com",
    "https:/evil.com",
    "https:///evil.com",
    "https:////evil.com",
    "https:\\\\evil.com",
    "https://evil.com",
    "HTTPS://EVIL.COM",
    "ht\ntps://evil.com",
    "http://example.com",
    "https://example.com@evil.com",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com:443@evil.com/",
    "https://example.com:8443/",
    "https://example.com:port/",
    "https://example.com:99999/",
    "https://example.com.evil.com/",
    "https://evil.com/example.com",
    "https://evil.com?example.com",
    "https://evil.com#example.com",
    "https://evil.com;example.com",
    "https://evil%2Ecom@example.com",
    "https://exa%6dple.com/",
    "https://еxample.com/",
    "https://ｅxample.com/",
    "https://example。com/",
    "https://[::1",
    "https://[::1]/",
    "https://",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "javascript://example.com/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.com/1",
    "ftp://example.com",
    "://example.com",
    ":evil.com",
    "evil.com",
    "www.evil.com/",
    "logout",
    "../x",
    "./x",
    "@evil.com",
    "#//evil.com",
    "/" + "a" * 5000,
]


@pytest.mark.parametrize("target", FOREIGN)
def test_sc8_foreign_target_goes_to_the_default(target: str) -> None:
    redirect = Redirect.safe(target, default="/home", hosts=["example.com"])
    assert location(redirect) == "/home"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/books/7",
        "/a?next=//evil.com",
        "/a#b",
        "?page=2",
        "/a b",
        "/ü",
        "/@x",
        "/a//b",
        "/x:y",
        "/%2F%2Fevil.com",
    ],
)
def test_sc8_own_target_is_taken(target: str) -> None:
    assert is_safe_target(target)
    assert location(Redirect.safe(target, default="/home")) == encode_url(target)


@pytest.mark.parametrize(
    ("target", "hosts", "safe"),
    [
        ("https://example.com", ["example.com"], True),
        ("https://example.com/a?b#c", ["example.com"], True),
        ("HTTPS://Example.COM/a", ["example.com"], True),
        ("https://example.com:443/a", ["EXAMPLE.com"], True),
        ("https://example.com:8443/a", ["example.com:8443"], True),
        ("https://[2001:db8::1]:8443/a", ["[2001:db8::1]:8443"], True),
        ("http://localhost:3000/a", ["http://localhost:3000"], True),
        ("https://localhost:3000/a", ["http://localhost:3000"], False),
        ("http://example.com", ["example.com"], False),
        ("https://sub.example.com", ["example.com"], False),
        ("https://example.com", [], False),
        ("//example.com", ["example.com"], False),
    ],
)
def test_sc8_named_hosts_are_taken(target: str, hosts: list[str], safe: bool) -> None:
    assert is_safe_target(target, hosts) is safe


def test_sc8_nothing_asked_for_goes_to_the_default_which_may_be_a_name() -> None:
    assert location(resolved(Redirect.safe(None, default="board"))) == "/b/"
    assert location(resolved(Redirect.safe("/x", default="board"))) == "/x"


@given(st.text(alphabet="/\\:.?#@ \t\nhtpsevilcom", max_size=20) | st.text(max_size=20))
def test_sc8_what_is_safe_is_one_slash_and_no_host(target: str) -> None:
    if is_safe_target(target):
        sent = location(Redirect.safe(target, default="/home")) or ""
        assert sent[0] == "?" or (sent[0] == "/" and sent[1:2] not in {"/", "\\"})
