"""All security policies of an app as one frozen value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from vivace.config.settings import Settings
from vivace.http.csp import ContentSecurityPolicy

from .headers import SecurityHeaders
from .hosts import Hosts
from .origin import SameOrigin

if TYPE_CHECKING:
    from vivace.http.csp import Policies

    from .cors import CORS


class Security(msgspec.Struct, frozen=True):
    """What protects an app. Everything but CORS is on; ``None`` switches one off, visibly.

    ``csp`` is what pages may do: one policy, or a tuple of them (one that is enforced, one that only reports).
    """

    hosts: Hosts | None = msgspec.field(default_factory=Hosts)
    origins: SameOrigin | None = msgspec.field(default_factory=SameOrigin)
    headers: SecurityHeaders | None = msgspec.field(default_factory=SecurityHeaders)
    cors: CORS | None = None
    csp: Policies | None = msgspec.field(default_factory=ContentSecurityPolicy)

    def with_settings(self, settings: Settings) -> Security:
        """Return a copy that also knows what the settings say: hosts and HSTS where none are named here, trusted origins."""
        hosts, origins, headers, secure = self.hosts, self.origins, self.headers, settings.secure
        if hosts is not None and not hosts.allowed:
            hosts = Hosts(settings.hosts)
        if origins is not None:
            origins = origins.and_trusted(settings.trusted_origins)
        if headers is not None and not headers.hsts and secure.hsts_seconds:
            headers = replace(
                headers,
                hsts=secure.hsts_seconds,
                hsts_include_subdomains=secure.hsts_include_subdomains,
                hsts_preload=secure.hsts_preload,
            )
        return replace(self, hosts=hosts, origins=origins, headers=headers)
