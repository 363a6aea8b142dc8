"""In a render, and only there, what is not loaded loads itself: for all peers, unless the query is strict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import greenlet
import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book
from vivace.db import query_log
from vivace.errors import NotLoaded
from vivace.models.query.rendering import Wait, rendering, strict_by_default


async def render(template: Callable[[], str]) -> str:
    """Run a function in a greenlet that waits for coroutines by handing them to its parent."""
    here = greenlet.getcurrent()
    child = greenlet.greenlet(template)

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return here.switch(work)

    def ask() -> Wait | None:
        return wait if greenlet.getcurrent() is child else None

    child.gr_context = None
    token = rendering.set(ask)
    try:
        child.gr_context = _copy()
        result = child.switch()
        while not child.dead:
            result = child.switch(await result)
        return str(result)
    finally:
        rendering.reset(token)


def _copy() -> Any:
    import contextvars

    return contextvars.copy_context()


async def test_or16_relations_load_themselves_for_all_peers(database_url: str) -> None:
    async with shelf(database_url):
        books = Book.objects.all()
        with query_log() as log:
            shown = await render(lambda: ", ".join(f"{b.title} by {b.author.name}" for b in books))
        assert shown == "Notes by Ada, Letters by Ada, Machines by Alan"
        assert len(log) == 2


async def test_or16_relations_to_many_load_themselves_for_all_peers(database_url: str) -> None:
    async with shelf(database_url):
        authors = await Author.objects.order_by("name")
        with query_log() as log:
            shown = await render(lambda: " ".join(f"{a}: {len(a.books.all())}" for a in authors))
        assert shown == "Ada: 2 Alan: 1 Grace: 0"
        assert len(log) == 1


async def test_or16_deferred_columns_load_themselves(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.only("title")
        with query_log() as log:
            shown = await render(lambda: " ".join(str(b.year) for b in books))
        assert shown == "1843 1852 1936"
        assert len(log) == 1


async def test_or16_strict_queries_do_not(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.strict()
        with pytest.raises(NotLoaded, match="author"):
            await render(lambda: books[0].author.name)
        token = strict_by_default.set(True)
        try:
            books = await Book.objects.all()
        finally:
            strict_by_default.reset(token)
        with pytest.raises(NotLoaded, match="author"):
            await render(lambda: books[0].author.name)


async def test_or16_python_code_beside_a_render_does_not(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.all()

        async def elsewhere() -> None:
            with pytest.raises(NotLoaded):
                books[0].author

        await asyncio.gather(elsewhere(), render(lambda: "x"))
        with pytest.raises(NotLoaded):
            books[1].author
