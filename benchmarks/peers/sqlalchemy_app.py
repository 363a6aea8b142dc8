"""SQLAlchemy's asynchronous ORM on asyncpg, in Starlette on uvicorn."""

import os
from random import randint

from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"), pool_size=10, max_overflow=0
)
session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class World(Base):
    __tablename__ = "world"
    id: Mapped[int] = mapped_column(primary_key=True)
    randomnumber: Mapped[int]


async def one(request):
    async with session() as current:
        world = await current.get(World, randint(1, 10_000))
    return JSONResponse({"id": world.id, "randomnumber": world.randomnumber})


async def ready(request):
    return PlainTextResponse("ready")


app = Starlette(routes=[Route("/one", one), Route("/", ready)])
