"""delete: what goes with a row, what refuses, in how many statements."""

from __future__ import annotations

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import (
    Author,
    Book,
    Edition,
    Place,
    Publisher,
    Restaurant,
    Review,
    Tag,
    Visit,
)
from vivace.db import atomic, query_log
from vivace.errors import ProtectedError, RestrictedError
from vivace.models.signals import post_delete, pre_delete


async def test_md_cascade_and_counts(database_url: str) -> None:
    async with shelf(database_url):
        ada = await Author.objects.get(name="Ada")
        key = ada.pk
        assert await ada.delete() == (6, {"tests.Book_tags": 3, "tests.Book": 2, "tests.Author": 1})
        assert ada.pk is None
        assert not await Author.objects.filter(pk=key).exists()
        with pytest.raises(ValueError, match="set to None"):
            await ada.delete()


async def test_md_row_that_nothing_points_to_goes_in_one_statement(database_url: str) -> None:
    async with shelf(database_url):
        notes = await Book.objects.get(title="Notes")
        review = await Review.objects.create(book=notes, text="x")
        with query_log() as log:
            assert await review.delete() == (1, {"tests.Review": 1})
        assert len(log) == 1


async def test_md_set_null(database_url: str) -> None:
    async with shelf(database_url):
        press = await Publisher.objects.get()
        with query_log() as log:
            await press.delete()
        assert len(log) == 2
        assert await Book.objects.filter(publisher__isnull=True).count() == 3


async def test_md_protect_names_all_rows(database_url: str) -> None:
    async with shelf(database_url):
        notes = await Book.objects.get(title="Notes")
        reviews = [await Review.objects.create(book=notes, text=text) for text in "ab"]
        with pytest.raises(ProtectedError, match=r"Review\.book: 2") as caught:
            await notes.delete()
        assert set(caught.value.protected_objects) == set(reviews)
        with pytest.raises(ProtectedError):
            await (await Author.objects.get(name="Ada")).delete()
        assert await Book.objects.count() == 3


async def test_md_restrict_gives_way_to_cascade(database_url: str) -> None:
    async with shelf(database_url):
        notes = await Book.objects.select_related("author").get(title="Notes")
        await Edition.objects.create(book=notes, author=notes.author, number=1)
        with pytest.raises(RestrictedError, match=r"Edition\.book"):
            await notes.delete()
        _, by_model = await notes.author.delete()
        assert by_model["tests.Edition"] == 1
        assert not await Edition.objects.exists()


async def test_sg1_delete_signals(database_url: str) -> None:
    heard: list[tuple[str, str]] = []

    async def before(instance: Book, **_: object) -> None:
        heard.append(("pre", instance.title))

    def after(instance: Book, **_: object) -> None:
        heard.append(("post", instance.title))

    pre_delete.connect(before, sender=Book)
    post_delete.connect(after, sender=Book)
    try:
        async with shelf(database_url):
            await Author.objects.filter(name="Ada").delete()
        assert sorted(heard) == [("post", "Letters"), ("post", "Notes"), ("pre", "Letters"), ("pre", "Notes")]
        assert [kind for kind, _ in heard] == ["pre", "pre", "post", "post"]
    finally:
        pre_delete.disconnect(before, sender=Book)
        post_delete.disconnect(after, sender=Book)


async def test_md_failed_delete_changes_nothing(database_url: str) -> None:
    async def refuse(**_: object) -> None:
        raise RuntimeError("no")

    post_delete.connect(refuse, sender=Tag)
    try:
        async with shelf(database_url):
            with pytest.raises(RuntimeError, match="no"):
                await Tag.objects.all().delete()
            assert await Tag.objects.count() == 2
            assert await Book._meta.get_field("tags").remote_field.through.objects.count() == 4
    finally:
        post_delete.disconnect(refuse, sender=Tag)


async def test_md_parents_children_and_what_points_to_them(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        chez, deux = [await Restaurant.objects.create(name=name) for name in ("Chez", "Deux")]
        for each in (chez, deux):
            await Visit.objects.create(place_id=each.pk)
        assert await chez.delete() == (3, {"tests.Visit": 1, "tests.Restaurant": 1, "tests.Place": 1})
        (place,) = await Place.objects.all()
        _, by_model = await place.delete()
        assert by_model == {"tests.Visit": 1, "tests.Restaurant": 1, "tests.Place": 1}
        trois = await Restaurant.objects.create(name="Trois")
        await Visit.objects.create(place_id=trois.pk)
        assert await trois.delete(keep_parents=True) == (1, {"tests.Restaurant": 1})
        assert await Visit.objects.count() == 1
        quatre = await Restaurant.objects.create(name="Quatre")
        part = await Restaurant.objects.only("stars").get(pk=quatre.pk)
        assert (await part.delete())[0] == 2


async def test_md_refused_delete_leaves_the_transaction_usable(database_url: str) -> None:
    async with shelf(database_url):
        notes = await Book.objects.get(title="Notes")
        await Review.objects.create(book=notes, text="x")
        async with atomic():
            with pytest.raises(ProtectedError):
                await notes.delete()
            await Tag.objects.create(name="after")
        assert await Tag.objects.filter(name="after").exists()
