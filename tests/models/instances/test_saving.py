"""save and refresh_from_db."""

from __future__ import annotations

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Page, Place, Publisher, Restaurant, Tag, Token
from vivace.db import query_log
from vivace.errors import FieldError, IntegrityError, StaleObject
from vivace.models import F
from vivace.models.signals import post_save, pre_save


async def test_md_insert_then_update(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        tag = Tag(name="a")
        assert tag._state.adding
        with query_log() as log:
            await tag.save()
            assert tag.pk is not None
            assert tag._state.db == "default"
            tag.name = "b"
            await tag.save()
        assert len(log) == 2
        assert await Tag.objects.values_list("name", flat=True) == ["b"]


async def test_md_given_key_is_updated_or_inserted(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        await Tag(pk=5, name="a").save()
        await Tag(pk=5, name="b").save()
        assert await Tag.objects.values_list("pk", "name") == [(5, "b")]
        with pytest.raises(IntegrityError):
            await Tag(pk=5, name="c").save(force_insert=True)
        with pytest.raises(StaleObject, match="met no row"):
            await Tag(pk=6, name="c").save(force_update=True)
        with pytest.raises(ValueError, match="both insert and updating"):
            await Tag(pk=6, name="c").save(force_insert=True, force_update=True)


async def test_md_update_fields(database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.get(title="Notes")
        book.pages, book.title = 1, "Changed"
        await book.save(update_fields=["pages"])
        await book.refresh_from_db()
        assert (book.pages, book.title) == (1, "Notes")
        with query_log() as log:
            await book.save(update_fields=[])
        assert len(log) == 0
        with pytest.raises(FieldError, match="'pagse'"):
            await book.save(update_fields=["pagse"])


async def test_md_deferred_columns_are_not_written(database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.only("title").get(title="Notes")
        await Book.objects.update(pages=99)
        book.title = "Changed"
        await book.save()
        assert await Book.objects.filter(title="Changed").values_list("pages", flat=True) == [99]


async def test_md_database_defaults_and_expressions_come_back(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        token = Token(label="x")
        with query_log() as log:
            await token.save()
        assert len(log) == 1  # the key's default makes it certainly new
        assert token.uses == 7
        before = token.changed
        token.uses = F("uses") + 1
        await token.save()
        assert token.uses == 8
        assert token.changed > before


async def test_md_unsaved_related_object(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        author = Author(name="Ada")
        book = Book(title="Notes", author=author, year=1843)
        with pytest.raises(ValueError, match="unsaved related object 'author'"):
            await book.save()
        await author.save()
        await book.save()
        assert book.author_id == author.pk
        assert book.author is author


async def test_md_multi_table_inheritance(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        chez = await Restaurant.objects.create(name="Chez", stars=2)
        assert chez.pk == chez.place_ptr_id == chez.id
        assert (await Place.objects.get()).name == "Chez"
        chez.name, chez.stars = "Chez nous", 3
        await chez.save()
        again = await Restaurant.objects.get(name="Chez nous")
        assert (again.stars, again.pk) == (3, chez.pk)
        park = await Place.objects.create(name="Park")
        await Restaurant(place_ptr=park, name="Park grill").save()
        assert await Place.objects.count() == 2
        assert await chez.delete() == (2, {"tests.Restaurant": 1, "tests.Place": 1})
        assert await Place.objects.count() == 1


async def test_md_integrity_error_names_fields(database_url: str) -> None:
    async with shelf(database_url):
        ada = await Author.objects.get(name="Ada")
        with pytest.raises(IntegrityError) as caught:
            await Book(title="Notes", author=ada, year=1).save()
        assert sorted(caught.value.fields) == ["author", "title"]
        with pytest.raises(IntegrityError) as caught:
            await Author.objects.create(name="Ada")
        assert caught.value.fields == ("name",)


async def test_sg1_signals_are_sent(database_url: str) -> None:
    heard: list[tuple[str, object]] = []

    def before(instance: Tag, raw: bool, **_: object) -> None:
        heard.append(("pre", instance.pk))

    async def after(instance: Tag, created: bool, **_: object) -> None:
        heard.append(("post", created))

    pre_save.connect(before, sender=Tag)
    post_save.connect(after, sender=Tag)
    try:
        async with shelf(database_url, filled=False):
            tag = await Tag.objects.create(name="a")
            await tag.save()
            await Publisher.objects.create(name="other")
        assert heard == [("pre", None), ("post", True), ("pre", tag.pk), ("post", False)]
    finally:
        pre_save.disconnect(before, sender=Tag)
        post_save.disconnect(after, sender=Tag)


async def test_md_refresh_forgets_relations(database_url: str) -> None:
    async with shelf(database_url):
        book = await Book.objects.select_related("author").get(title="Notes")
        alan = await Author.objects.get(name="Alan")
        await Book.objects.filter(pk=book.pk).update(author=alan)
        await book.refresh_from_db(fields=["author"])
        assert book.author_id == alan.pk
        await book.refresh_from_db(from_queryset=Book.objects.select_related("author"))
        assert book.author.name == "Alan"


async def test_or12_version_field_refuses_lost_updates(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        mine = await Page.objects.create(text="a")
        theirs = await Page.objects.get(pk=mine.pk)
        mine.text = "b"
        await mine.save()
        assert mine.version == 2
        theirs.text = "c"
        with pytest.raises(StaleObject, match="somebody else"):
            await theirs.save()
        with pytest.raises(StaleObject):
            await theirs.save(update_fields=["text"])
        await theirs.refresh_from_db()
        assert (theirs.text, theirs.version) == ("b", 2)
        await theirs.save(update_fields=["text"])
        assert theirs.version == 3
        await mine.delete()
        with pytest.raises(StaleObject):
            await theirs.save()
