"""Rows through the ORM, as a user writes it: by key, twenty in a request, a thousand at once, and an update."""

from __future__ import annotations

from random import randint
from typing import Any

from vivace import App, models

app = App()


class World(models.Model):
    randomnumber = models.IntegerField()

    class Meta:
        db_table = "world"
        managed = False


@app.get("/one")
async def one() -> Any:
    return await World.objects.get(pk=randint(1, 10_000))


@app.get("/twenty")
async def twenty() -> Any:
    return [await World.objects.get(pk=randint(1, 10_000)) for _ in range(20)]


@app.get("/thousand")
async def thousand() -> Any:
    return World.objects.order_by("pk")[:1000]


@app.get("/")
async def ready() -> str:
    return "ready"
