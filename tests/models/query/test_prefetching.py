"""prefetch_related and load: related rows in one query for each level, whoever asks first."""

from __future__ import annotations

import gc

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Profile, Tag
from vivace.db import query_log
from vivace.errors import FieldError, NotLoaded, QueryError
from vivace.models import Prefetch, prefetch_related_objects


async def test_or9_reverse_relation(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            authors = await Author.objects.prefetch_related("books").order_by("name")
            assert [[b.title for b in a.books.all()] for a in authors] == [
                ["Notes", "Letters"],
                ["Machines"],
                [],
            ]
            assert authors[0].books.all()[0].author is authors[0]
            assert len(authors[0].books.all()) == 2
        assert len(log) == 2
        assert [b.title for b in await authors[0].books.filter(pages=30)] == ["Notes"]


async def test_or9_many_to_many_and_nested_paths(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            authors = await Author.objects.prefetch_related("books__tags", "books__publisher").order_by(
                "name"
            )
            books = [b for a in authors for b in a.books.all()]
            assert [sorted(t.name for t in b.tags.all()) for b in books] == [
                ["old", "short"],
                ["old"],
                ["short"],
            ]
            assert [b.publisher and b.publisher.name for b in books] == ["Press", None, "Press"]
        assert len(log) == 4
        tags = await Tag.objects.prefetch_related("books").order_by("name")
        assert [sorted(b.title for b in t.books.all()) for t in tags] == [
            ["Letters", "Notes"],
            ["Machines", "Notes"],
        ]


async def test_or9_one_to_one_from_both_sides(database_url: str) -> None:
    async with shelf(database_url):
        ada = await Author.objects.get(name="Ada")
        await Profile.objects.create(author=ada, bio="first")
        with query_log() as log:
            authors = await Author.objects.prefetch_related("profile").order_by("name")
            assert authors[0].profile.bio == "first"
            assert authors[0].profile.author is authors[0]
            with pytest.raises(Profile.DoesNotExist):
                authors[1].profile
            assert not hasattr(authors[1], "profile")
        assert len(log) == 2
        (profile,) = await Profile.objects.prefetch_related("author")
        assert profile.author.profile is profile


async def test_or9_prefetch_with_queryset_and_attribute(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            long = Prefetch("books", queryset=Book.objects.filter(pages__gt=31), to_attr="long_books")
            authors = await Author.objects.prefetch_related(long, "long_books__tags").order_by("name")
            assert [[b.title for b in a.long_books] for a in authors] == [["Letters"], ["Machines"], []]
            assert [t.name for t in authors[0].long_books[0].tags.all()] == ["old"]
        assert len(log) == 3
        with pytest.raises(NotLoaded):
            list(authors[0].books.all())


async def test_or9_sliced_prefetch(database_url: str) -> None:
    async with shelf(database_url):
        first = Prefetch("books", queryset=Book.objects.order_by("-year")[:1])
        with query_log() as log:
            authors = await Author.objects.prefetch_related(first).order_by("name")
            assert [[b.title for b in a.books.all()] for a in authors] == [["Letters"], ["Machines"], []]
        assert len(log) == 2
        tags = await Tag.objects.prefetch_related(
            Prefetch("books", queryset=Book.objects.order_by("year")[1:2])
        ).order_by("name")
        assert [[b.title for b in t.books.all()] for t in tags] == [["Letters"], ["Machines"]]


async def test_or9_prefetch_related_objects_skips_what_is_loaded(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.select_related("author")
        with query_log() as log:
            await prefetch_related_objects(books, "author")
            assert len(log) == 0
            await prefetch_related_objects(books, "tags", "author__books")
            assert len(log) == 2


async def test_or9_prefetch_of_what_is_no_relation(database_url: str) -> None:
    async with shelf(database_url):
        with pytest.raises(FieldError, match="'autor'") as caught:
            await Book.objects.prefetch_related("autor")
        assert "'author'" in caught.value.fix
        with pytest.raises(QueryError, match="different queryset"):
            await Author.objects.prefetch_related("books", Prefetch("books", Book.objects.all()))
        with pytest.raises(ValueError, match="values"):
            Prefetch("books", Book.objects.values("title"))


async def test_or16_load_loads_for_all_peers(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            for book in await Book.objects.all():
                await book.load("author")
                assert book.author.name in ("Ada", "Alan")
        assert len(log) == 2


async def test_or16_load_of_paths_and_many(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            books = await Book.objects.all()
            await books[0].load("author__books", "tags", "publisher")
            assert len(log) == 5
            assert [len(b.author.books.all()) for b in books] == [2, 2, 1]
            assert [len(b.tags.all()) for b in books] == [2, 1, 1]
            await books[1].load("author", "tags")
        assert len(log) == 5


async def test_or16_peers_are_held_weakly(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.all()
        kept = books[0]
        peers = kept._state.peers
        assert peers is not None
        assert len(peers.members()) == 3
        books.clear()
        gc.collect()
        assert peers.members() == [kept]
        await kept.load("author")
        assert kept.author.name == "Ada"


async def test_or16_related_objects_are_peers_too(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.select_related("author")
        with query_log() as log:
            for book in books:
                await book.author.load("books")
        assert len(log) == 1


async def test_or16_load_of_unknown_name(database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.all()[0]
        with pytest.raises(FieldError, match="'auther'"):
            await book.load("auther")
