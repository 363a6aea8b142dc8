"""Tortoise ORM on asyncpg, in Starlette on uvicorn."""

import contextlib
import os
from random import randint

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from tortoise import Tortoise, fields
from tortoise.models import Model


class World(Model):
    id = fields.IntField(primary_key=True)
    randomnumber = fields.IntField()

    class Meta:
        table = "world"


@contextlib.asynccontextmanager
async def lifespan(app):
    url = os.environ["DATABASE_URL"].replace("postgresql://", "asyncpg://") + "?minsize=10&maxsize=10"
    await Tortoise.init(db_url=url, modules={"models": [__name__]}, _enable_global_fallback=True)
    yield
    await Tortoise.close_connections()


async def one(request):
    world = await World.get(pk=randint(1, 10_000))
    return JSONResponse({"id": world.id, "randomnumber": world.randomnumber})


async def ready(request):
    return PlainTextResponse("ready")


app = Starlette(routes=[Route("/one", one), Route("/", ready)], lifespan=lifespan)
