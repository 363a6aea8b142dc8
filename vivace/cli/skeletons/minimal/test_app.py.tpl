"""`pytest` runs these."""

from __future__ import annotations

from vivace.testing import Client

from app import app


async def test_hello() -> None:
    async with Client(app) as client:
        assert (await client.get("/")).json() == {"hello": "world"}
        assert (await client.get("/?name=Ada")).json() == {"hello": "Ada"}
