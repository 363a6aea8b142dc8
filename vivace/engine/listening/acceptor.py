"""Accepts on a duplicate of a listening socket, so that it can pause: closing the duplicate closes nothing for others.

What arrives while a worker pauses waits in the kernel's queue, for another worker or for later.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .listeners import BACKLOG, UNIX

if TYPE_CHECKING:
    import ssl

_NO_UNLINK: Final[dict[str, Any]] = (
    {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
)  # or the first worker to stop would remove the path that all share


class Acceptor:
    """Accepts connections for one listening socket; ``patience`` is the limit of a TLS handshake in seconds."""

    __slots__ = ("_factory", "_listener", "_patience", "_sock", "_tls")

    def __init__(
        self,
        sock: socket.socket,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None = None,
        patience: float | None = None,
    ) -> None:
        self._sock = sock
        self._factory = factory
        self._tls = tls
        self._patience = patience
        self._listener: asyncio.Server | None = None

    async def open(self) -> None:
        """Accept from now on; nothing happens when it does already."""
        if self._listener is not None:
            return
        duplicate = self._sock.dup()
        duplicate.setblocking(False)
        options: dict[str, Any] = {"sock": duplicate, "backlog": BACKLOG, "ssl": self._tls}
        if self._tls is not None:
            options["ssl_handshake_timeout"] = self._patience
        loop = asyncio.get_running_loop()
        if self._sock.family == UNIX:
            self._listener = await loop.create_unix_server(self._factory, **options, **_NO_UNLINK)
        else:
            self._listener = await loop.create_server(self._factory, **options)

    def close(self) -> None:
        """Accept no more, until ``open``."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()


__all__ = ["Acceptor"]
