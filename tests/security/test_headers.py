"""Default headers: what pages have and other answers do not, policies of routes, nonces, HSTS."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from vivace.app import App
from vivace.config.settings import Secure, Settings
from vivace.errors import ConfigurationError, ResponseStarted
from vivace.http.csp import ContentSecurityPolicy
from vivace.http.request import Request
from vivace.http.response import HTML, JSON, Response, Stream
from vivace.security import Security, SecurityHeaders
from vivace.testing import Client

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
WATCHED = ContentSecurityPolicy(script_src=("https://cdn.example",), report_to="/csp", report_only=True)


def site(**options: Any) -> App:
    app = App(settings=options.pop("settings", Settings()), **options)

    @app.get("/page")
    async def page() -> HTML:
        return HTML("<p>x</p>")

    @app.get("/json")
    async def data() -> dict[str, int]:
        return {"a": 1}

    @app.get("/picture")
    async def picture() -> Response:
        return Response(b"<svg/>", content_type="image/svg+xml")

    @app.get("/nonce")
    async def nonce(request: Request) -> HTML:
        return HTML(f'<script nonce="{request.csp_nonce}">1</script>{request.csp_nonce}')

    return app


async def test_sc3_pages_have_a_policy_and_data_has_none() -> None:
    async with Client(site()) as client:
        page, data, missing = (
            await client.get("/page"),
            await client.get("/json"),
            await client.get("/no", headers={"accept": "text/html"}),
        )
        picture = await client.get("/picture")
    assert page.headers["content-security-policy"] == POLICY
    assert missing.headers["content-security-policy"] == POLICY
    assert "camera=()" in page.headers["permissions-policy"]
    assert "content-security-policy" not in data.headers
    assert "permissions-policy" not in data.headers
    assert picture.headers["content-security-policy"] == (
        "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox"
    )


async def test_sc3_a_page_that_reads_its_nonce_has_it_in_its_policy() -> None:
    async with Client(site()) as client:
        first, second = await client.get("/nonce"), await client.get("/nonce")
    nonces: list[str] = []
    for page in (first, second):
        (nonce,) = set(re.findall(r'nonce="([^"]+)"', page.text))
        assert page.text.endswith(nonce)  # the same one, however often it is read
        policy = page.headers["content-security-policy"]
        assert f"script-src 'self' 'nonce-{nonce}'" in policy
        assert f"style-src 'self' 'nonce-{nonce}'" in policy
        assert page.headers.getlist("content-security-policy") == [policy]
        assert page.headers["cache-control"] == "private, no-cache"
        assert len(base64.urlsafe_b64decode(nonce + "==")) == 16
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


async def test_sc3_a_route_has_a_policy_of_its_own_or_none() -> None:
    app = site()
    cdn = ContentSecurityPolicy(script_src=("https://cdn.example",))

    @app.get("/own", csp=cdn)
    async def own() -> HTML:
        return HTML("x")

    @app.get("/own-nonce", csp=cdn)
    async def own_nonce(request: Request) -> HTML:
        return HTML(request.csp_nonce)

    @app.get("/off", csp=False)
    async def off(request: Request, nonce: bool = False) -> HTML:
        return HTML(request.csp_nonce if nonce else "x")

    @app.get("/fails", csp=cdn)
    async def fails() -> HTML:
        raise KeyError("x")

    @app.get("/said", csp=cdn)
    async def said(request: Request) -> HTML:
        return HTML(request.csp_nonce, headers={"content-security-policy": "default-src 'none'"})

    async with Client(app, raise_errors=False) as client:
        assert (
            "script-src https://cdn.example;" in (await client.get("/own")).headers["content-security-policy"]
        )
        page = await client.get("/own-nonce")
        assert (
            f"script-src https://cdn.example 'nonce-{page.text}'" in page.headers["content-security-policy"]
        )
        for query in ({}, {"nonce": "1"}):
            page = await client.get("/off", query=query)
            assert page.status == 200
            assert "content-security-policy" not in page.headers
            assert page.headers["x-content-type-options"] == "nosniff"
            assert "camera=()" in page.headers["permissions-policy"]
        failed = await client.get("/fails", headers={"accept": "text/html"})
        assert "https://cdn.example" in failed.headers["content-security-policy"]
        assert (await client.get("/said")).headers["content-security-policy"] == "default-src 'none'"


async def test_sc3_one_policy_holds_and_another_only_reports() -> None:
    app = site(security=Security(csp=(ContentSecurityPolicy(), WATCHED)))
    async with Client(app) as client:
        page, nonced = await client.get("/page"), await client.get("/nonce")
    assert page.headers["content-security-policy"] == POLICY
    assert "script-src https://cdn.example" in page.headers["content-security-policy-report-only"]
    assert page.headers["reporting-endpoints"] == 'csp="/csp"'
    assert "'nonce-" in nonced.headers["content-security-policy-report-only"]


async def test_sc3_off_by_an_explicit_none() -> None:
    for security in (Security(csp=None), Security(headers=None)):
        async with Client(site(security=security)) as client:
            for path in ("/page", "/nonce", "/picture"):
                assert "content-security-policy" not in (await client.get(path)).headers


@pytest.mark.parametrize(
    ("frames", "ancestors"), [("DENY", "'none'"), ("SAMEORIGIN", "'self'"), (None, None)]
)
async def test_sc4_frame_ancestors_say_what_frame_options_say(
    frames: str | None, ancestors: str | None
) -> None:
    app = site(security=Security(headers=SecurityHeaders(frame_options=frames)))
    async with Client(app) as client:
        page = await client.get("/page")
    policy = page.headers["content-security-policy"]
    assert page.headers.get("x-frame-options") == frames
    assert (f"frame-ancestors {ancestors}" in policy) if ancestors else "frame-ancestors" not in policy


async def test_sc3_a_mounted_app_and_middleware_keep_the_nonce() -> None:
    async def through(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    outer = App(settings=Settings(), middleware=[through])
    outer.mount("/inner", site())
    async with Client(outer) as client:
        page = await client.get("/inner/nonce")
    (policy,) = page.headers.getlist("content-security-policy")
    assert re.search(r'nonce="([^"]+)"', page.text)[1] in policy  # type: ignore[index]


async def test_sc3_a_stream_must_read_its_nonce_before_it_begins() -> None:
    app = App(settings=Settings())

    async def body(request: Request) -> AsyncIterator[str]:
        yield request.csp_nonce

    @app.get("/early")
    async def early(request: Request) -> Stream:
        _ = request.csp_nonce
        return Stream(body(request), content_type="text/html")

    @app.get("/late")
    async def late(request: Request) -> Stream:
        return Stream(body(request), content_type="text/html")

    async with Client(app) as client:
        page = await client.get("/early")
        assert f"'nonce-{page.text}'" in page.headers["content-security-policy"]
        with pytest.raises(ResponseStarted, match="before the stream begins"):
            await client.get("/late")


async def test_sc3_a_nonce_without_a_page_changes_nothing_but_the_caching() -> None:
    app = site()

    @app.get("/partial")
    async def partial(request: Request) -> JSON:
        return JSON({"html": request.csp_nonce}, headers={"cache-control": "no-store"})

    async with Client(app) as client:
        answer = await client.get("/partial")
    assert "content-security-policy" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_sc5_hsts_of_the_settings() -> None:
    settings = Settings(
        secure=Secure(hsts_seconds=63_072_000, hsts_include_subdomains=True, hsts_preload=True)
    )
    async with Client(site(settings=settings)) as client:
        secure, plain = await client.get("/page", https=True), await client.get("/page")
    assert secure.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains; preload"
    assert "strict-transport-security" not in plain.headers
    with pytest.raises(ConfigurationError, match="preload list"):
        SecurityHeaders(hsts=600, hsts_preload=True)


async def test_sc5_isolation_for_shared_memory() -> None:
    app = site(security=Security(headers=SecurityHeaders(embedder_policy="require-corp")))
    async with Client(app) as client:
        page = await client.get("/page")
    assert page.headers["cross-origin-embedder-policy"] == "require-corp"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
