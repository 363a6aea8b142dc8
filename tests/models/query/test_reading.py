"""What terminal methods answer, on both databases."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Profile, Publisher, Token
from vivace import models
from vivace.db import atomic, query_log
from vivace.errors import FieldError, InvalidValue, NotLoaded
from vivace.models import Avg, StdDev, Sum, Variance


async def test_or10_get_first_last(database_url: str) -> None:
    async with shelf(database_url):
        notes = await Book.objects.get(title="Notes")
        assert (notes.year, notes.pages, notes.author_id) == (
            1843,
            30,
            (await Author.objects.get(name="Ada")).pk,
        )
        assert not notes._state.adding
        with pytest.raises(Book.DoesNotExist, match="No Book matches"):
            await Book.objects.get(title="Nothing")
        with pytest.raises(Book.MultipleObjectsReturned, match="2 rows"):
            await Book.objects.get(author__name="Ada")
        first, last = await Book.objects.first(), await Book.objects.last()
        assert (str(first), str(last)) == ("Notes (1843)", "Machines (1936)")
        assert await Book.objects.filter(pages=1).first() is None
        assert (await Author.objects.order_by("-name").first()) == await Author.objects.get(name="Grace")
        assert (await Book.objects.latest("pages")).title == "Letters"
        assert (await Book.objects.earliest("pages", "title")).title == "Notes"


async def test_or10_numbers(database_url: str) -> None:
    async with shelf(database_url):
        assert await Book.objects.count() == 3
        assert await Book.objects.filter(pages__gt=31)[:1].count() == 1
        assert await Book.objects.filter(year=1843).exists()
        assert not await Book.objects.none().exists()
        notes = await Book.objects.get(title="Notes")
        assert await Book.objects.filter(pages=30).contains(notes)
        assert not await Book.objects.filter(pages=31).contains(notes)
        assert await Book.objects.aggregate(models.Sum("pages"), n=models.Count("pk")) == {
            "pages__sum": 186,
            "n": 3,
        }
        assert await Book.objects.none().aggregate(n=models.Count("pk"), s=models.Sum("pages")) == {
            "n": 0,
            "s": None,
        }


async def test_or10_result_behaves_as_a_list_once_awaited(database_url: str) -> None:
    async with shelf(database_url):
        books = Book.objects.filter(author__name="Ada")
        with query_log() as log:
            rows = await books
            assert [b.title for b in books] == ["Notes", "Letters"]
            assert len(books) == 2
            assert books
            assert books[1].title == "Letters"
            assert [b.title for b in books[:1]] == ["Notes"]
            assert rows == await books
            assert await books.count() == 2
            assert [b.title async for b in books] == ["Notes", "Letters"]
        assert len(log) == 1
        with pytest.raises(NotLoaded):
            len(books.all())


async def test_or10_indexes_are_awaited(database_url: str) -> None:
    async with shelf(database_url):
        second = await Book.objects.all()[1]
        assert second.title == "Letters"
        assert [b.title for b in await Book.objects.all()[1:]] == ["Letters", "Machines"]
        with pytest.raises(IndexError):
            await Book.objects.all()[7]
        with pytest.raises(NotLoaded, match="title"):
            Book.objects.all()[0].title


async def test_or9_values(database_url: str) -> None:
    async with shelf(database_url):
        rows = Book.objects.order_by("title")
        assert await rows.values("title", "author__name") == [
            {"title": "Letters", "author__name": "Ada"},
            {"title": "Machines", "author__name": "Alan"},
            {"title": "Notes", "author__name": "Ada"},
        ]
        assert await rows.values_list("title", "year") == [
            ("Letters", 1852),
            ("Machines", 1936),
            ("Notes", 1843),
        ]
        assert await rows.values_list(Book.title, flat=True) == ["Letters", "Machines", "Notes"]
        named = await rows.values_list("title", "pages", named=True).first()
        assert named is not None
        assert (named.title, named.pages) == ("Letters", 120)
        sums = (
            Book.objects.order_by("author__name").values("author__name").annotate(total=models.Sum("pages"))
        )
        assert await sums == [{"author__name": "Ada", "total": 150}, {"author__name": "Alan", "total": 36}]


async def test_or9_annotations_are_attributes(database_url: str) -> None:
    async with shelf(database_url):
        authors = await Author.objects.annotate(total=models.Sum("books__pages")).order_by("name")
        assert [(a.name, a.total) for a in authors] == [("Ada", 150), ("Alan", 36), ("Grace", None)]


async def test_or9_in_bulk(database_url: str) -> None:
    async with shelf(database_url):
        by_name = await Author.objects.in_bulk(["Ada", "Alan", "Nobody"], field_name="name")
        assert sorted(by_name) == ["Ada", "Alan"]
        keys = [a.pk for a in by_name.values()]
        assert sorted(await Author.objects.in_bulk(keys)) == sorted(keys)
        assert len(await Author.objects.in_bulk()) == 3
        assert await Author.objects.in_bulk([]) == {}
        with pytest.raises(FieldError, match="several rows"):
            await Book.objects.in_bulk([1843], field_name="year")


async def test_or9_select_related(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            books = await Book.objects.select_related("author", "publisher").order_by("title")
            assert [(b.author.name, b.publisher and b.publisher.name) for b in books] == [
                ("Ada", None),
                ("Alan", "Press"),
                ("Ada", "Press"),
            ]
        assert len(log) == 1
        with pytest.raises(NotLoaded, match=r"Book\.author is not loaded") as caught:
            (await Book.objects.all()[0]).author
        assert 'select_related("author")' in caught.value.fix
        assert 'await book.load("author")' in caught.value.fix


async def test_or9_deferred_columns(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            books = await Book.objects.only("title").order_by("title")
            assert books[0].get_deferred_fields() >= {"year", "pages", "author_id"}
            with pytest.raises(NotLoaded, match="year"):
                books[0].year
            await books[0].load("year")
            assert [b.year for b in books] == [1852, 1936, 1843]
        assert len(log) == 2


async def test_or10_iterator_streams(database_url: str) -> None:
    async with shelf(database_url):
        titles = [b.title async for b in Book.objects.iterator(chunk_size=2)]
        assert titles == ["Notes", "Letters", "Machines"]
        with query_log() as log:
            names = [
                b.author.name async for b in Book.objects.prefetch_related("author").iterator(chunk_size=2)
            ]
        assert names == ["Ada", "Ada", "Alan"]
        assert len(log) == 3  # the stream, and one prefetch for each chunk


async def test_or13_a_combination_is_ordered_by_what_its_queries_have(database_url: str) -> None:
    async with shelf(database_url):
        names = Author.objects.values("name").union(Author.objects.values("name"))
        assert await names.order_by("name")
        with pytest.raises(FieldError, match=r"do not have 'email'.[\s\S]*Expected: name"):
            await names.order_by("email")
        assert await Author.objects.values().union(Author.objects.values()).order_by("-email", "pk")
        keys = Book.objects.values("author_id").union(Book.objects.values("author_id"))
        assert await keys.order_by("author_id")


async def test_or1_combinations(database_url: str) -> None:
    async with shelf(database_url):
        ada, long = Book.objects.filter(author__name="Ada"), Book.objects.filter(pages__gt=31)
        assert [b.title for b in await (ada & long)] == ["Letters"]
        assert [b.title for b in await (ada | long)] == ["Notes", "Letters", "Machines"]
        assert [b.title for b in await (ada & Book.objects.none())] == []
        assert [b.title for b in await (ada | Book.objects.none())] == ["Notes", "Letters"]
        names = Author.objects.values_list("name", flat=True).union(
            Publisher.objects.values_list("name", flat=True)
        )
        assert sorted(await names) == ["Ada", "Alan", "Grace", "Press"]
        assert len(await ada.difference(long)) == 1
        assert len(await ada.intersection(long)) == 1


async def test_or1_either_side_of_a_combination_joins_the_same_rows(database_url: str) -> None:
    async with shelf(database_url):
        tagged = Book.objects.filter(tags__isnull=False)
        once = [b.title for b in await tagged]
        assert once == ["Notes", "Notes", "Letters", "Machines"]
        assert [b.title for b in await (tagged | tagged)] == once
        old, short = Book.objects.filter(tags__name="old"), Book.objects.filter(tags__name="short")
        assert [b.title for b in await (old | short)] == once
        twice = Book.objects.filter(tags__name="old").filter(tags__name="short")
        assert [b.title for b in await (tagged | twice)] == [*once[:1] * 4, *once[2:]]


async def test_or1_pickled_query_is_asked_again(database_url: str) -> None:
    async with shelf(database_url):
        books = pickle.loads(pickle.dumps(Book.objects.filter(pages__gt=31).order_by("title")))
        assert [b.title for b in await books] == ["Letters", "Machines"]
        again = pickle.loads(pickle.dumps(books))
        assert [b.title for b in again] == ["Letters", "Machines"]


async def test_or10_explain(database_url: str) -> None:
    async with shelf(database_url):
        assert "book" in (await Book.objects.filter(pages=1).explain()).lower()


async def test_or9_dates(database_url: str) -> None:
    from tests.models.schemas.library import Token

    async with shelf(database_url, filled=False):
        await Token.objects.create(label="x")
        (day,) = await Token.objects.dates("changed", "month")
        assert day.day == 1
        (moment,) = await Token.objects.datetimes("changed", "hour")
        assert moment.minute == 0
        assert moment.tzinfo is not None


async def test_or10_iterator_within_a_transaction_that_writes(database_url: str) -> None:
    async with shelf(database_url):
        async with atomic():
            async for book in Book.objects.prefetch_related("author").iterator(chunk_size=1):
                book.pages += len(book.author.name)
                await book.save()
        assert await Book.objects.values_list("pages", flat=True) == [33, 123, 40]


@pytest.mark.parametrize("aggregate", [Sum, Avg, StdDev, Variance])
def test_or6_points_in_time_have_no_sum(aggregate: Any) -> None:
    with pytest.raises(
        FieldError, match=rf"{aggregate.__name__} cannot be computed of a DateTimeField[\s\S]*Min or Max"
    ):
        Token.objects.annotate(x=aggregate("changed"))


@pytest.mark.parametrize("lookup", ["contains", "icontains", "startswith", "iendswith", "iexact"])
def test_or2_a_pattern_with_nul_is_refused(lookup: str) -> None:
    """SQLite ends the pattern there and finds other rows; PostgreSQL refuses the character anywhere."""
    with pytest.raises(InvalidValue, match="NUL"):
        Token.objects.filter(**{f"label__{lookup}": "a\x00b"})


async def test_or9_a_reverse_relation_to_one_without_its_key(database_url: str) -> None:
    async with shelf(database_url):
        ada = await Author.objects.get(name="Ada")
        await Profile.objects.create(author=ada, bio="Countess")
        [found] = await Author.objects.filter(name="Ada").select_related("profile").only("profile__bio")
        assert found.profile.bio == "Countess"
        [found] = await Author.objects.filter(name="Ada").select_related("profile").defer("profile__author")
        assert found.profile.bio == "Countess"
