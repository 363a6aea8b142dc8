"""Response headers that make browsers careful; sent with every response that does not set them itself."""

from __future__ import annotations

import msgspec

from vivace.http.headers import HeaderBlock


class SecurityHeaders(msgspec.Struct, frozen=True):
    """The headers and their values; ``None`` leaves one out.

    ``hsts`` is in seconds and sent over https only, when it is set (a wrong one locks visitors out for that long, so it
    is a decision: ``check --deploy`` asks for it).
    """

    content_type_options: str | None = "nosniff"
    frame_options: str | None = "DENY"
    referrer_policy: str | None = "same-origin"  # Django's SECURE_REFERRER_POLICY
    opener_policy: str | None = "same-origin"
    resource_policy: str | None = "same-origin"
    permissions_policy: str | None = None
    content_security_policy: str | None = None
    hsts: int = 0

    def block(self, *, secure: bool) -> HeaderBlock:
        """Return the headers, encoded once; ``secure``: for answers over https (RFC 6797 section 7.2 wants HSTS there only)."""
        fields = {
            "x-content-type-options": self.content_type_options,
            "x-frame-options": self.frame_options,
            "referrer-policy": self.referrer_policy,
            "cross-origin-opener-policy": self.opener_policy,
            "cross-origin-resource-policy": self.resource_policy,
            "permissions-policy": self.permissions_policy,
            "content-security-policy": self.content_security_policy,
            "strict-transport-security": f"max-age={self.hsts}; includeSubDomains"
            if secure and self.hsts
            else None,
        }
        return HeaderBlock({name: value for name, value in fields.items() if value is not None})
