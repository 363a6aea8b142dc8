"""The public scoring rules of Mozilla's HTTP Observatory, as far as they look at headers, cookies, redirects and scripts.

Rules as of mdn/mdn-http-observatory in 2026: a site starts with 100 points; penalties count always, bonuses only where
the penalties leave 90 or more; 100 and more are A+. Modifiers are those of its table; cases that a test of ours cannot
meet (invalid certificates, no https at all) are left out.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

GRADES: Final = (
    (100, "A+"),
    (90, "A"),
    (85, "A-"),
    (80, "B+"),
    (70, "B"),
    (65, "B-"),
    (60, "C+"),
    (50, "C"),
    (45, "C-"),
    (40, "D+"),
    (30, "D"),
    (25, "D-"),
    (0, "F"),
)
BONUS_FROM: Final = 90
SIX_MONTHS: Final = 15_768_000
_BROAD: Final = frozenset("ftp: http: https: * http://* http://*.* https://* https://*.*".split())
_UNSAFE: Final = _BROAD | {"'unsafe-inline'", "data:"}
_PRIVATE_REFERRERS: Final = frozenset(
    {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
)
_SESSION_NAMES: Final = ("login", "sess")


class Site(msgspec.Struct, frozen=True):
    """What a scan sees: the page over https, and what its address over http answers."""

    headers: dict[str, str]
    cookies: list[str]
    html: str
    host: str
    redirect_status: int
    redirect_location: str


def modifiers(site: Site) -> dict[str, int]:
    """Return what each test of the Observatory adds or takes."""
    policy = _policy(site.headers.get("content-security-policy", ""))
    return {
        "content-security-policy": _csp(policy),
        "cookies": _cookies(site),
        "cross-origin-resource-sharing": _cors(site.headers),
        "redirection": _redirection(site),
        "referrer-policy": _referrer(site.headers),
        "strict-transport-security": _hsts(site.headers),
        "subresource-integrity": _integrity(site),
        "x-content-type-options": 0 if site.headers.get("x-content-type-options") == "nosniff" else -5,
        "x-frame-options": _frames(site.headers, policy),
        "cross-origin-resource-policy": _resource_policy(site.headers),
    }


def grade(site: Site) -> tuple[int, str]:
    """Return score and grade."""
    found = modifiers(site).values()
    score = 100 + sum(value for value in found if value < 0)
    if score >= BONUS_FROM:
        score += sum(value for value in found if value > 0)
    score = max(score, 0)
    return score, next(name for least, name in GRADES if score >= least)


def _policy(header: str) -> dict[str, set[str]]:
    read: dict[str, set[str]] = {}
    for part in header.split(";"):
        name, *sources = part.split() or [""]
        if name:
            read.setdefault(name.lower(), set(sources))
    return read


def _csp(policy: dict[str, set[str]]) -> int:
    if not policy:
        return -25
    default = policy.get("default-src", {"*"})
    scripts = set(policy.get("script-src", default))
    objects, styles = policy.get("object-src", default), set(policy.get("style-src", default))
    for sources in (scripts, styles):
        if any(source.startswith(("'nonce-", "'sha")) for source in sources):
            sources.discard("'unsafe-inline'")
    active = [
        source for name, found in policy.items() if name not in ("img-src", "media-src") for source in found
    ]
    if (
        scripts & _UNSAFE
        or objects & _BROAD
        or any(source.startswith(("http:", "ftp:")) for source in active)
    ):
        return -20
    passive = policy.get("img-src", default) | policy.get("media-src", default)
    if "'unsafe-eval'" in scripts | styles or any(source.startswith(("http:", "ftp:")) for source in passive):
        return -10
    if styles & _UNSAFE:
        return 0
    return 10 if default == {"'none'"} else 5


def _cookies(site: Site) -> int:
    worst = 5 if site.cookies else 0
    protected = _hsts(site.headers) == 0
    for line in site.cookies:
        name, *attributes = [part.strip() for part in line.lower().split(";")]
        session = any(word in name.partition("=")[0] for word in _SESSION_NAMES)
        same_site = next((part.partition("=")[2] for part in attributes if part.startswith("samesite")), "")
        if "secure" not in attributes:
            plain, in_session = (-5, -10) if protected else (-20, -40)
            worst = min(worst, in_session if session else plain)
        if same_site not in ("lax", "strict", "none", ""):
            worst = min(worst, -20)
        if not same_site:
            worst = min(worst, -20 if "csrf" in name.partition("=")[0] else 0)
        if session and "httponly" not in attributes:
            worst = min(worst, -30)
    return worst


def _cors(headers: dict[str, str]) -> int:
    reflected = headers.get("access-control-allow-origin", "") not in ("", "*")
    return -50 if reflected and headers.get("access-control-allow-credentials") == "true" else 0


def _redirection(site: Site) -> int:
    if site.redirect_status not in (301, 302, 303, 307, 308):
        return -20
    if not site.redirect_location.startswith("https://"):
        return -10
    return 0 if re.match(rf"https://{re.escape(site.host)}(?:[:/]|$)", site.redirect_location) else -5


def _referrer(headers: dict[str, str]) -> int:
    value = headers.get("referrer-policy")
    if value is None:
        return 0
    return 5 if value.split(",")[-1].strip().lower() in _PRIVATE_REFERRERS else -5


def _hsts(headers: dict[str, str]) -> int:
    age = re.search(r"max-age=(\d+)", headers.get("strict-transport-security", ""))
    if age is None:
        return -20
    return 0 if int(age[1]) >= SIX_MONTHS else -10


def _integrity(site: Site) -> int:
    scripts = re.findall(r"<script\b[^>]*\bsrc=[^>]*>", site.html)
    foreign = [tag for tag in scripts if re.search(r"src=[\"']?(?:https?:)?//", tag)]
    if scripts and all("integrity=" in tag for tag in scripts):
        return 5
    if any(re.search(r"src=[\"']?(?:http:)?//", tag) for tag in foreign):
        return -50
    return -5 if any("integrity=" not in tag for tag in foreign) else 0


def _frames(headers: dict[str, str], policy: dict[str, set[str]]) -> int:
    if "frame-ancestors" in policy:
        return 5
    return 0 if headers.get("x-frame-options", "").lower() in ("deny", "sameorigin") else -20


def _resource_policy(headers: dict[str, str]) -> int:
    return {"same-origin": 10, "same-site": 10, "cross-origin": 0, None: 0}.get(
        headers.get("cross-origin-resource-policy"), -5
    )
