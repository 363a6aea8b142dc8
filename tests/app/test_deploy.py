"""What ``check --deploy`` asks for: each finding alone, and silence for an app that is ready."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.app import App
from vivace.app.deploy import deploy_findings
from vivace.config.secret import Secret
from vivace.config.settings import Settings
from vivace.security import CORS, Hosts, SameOrigin, Security, SecurityHeaders

KEY = "k3Vb-9xQ2mZr8LwPq7TdYs5HnCf1GjAe"
HEADERS = SecurityHeaders(hsts=31_536_000, content_security_policy="default-src 'self'")


def site(security: Security | None = None, **settings: Any) -> App:
    ready: dict[str, Any] = {"secret_key": Secret(KEY), "hosts": ("example.com",), **settings}
    app = App(settings=Settings(**ready), security=security or Security(headers=HEADERS))

    @app.post("/hook")
    async def hook() -> str:
        return "ok"

    return app


def ids(app: App) -> list[str]:
    return [finding.id for finding in deploy_findings(app)]


def test_sc13_a_ready_app_has_nothing_to_mend() -> None:
    assert ids(site()) == []


def test_sc13_a_fresh_app_is_told_everything_at_once() -> None:
    expected = ["deploy-secret-key-missing", "deploy-hosts-missing", "deploy-hsts"]
    assert ids(App(settings=Settings())) == expected


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"debug": True}, "deploy-debug"),
        ({"secret_key": Secret("short")}, "deploy-secret-key-weak"),
        ({"secret_key": Secret("a" * 64)}, "deploy-secret-key-weak"),
        ({"secret_key": Secret("django-insecure-" + KEY)}, "deploy-secret-key-weak"),
        ({"secret_key_fallbacks": (Secret("short"),)}, "deploy-secret-key-weak"),
        ({"hosts": ("*",)}, "deploy-hosts-any"),
        ({"hosts": ("example.com", "*:8000")}, "deploy-hosts-any"),
        ({"trusted_proxies": ("0.0.0.0/0",)}, "deploy-proxies-any"),
        ({"trusted_origins": ("http://app.example.com",)}, "deploy-origin-plain"),
    ],
)
def test_sc13_settings_that_are_not_for_the_public(settings: dict[str, Any], found: str) -> None:
    app = site(**settings)
    assert ids(app) == [found]
    assert "short" not in str(deploy_findings(app)[0]).replace("is shorter", "")


@pytest.mark.parametrize(
    ("security", "found"),
    [
        (Security(hosts=None, headers=HEADERS), "deploy-host-check"),
        (Security(origins=None, headers=HEADERS), "deploy-origin-check"),
        (Security(headers=None), "deploy-headers"),
        (
            Security(headers=SecurityHeaders(hsts=9, content_security_policy="x", frame_options=None)),
            "deploy-headers",
        ),
        (Security(headers=HEADERS, cors=CORS(("*",))), "deploy-cors"),
        (Security(headers=HEADERS, cors=CORS(("http://a.example",))), "deploy-cors"),
        (Security(Hosts(("*",)), headers=HEADERS), "deploy-hosts-any"),
        (Security(origins=SameOrigin(("http://a.example",)), headers=HEADERS), "deploy-origin-plain"),
    ],
)
def test_sc13_protection_that_is_switched_off(security: Security, found: str) -> None:
    assert ids(site(security)) == [found]


def test_sc13_routes_without_the_origin_check_are_named() -> None:
    app = site()

    @app.post("/webhook", csrf=False)
    async def webhook() -> str:
        return "ok"

    @app.get("/read", csrf=False)
    async def read() -> str:
        return "ok"

    @app.websocket("/socket", csrf=False)
    async def socket(socket: Any) -> None:
        await socket.accept()

    findings = deploy_findings(app)
    assert [finding.id for finding in findings] == ["deploy-csrf-off", "deploy-csrf-off"]
    assert "POST /webhook" in findings[0].message
    assert "test_deploy.py" in findings[0].place


def test_sc13_every_finding_says_what_to_do() -> None:
    worst = site(
        Security(None, None, None, CORS(("*", "http://a.example"))), debug=True, secret_key=Secret("")
    )
    findings = deploy_findings(worst)
    assert len(findings) == 7
    assert [
        finding.id for finding in findings if not finding.hint or finding.level not in ("error", "warning")
    ] == []
