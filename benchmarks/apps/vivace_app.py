"""The work of every benchmark, written as a user writes it: no switches, no shortcuts."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from vivace import App, File, Request, WebSocket, fan_out

if os.environ.get("BENCHMARK_GC") == "off":
    gc.disable()

app = App()
CHUNK = bytes(65_536)
GIGABYTE = 1_000_000_000
sparse = tempfile.NamedTemporaryFile()  # noqa: SIM115  as long as the process lives
sparse.truncate(GIGABYTE)
listeners: set[WebSocket] = set()


class Address(Struct):
    street: Annotated[str, Meta(max_length=100)]
    city: Annotated[str, Meta(max_length=60)]
    postcode: Annotated[str, Meta(max_length=12)]
    country: Annotated[str, Meta(min_length=2, max_length=2)]


class Line(Struct):
    sku: Annotated[str, Meta(max_length=20)]
    title: Annotated[str, Meta(max_length=100)]
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    price: Annotated[float, Meta(ge=0)]


class Order(Struct):
    email: Annotated[str, Meta(max_length=100)]
    address: Address
    lines: Annotated[list[Line], Meta(min_length=1, max_length=100)]
    note: Annotated[str, Meta(max_length=500)]
    gift: bool


class Receipt(Struct):
    shop: int
    dry_run: bool
    limit: int
    email: str
    quantity: int
    total: float


@app.get("/json")
async def as_json() -> dict[str, str]:
    return {"message": "Hello, World!"}


@app.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@app.post("/shops/{shop}/orders")
async def place(shop: int, order: Order, dry_run: bool = False, limit: int = 10) -> Receipt:
    quantity = 0
    total = 0.0
    for line in order.lines:
        quantity += line.quantity
        total += line.quantity * line.price
    return Receipt(shop, dry_run, limit, order.email, quantity, total)


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    async for message in socket:
        await socket.send(message)


@app.websocket("/fan")
async def fan(socket: WebSocket) -> None:
    await socket.accept()
    listeners.add(socket)
    try:
        async for message in socket:
            fan_out(listeners - {socket}, message)
    finally:
        listeners.discard(socket)


@app.get("/gigabyte")
async def gigabyte() -> AsyncIterator[bytes]:
    for _ in range(GIGABYTE // len(CHUNK)):
        yield CHUNK


@app.get("/gigabyte-file")
async def gigabyte_file() -> File:
    return File(sparse.name)


@app.post("/upload", body_limit=GIGABYTE)
async def upload(request: Request) -> str:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
    return str(received)
