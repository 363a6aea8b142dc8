"""What ``vivace check --deploy`` asks of an app before it meets the internet: one finding each, with what to do.

| id | level | found when |
|---|---|---|
| ``deploy-debug`` | error | error pages would show source and values to visitors |
| ``deploy-hood`` | error | pages would tell their queries and what their regions read |
| ``deploy-secret-key-missing`` | error | signatures would end with the process |
| ``deploy-secret-key-weak`` | error | a key can be guessed |
| ``deploy-hosts-missing`` | error | nobody but this machine would be answered |
| ``deploy-hosts-any`` | error | everybody would be answered |
| ``deploy-host-check`` | warning | the host check is switched off |
| ``deploy-origin-check`` | warning | cross-site writes are let in everywhere |
| ``deploy-csrf-off`` | warning | they are let in on a route |
| ``deploy-headers`` | warning | the security headers are switched off, or one of them |
| ``deploy-hsts`` | warning | browsers are not told to stay on https |
| ``deploy-proxies-any`` | warning | any address may say who the client is |
| ``deploy-origin-plain`` | warning | a page that came over plain http may write |
| ``deploy-cors`` | warning | every site may read, or one that came over plain http |

Pages, https, cookies, mail and files: see ``deploypages``. The settings are those of the app as it would start here.
Cookies need no row: they are ``Secure``, ``HttpOnly`` and ``SameSite=Lax`` unless the code that sets one says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from vivace.config.settings import Settings
from vivace.errors import Finding
from vivace.security import Security

from .deploypages import (
    cookie_findings,
    file_findings,
    https_findings,
    link_findings,
    mail_findings,
    policy_findings,
)
from .pipeline import is_write

if TYPE_CHECKING:
    from .application import App

KEY_LENGTH: Final = 32  # characters: 128 bits in hexadecimal
_PLACEHOLDERS: Final = ("secret", "changeme", "change-me", "insecure", "example", "password", "development")
_HEADERS: Final = (
    "content_type_options",
    "frame_options",
    "referrer_policy",
    "opener_policy",
    "resource_policy",
)
_EVERYBODY: Final = frozenset({"*", "0.0.0.0/0", "::/0"})


def deploy_findings(app: App) -> list[Finding]:
    """Return what should be changed before the app is deployed; nothing is started."""
    security = (app.security or Security()).with_settings(app.settings)
    checks: tuple[Iterable[Finding], ...] = (
        _debug(app),
        _hood(app),
        _secret_key(app.settings),
        _hosts(security),
        _origins(app, security),
        _headers(security),
        https_findings(app.settings),
        policy_findings(app, security),
        _proxies(app.settings),
        _cors(security),
        cookie_findings(app),
        mail_findings(app.settings),
        link_findings(app),
        file_findings(app),
    )
    return [finding for check in checks for finding in check]


def _debug(app: App) -> Iterator[Finding]:
    if app.debug:
        yield Finding(
            "deploy-debug",
            "Debug mode is on: error pages would show source and values to visitors.",
            "Leave VIVACE_DEBUG out, and debug=True out of App().",
        )


def _hood(app: App) -> Iterator[Finding]:
    if app.has_hood:
        yield Finding(
            "deploy-hood",
            "Pages show what is under the hood: to people on this machine, which behind some proxies is everybody, or to "
            "whom the app's own function lets in.",
            "Leave hood= out of App(), or set VIVACE_HOOD=off.",
        )


def _secret_key(settings: Settings) -> Iterator[Finding]:
    hint = "Set SECRET_KEY: python -c 'import secrets; print(secrets.token_urlsafe(48))'."
    keys = [settings.secret_key, *settings.secret_key_fallbacks]
    if not keys[0]:
        message = (
            "There is no secret key: what is signed is void after each start, and differs between machines."
        )
        yield Finding("deploy-secret-key-missing", message, hint)
    for name, key in zip(("secret key", *["fallback secret key"] * len(keys)), keys, strict=False):
        problem = _weakness(key.reveal()) if key else ""
        if problem:
            yield Finding("deploy-secret-key-weak", f"The {name} {problem}.", hint)


def _weakness(key: str) -> str:
    """Return what is wrong with a key, without a word of it."""
    if len(key) < KEY_LENGTH:
        return f"is shorter than {KEY_LENGTH} characters"
    if len(set(key)) < 10:
        return "has fewer than 10 different characters"
    return "looks like a placeholder" if any(word in key.lower() for word in _PLACEHOLDERS) else ""


def _hosts(security: Security) -> Iterator[Finding]:
    hint = "Set VIVACE_HOSTS to the names of the site: example.com,www.example.com."
    if security.hosts is None:
        message = "The host check is switched off: links, caches and mails can be poisoned by a wrong Host."
        yield Finding("deploy-host-check", message, hint, level="warning")
    elif not security.hosts.allowed:
        yield Finding(
            "deploy-hosts-missing", "No hosts are named: all but this machine would be answered 421.", hint
        )
    elif any(host == "*" or host.startswith("*:") for host in security.hosts.allowed):
        yield Finding(
            "deploy-hosts-any", "Every host is answered for (*), so the host check checks nothing.", hint
        )


def _origins(app: App, security: Security) -> Iterator[Finding]:
    if security.origins is None:
        message = "The origin check is switched off: other sites' pages can write as the visitor."
        yield Finding(
            "deploy-origin-check", message, "Leave origins=None out of Security().", level="warning"
        )
        return
    for origin in security.origins.trusted:
        if origin.startswith("http://"):
            message = f"Pages of {origin} may write here, and anybody on the way could have written those."
            yield Finding("deploy-origin-plain", message, "Trust https origins only.", level="warning")
    for route in app.collect():
        if route.options.csrf is False and is_write(route):
            message = f"{route} takes writes that other sites' pages started (csrf=False)."
            hint = "Fine for webhooks that check a signature; not for what a signed-in visitor can do."
            yield Finding("deploy-csrf-off", message, hint, route.place, "warning")


def _headers(security: Security) -> Iterator[Finding]:
    headers = security.headers
    if headers is None:
        message = "The security headers are switched off."
        yield Finding("deploy-headers", message, "Leave headers=None out of Security().", level="warning")
        return
    for name in _HEADERS:
        if getattr(headers, name) is None:
            message = f"The security header {name} is switched off."
            yield Finding(
                "deploy-headers", message, "Set it on those responses that need another.", level="warning"
            )
    if not headers.hsts:
        yield Finding(
            "deploy-hsts",
            "Browsers are not told to stay on https (HSTS).",
            "Once https works everywhere: VIVACE_SECURE_HSTS_SECONDS=31536000.",
            level="warning",
        )


def _proxies(settings: Settings) -> Iterator[Finding]:
    if _EVERYBODY.intersection(settings.trusted_proxies):
        yield Finding(
            "deploy-proxies-any",
            "Every address is a trusted proxy: any client may say what its address and scheme are.",
            "Name the networks of your proxies in VIVACE_TRUSTED_PROXIES: 10.0.0.0/8.",
            level="warning",
        )


def _cors(security: Security) -> Iterator[Finding]:
    origins = security.cors.origins if security.cors is not None else ()
    if "*" in origins:
        message = "The scripts of every site may read every answer (CORS *)."
        yield Finding("deploy-cors", message, "Right for a public API; else list origins.", level="warning")
    for origin in origins:
        if origin.startswith("http://"):
            message = (
                f"Scripts of {origin} may read answers, and anybody on the way could have written those."
            )
            yield Finding("deploy-cors", message, "List https origins only.", level="warning")


__all__ = ["deploy_findings"]
