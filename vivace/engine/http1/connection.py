"""A connection of the engine as its requests see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.http.headers import RawHeaders
from vivace.http.request import Connection

if TYPE_CHECKING:
    from .outlet import Outlet


class EngineConnection(Connection):
    """The connection as requests see it."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: Outlet, base: Connection) -> None:
        super().__init__(base.scheme, base.client, base.server, base.http_version)
        self.peer_certificate = base.peer_certificate
        self._protocol = protocol

    @property
    def shutting_down(self) -> bool:
        """True once the server drains."""
        return self._protocol.server.draining

    @property
    def disconnected(self) -> bool:
        """True once the client went away."""
        return self._protocol.gone

    def early_hints(self, headers: RawHeaders) -> None:
        """Send a 103 unless the response has begun or the client speaks HTTP/1.0."""
        if self.http_version != "1.0":
            self._protocol.early_hints(headers)
