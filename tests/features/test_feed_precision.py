"""CH2: how sharp read sets are. Typical questions of pages, writes that do not concern them, and writes that do.

Soundness has a test of its own (``test_feed_soundness``); this one is a table, so that nobody loses sharpness unseen.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.db.backends import DIALECTS, url_of
from tests.models.backing import opened
from tests.models.schemas import library
from tests.models.schemas.library import Author, Book, Line, Publisher, Review, Tag, Token
from vivace.changes import ReadSet, WriteSet, recording
from vivace.db import Database
from vivace.models import Count, Prefetch, Q
from vivace.models.adoption import watched_columns

Act = Callable[[], Awaitable[Any]]
TOKEN: Final = "00000000-0000-0000-0000-000000000001"


@asynccontextmanager
async def filled(url: str) -> AsyncGenerator[Database]:
    """Run the body with authors 1–4, six books (two of each of the first three), tags and reviews."""
    async with opened(url, library.ALL) as database:
        await Author.objects.bulk_create([Author(id=n, name=f"author {n}") for n in range(1, 5)])
        await Publisher.objects.bulk_create([Publisher(id=n, name=f"publisher {n}") for n in range(1, 3)])
        await Tag.objects.bulk_create([Tag(id=n, name=f"tag {n}") for n in range(1, 5)])
        await Book.objects.bulk_create(
            Book(id=n, title=f"book {n}", author_id=(n + 1) // 2, publisher_id=1, year=2000 + n)
            for n in range(1, 7)
        )
        for n in range(1, 5):
            await (await Book.objects.get(pk=n)).tags.add(n)
            await Review.objects.create(id=n, book_id=n, text="")
        await Token.objects.create(id=TOKEN, label="one")
        await Line.objects.bulk_create([Line(order_id=1, number=n, text="") for n in (1, 2)])
        yield database


def change(model: Any, key: Any, **values: Any) -> Act:
    """Return the act of saving a row with other values."""

    async def act() -> None:
        each = await model.objects.get(pk=key)
        for name, value in values.items():
            setattr(each, name, value)
        await each.save()

    return act


READS: Final[dict[str, Act]] = {
    "get a row": lambda: Book.objects.get(pk=1),
    "get a row by uuid": lambda: Token.objects.get(pk=TOKEN),
    "get a row with its author": lambda: Book.objects.select_related("author").get(pk=1),
    "rows with their authors": lambda: aslist(
        Book.objects.filter(author__in=[1, 2]).select_related("author", "publisher")
    ),
    "rows of an author": lambda: aslist(Book.objects.filter(author=1)),
    "rows of an author by key": lambda: aslist(Book.objects.filter(author_id=1).order_by("-year")[:10]),
    "count of an author": lambda: Book.objects.filter(author=1).count(),
    "is there any of an author": lambda: Book.objects.filter(author=1).exists(),
    "rows of two authors": lambda: aslist(Book.objects.filter(author__in=[1, 2])),
    "one of two rows": lambda: aslist(Book.objects.filter(Q(pk=1) | Q(pk=2))),
    "an author's rows of a year": lambda: aslist(Book.objects.filter(author=1, year__gt=1900)),
    "rows by a title": lambda: aslist(Book.objects.filter(title="book 1")),
    "an author with books": lambda: aslist(Author.objects.filter(pk=1).prefetch_related("books")),
    "an author's manager": lambda: books_of(1),
    "a book with reviews": lambda: aslist(Book.objects.filter(pk=1).prefetch_related("reviews")),
    "a book with its author prefetched": lambda: aslist(Book.objects.filter(pk=1).prefetch_related("author")),
    "values of an author": lambda: aslist(Book.objects.filter(author=1).values("author__name", "title")),
    "aggregate of an author": lambda: Book.objects.filter(author=1).aggregate(n=Count("pk")),
    "part of a composite key": lambda: aslist(Line.objects.filter(order_id=1)),
    "prefetch with a condition": lambda: aslist(
        Author.objects.filter(pk=1).prefetch_related(Prefetch("books", Book.objects.filter(year__gt=1900)))
    ),
    "tags of a book": lambda: tags_of(1),
    "every row": lambda: aslist(Book.objects.all()),
}
WRITES: Final[dict[str, Act]] = {
    "another author's book": change(Book, 5, title="other"),
    "this book": change(Book, 1, title="other"),
    "a book moves to this author": change(Book, 5, author_id=1),
    "a book leaves this author": change(Book, 1, author_id=4),
    "another author": change(Author, 4, name="other"),
    "this author": change(Author, 1, name="other"),
    "another review": change(Review, 4, text="other"),
    "a review moves here": change(Review, 4, book_id=1),
    "a new book of another": lambda: Book.objects.create(id=50, title="new", author_id=4, year=1),
    "a new book of this author": lambda: Book.objects.create(id=50, title="new", author_id=1, year=1),
    "deleted elsewhere": lambda: Book.objects.filter(pk=6).delete(),
    "another token": lambda: Token.objects.create(label="two"),
    "another order": lambda: Line.objects.create(order_id=2, number=1, text=""),
    "another tag": change(Tag, 4, name="other"),
    "this tag": change(Tag, 1, name="other"),
    "a tag of another book": lambda: tag(4, 1),
    "a tag of this book": lambda: tag(1, 3),
}
OWN: Final = frozenset(
    ("this book", "a book moves to this author", "a book leaves this author", "a new book of this author")
)
MEETS: Final[dict[str, frozenset[str]]] = {
    # what meets each; anything else does not
    "get a row": frozenset(("this book", "a book leaves this author")),
    "get a row by uuid": frozenset(),
    "get a row with its author": frozenset(("this book", "a book leaves this author", "this author")),
    "rows with their authors": OWN | {"this author"},
    "rows of an author": OWN,
    "rows of an author by key": OWN,
    "count of an author": OWN,
    "is there any of an author": OWN,
    "rows of two authors": OWN,
    "one of two rows": frozenset(("this book", "a book leaves this author")),
    "an author's rows of a year": OWN,
    "rows by a title": frozenset(("this book", "a book leaves this author")),
    "an author with books": OWN | {"this author"},
    "an author's manager": OWN | {"this author"},
    "a book with reviews": frozenset(("this book", "a book leaves this author", "a review moves here")),
    "a book with its author prefetched": frozenset(("this book", "a book leaves this author", "this author")),
    "values of an author": OWN | {"this author"},
    "aggregate of an author": OWN,
    "part of a composite key": frozenset(),
    "prefetch with a condition": OWN | {"this author"},
    "tags of a book": frozenset(("this book", "a book leaves this author", "a tag of this book", "this tag")),
    "every row": OWN | {"another author's book", "a new book of another", "deleted elsewhere"},
}


async def aslist(queryset: Any) -> Any:
    """Evaluate."""
    return await queryset


async def books_of(key: int) -> Any:
    """Read what a page of an author does."""
    return await (await Author.objects.get(pk=key)).books.all()


async def tags_of(key: int) -> Any:
    """Read what a page of a book with its tags does."""
    return await Book.objects.filter(pk=key).prefetch_related("tags")


async def tag(book: int, key: int) -> None:
    """Give a book a tag."""
    await (await Book.objects.get(pk=book)).tags.add(key)


async def asked() -> dict[str, ReadSet]:
    """Return what each question reads."""
    found: dict[str, ReadSet] = {}
    for name, ask in READS.items():
        with recording(ReadSet()) as found[name]:
            await ask()
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_ch2_only_what_concerns_a_page_meets_its_reads(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with filled(url_of(dialect, tmp_path, request)) as database:
        heard: list[WriteSet] = []
        database.watch(watched_columns(library.ALL))
        questions = await asked()
        met: dict[str, set[str]] = {name: set() for name in questions}
        for written, act in WRITES.items():
            async with database.rolled_back():
                stop = database.subscribe(heard.append)
                await act()
                stop()
            assert heard
            for name, reads in questions.items():
                if any(map(reads.meets, heard)):
                    met[name].add(written)
            heard.clear()
    assert met == MEETS
