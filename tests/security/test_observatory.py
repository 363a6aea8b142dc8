"""The production profile by the public rules of Mozilla's HTTP Observatory: A+; and the rules tell worse sites apart."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.security.observatory import Site, grade, modifiers
from vivace.app import App
from vivace.app.deploy import deploy_findings
from vivace.config.secret import Secret
from vivace.config.settings import Secure, Settings
from vivace.http.csp import ContentSecurityPolicy
from vivace.http.request import Request
from vivace.http.response import HTML
from vivace.security import CORS, Security, SecurityHeaders, csrf_token
from vivace.testing import Client

PRODUCTION = Settings(
    hosts=("example.com",),
    secret_key=Secret("0123456789abcdefghijklmnopqrstuvwxyzABCD"),
    secure=Secure(https_redirect=True, hsts_seconds=63_072_000, hsts_include_subdomains=True),
)


def project(settings: Settings = PRODUCTION, **options: Any) -> App:
    app = App(settings=settings, **options)

    @app.get("/")
    async def home(request: Request) -> HTML:
        page = HTML(
            f'<script nonce="{request.csp_nonce}">1</script><script src="/static/app.js"></script>'
            f'<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="{csrf_token(request)}"></form>'
        )
        page.set_cookie("__Host-session", "abc")
        return page

    return app


async def scanned(app: App) -> Site:
    """Scan an app as the Observatory does: its page over https, its address over http."""
    async with Client(app, base_url="https://example.com") as client:
        page = await client.get("/")
        plain = await client.get("http://example.com/")
    headers = {name: page.headers[name] for name in page.headers}
    cookies = page.headers.getlist("set-cookie")
    return Site(headers, cookies, page.text, "example.com", plain.status, plain.headers.get("location") or "")


async def test_sc5_production_profile_has_the_top_grade() -> None:
    site = await scanned(project())
    found = modifiers(site)
    assert [name for name, value in found.items() if value < 0] == []
    score, letter = grade(site)
    assert (score, letter) == (130, "A+")
    assert len(site.cookies) == 2


async def test_sc5_header_snapshot_of_a_page_in_production() -> None:
    headers = (await scanned(project())).headers
    assert {
        name: value for name, value in headers.items() if name not in ("content-length", "set-cookie")
    } == {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": headers["content-security-policy"],
        "vary": "Cookie",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "strict-transport-security": "max-age=63072000; includeSubDomains",
        "permissions-policy": (
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), "
            "local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), "
            "xr-spatial-tracking=()"
        ),
    }


def test_sc13_production_profile_has_no_finding() -> None:
    assert deploy_findings(project()) == []


@pytest.mark.parametrize(
    ("options", "test"),
    [
        ({"settings": Settings(hosts=("example.com",), secret_key=Secret("k" * 40))}, "redirection"),
        (
            {"settings": Settings(hosts=("example.com",), secret_key=Secret("k" * 40))},
            "strict-transport-security",
        ),
        ({"security": Security(csp=None)}, "content-security-policy"),
        ({"security": Security(headers=SecurityHeaders(referrer_policy="unsafe-url"))}, "referrer-policy"),
        (
            {"security": Security(headers=SecurityHeaders(content_type_options=None))},
            "x-content-type-options",
        ),
        ({"security": Security(headers=SecurityHeaders(frame_options=None))}, "x-frame-options"),
        (
            {"security": Security(headers=SecurityHeaders(resource_policy="any"))},
            "cross-origin-resource-policy",
        ),
        (
            {"security": Security(csp=ContentSecurityPolicy(default_src=("https:",)))},
            "content-security-policy",
        ),
    ],
)
async def test_sc5_the_rules_tell_a_worse_site(options: dict[str, Any], test: str) -> None:
    site = await scanned(project(**options))
    assert modifiers(site)[test] < 0
    assert grade(site)[0] < 130


async def test_sc5_the_rules_see_cookies_scripts_and_credentials() -> None:
    site = await scanned(project())
    worse = {
        "cookies": replace(site, cookies=["__Host-session=a; Secure; SameSite=Lax"]),
        "subresource-integrity": replace(site, html='<script src="//cdn.example/x.js"></script>'),
        "cross-origin-resource-sharing": replace(
            site,
            headers={
                **site.headers,
                "access-control-allow-origin": "https://x.example",
                "access-control-allow-credentials": "true",
            },
        ),
    }
    for name, seen in worse.items():
        assert modifiers(seen)[name] < 0
        assert grade(seen)[1] != "A+"


async def test_sc11_cors_of_everybody_keeps_the_grade() -> None:
    site = await scanned(project(security=Security(cors=CORS(("*",)))))
    assert grade(site)[1] == "A+"
