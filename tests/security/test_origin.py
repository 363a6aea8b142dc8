"""Where a request was started: the whole rule of cross-site request forgery, as a table; origins as values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from vivace.errors import ConfigurationError, CrossOriginRefused
from vivace.http.request import Connection, Request
from vivace.security import SameOrigin
from vivace.security.origin import check_origins, origin_allowed

HERE, TRUSTED, FOREIGN = "http://example.com", "https://app.example.org", "https://evil.example"


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "allowed"),
    [
        ("http://example.com", "example.com", "http", True),
        ("https://example.com", "example.com", "https", True),
        ("https://EXAMPLE.com", "example.com:443", "https", True),
        ("https://example.com", "example.com", "http", True),  # TLS ended at a proxy
        ("http://example.com", "example.com", "https", False),  # a page anybody on the way could have written
        ("http://example.com:8000", "example.com:8000", "http", True),
        ("http://example.com:8000", "example.com:8001", "http", False),
        ("http://example.com", "example.com:8000", "http", False),
        ("http://[::1]:8000", "[::1]:8000", "http", True),
        ("http://evil.com", "example.com", "http", False),
        ("http://example.com.evil.com", "example.com", "http", False),
        ("http://evil.com/example.com", "example.com", "http", False),
        ("http://sub.example.com", "example.com", "http", False),
        ("null", "example.com", "http", False),
        ("", "example.com", "http", False),
        ("file://", "", "http", False),
        ("http://", "", "http", False),
        ("chrome-extension://example.com", "example.com", "http", False),
        ("http://example.com:x", "example.com", "http", False),
        ("http://[::1", "example.com", "http", False),
        ("https://app.other.com", "example.com", "http", True),  # trusted
        ("http://app.other.com", "example.com", "http", False),
    ],
)
def test_sc1_origin_of_the_host_or_trusted(origin: str, host: str, scheme: str, allowed: bool) -> None:
    assert origin_allowed(origin, host, scheme, {"https://app.other.com"}) is allowed


SITES = (None, "same-origin", "none", "same-site", "cross-site", "unknown")
ORIGINS = (None, HERE, TRUSTED, FOREIGN, "null", "")
CREDENTIALS = (
    "",
    "cookie",
    "Basic eDp5",
    "Negotiate abc",
    "Bearer abc",
    "bearer abc",
    "DPoP abc",
    "Token abc",
    "Unknown abc",
)
METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "POST", "PUT", "PATCH", "DELETE", "PURGE", "WEBSOCKET")


def passes(site: str | None, origin: str | None, credentials: str, method: str) -> bool:
    """Return what DESIGN section 3 says, written a second time, in its own order."""
    if method in {"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"}:
        return True
    if site is not None:
        return site in {"same-origin", "none"} or origin == TRUSTED
    if origin is not None:
        return origin in {HERE, TRUSTED}
    return method == "WEBSOCKET" or credentials in {"", "Bearer abc", "bearer abc", "DPoP abc", "Token abc"}


def asked(site: str | None, origin: str | None, credentials: str, method: str) -> Request:
    fields = [(b"host", b"example.com")]
    fields += [(b"sec-fetch-site", site.encode())] if site is not None else []
    fields += [(b"origin", origin.encode())] if origin is not None else []
    if credentials:
        name = b"cookie" if credentials == "cookie" else b"authorization"
        fields.append((name, credentials.encode()))
    if method == "WEBSOCKET":
        fields.append((b"upgrade", b"websocket"))
    return Request("GET" if method == "WEBSOCKET" else method, "/", fields, Connection())


def cases() -> Iterator[tuple[str | None, str | None, str, str]]:
    return product(SITES, ORIGINS, CREDENTIALS, METHODS)


def test_sc1_whole_rule_of_cross_site_requests() -> None:
    wrong: list[object] = []
    for tokens in (True, False):
        policy = SameOrigin((TRUSTED,), tokens=tokens)
        for case in cases():
            try:
                verdict = "pass" if policy.check(asked(*case)) is None else "token"
            except CrossOriginRefused:
                verdict = "refuse"
            silent = case[0] is None and case[1] is None
            expected = "pass" if passes(*case) else "token" if silent and tokens else "refuse"
            if verdict != expected:
                wrong.append((case, verdict))
    assert wrong == []


def test_sc1_a_refusal_is_logged_and_forges_no_line(caplog: pytest.LogCaptureFixture) -> None:
    request = asked("cross-site", "https://evil.example\nFAKE", "", "POST")
    request.raw_path = "/a%0aFAKE%20line"
    with caplog.at_level("WARNING", "vivace.security"), pytest.raises(CrossOriginRefused):
        SameOrigin().check(request)
    (record,) = caplog.records
    assert "cross-origin-refused" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_sc1_any_other_upgrade_is_checked_too() -> None:
    request = asked(None, FOREIGN, "", "GET")
    request.headers.raw.append((b"upgrade", b"h2c"))
    with pytest.raises(CrossOriginRefused) as caught:
        SameOrigin().check(request)
    assert caught.value.status == 403
    assert "VIVACE_TRUSTED_ORIGINS" in str(caught.value)


@pytest.mark.parametrize(
    ("origin", "fix"),
    [
        ("https://app.example.com/", "Write https://app.example.com."),
        ("https://APP.example.com", "Write https://app.example.com."),
        ("https://app.example.com:443", "Write https://app.example.com."),
        ("http://app.example.com:80", "Write http://app.example.com."),
        ("app.example.com", "List each origin by its full name."),
        ("https://*.example.com", "List each origin by its full name."),
        ("https://user@example.com", "Write https://example.com."),
        ("null", "List each origin by its full name."),
        ("https://example.com:x", "List each origin by its full name."),
        ("*", "List each origin by its full name."),
    ],
)
def test_sc1_what_browsers_never_send_cannot_be_trusted(origin: str, fix: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a trusted origin") as caught:
        SameOrigin((origin,))
    assert caught.value.fix == fix


def test_sc1_right_origins() -> None:
    check_origins(
        ("https://a.example", "http://localhost:3000", "http://[::1]:8000", "capacitor://localhost"), "one"
    )
