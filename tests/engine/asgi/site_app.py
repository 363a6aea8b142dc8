"""What the foreign servers serve in these tests: ``site:app``."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from vivace.engine.asgi import ASGIAdapter
from vivace.http.request import Request
from vivace.http.response import JSON, Response, Stream, Text, Upgrade
from vivace.http.websocket import WebSocket

log: list[str] = []


class Talk(Upgrade):
    """Echoes; some words do more."""

    async def run(self, socket: WebSocket) -> None:
        path = socket.request.path
        if path == "/ws/no":
            await socket.reject(Text("members only", 403))
            return
        await socket.accept("v2" if "v2" in socket.offered_subprotocols else None, {"x-room": "7"})
        if path == "/ws/fail":
            raise ZeroDivisionError("oops")
        try:
            async for message in socket:
                if message == "close":
                    await socket.close(4000, "as you wish")
                await socket.send(message)
        finally:
            log.append(f"left {path} {socket.close_code}")


async def endless() -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"x" * 65_536
            log.append("chunk")
    finally:
        log.append("endless ended")


async def handle(request: Request) -> Response:
    path = request.path
    if path.startswith("/ws/"):
        return Talk()
    if path == "/log":
        return JSON([entry for entry in log if entry != "chunk"])
    if path == "/chunks":
        return JSON(log.count("chunk"))
    if path == "/hash":
        return await hashed(request)
    if path == "/endless":
        return Stream(endless())
    if path in ("/wait", "/work"):
        return await wait(request)
    if path == "/fail":
        raise ZeroDivisionError("oops")
    return JSON(
        {
            "method": request.method,
            "target": request.target,
            "path": path,
            "http": request.connection.http_version,
        }
    )


async def hashed(request: Request) -> Response:
    request.body_limit = None
    digest = hashlib.sha256()
    async for chunk in request.stream():
        digest.update(chunk)
    return Text(digest.hexdigest())


async def wait(request: Request) -> Response:
    """Waits for longer than the client does; what is unsafe finishes."""
    log.append(f"{request.path} began")
    try:
        while not request.connection.disconnected:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        log.append(f"{request.path} finished")
    except asyncio.CancelledError:
        log.append(f"{request.path} cancelled")
        raise
    return Text("")


async def startup() -> None:
    log.append("up")


async def shutdown() -> None:
    print("down", flush=True)


app = ASGIAdapter(handle, startup, shutdown)
