"""Who serves the hub: the supervisor, on its loop; without one the first process that finds none, on a thread.

On a thread with a loop of its own, so that a handler that blocks this process's loop, or a prompt that waits for its
user, does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Final

from vivace.brokers.base import BrokerOptions
from vivace.errors import BrokerRefused

from .place import leave, take
from .server import HubServer

logger: Final = logging.getLogger("vivace.brokers")
AGAIN: Final = 0.5  # seconds between looks whether the hub that another process serves still lives


class HubThread:
    """A hub served on a thread of this process."""

    def __init__(self, path: str, sock: socket.socket, options: BrokerOptions) -> None:
        self._path = path
        self._sock = sock
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="vivace-hub", daemon=True)
        self._ending: asyncio.Event | None = None
        self._begun = threading.Event()
        self._thread.start()
        self._begun.wait()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        ending = self._ending = asyncio.Event()
        hub = HubServer(self._options)
        try:
            await hub.serve(self._sock)
        finally:
            self._begun.set()
        await ending.wait()
        leave(self._path)
        await hub.close()

    async def stop(self) -> None:
        """End the hub; whoever is still there finds another one."""
        if self._ending is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)


def offer(path: str, options: BrokerOptions) -> HubThread | None:
    """Serve the hub at a path from this process, unless one lives there; raises ``BrokerRefused`` where it cannot."""
    sock = take(path)
    return None if sock is None else HubThread(path, sock, options)


async def serve_hub(path: str) -> None:
    """Serve the hub at a path on this loop until cancelled; while another process does, wait for its end."""
    while True:
        try:
            sock = take(path)
        except BrokerRefused as error:
            logger.error("the supervisor cannot serve the hub: %s", error)
            return
        if sock is not None:
            break
        await asyncio.sleep(AGAIN)
    hub = HubServer()
    try:
        await hub.serve(sock)
        await asyncio.get_running_loop().create_future()
    finally:
        leave(path)
        await hub.close()


__all__ = ["HubThread", "offer", "serve_hub"]
