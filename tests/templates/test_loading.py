"""Templates load what they show, for all peers at once; Python code around them never does (DESIGN: no hidden I/O)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book
from tests.templates.making import templates
from vivace.db import query_log
from vivace.errors import NotLoaded, TemplateAccessRefused

LIST = "{% for book in books %}{{ book.title }} by {{ book.author.name }} at {{ book.publisher.name }};{% endfor %}"


async def render(text: str, **values: Any) -> str:
    return await templates(text).render("page.html", values)


async def test_tp9_queryset_loads_itself_and_relations_for_all_peers(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            page = await render(LIST, books=Book.objects.filter(pages__lt=100))
        assert page == "Notes by Ada at Press;Machines by Alan at Press;"
        assert len(log) == 3  # the books, their authors, their publishers: never one for each


async def test_tp9_reverse_relations_load_for_all_peers(database_url: str) -> None:
    async with shelf(database_url):
        text = (
            "{% for a in authors %}{{ a.name }}:{% for b in a.books.all() %}{{ b.title }}"
            "[{% for t in b.tags.all() %}{{ t.name }}{% endfor %}]{% endfor %};{% endfor %}"
        )
        with query_log() as log:
            page = await render(text, authors=Author.objects.order_by("name"))
        assert page == "Ada:Notes[shortold]Letters[old];Alan:Machines[short];Grace:;"
        assert len(log) <= 4


async def test_tp9_queryset_is_asked_once_however_often_it_is_used(database_url: str) -> None:
    async with shelf(database_url):
        books = Book.objects.all()
        text = (
            "{% if books %}{{ books|length }}{{ books[0].title }}{% for b in books %}.{% endfor %}{% endif %}"
        )
        with query_log() as log:
            assert await render(text, books=books) == "3Notes..."
        assert len(log) == 1


async def test_tp9_calls_that_return_awaitables_are_awaited(database_url: str) -> None:
    async with shelf(database_url):
        text = "{{ books.count() }} {{ books.filter(year=1843).exists() }} {{ books.first().title }}"
        assert await render(text, books=Book.objects.all()) == "3 True Notes"


async def test_tp9_methods_of_models_and_filters_may_load_too(database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.get(title="Notes")
        page = templates("{{ book|authored }}")

        def authored(book: Book) -> str:
            return book.author.name.upper()

        page.environment.filters["authored"] = authored
        assert await page.render("page.html", {"book": book}) == "ADA"


async def test_tp9_what_a_page_does_not_show_is_not_fetched(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            assert (
                await render("{% if wanted %}{{ books|length }}{% endif %}", books=Book.objects.all()) == ""
            )
        assert len(log) == 0


async def test_or8_strict_querysets_stay_strict_in_templates(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.all().strict()
        with pytest.raises(NotLoaded, match=r"Book\.author"):
            await render(LIST, books=books)
        with pytest.raises(NotLoaded):
            await render(LIST, books=Book.objects.all().strict())


async def test_or1_code_beside_a_render_still_raises(database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.get(title="Notes")
        gate, ready = asyncio.Event(), asyncio.Event()

        async def slow() -> str:
            ready.set()
            await gate.wait()
            with pytest.raises(NotLoaded):  # in the context of the render, and no part of it
                _ = book.author.name
            return "ok"

        async def beside() -> None:
            await ready.wait()
            with pytest.raises(NotLoaded):
                _ = book.author.name
            gate.set()

        page, _ = await asyncio.gather(render("{{ slow() }}", slow=slow), beside())
        assert page == "ok"
        with pytest.raises(NotLoaded):
            _ = book.author.name


async def test_tp9_cancelled_render_leaves_the_connection_usable(database_url: str) -> None:
    async with shelf(database_url):
        task = asyncio.create_task(render(LIST, books=Book.objects.all()))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await render("{{ books|length }}", books=Book.objects.all()) == "3"


@pytest.mark.parametrize(
    "text",
    ["{{ book.delete() }}", "{{ book.save() }}", "{{ books.delete() }}", "{{ books.update(pages=1) }}"],
)
async def test_tp5_templates_cannot_change_data(text: str, database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.get(title="Notes")
        with pytest.raises(TemplateAccessRefused, match="changes data"):
            await render(text, book=book, books=Book.objects.all())
        assert await Book.objects.count() == 3
        assert not await Book.objects.filter(pages=1).exists()
