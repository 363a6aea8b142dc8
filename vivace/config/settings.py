"""What can be set, as frozen values: every number with its unit, its default and the reason for it.

A setting has one home here and one name: ``limits.header_bytes`` is ``VIVACE_LIMITS_HEADER_BYTES`` in the environment.
Options are never copied from layer to layer: whoever needs one is handed the group it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client may send. The parser has no limits of its own (measured: 5 MB headers pass), so these are all."""

    header_bytes: int = 32_768  # whole header section; node 16 KB, nginx 32 KB
    header_count: int = 100  # h11 and Apache: 100
    target_bytes: int = 8_192  # request target; RFC 9112 section 3 asks for at least 8,000
    body_bytes: int = 2_621_440  # Django's DATA_UPLOAD_MAX_MEMORY_SIZE
    pipeline_depth: int = 32  # requests waiting on one connection before reading pauses
    write_buffer_bytes: int = 262_144  # unsent bytes of a connection before the writer waits
    requests_per_connection: int = 0  # 0: no limit
    connections: int = 0  # per worker, 0: no limit
    websocket_message_bytes: int = 1_048_576
    websocket_buffer_bytes: int = 1_048_576  # unsent bytes of a socket before its policy applies
    chunk_extension_bytes: int = 4_096  # per body; they carry nothing we use


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a client may take, in seconds; 0 means no limit."""

    headers: float = 15.0  # from the first byte to the end of the header section
    body: float = 30.0  # without any byte of a body that a handler waits for
    keep_alive: float = 65.0  # idle between requests; above the 60 s of common load balancers
    write: float = 60.0  # without any byte taken by the client
    handler: float = 0.0  # from dispatch to response; per route: ``timeout=``
    shutdown: float = 10.0  # drain: open requests and sockets get this long
    websocket_ping: float = 20.0  # between pings of an idle socket
    websocket_pong: float = 20.0  # for the answer to a ping


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of an app and its server."""

    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    debug: bool = False
    secret_key: str = ""
    hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
