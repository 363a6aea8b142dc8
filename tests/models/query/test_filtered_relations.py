"""Joins with a condition of their own, which reads other tables than the joined one, on both databases."""

from __future__ import annotations

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Author, Book, Edition, Place, Restaurant
from vivace.errors import FieldError
from vivace.models import F, FilteredRelation, Q


async def test_or3_filtered_relation_compares_with_another_relation(database_url: str) -> None:
    async with shelf(database_url):
        await Author.objects.filter(name="Alan").update(name="Press")
        condition = Q(publisher__name=F("author__name"))
        books = Book.objects.annotate(own=FilteredRelation("publisher", condition=condition))
        assert await books.order_by("year").values_list("title", "own__name", "publisher__name") == [
            ("Notes", None, "Press"),
            ("Letters", None, None),
            ("Machines", "Press", "Press"),
        ]
        assert [each.title for each in await books.filter(own__name="Press")] == ["Machines"]
        assert await books.filter(own__isnull=True).count() == 2


async def test_or3_filtered_relation_reads_inherited_columns(database_url: str) -> None:
    async with shelf(database_url):
        for name in ("Inn", "Bar"):
            await Restaurant.objects.create(name=name, stars=3)
        await Place.objects.create(name="Inn")
        inns = FilteredRelation("restaurant", condition=Q(restaurant__name="Inn", restaurant__stars=3))
        places = Place.objects.annotate(inn=inns).order_by("pk")
        assert await places.values_list("name", "inn__stars", "inn__name") == [
            ("Inn", 3, "Inn"),
            ("Bar", None, None),
            ("Inn", None, None),
        ]
        assert await places.filter(inn__isnull=False).count() == 1


async def test_or3_filtered_relation_follows_no_further_relation_to_many(database_url: str) -> None:
    async with shelf(database_url):
        for condition in (Q(book__tags__name="old"), Q(book__year=F("author__books__year"))):
            editions = Edition.objects.annotate(own=FilteredRelation("book", condition=condition))
            with pytest.raises(FieldError, match="relations to many"):
                await editions.filter(own__isnull=True)
