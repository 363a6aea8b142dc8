"""What ``check --deploy`` asks of pages, https, cookies, mail and files: the second half of its table.

| id | level | found when |
|---|---|---|
| ``deploy-https`` | warning | plain http is answered, not sent to https |
| ``deploy-csp`` | warning | pages have no content security policy, one that only reports, or one with a hole |
| ``deploy-csp-route`` | warning | the same of the pages of one route |
| ``deploy-cookies`` | warning | other sites' pages send the session cookie along |
| ``deploy-mail`` | warning | mail is printed, kept or thrown away |
| ``deploy-mail-plain`` | warning | the password of the mail server goes over the network in the clear |
| ``deploy-mail-extra`` | warning | mail shall go out by SMTP, and what speaks it is not installed |
| ``deploy-mail-links`` | warning | links in mails begin with whatever host was asked, and any of several may be |
| ``deploy-file-mode`` | warning | other users of the machine may read the database or ``.env`` |
| ``deploy-file-served`` | error | the database, ``.env`` or the app's source lies in a folder that is served |
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from vivace.config.env import ENV_FILE
from vivace.errors import Finding
from vivace.http.csp import UNSAFE_INLINE, ContentSecurityPolicy, as_policies

if TYPE_CHECKING:
    from vivace.config.settings import Settings
    from vivace.security import Security

    from .application import App

_BROAD: Final = frozenset({"*", "http:", "https:", "data:", "blob:", "'unsafe-eval'", UNSAFE_INLINE})
_NOWHERE: Final = frozenset({"console", "memory", "dummy", "file"})
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1", None})


def https_findings(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with how the app is reached."""
    if not settings.secure.https_redirect:
        yield _warning(
            "deploy-https",
            "Plain http is answered: what is sent over it can be read and changed on the way.",
            "Set VIVACE_SECURE_HTTPS_REDIRECT=1; silence this where only a proxy that redirects can reach the app.",
        )


def link_findings(app: App) -> Iterator[Finding]:
    """Yield that links to a new password name the host that somebody asked for, where that need not be the site's own."""
    hosts = app.settings.hosts
    sends = any(route.name == "auth:password_reset" for route in app.collect())
    if sends and not app.settings.auth.site_url and (len(hosts) != 1 or hosts[0].startswith((".", "*"))):
        yield _warning(
            "deploy-mail-links",
            "Links in mails (a new password, a confirmed address) begin with the host that was asked for, and that may be "
            "any of the names that the app answers to.",
            "Set VIVACE_AUTH_SITE_URL=https://example.com.",
        )


def policy_findings(app: App, security: Security) -> Iterator[Finding]:
    """Yield the holes in the policies of the app's pages and of its routes'."""
    policies = as_policies(security.csp) if security.headers is not None else ()
    hole = _hole(policies)
    if hole:
        yield _warning("deploy-csp", f"The pages of the app {hole[0]}.", hole[1])
    for route in app.collect():
        own = route.options.csp
        found = _hole(as_policies(own)) if own is not None else None
        if found:
            yield _warning("deploy-csp-route", f"The pages of {route} {found[0]}.", found[1], route.place)


def _hole(policies: tuple[ContentSecurityPolicy, ...]) -> tuple[str, str] | None:
    """Return what is wrong with policies that hold together, and what to do; ``None`` where one of them is strict."""
    enforced = [policy for policy in policies if not policy.report_only]
    if not enforced:
        what = (
            "have a content security policy that only reports"
            if policies
            else "have no content security policy"
        )
        return (
            f"{what}: a script that somebody smuggles in runs with the visitor's rights",
            "Leave the default, Security(csp=ContentSecurityPolicy()), and name what the pages need in it.",
        )
    holes = [holes for policy in enforced if (holes := _sources_of_scripts(policy) & _BROAD)]
    if len(holes) < len(enforced):
        return None
    named = " ".join(sorted(holes[0]))
    return (
        f"may run scripts from {named}: a script that somebody smuggles in is among those",
        'Put scripts into files, or give each its nonce: <script nonce="{{ csp_nonce }}">.',
    )


