"""The rows that tests of queries work on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.models.backing import opened
from tests.models.schemas import library
from tests.models.schemas.library import Author, Book, Publisher, Tag
from vivace.db import Database


@asynccontextmanager
async def shelf(url: str, *, filled: bool = True) -> AsyncGenerator[Database]:
    """Run the body with the library's tables: three authors, one without books, and three books."""
    async with opened(url, library.ALL) as database:
        if filled:
            await fill()
        yield database


async def fill() -> None:
    """Insert the rows."""
    ada, alan, _ = [await Author.objects.create(name=name) for name in ("Ada", "Alan", "Grace")]
    press = await Publisher.objects.create(name="Press")
    short, old = [await Tag.objects.create(name=name) for name in ("short", "old")]
    notes = await Book.objects.create(title="Notes", author=ada, year=1843, pages=30, publisher=press)
    letters = await Book.objects.create(title="Letters", author=ada, year=1852, pages=120)
    machines = await Book.objects.create(title="Machines", author=alan, year=1936, pages=36, publisher=press)
    await notes.tags.add(short, old)
    await letters.tags.add(old)
    await machines.tags.add(short)
