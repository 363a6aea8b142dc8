"""create, get_or_create, update_or_create, bulk_create, bulk_update, update, delete of querysets."""

from __future__ import annotations

import asyncio

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import (
    Author,
    Book,
    Place,
    Placement,
    Restaurant,
    Shelf,
    Tag,
    Ticket,
    Token,
    Visit,
)
from vivace.db import Statement, atomic, database_for, outside, query_log
from vivace.errors import FieldError, ForeignKeyViolation, IntegrityError, QueryError
from vivace.models import F, Sum, Value
from vivace.models.functions import Lower


async def test_or10_get_or_create(database_url: str) -> None:
    async with shelf(database_url):
        ada, made = await Author.objects.get_or_create(name="Ada", defaults={"email": "a@x.org"})
        assert (ada.email, made) == ("", False)
        joan, made = await Author.objects.get_or_create(name="Joan", defaults={"email": lambda: "j@x.org"})
        assert (joan.email, made) == ("j@x.org", True)
        with pytest.raises(FieldError, match="'nmae'"):
            await Author.objects.get_or_create(nmae="x")


async def test_or10_get_or_create_at_once_makes_one(database_url: str) -> None:
    async with shelf(database_url):
        answers = await asyncio.gather(*(Author.objects.get_or_create(name="Joan") for _ in range(8)))
        assert [made for _, made in answers].count(True) == 1
        assert len({author.pk for author, _ in answers}) == 1


async def test_or10_update_or_create(database_url: str) -> None:
    async with shelf(database_url):
        ada, made = await Author.objects.update_or_create(name="Ada", defaults={"email": "a@x.org"})
        assert (ada.email, made) == ("a@x.org", False)
        assert (await Author.objects.get(name="Ada")).email == "a@x.org"
        joan, made = await Author.objects.update_or_create(
            name="Joan", defaults={"email": "no"}, create_defaults={"email": "yes"}
        )
        assert (joan.email, made) == ("yes", True)


