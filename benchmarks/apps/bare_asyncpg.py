"""The least that one row costs behind our engine: raw asyncpg connections in a list, and no ORM."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from random import randint
from typing import Any

import asyncpg

from vivace import App

app = App()
free: list[Any] = []
waiting: list[asyncio.Future[None]] = []


@app.lifespan
async def connections() -> AsyncGenerator[None]:
    free.extend([await asyncpg.connect(os.environ["DATABASE_URL"]) for _ in range(10)])
    yield
    for connection in free:
        await connection.close()


async def fetch(key: int) -> dict[str, Any]:
    while not free:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        await turn
    connection = free.pop()
    try:
        row = (await connection.fetch("SELECT id, randomnumber FROM world WHERE id = $1", key))[0]
    finally:
        free.append(connection)
        if waiting:
            waiting.pop(0).set_result(None)
    return {"id": row[0], "randomnumber": row[1]}


@app.get("/one")
async def one() -> Any:
    return await fetch(randint(1, 10_000))


@app.get("/")
async def ready() -> str:
    return "ready"
