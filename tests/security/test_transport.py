"""Plain http sent to https, writes over it refused, programs that are not answered; and the production profile's grade."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.app import App
from vivace.config.secret import Secret
from vivace.config.settings import Secure, Settings
from vivace.errors import ConfigurationError, HTTPSRequired, MovedPermanently
from vivace.http.request import Connection, Request
from vivace.security.transport import door
from vivace.testing import Client


def site(*, hosts: tuple[str, ...] = ("example.com", "[::1]"), **secure: Any) -> App:
    settings = Settings(secure=Secure(**secure), hosts=hosts, secret_key=Secret("k" * 40))
    app = App(settings=settings)

    @app.route("/page", methods=["GET", "POST"])
    async def page() -> str:
        return "page"

    @app.get("/live")
    async def live() -> str:
        return "live"

    @app.get("/.well-known/acme-challenge/{token}")
    async def challenge(token: str) -> str:
        return token

    @app.get("/liver")
    async def liver() -> str:
        return "liver"

    return app


@pytest.mark.parametrize(
    ("method", "path", "host", "status", "location"),
    [
        ("GET", "/page", "example.com", 308, "https://example.com/page"),
        ("HEAD", "/page?a=b%20c", "example.com", 308, "https://example.com/page?a=b%20c"),
        ("GET", "/page", "example.com:8000", 308, "https://example.com/page"),
        ("GET", "/page", "[::1]:8000", 308, "https://[::1]/page"),
        ("GET", "/nothing", "example.com", 308, "https://example.com/nothing"),
        ("POST", "/page", "example.com", 403, None),
        ("DELETE", "/page", "example.com", 403, None),
        ("GET", "/live", "example.com", 200, None),
        ("GET", "/liver", "example.com", 308, "https://example.com/liver"),
        ("GET", "/.well-known/acme-challenge/abc", "example.com", 200, None),
        ("GET", "/page", "evil.example", 421, None),  # never a redirect to a host that is not ours
    ],
)
async def test_sc5_plain_http_is_sent_to_https(
    method: str, path: str, host: str, status: int, location: str | None
) -> None:
    async with Client(site(https_redirect=True), base_url="http://example.com") as client:
        answer = await client.request(method, path, headers={"host": host})
    assert answer.status == status
    assert answer.headers.get("location") == location
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_sc5_https_passes_and_another_host_may_be_named() -> None:
    async with Client(site(https_redirect=True), base_url="https://example.com") as client:
        assert (await client.get("/page")).text == "page"
        assert (await client.post("/page")).text == "page"
        assert (await client.get("/page", headers={"host": "evil.example"})).status == 421
    named = site(https_redirect=True, https_host="www.example.com")
    async with Client(named, base_url="http://example.com") as client:
        assert (await client.get("/page")).headers["location"] == "https://www.example.com/page"


@pytest.mark.parametrize(
    ("agent", "status"),
    [("BadBot/1.0", 403), ("Mozilla/5.0 badbot", 403), ("scan\tner", 200), ("", 403), ("Mozilla/5.0", 200)],
)
async def test_sc6_disallowed_agents_are_refused(agent: str, status: int) -> None:
    app = site(disallowed_agents=("(?i)badbot", "^$"))
    async with Client(app, base_url="http://example.com") as client:
        assert (await client.get("/page", headers={"user-agent": agent})).status == status
        assert (await client.get("/page", headers={"host": "evil.example", "user-agent": "x"})).status == 421


@pytest.mark.parametrize(
    "target", ["//evil.example/x", "/\\evil.example", "http://evil.example/", "*", "/@evil.example"]
)
def test_sc8_no_target_leads_to_another_host(target: str) -> None:
    request = Request("GET", target, [(b"host", b"example.com")], Connection())
    with pytest.raises(MovedPermanently) as caught:
        door(Secure(https_redirect=True), None)(request)
    assert caught.value.location.startswith("https://example.com/")


def test_sc5_without_a_host_there_is_nowhere_to_go() -> None:
    with pytest.raises(HTTPSRequired):
        door(Secure(https_redirect=True), None)(Request("GET", "/", [], Connection()))


def test_sc6_a_wrong_pattern_is_told_at_start() -> None:
    with pytest.raises(ConfigurationError, match="disallowed_agents") as caught:
        site(disallowed_agents=("(",)).compile()
    assert "position" in caught.value.fix


def test_sc5_an_app_without_it_pays_nothing() -> None:
    parts = site().compile().plan.parts
    assert parts.known_hosts is not site(https_redirect=True).compile().plan.parts.known_hosts
    assert getattr(parts.check_host, "__self__", None) is not None  # the bare host check
