"""SC6, SC8: no host or header that a client makes up gets into a link, a redirect, a cookie or a log line."""

from __future__ import annotations

import logging

import pytest

from vivace.app import App
from vivace.config.secret import Secret
from vivace.config.settings import Secure, Settings
from vivace.http.redirect import Redirect
from vivace.http.request import Request
from vivace.http.response import HTML, Response, Text
from vivace.security import csrf_token
from vivace.testing import Client

EVIL = "evil.example"
FORGED = (
    {"host": EVIL},
    {"host": f"{EVIL}:80"},
    {"host": f"example.com.{EVIL}"},
    {"host": f"{EVIL}/example.com"},
    {"host": f"example.com@{EVIL}"},
    {"host": f"example.com {EVIL}"},
    {"host": f"example.com,{EVIL}"},
    {"host": f"example.com#{EVIL}"},
    {"host": f"example.com?{EVIL}"},
    {"host": f"example.com:{EVIL}"},
    {"host": "example.com:80:80"},
    {"host": "example.com:99999999"},
    {"host": "[example.com]"},
    {"host": "xn--exmple-cua.com"},
    {"host": ""},
)
PASSED_ON = (
    {"x-forwarded-host": EVIL},
    {"x-host": EVIL},
    {"x-original-host": EVIL},
    {"x-forwarded-server": EVIL},
    {"forwarded": f"host={EVIL};proto=https"},
    {"x-original-url": "/admin"},
    {"x-rewrite-url": "/admin"},
    {"x-http-method-override": "DELETE"},
    {"x-forwarded-proto": "https"},
    {"x-forwarded-for": "127.0.0.1"},
)
SPLITS = ("a\r\nset-cookie: b=c", "a\nlocation: //evil.example", "a\r b", "a\x00b", "a\r\n\r\n<script>")


def site() -> App:
    settings = Settings(
        hosts=("example.com",),
        secret_key=Secret("k" * 40),
        secure=Secure(https_redirect=True, hsts_seconds=600),
    )
    app = App(settings=settings)

    @app.get("/link")
    async def link(request: Request) -> HTML:
        origin = f"{request.scheme}://{request.headers['host']}"
        return HTML(f"{origin}{app.url('link')} {csrf_token(request)}")

    @app.get("/back")
    async def back() -> Redirect:
        return Redirect("link")

    @app.delete("/link")
    async def never() -> str:
        return "deleted"

    return app


@pytest.mark.parametrize("https", [True, False])
@pytest.mark.parametrize("forged", FORGED)
async def test_sc6_a_host_of_anybodys_making_is_answered_nothing(forged: dict[str, str], https: bool) -> None:
    async with Client(site(), base_url="http://example.com") as client:
        for path in ("/link", "/back", "/nothing"):
            answer = await client.get(path, headers=forged, https=https)
            assert answer.status in (400, 421)
            assert "set-cookie" not in answer.headers
            assert "location" not in answer.headers


@pytest.mark.parametrize("passed_on", PASSED_ON)
async def test_sc6_headers_of_proxies_count_from_proxies_only(passed_on: dict[str, str]) -> None:
    async with Client(site(), base_url="https://example.com") as client:
        answer = await client.get("/link", headers=passed_on)
        assert answer.status == 200
        assert answer.text.startswith("https://example.com/link ")
        assert (await client.get("/back", headers=passed_on)).headers["location"] == "/link"
        plain = await client.get("http://example.com/link", headers=passed_on)
        assert plain.headers["location"] == "https://example.com/link"


@pytest.mark.parametrize("text", SPLITS)
async def test_sc8_no_text_splits_a_response(text: str) -> None:
    app = App(settings=Settings(secret_key=Secret("k" * 40)))

    @app.get("/header")
    async def header() -> Response:
        return Text("x", headers={"x-name": text})

    @app.get("/cookie")
    async def cookie(request: Request) -> Response:
        answer = Text("x")
        answer.set_signed_cookie(request, "name", text)
        answer.set_cookie("other", text)
        return answer

    @app.get("/redirect")
    async def redirect() -> Response:
        return Redirect(f"/{text}")

    @app.get("/file")
    async def file() -> Response:
        return Text("x", content_type=f"text/plain; name={text}")

    async with Client(app, raise_errors=False) as client:
        for path in ("/header", "/cookie", "/redirect", "/file"):
            answer = await client.get(path)
            for name, value in answer.headers.items():
                assert not set("\r\n\0") & set(name + value), path
            assert len(answer.headers.getlist("set-cookie")) in (0, 2)
            assert (answer.headers.get("location") or "/").startswith("/")


async def test_sc6_nothing_of_a_request_begins_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    app = site()

    @app.post("/write")
    async def write() -> str:
        return "x"

    with caplog.at_level(logging.DEBUG, "vivace.security"):
        async with Client(app, base_url="https://example.com", same_origin=False) as client:
            for path in ("/write", "/write%0aFORGED"):
                headers = {"origin": "https://evil.example", "user-agent": "x\tFORGED"}
                await client.post(path, headers=headers)
            await client.post("/write", headers={"cookie": "csrf=x\x0bFORGED"})
    assert caplog.records
    for record in caplog.records:
        assert record.getMessage().isprintable()
