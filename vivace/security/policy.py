"""All security policies of an app as one frozen value."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from vivace.config.settings import Settings

from .cors import CORS
from .headers import SecurityHeaders
from .hosts import Hosts
from .origin import SameOrigin


class Security(msgspec.Struct, frozen=True):
    """What protects an app. Everything but CORS is on; ``None`` switches one off, visibly."""

    hosts: Hosts | None = msgspec.field(default_factory=Hosts)
    origins: SameOrigin | None = msgspec.field(default_factory=SameOrigin)
    headers: SecurityHeaders | None = msgspec.field(default_factory=SecurityHeaders)
    cors: CORS | None = None

    def with_settings(self, settings: Settings) -> Security:
        """Return a copy that also knows what the settings say: hosts where none are named here, trusted origins."""
        hosts, origins = self.hosts, self.origins
        if hosts is not None and not hosts.allowed:
            hosts = Hosts(settings.hosts)
        if origins is not None:
            origins = origins.and_trusted(settings.trusted_origins)
        return replace(self, hosts=hosts, origins=origins)