async def test_or11_bulk_create_gives_keys(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            tags = await Tag.objects.bulk_create([Tag(name=f"tag {n}") for n in range(700)])
        assert len({tag.pk for tag in tags}) == 700
        assert not tags[0]._state.adding
        by_key = await Tag.objects.in_bulk([tag.pk for tag in tags])
        assert all(by_key[tag.pk].name == tag.name for tag in tags)
        assert len(log) < 40
        given = await Tag.objects.bulk_create([Tag(pk=100_000, name="given"), Tag(name="own")])
        assert given[0].pk == 100_000
        assert given[1].pk is not None


async def test_or11_copy_create(database_url: str) -> None:
    async with shelf(database_url):
        tags = [Tag(name=f"copied {n}") for n in range(300)]
        assert await Tag.objects.copy_create([*tags, Tag(pk=100_000, name="copied, given")]) == 301
        assert not tags[0]._state.adding
        assert await Tag.objects.filter(name__startswith="copied").count() == 301
        assert (await Tag.objects.get(pk=100_000)).name == "copied, given"
        assert await Tag.objects.copy_create([]) == 0


@pytest.mark.parametrize("verb", ["bulk_create", "copy_create"])
async def test_or11_many_new_objects_get_no_state_until_it_is_asked_for(database_url: str, verb: str) -> None:
    async with shelf(database_url):
        tags = [Tag(name=f"new {n}") for n in range(3)]
        again = await Author.objects.annotate(n=Value(7)).get(name="Ada")
        again.pk, again.name = None, "Ada II"
        await getattr(Tag.objects, verb)(tags)
        assert not any("_state" in vars(tag) for tag in tags)
        assert [(tag._state.adding, tag._state.db) for tag in tags] == [(False, "default")] * 3
        await getattr(Author.objects, verb)([again])
        assert again._state.annotated == ("n",)  # what it knew of the query that it came from


async def test_or11_copy_create_takes_what_the_database_computes(database_url: str) -> None:
    async with shelf(database_url):
        await Author.objects.copy_create([Author(name="Joan", email=Lower(Value("J@X.ORG")))])
        assert (await Author.objects.get(name="Joan")).email == "j@x.org"


async def test_or11_copy_create_joins_the_transaction_and_maps_errors(database_url: str) -> None:
    async with shelf(database_url):
        before = await Tag.objects.count()
        with pytest.raises(IntegrityError) as caught:
            async with atomic():
                await Tag.objects.copy_create([Tag(name="new")])
                await Tag.objects.copy_create([Tag(name="newer"), Tag(name="old")])
        assert caught.value.fields == ("name",)
        assert await Tag.objects.count() == before


async def test_or11_bulk_create_shape_does_not_depend_on_number(database_url: str) -> None:
    async with shelf(database_url):
        with query_log() as log:
            for count in (3, 17, 100):
                await Tag.objects.bulk_create([Tag(name=f"{count}/{n}") for n in range(count)])
        assert len({event.sql for event in log}) <= 4


async def test_or11_conflicts(database_url: str) -> None:
    async with shelf(database_url):
        with pytest.raises(IntegrityError):
            await Tag.objects.bulk_create([Tag(name="new"), Tag(name="old")])
        assert not await Tag.objects.filter(name="new").exists()
        await Tag.objects.bulk_create([Tag(name="new"), Tag(name="old")], ignore_conflicts=True)
        assert await Tag.objects.count() == 3
        await Author.objects.bulk_create(
            [Author(name="Ada", email="a@x.org"), Author(name="Joan", email="j@x.org")],
            update_conflicts=True,
            update_fields=["email"],
            unique_fields=["name"],
        )
        emails = Author.objects.order_by("name").values_list("name", "email")
        assert await emails == [("Ada", "a@x.org"), ("Alan", ""), ("Grace", ""), ("Joan", "j@x.org")]
        with pytest.raises(ValueError, match="mutually exclusive"):
            await Tag.objects.bulk_create([], ignore_conflicts=True, update_conflicts=True)


async def test_or11_objects_get_the_keys_of_the_rows_that_they_updated(database_url: str) -> None:
    async with shelf(database_url):
        known = await Author.objects.get(name="Ada")
        authors = [Author(pk=101, name="Ada", email="a@x.org"), Author(pk=102, name="Joan", email="j@x.org")]
        await Author.objects.bulk_create(
            authors, update_conflicts=True, update_fields=["email"], unique_fields=["name"]
        )
        assert [each.pk for each in authors] == [known.pk, 102]
        await known.refresh_from_db()
        assert known.email == "a@x.org"


async def test_or11_bulk_create_with_defaults_of_python_and_database(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        tokens = await Token.objects.bulk_create([Token(label="a"), Token(label="b", uses=1)])
        assert [token.uses for token in tokens] == [7, 1]
        assert await Token.objects.order_by("label").values_list("uses", flat=True) == [7, 1]
        with pytest.raises(ValueError, match="multi-table"):
            await Restaurant.objects.bulk_create([Restaurant(name="x")])


async def test_or11_bulk_updates_of_the_same_rows_do_not_deadlock(postgresql_url: str) -> None:
    """The planner may follow the list, which is in the keys' order, or scan the table, where these rows lie backwards."""
    waiting = Statement(sql="SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    async def rename(joins: str) -> None:
        async with atomic():
            for join in {"mergejoin", "nestloop", "hashjoin"} - {joins}:
                await database_for().execute(Statement(sql=f"SET LOCAL enable_{join} = off"))
            await Tag.objects.bulk_update(
                [Tag(pk=pk, name=f"{joins} {pk}") for pk in range(1_000, 1_100)], ["name"]
            )

    async with shelf(postgresql_url), asyncio.TaskGroup() as group:
        await Tag.objects.bulk_create([Tag(pk=n, name=f"t{n}") for n in range(3_000, 999, -1)])
        async with atomic():
            await Tag.objects.filter(pk=1_050).update(name="held")
            with outside():
                for joins in ("nestloop", "hashjoin"):
                    group.create_task(rename(joins))
                while len(await database_for().fetch(waiting)) < 2:
                    await asyncio.sleep(0.01)


async def test_or11_bulk_update(database_url: str) -> None:
    async with shelf(database_url):
        books = await Book.objects.all()
        for book in books:
            book.pages += 1
            book.title = book.title.upper()
        books[0].year = F("year") + 1
        with query_log() as log:
            assert await Book.objects.bulk_update(books, ["pages", "title"]) == 3
        assert len([e for e in log if e.sql.startswith(("UPDATE", "WITH"))]) <= 3
        assert await Book.objects.values_list("title", "pages") == [
            ("NOTES", 31),
            ("LETTERS", 121),
            ("MACHINES", 37),
        ]
        assert await Book.objects.bulk_update(books, ["year"]) == 3
        assert (await Book.objects.get(pk=books[0].pk)).year == 1844
        with pytest.raises(ValueError, match="primary key"):
            await Book.objects.bulk_update(books, ["id"])


async def test_or10_update(database_url: str) -> None:
    async with shelf(database_url):
        assert await Book.objects.filter(author__name="Ada").update(pages=F("pages") + 1) == 2
        assert (await Book.objects.aggregate(s=Sum("pages")))["s"] == 188
        alan = await Author.objects.get(name="Alan")
        assert await Book.objects.update(author=alan) == 3
        with pytest.raises(QueryError, match="slice"):
            await Book.objects.all()[:1].update(pages=1)
        with pytest.raises(FieldError, match="'pagse'"):
            await Book.objects.update(pagse=1)


async def test_or10_update_of_inherited_fields(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        await Restaurant.objects.create(name="Chez", stars=1)
        await Place.objects.create(name="Park")
        assert await Restaurant.objects.filter(stars=1).update(name="Chez nous", stars=2) == 1
        assert await Place.objects.order_by("name").values_list("name", flat=True) == ["Chez nous", "Park"]
        assert (await Restaurant.objects.get()).stars == 2


async def test_or10_delete(database_url: str) -> None:
    async with shelf(database_url):
        count, by_model = await Author.objects.filter(name="Ada").delete()
        assert by_model == {"tests.Book_tags": 3, "tests.Book": 2, "tests.Author": 1}
        assert count == 6
        assert await Book.objects.values_list("title", flat=True) == ["Machines"]
        with pytest.raises(TypeError, match="values"):
            await Book.objects.values("title").delete()


async def test_or12_a_lock_of_what_is_not_loaded_is_refused(database_url: str) -> None:
    async with shelf(database_url), atomic():
        with pytest.raises(
            FieldError, match=r"names 'author', which the query does not load[\s\S]*Expected: self"
        ):
            await Book.objects.select_for_update(of=("author",))
        assert await Book.objects.select_related("author").select_for_update(of=("self", "author"))


async def test_or12_select_for_update(database_url: str) -> None:
    async with shelf(database_url):
        async with atomic():
            book = await Book.objects.select_for_update().get(title="Notes")
            book.pages = 31
            await book.save()
        assert (await Book.objects.get(title="Notes")).pages == 31


async def test_or11_integrity_error_of_many_rows_names_fields(database_url: str) -> None:
    async with shelf(database_url):
        with pytest.raises(IntegrityError) as caught:
            await Tag.objects.bulk_create([Tag(name="new"), Tag(name="old")])
        assert caught.value.fields == ("name",)
        with pytest.raises(IntegrityError) as caught:
            await Tag.objects.update(name="same")
        assert caught.value.fields == ("name",)


async def test_or11_objects_without_columns_of_their_own(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        tickets = await Ticket.objects.bulk_create([Ticket() for _ in range(5)])
        assert len({ticket.pk for ticket in tickets}) == 5
        assert await Ticket.objects.count() == 5
        await (await Ticket.objects.create()).save()
        assert len(await Ticket.objects) == 6
        assert len([ticket async for ticket in Ticket.objects]) == 6


async def test_md7_a_broken_foreign_key_names_its_field(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        place = await Shelf.objects.create(name="top")
        with pytest.raises(ForeignKeyViolation) as caught:
            await Placement.objects.create(shelf=place, book_id=99, position=1)
        assert caught.value.fields == ("book",)
        assert caught.value.columns == ("book_id",)
        with pytest.raises(ForeignKeyViolation) as caught:
            async with atomic():
                await Placement.objects.create(shelf=place, book_id=99, position=1)
        assert (caught.value.table, caught.value.columns) == (Placement._meta.db_table, ("book_id",))


async def test_or10_update_of_inherited_columns_counts_each_row_once(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        inn = await Restaurant.objects.create(name="Inn", stars=1)
        for _ in range(2):
            await Visit.objects.create(place=inn, note="good")
        visited = Restaurant.objects.filter(visits__note="good")
        assert await visited.count() == 2
        assert await visited.update(name="Old inn") == 1
        assert await visited.update(name="Inn", stars=2) == 1
