"""All security policies of an app as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from .cors import CORS
from .headers import SecurityHeaders
from .hosts import Hosts
from .origin import SameOrigin


@dataclass(frozen=True, slots=True)
class Security:
    """What protects an app. Everything but CORS is on; ``None`` switches one off, visibly."""

    hosts: Hosts | None = field(default_factory=Hosts)
    origins: SameOrigin | None = field(default_factory=SameOrigin)
    headers: SecurityHeaders | None = field(default_factory=SecurityHeaders)
    cors: CORS | None = None
