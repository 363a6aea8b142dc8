"""Uploads through a real socket: large ones with flat memory, broken ones without anything left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

from vivace.engine.server import Server
from vivace.errors import HTTPError
from vivace.http.request import Request
from vivace.http.response import JSON, Response, Text

HEAD = (
    b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: %d\r\n\r\n"
)
FIRST = b'--B\r\nContent-Disposition: form-data; name="f"; filename="../a.bin"\r\n\r\n'
LAST = b"\r\n--B--\r\n"
CHUNK = bytes(65_536)


def pieces(size: int) -> Iterator[bytes]:
    """Yield a request that uploads ``size`` bytes."""
    yield HEAD % (len(FIRST) + size + len(LAST)) + FIRST
    for _ in range(size // len(CHUNK)):
        yield CHUNK
    yield LAST


@asynccontextmanager
async def serving(handle: Callable[[Request], Awaitable[Response]]) -> AsyncGenerator[int, None]:
    """Serve ``handle`` on a free port."""

    async def answered(request: Request) -> Response:
        try:
            return await handle(request)
        except HTTPError as error:
            return Text(error.what, error.status)
        finally:
            request.close_form()

    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(answered)
    await server.listen([listening])
    try:
        yield listening.getsockname()[1]
    finally:
        await server.close()
        listening.close()


async def send(port: int, request: Iterator[bytes]) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in request:
        writer.write(piece)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def test_rq5_streamed_upload_has_flat_memory() -> None:
    size = 64 * 1024 * 1024

    async def count(request: Request) -> Response:
        total, name = 0, ""
        async for part in request.parts():
            name = part.filename or ""
            async for chunk in part:
                total += len(chunk)
        return JSON([name, total])

    async with serving(count) as port:
        tracemalloc.start()
        answer = await send(port, pieces(size))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert answer.endswith(b'["a.bin",%d]' % size)
    assert peak < 4 * 1024 * 1024


async def test_rq5_form_spools_and_cleans_up() -> None:
    spooled: list[bool] = []

    async def store(request: Request) -> Response:
        upload = (await request.form()).files["f"]
        spooled.append(not upload.in_memory)
        return JSON(upload.size)

    async with serving(store) as port:
        before = open_files()
        assert (await send(port, pieces(4 * 1024 * 1024))).endswith(b"4194304")
        assert spooled == [True]
        await settled(before)


async def test_rq5_client_that_leaves_midway_leaves_nothing() -> None:
    ended = asyncio.Event()

    async def store(request: Request) -> Response:
        try:
            return JSON(len(await request.form()))
        finally:
            ended.set()

    async with serving(store) as port:
        before = open_files()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD % 10_000_000 + FIRST + CHUNK * 40)
        await writer.drain()
        writer.transport.abort()
        await ended.wait()
        await settled(before)


async def test_rq4_malformed_and_cut_off_multipart_is_400() -> None:
    async def read(request: Request) -> Response:
        return JSON(len(await request.form()))

    async with serving(read) as port:
        for body in (b"nonsense", FIRST + b"x", FIRST + b"x\r\n--B\r\n"):
            answer = await send(port, iter([HEAD % len(body) + body]))
            assert answer.startswith(b"HTTP/1.1 400 ")


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/dev/fd"))


async def settled(before: int) -> None:
    """Wait until no more files are open than ``before``: connections close a moment after their answer."""
    while open_files() > before:
        await asyncio.sleep(0.005)
