"""author.books and book.tags: reading and writing over relations to many."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Placement, Publisher, Shelf, Tag
from vivace.db import query_log
from vivace.errors import InvalidValue
from vivace.models.signals import m2m_changed

THROUGH: Any = Book._meta.get_field("tags").remote_field.through


async def titles(rows: Any) -> list[str]:
    return [book.title async for book in rows]


async def test_md_reverse_reading(database_url: str) -> None:
    async with shelf(database_url):
        ada = await Author.objects.get(name="Ada")
        assert await titles(ada.books.all()) == ["Notes", "Letters"]
        books: Any = ada.books
        assert await titles(books.long()) == ["Letters"]
        assert await ada.books.count() == 2
        (first, _) = await ada.books.all()
        assert first.author is ada
        with pytest.raises(TypeError, match="set"):
            setattr(ada, "books", [])  # noqa: B010
        with pytest.raises(ValueError, match="primary key"):
            Author(name="x").books.all()


async def test_md_reverse_writing(database_url: str) -> None:
    async with shelf(database_url):
        press = await Publisher.objects.get()
        letters = await Book.objects.get(title="Letters")
        await press.books.add(letters)
        assert letters.publisher is press
        assert await press.books.count() == 3
        await press.books.remove(letters)
        assert letters.publisher_id is None
        assert await titles(press.books.all()) == ["Notes", "Machines"]
        await press.books.set([letters])
        assert await titles(press.books.all()) == ["Letters"]
        await press.books.clear()
        assert await press.books.count() == 0
        with pytest.raises(InvalidValue, match="cannot hold"):
            await press.books.add(press)
        ada = await Author.objects.get(name="Ada")
        with pytest.raises(AttributeError, match="may be null"):
            await ada.books.clear()
        made = await ada.books.create(title="New", year=1860)
        assert made.author_id == ada.pk
        same, created = await ada.books.get_or_create(title="New", defaults={"year": 1})
        assert (same, created) == (made, False)


async def test_md_many_to_many(database_url: str) -> None:
    async with shelf(database_url):
        letters = await Book.objects.get(title="Letters")
        short = await Tag.objects.get(name="short")
        await letters.tags.add(short, short.pk)
        await letters.tags.add(short)
        assert sorted(t.name for t in await letters.tags.all()) == ["old", "short"]
        assert await titles(short.books.order_by("title")) == ["Letters", "Machines", "Notes"]
        await short.books.remove(letters)
        assert [t.name for t in await letters.tags.all()] == ["old"]
        await letters.tags.set([short.pk])
        assert [t.name for t in await letters.tags.all()] == ["short"]
        await letters.tags.clear()
        assert not await letters.tags.exists()
        fresh = await letters.tags.create(name="fresh")
        assert await titles(fresh.books.all()) == ["Letters"]
        assert (await letters.tags.get_or_create(name="fresh")) == (fresh, False)
        with pytest.raises(TypeError, match="instance expected"):
            await letters.tags.add(letters)


async def test_md_many_to_many_adds_in_one_statement(database_url: str) -> None:
    async with shelf(database_url):
        tags = await Tag.objects.bulk_create([Tag(name=str(n)) for n in range(20)])
        notes = await Book.objects.get(title="Notes")
        with query_log() as log:
            await notes.tags.add(*tags)
        assert len(log) <= 5
        assert await notes.tags.count() == 22


async def test_md_symmetrical(database_url: str) -> None:
    async with shelf(database_url):
        ada, alan = await Author.objects.get(name="Ada"), await Author.objects.get(name="Alan")
        await ada.friends.add(alan)
        assert [a.name for a in await alan.friends.all()] == ["Ada"]
        await alan.friends.remove(ada)
        assert not await ada.friends.exists()


async def test_md_filter_shares_the_managers_join(database_url: str) -> None:
    async with shelf(database_url):
        old = await Tag.objects.get(name="old")
        assert await titles(old.books.filter(tags__name="old")) == ["Notes", "Letters"]
        assert await titles(old.books.filter(tags__name="short")) == []


async def test_sg2_m2m_changed(database_url: str) -> None:
    heard: list[tuple[str, bool, set[int] | None]] = []

    async def listen(action: str, reverse: bool, pk_set: set[int] | None, **_: object) -> None:
        heard.append((action, reverse, pk_set))

    m2m_changed.connect(listen, sender=THROUGH)
    try:
        async with shelf(database_url, filled=False):
            tag = await Tag.objects.create(name="a")
            ada = await Author.objects.create(name="Ada")
            book = await Book.objects.create(title="x", author=ada, year=1)
            await book.tags.add(tag)
            await book.tags.add(tag)
            await tag.books.clear()
        assert heard == [
            ("pre_add", False, {tag.pk}),
            ("post_add", False, {tag.pk}),
            ("pre_add", False, set()),
            ("post_add", False, set()),
            ("pre_clear", True, None),
            ("post_clear", True, None),
        ]
    finally:
        m2m_changed.disconnect(listen, sender=THROUGH)


async def test_md_writing_forgets_what_was_prefetched(database_url: str) -> None:
    async with shelf(database_url):
        (ada, *_) = await Author.objects.prefetch_related("books").order_by("name")
        await ada.books.create(title="New", year=1860)
        assert await titles(ada.books.all()) == ["Notes", "Letters", "New"]


async def test_md_through_model_with_values_of_its_own(database_url: str) -> None:
    async with shelf(database_url):
        notes, letters = await Book.objects.get(title="Notes"), await Book.objects.get(title="Letters")
        top = await Shelf.objects.create(name="top")
        await top.books.add(notes, through_defaults={"position": 1})
        await top.books.add(notes, letters, through_defaults={"position": lambda: 2})
        places = Placement.objects.order_by("position").values_list("book__title", "position")
        assert await places == [("Notes", 1), ("Letters", 2)]
        assert await titles(top.books.filter(placement__position=2)) == ["Letters"]
        assert [each.name for each in await notes.shelves.all()] == ["top"]
        await notes.shelves.clear()
        assert await places.all() == [("Letters", 2)]
        (again,) = await Shelf.objects.prefetch_related("books")
        assert [book.title for book in again.books.all()] == ["Letters"]
