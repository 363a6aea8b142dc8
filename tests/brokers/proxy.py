"""A network between a broker and its server that a test can cut, freeze and mend."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.brokers.waiting import until


class Proxy:
    """Passes bytes on to a server. ``frozen``: nothing passes, and nobody is told, as when a cable is pulled."""

    def __init__(self, url: str, security: ssl.SSLContext | None = None) -> None:
        self._security = security
        self._parts = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._refuses = False
        self.connections = 0
        self.refused = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._security)

    @property
    def url(self) -> str:
        """The URL of the server through this network."""
        port = self._server.sockets[0].getsockname()[1] if self._server else 0
        user = f"{self._parts.username}@" if self._parts.username else ""
        return self._parts._replace(netloc=f"{user}127.0.0.1:{port}").geturl()

    def freeze(self) -> None:
        """Let nothing pass from now on."""
        self._flowing.clear()

    def cut(self, *, refuse: bool = False) -> None:
        """Close all connections; ``refuse``: and the next ones, until mended."""
        self._refuses = refuse
        for writer in self._writers:
            writer.transport.abort()

    async def cut_and_back(self) -> None:
        """Close all connections, and return once there is another one."""
        before = self.connections
        self.cut()
        await until(lambda: self.connections > before)

    def mend(self) -> None:
        """Let everything pass again."""
        self._refuses = False
        self._flowing.set()

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        self.cut()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            self.refused += 1
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers |= {writer, back}
        self.connections += 1
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await source.read(1 << 16):
                    await self._flowing.wait()
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.transport.abort()
            self._writers.discard(sink)


@asynccontextmanager
async def proxy(url: str, security: ssl.SSLContext | None = None) -> AsyncGenerator[Proxy]:
    """Yield a network to a server; with ``security`` it is spoken to over TLS."""
    made = Proxy(url, security)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