def _sources_of_scripts(policy: ContentSecurityPolicy) -> set[str]:
    sources = set(policy.script_src or policy.default_src)
    if any(source.startswith(("'nonce-", "'sha")) for source in sources):
        sources.discard(
            UNSAFE_INLINE
        )  # browsers that know hashes do not heed it (CSP Level 3 section 6.7.3.2)
    return sources or {"*"}


def cookie_findings(app: App) -> Iterator[Finding]:
    """Yield what is wrong with the session's cookie, where there is one."""
    if "session" in app.parts and app.settings.sessions.same_site == "none":
        yield _warning(
            "deploy-cookies",
            "The session cookie goes along with requests that other sites' pages start (SameSite=None).",
            "Set VIVACE_SESSIONS_SAME_SITE=lax, unless the site lives in other sites' frames.",
        )


def mail_findings(settings: Settings) -> Iterator[Finding]:
    """Yield where mail does not go out, and where its password can be read."""
    parts = urlsplit(settings.mail.url.reveal())
    if settings.mail.backend:
        return
    if parts.scheme in _NOWHERE:
        yield _warning(
            "deploy-mail",
            f"Mail goes nowhere ({parts.scheme}:): nobody gets the link to a new password.",
            "Set VIVACE_MAIL_URL to smtp://user:password@host:587.",
        )
    if parts.scheme in ("smtp", "smtps") and find_spec("aiosmtplib") is None:
        yield _warning(
            "deploy-mail-extra",
            "Mail shall go out by SMTP, and the package that speaks it (aiosmtplib) is not installed.",
            "Install the extra: pip install 'vivace[mail]'.",
        )
    plain = "none" in parse_qs(parts.query).get("tls", ())
    if parts.scheme == "smtp" and parts.password and plain and parts.hostname not in _LOCAL:
        yield _warning(
            "deploy-mail-plain",
            "The password of the mail server goes over the network in the clear.",
            "Leave tls=none out of VIVACE_MAIL_URL, or use smtps://.",
        )


def file_findings(app: App) -> Iterator[Finding]:
    """Yield files that other users of the machine, or visitors, may read."""
    kept = [path for path in (*_database_files(app), app.root / ENV_FILE) if path.is_file()]
    for path in kept:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield _warning(
                "deploy-file-mode",
                f"Other users of this machine may read {path.name}, and what is secret in it.",
                f"chmod 600 {path}, and the folder 700; or run the app under a user of its own with umask 077.",
            )
    for folder in _served(app):
        for path in (*kept, *_sources(app)):
            if path.resolve().is_relative_to(folder):
                yield Finding(
                    "deploy-file-served",
                    f"{path.name} lies in {folder}, whose files are sent to everybody.",
                    "Serve a folder that holds nothing but what is meant for visitors.",
                )
                break


def _database_files(app: App) -> list[Path]:
    if not app.data.wanted:
        return []
    options = [getattr(database.driver, "options", None) for database in app.databases]
    return [Path(path) for path in (getattr(option, "path", "") for option in options) if path]


def _sources(app: App) -> list[Path]:
    return [Path(app.import_file)] if app.import_file else []


def _served(app: App) -> list[Path]:
    """Return the folders of which files are served: mounts, static files, media."""
    settings = app.settings
    named = [app.root / root for root in (settings.media.root, settings.static.root) if root]
    mounted = [getattr(route.mount, "directory", None) for route in app.collect() if route.is_mount]
    return [Path(folder).resolve() for folder in (*named, *mounted) if folder is not None]


def _warning(id: str, message: str, hint: str, place: str = "") -> Finding:
    return Finding(id, message, hint, place, "warning")


__all__ = ["cookie_findings", "file_findings", "https_findings", "mail_findings", "policy_findings"]
