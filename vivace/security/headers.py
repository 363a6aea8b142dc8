"""Response headers that make browsers careful; sent with every response that does not set them itself.

What concerns pages only (the content security policy, the permissions policy) goes with pages only: a JSON answer stays
as small as it was. All of it is encoded when the app is frozen; the engine keeps whole heads by status and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from vivace.errors import ConfigurationError
from vivace.http.csp import ContentSecurityPolicy, as_policies
from vivace.http.headers import HeaderBlock

if TYPE_CHECKING:
    from vivace.http.csp import RoutePolicies
    from vivace.http.request import Request
    from vivace.http.response import Response

    from .policy import Security

# Device features that few pages use; all of them are known to current browsers, which complain of others.
DENIED: Final = (
    "accelerometer camera display-capture geolocation gyroscope hid idle-detection local-fonts magnetometer microphone "
    "midi payment serial usb xr-spatial-tracking"
).split()
PAGES: Final = ("text/html", "application/xhtml+xml")
SVG: Final = "image/svg+xml"
# A picture that is opened by itself is a page, and may hold scripts that somebody uploaded.
SVG_POLICY: Final = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; sandbox"
PRELOAD_SECONDS: Final = 31_536_000  # hstspreload.org asks for a year at least
_NONCE: Final = "\x00"  # in no policy: each source is checked
_FRAMES: Final = {"DENY": ("'none'",), "SAMEORIGIN": ("'self'",)}  # X-Frame-Options as frame-ancestors


class SecurityHeaders(msgspec.Struct, frozen=True):
    """The headers and their values; ``None`` leaves one out.

    ``hsts`` is in seconds and sent over https only, when it is set, here or as ``secure.hsts_seconds`` (a wrong one locks
    visitors out for that long, so it is a decision: ``check --deploy`` asks for it). ``embedder_policy`` is
    ``require-corp`` or ``credentialless`` for pages that need ``SharedArrayBuffer``. Raises ``ConfigurationError`` for
    ``hsts_preload`` with less than what the preload list asks for.
    """

    content_type_options: str | None = "nosniff"
    frame_options: str | None = "DENY"
    referrer_policy: str | None = "same-origin"  # Django's SECURE_REFERRER_POLICY
    opener_policy: str | None = "same-origin"
    resource_policy: str | None = "same-origin"
    embedder_policy: str | None = None
    permissions_policy: str | None = ", ".join(f"{name}=()" for name in DENIED)
    hsts: int = 0
    hsts_include_subdomains: bool = True
    hsts_preload: bool = False

    def __post_init__(self) -> None:
        enough = self.hsts >= PRELOAD_SECONDS and self.hsts_include_subdomains
        if self.hsts_preload and not enough:
            raise ConfigurationError(
                "Browsers' preload list would refuse this HSTS header.",
                expected=f"at least {PRELOAD_SECONDS} seconds, and subdomains included",
                got=f"{self.hsts} seconds, include_subdomains={self.hsts_include_subdomains}",
                fix="Set secure.hsts_seconds and secure.hsts_include_subdomains, or leave preload out.",
            )

    def fields(self, *, secure: bool) -> dict[str, str]:
        """Return what every response has; ``secure``: over https (RFC 6797 section 7.2 wants HSTS there only)."""
        fields = {
            "x-content-type-options": self.content_type_options,
            "x-frame-options": self.frame_options,
            "referrer-policy": self.referrer_policy,
            "cross-origin-opener-policy": self.opener_policy,
            "cross-origin-resource-policy": self.resource_policy,
            "cross-origin-embedder-policy": self.embedder_policy,
            "strict-transport-security": self._hsts() if secure and self.hsts else None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _hsts(self) -> str:
        parts = [f"max-age={self.hsts}"]
        parts += ["includeSubDomains"] if self.hsts_include_subdomains else []
        return "; ".join([*parts, *(["preload"] if self.hsts_preload else [])])


class DefaultHeaders:
    """The headers that responses have unless they set them: by scheme, and by the policy of the route."""

    __slots__ = ("_blocks", "_nonced", "_own", "_policies", "plain", "secure")

    def __init__(self, security: Security) -> None:
        headers = security.headers
        self._own = headers or SecurityHeaders()
        self._policies = as_policies(security.csp) if headers is not None else ()
        self._nonced: dict[int, tuple[object, list[tuple[str, str]]]] = {}
        self._blocks: dict[tuple[tuple[ContentSecurityPolicy, ...], bool], HeaderBlock] = {}
        if headers is None:
            self.plain = self.secure = HeaderBlock({})
            return
        self.plain = self._block(self._policies, secure=False)
        self.secure = self.plain if not headers.hsts else self._block(self._policies, secure=True)

    def finish(self, request: Request, response: Response, route_csp: RoutePolicies | None) -> None:
        """Give a response what its page needs of its own: the policy of its route, the nonce it has used."""
        policies = self._policies if route_csp is None else as_policies(route_csp)
        if route_csp is not None and self.plain.fields:
            response.defaults = self._block(policies, secure=request.scheme == "https")
        if not request.has_csp_nonce:
            return
        headers = response.headers
        if _is_page(headers.first(b"content-type")):
            for name, value in self._with_nonce(self if route_csp is None else route_csp, policies):
                headers.setdefault(name, value.replace(_NONCE, request.csp_nonce))

    def _with_nonce(
        self, whose: object, policies: tuple[ContentSecurityPolicy, ...]
    ) -> list[tuple[str, str]]:
        """Return the policies with a mark where their nonce goes; made once (measured: 30 µs against 1 µs)."""
        known = self._nonced.get(id(whose))  # by identity: a policy has two dozen tuples to hash
        if known is None:
            known = self._nonced[id(whose)] = (whose, list(self._lines(policies, _NONCE).items()))
        return known[1]

    def _block(self, policies: tuple[ContentSecurityPolicy, ...], *, secure: bool) -> HeaderBlock:
        block = self._blocks.get((policies, secure))
        if block is None:
            page = self._lines(policies, None)
            if self._own.permissions_policy is not None:
                page["permissions-policy"] = self._own.permissions_policy
            types: dict[str, Mapping[str, str]] = dict.fromkeys(PAGES, page)
            if policies:
                types[SVG] = {"content-security-policy": SVG_POLICY}
            block = self._blocks[policies, secure] = HeaderBlock(self._own.fields(secure=secure), types)
        return block

    def _lines(self, policies: tuple[ContentSecurityPolicy, ...], nonce: str | None) -> dict[str, str]:
        """Return the policies as header fields; those with one name are one, divided by commas (RFC 9110 section 5.3)."""
        lines: dict[str, list[str]] = {}
        for policy in map(self._completed, policies):
            lines.setdefault(policy.header, []).append(policy.text(nonce))
            if policy.reporting:
                lines.setdefault("reporting-endpoints", [policy.reporting])
        return {name: ", ".join(texts) for name, texts in lines.items()}

    def _completed(self, policy: ContentSecurityPolicy) -> ContentSecurityPolicy:
        if policy.frame_ancestors is not None:
            return policy
        frames = _FRAMES.get((self._own.frame_options or "").upper(), ())
        return msgspec.structs.replace(policy, frame_ancestors=frames)


def _is_page(content_type: bytes | None) -> bool:
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    return kind.decode("latin-1") in PAGES
