"""What the engine's tests share: a server on a real socket, on both loops, and a client of bare bytes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import uvloop

from vivace.config.settings import Settings
from vivace.engine.server import Server
from vivace.http.types import Handle

Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
LOOPS: dict[str, Run] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


class Client:
    """One connection, driven byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read one head; return its status and fields."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), fields

    async def body(self, fields: dict[str, str]) -> bytes:
        """Read the body that a head announced; of a chunked one the data alone."""
        if "content-length" in fields:
            return await self.reader.readexactly(int(fields["content-length"]))
        if "transfer-encoding" not in fields:
            return await self.reader.read()
        data, _ = await self.chunks()
        return b"".join(data)

    async def chunks(self) -> tuple[list[bytes], list[str]]:
        """Read a chunked body; return the chunks and the lines of the trailer section."""
        found: list[bytes] = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            found.append((await self.reader.readexactly(size + 2))[:-2])
        trailers: list[str] = []
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            trailers.append(line[:-2].decode())
        return found, trailers

    async def get(
        self, target: str = "/", method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask for a page and read the answer."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        await self.send(f"{method} {target} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n".encode())
        status, fields = await self.head()
        bodiless = method == "HEAD" or status in (204, 304)
        return status, fields, b"" if bodiless else await self.body(fields)

    async def rest(self) -> bytes:
        """Read until the server ends the connection, with or without a reset."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def reset(self) -> None:
        """Go away without a word."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass


class Served:
    """A running server and its address."""

    def __init__(self, server: Server, port: int, tls: ssl.SSLContext | None) -> None:
        self.server = server
        self.port = port
        self.tls = tls
        self.clients: list[Client] = []

    async def connect(self, receive_buffer: int = 0) -> Client:
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return await self.over(sock)

    async def over(self, sock: socket.socket) -> Client:
        """Go on over a socket that is connected."""
        name = "localhost" if self.tls is not None else None
        streams = await asyncio.open_connection(sock=sock, ssl=self.tls, server_hostname=name, limit=4096)
        client = Client(*streams)
        self.clients.append(client)
        return client


@asynccontextmanager
async def serving(
    handle: Handle,
    settings: Settings | None = None,
    *,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    prepare: Callable[[Server], None] = lambda server: None,
) -> AsyncGenerator[Served]:
    """Serve ``handle`` on a free port; ``contexts`` are the server's and the client's for TLS."""
    server = Server(handle, settings)
    prepare(server)
    sock = socket.create_server(("127.0.0.1", 0))
    await server.listen([sock], contexts[0] if contexts else None)
    served = Served(server, sock.getsockname()[1], contexts[1] if contexts else None)
    try:
        yield served
    finally:
        for client in served.clients:
            await client.close()
        await server.close()
        sock.close()  # uvloop leaves it open
        while server.connections:
            await asyncio.sleep(0.001)
