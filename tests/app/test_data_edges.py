"""Answers that are still at work when their handler has returned, and what of a model an answer must not show."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from vivace import App, models
from vivace.config.settings import Settings
from vivace.db import Database, Statement, current_databases
from vivace.db.urls import connect
from vivace.errors.testing import TestDatabaseTaken
from vivace.http.websocket import WebSocket
from vivace.testing import Client


class Guest(models.Model):
    name = models.CharField(max_length=20)
    password = models.CharField(max_length=20, default="s3cret", serialize=False)
    photo = models.BinaryField(default=b"s3cret")


def guests(**options: Any) -> App:
    return App(models=[Guest], **options)


async def make(count: int) -> None:
    await Guest.objects.bulk_create([Guest(name=f"g{n}") for n in range(count)])


async def test_db1_long_rows_are_whole_where_requests_are_transactions() -> None:
    app = guests(settings=Settings(json_rows=3, atomic_requests=True))

    @app.get("/some")
    async def some() -> Any:
        return Guest.objects.order_by("pk")[:8]

    async with Client(app) as client:
        await make(9)
        assert [each["id"] for each in (await client.get("/some")).json()] == list(range(1, 9))


async def test_a_stream_and_a_socket_of_a_mounted_app_use_its_own_databases(tmp_path: Path) -> None:
    inner = guests(databases={"default": "sqlite:///inner.sqlite3"}, root=tmp_path)
    outer = App(databases={"default": "sqlite:///outer.sqlite3"}, root=tmp_path)
    outer.mount("/inner", inner)

    def here() -> str:
        databases = current_databases.get()
        return (
            "inner"
            if databases is inner.databases
            else "outer"
            if databases is outer.databases
            else "nobody's"
        )

    @inner.get("/stream")
    async def stream() -> AsyncGenerator[str]:
        yield here()
        yield here()

    @inner.websocket("/socket")
    async def talk(socket: WebSocket) -> None:
        await socket.send(here())
        await socket.receive()
        await socket.send(here())

    @outer.get("/outer")
    async def outside() -> str:
        return here()

    async with Client(outer, isolate=False) as client:
        assert (await client.get("/inner/stream")).text == "innerinner"
        async with client.websocket("/inner/socket") as socket:
            assert await socket.receive() == "inner"
            await socket.send("again")
            assert await socket.receive() == "inner"
        assert (await client.get("/outer")).text == "outer"


async def test_values_without_names_do_not_show_what_must_not_be_seen() -> None:
    app = guests()

    @app.get("/values")
    async def values() -> Any:
        return Guest.objects.values()[:5]

    @app.get("/asked")
    async def asked() -> Any:
        return Guest.objects.values("password")[:5]

    @app.get("/one")
    async def one() -> Any:
        return await Guest.objects.defer("name").annotate(shout=models.F("name")).get()

    async with Client(app) as client:
        await make(1)
        assert (await client.get("/one")).json() == {"id": 1, "shout": "g0"}
        assert (await client.get("/asked")).json() == [{"password": "s3cret"}]
        assert (await client.get("/values")).json() == [{"id": 1, "name": "g0"}]


async def test_te6_a_database_that_no_test_made_is_not_dropped(postgresql_url: str) -> None:
    base, _, name = postgresql_url.rpartition("/")
    server = Database("server", connect(postgresql_url))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    other = "_".join(part for part in ("test", name, worker) if part)
    drop = Statement(sql=f'DROP DATABASE IF EXISTS "{other}" WITH (FORCE)', writes=None)
    try:
        await server.execute(drop)  # of another test, which had the same database before
        await server.execute(Statement(sql=f'CREATE DATABASE "{other}"', writes=None))
        precious = Database("precious", connect(f"{base}/{other}"))
        await precious.run_script("CREATE TABLE precious (id integer)")
        await precious.close()
        with pytest.raises(TestDatabaseTaken, match=other):
            async with Client(guests(databases={"default": postgresql_url})):
                pass
        assert await precious.fetch(Statement(sql="SELECT * FROM precious")) == []
        await precious.close()
        await server.execute(Statement(sql=f'DROP DATABASE "{other}"', writes=None))
        async with Client(guests(databases={"default": postgresql_url})):
            await make(1)
    finally:
        await server.execute(drop)
        await server.close()
