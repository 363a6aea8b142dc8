"""Valkey URLs: where a server is, and how it is spoken to.

``valkey://user:password@host:6379/0`` (also ``redis://``), ``valkeys://`` or ``rediss://`` over TLS; the path is the
number of the database. What follows ``?`` sets options by their names: ``?path=/run/valkey.sock`` for a Unix socket,
``?ca_file=authority.pem`` for a certificate of your own authority. Errors never show the password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vivace.config.urls import URLReader
from vivace.errors import ValkeyURLInvalid

FORMS: Final = "valkey://user:password@host:6379/0, or valkeys://… for TLS"
SCHEMES: Final[Mapping[str, bool]] = {"valkey": False, "redis": False, "valkeys": True, "rediss": True}
"""Whether each is spoken over TLS."""
_READER: Final = URLReader("Valkey", FORMS, ValkeyURLInvalid)


class ValkeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Valkey or Redis server is. Times are in seconds.

    ``prefix`` is what all keys and channels begin with, so that several apps can share a database.
    ``path`` is a Unix socket, in place of ``host`` and ``port``. ``timeout`` is how long an answer may take: after
    that the connection counts as dead, and what waits on it fails. ``ca_file`` names the authorities of the server's
    certificate (otherwise the system's); ``cert_file`` and ``key_file`` are our own certificate; ``ssl`` takes an
    ``SSLContext`` in place of these.
    """

    host: str = "localhost"
    port: int = 6379
    path: str = ""
    user: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    ssl: Any = None
    client_name: str = "vivace"
    prefix: str = "vivace"
    connect_timeout: float = 5.0
    timeout: float = 5.0

    def __post_init__(self) -> None:
        if self.timeout <= 0 or self.connect_timeout <= 0 or self.database < 0:
            raise ValkeyURLInvalid(
                "The Valkey options cannot work.",
                expected="timeout and connect_timeout above 0, database 0 or above",
                got=f"timeout={self.timeout}, connect_timeout={self.connect_timeout}, database={self.database}",
            )

    def __repr__(self) -> str:
        return f"<ValkeyOptions {self.address}>"

    __str__ = __repr__

    @property
    def address(self) -> str:
        """Where the server is, for messages: without user and password."""
        return f"{self.path or f'{self.host}:{self.port}'}/{self.database}"

    def security(self) -> Any:
        """Return the ``SSLContext`` of connections, or ``None`` for plain ones."""
        if self.ssl is not None or not self.tls:
            return self.ssl
        import ssl  # only who speaks TLS pays for it

        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file or None)
        return context


def valkey_options(url: str) -> ValkeyOptions:
    """Return what a URL says. Raises ``ValkeyURLInvalid``, which never shows the password."""
    tls = SCHEMES[_READER.scheme(url, SCHEMES)]
    parts = _READER.split(url)
    given: dict[str, Any] = (
        {"tls": tls} | _READER.address(parts) | _READER.options(parts.query, ValkeyOptions)
    )
    given["database"] = _number(given.get("database", 0))
    return ValkeyOptions(**given)


def _number(name: Any) -> int:
    if not str(name).isdecimal():
        raise ValkeyURLInvalid(
            "The path of a Valkey URL is not the number of a database.", expected=FORMS, got=str(name)[:40]
        )
    return int(name)


__all__ = ["FORMS", "SCHEMES", "ValkeyOptions", "valkey_options"]
