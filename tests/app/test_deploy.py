"""What ``check --deploy`` asks for: each finding alone, and silence for an app that is ready."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vivace.app import App
from vivace.app.deploy import deploy_findings
from vivace.app.static import StaticFiles
from vivace.config.secret import Secret
from vivace.config.settings import (
    AuthSettings,
    Mail,
    Media,
    Secure,
    SessionSettings,
    Settings,
    StaticSettings,
)
from vivace.http.csp import ContentSecurityPolicy
from vivace.security import CORS, Hosts, SameOrigin, Security, SecurityHeaders

KEY = "k3Vb-9xQ2mZr8LwPq7TdYs5HnCf1GjAe"
HEADERS = SecurityHeaders(hsts=31_536_000)
INLINE = ContentSecurityPolicy(script_src=("'self'", "'unsafe-inline'"))


def site(security: Security | None = None, **settings: Any) -> App:
    ready: dict[str, Any] = {
        "secret_key": Secret(KEY),
        "hosts": ("example.com",),
        "secure": Secure(https_redirect=True),
        **settings,
    }
    app = App(settings=Settings(**ready), security=security or Security(headers=HEADERS))

    @app.post("/hook")
    async def hook() -> str:
        return "ok"

    return app


def ids(app: App) -> list[str]:
    return [finding.id for finding in deploy_findings(app)]


def test_sc13_a_ready_app_has_nothing_to_mend() -> None:
    assert ids(site()) == []


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, []),  # one name: what is asked for is the site
        ({"hosts": ("example.com", "www.example.com")}, ["deploy-mail-links"]),
        ({"hosts": (".example.com",)}, ["deploy-mail-links"]),
        ({"hosts": (".example.com",), "auth": AuthSettings(site_url="https://example.com")}, []),
    ],
)
def test_au4_links_in_mails_begin_with_a_name_that_nobody_chooses(
    settings: dict[str, Any], found: list[str]
) -> None:
    ready = site().settings
    app = App(
        settings=replace(ready, **settings),
        security=Security(headers=HEADERS),
        installed=["vivace.auth"],
    )
    app.compile()
    assert [each for each in ids(app) if each == "deploy-mail-links"] == found


def test_sc13_a_fresh_app_is_told_everything_at_once() -> None:
    expected = ["deploy-secret-key-missing", "deploy-hosts-missing", "deploy-hsts", "deploy-https"]
    assert ids(App(settings=Settings())) == expected


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"debug": True}, "deploy-debug"),
        ({"hood": "on"}, "deploy-hood"),
        ({"secret_key": Secret("short")}, "deploy-secret-key-weak"),
        ({"secret_key": Secret("a" * 64)}, "deploy-secret-key-weak"),
        ({"secret_key": Secret("django-insecure-" + KEY)}, "deploy-secret-key-weak"),
        ({"secret_key_fallbacks": (Secret("short"),)}, "deploy-secret-key-weak"),
        ({"hosts": ("*",)}, "deploy-hosts-any"),
        ({"hosts": ("example.com", "*:8000")}, "deploy-hosts-any"),
        ({"trusted_proxies": ("0.0.0.0/0",)}, "deploy-proxies-any"),
        ({"trusted_origins": ("http://app.example.com",)}, "deploy-origin-plain"),
        ({"secure": Secure()}, "deploy-https"),
        ({"mail": Mail(url=Secret("console:"))}, "deploy-mail"),
        ({"mail": Mail(url=Secret("memory:"))}, "deploy-mail"),
        ({"mail": Mail(url=Secret("smtp://me:hidden@mail.example:587?tls=none"))}, "deploy-mail-plain"),
    ],
)
def test_sc13_settings_that_are_not_for_the_public(settings: dict[str, Any], found: str) -> None:
    app = site(**settings)
    assert ids(app) == [found]
    assert "short" not in str(deploy_findings(app)[0]).replace("is shorter", "")


def test_sc13_mail_that_nothing_can_send(monkeypatch: pytest.MonkeyPatch) -> None:
    app = site(mail=Mail(url=Secret("smtps://me:hidden@mail.example")))
    assert ids(app) == []
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    assert ids(app) == ["deploy-mail-extra"]


@pytest.mark.parametrize(
    ("security", "found"),
    [
        (Security(hosts=None, headers=HEADERS), "deploy-host-check"),
        (Security(origins=None, headers=HEADERS), "deploy-origin-check"),
        (
            Security(headers=SecurityHeaders(hsts=9, frame_options=None)),
            "deploy-headers",
        ),
        (Security(headers=HEADERS, cors=CORS(("*",))), "deploy-cors"),
        (Security(headers=HEADERS, cors=CORS(("http://a.example",))), "deploy-cors"),
        (Security(Hosts(("*",)), headers=HEADERS), "deploy-hosts-any"),
        (Security(origins=SameOrigin(("http://a.example",)), headers=HEADERS), "deploy-origin-plain"),
        (Security(headers=HEADERS, csp=None), "deploy-csp"),
        (Security(headers=HEADERS, csp=ContentSecurityPolicy(report_only=True)), "deploy-csp"),
        (Security(headers=HEADERS, csp=INLINE), "deploy-csp"),
        (Security(headers=HEADERS, csp=ContentSecurityPolicy(default_src=("https:",))), "deploy-csp"),
        (Security(headers=HEADERS, csp=ContentSecurityPolicy(default_src=())), "deploy-csp"),
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
    assert len(findings) == 8
    assert [
        finding.id for finding in findings if not finding.hint or finding.level not in ("error", "warning")
    ] == []


def test_sc13_headers_switched_off_take_the_policy_along() -> None:
    assert ids(site(Security(headers=None))) == ["deploy-headers", "deploy-csp"]


@pytest.mark.parametrize(
    "csp",
    [
        ContentSecurityPolicy(
            script_src=("'nonce-abc'", "'unsafe-inline'")
        ),  # which browsers do not heed then
        ContentSecurityPolicy(style_src=("'self'", "'unsafe-inline'")),
        (INLINE, ContentSecurityPolicy()),  # both hold
        (ContentSecurityPolicy(), ContentSecurityPolicy(default_src=(), report_only=True)),
    ],
)
def test_sc3_strict_enough_policies_are_no_finding(csp: Any) -> None:
    assert ids(site(Security(headers=HEADERS, csp=csp))) == []


def test_sc3_routes_with_a_hole_of_their_own_are_named() -> None:
    app = site()

    @app.get("/old", csp=INLINE)
    @app.get("/none", csp=False)
    @app.get("/strict", csp=ContentSecurityPolicy(default_src=("'none'",)))
    async def page() -> str:
        return "x"

    findings = deploy_findings(app)
    assert [finding.id for finding in findings] == ["deploy-csp-route"] * 2
    assert "test_deploy.py" in findings[0].place


def test_sc5_a_session_cookie_for_other_sites_is_named() -> None:
    app = site(sessions=SessionSettings(same_site="none"))
    assert ids(app) == []

    async def session(request: Any) -> None:
        return None

    app.parts["session"] = session
    assert ids(app) == ["deploy-cookies"]


def test_sc13_files_that_others_may_read_or_visitors_get(tmp_path: Path) -> None:
    def shop(**settings: Any) -> App:
        ready = Settings(
            secret_key=Secret(KEY),
            hosts=("example.com",),
            secure=Secure(https_redirect=True, hsts_seconds=63_072_000),
            database_url=Secret(f"sqlite:///{tmp_path / 'shop.sqlite3'}"),
            **settings,
        )
        return App(settings=ready, root=tmp_path)

    database, env = tmp_path / "shop.sqlite3", tmp_path / ".env"
    assert ids(shop()) == []  # nothing is there yet
    for path in (database, env):
        path.touch(mode=0o600)
    assert ids(shop()) == []
    database.chmod(0o644)
    env.chmod(0o640)
    assert ids(shop()) == ["deploy-file-mode"] * 2
    for path in (database, env):
        path.chmod(0o600)
    for settings in ({"media": Media(root=str(tmp_path))}, {"static": StaticSettings(root=".")}):
        (finding,) = deploy_findings(shop(**settings))
        assert (finding.id, finding.level) == ("deploy-file-served", "error")
    assert ids(shop(media=Media(root="media"))) == []


def test_sc13_an_app_that_serves_its_own_source_is_told() -> None:
    app = site()
    app.mount("/files", StaticFiles(Path(__file__).parent))
    findings = deploy_findings(app)
    assert [finding.id for finding in findings] == ["deploy-file-served"]
    assert "test_deploy.py" in findings[0].message
