"""Composite primary keys in queries and objects."""

from __future__ import annotations

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Line
from vivace.errors import FieldError, IntegrityError
from vivace.models import Count, F, Max, OuterRef, Subquery, Window
from vivace.models.functions import Length, RowNumber


async def test_md_composite_keys(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        first = await Line.objects.create(order_id=1, number=1, text="a")
        assert first.pk == (1, 1)
        await Line.objects.bulk_create(
            [Line(order_id=1, number=2, text="b"), Line(order_id=2, number=1, text="c")]
        )
        assert (await Line.objects.get(pk=(1, 2))).text == "b"
        found = await Line.objects.filter(pk__in=[(1, 1), (2, 1)]).order_by("order_id")
        assert [line.text for line in found] == ["a", "c"]
        first.text = "changed"
        await first.save()
        await first.refresh_from_db()
        assert first.text == "changed"
        lines = await Line.objects.order_by("pk")
        for line in lines:
            line.text += "!"
        assert await Line.objects.bulk_update(lines, ["text"]) == 3
        assert await Line.objects.order_by("pk").values_list("text", flat=True) == ["changed!", "b!", "c!"]
        assert sorted(await Line.objects.in_bulk([(1, 1), (1, 2)])) == [(1, 1), (1, 2)]
        with pytest.raises(IntegrityError):
            await Line.objects.create(order_id=1, number=1, text="again")
        assert await first.delete() == (1, {"tests.Line": 1})
        assert await Line.objects.filter(order_id=1).delete() == (1, {"tests.Line": 1})
        assert await Line.objects.count() == 1


async def lines() -> None:
    rows = [
        Line(order_id=order, number=number, text="ab"[number % 2]) for order in (1, 2) for number in (1, 2)
    ]
    await Line.objects.bulk_create(rows)


KEYS = [(1, 1), (1, 2), (2, 1), (2, 2)]


async def test_md5_keys_in_values_of_grouped_distinct_and_combined_rows(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        await lines()
        every = Line.objects.order_by("pk")
        grouped = every.values("pk").annotate(count=Count("text"))
        assert await grouped == [{"pk": key, "count": 1} for key in KEYS]
        named = every.annotate(length=Length("text")).values_list("pk", "length")
        assert await named == [(key, 1) for key in KEYS]
        counted = every.annotate(count=Count("text")).values_list("count", "pk")
        assert await counted == [(1, key) for key in KEYS]
        assert sorted(await every.order_by().values_list("pk", flat=True).distinct()) == KEYS
        distinct = Line.objects.order_by("-text", "pk").values_list("pk", flat=True).distinct()
        assert await distinct == [(1, 1), (2, 1), (1, 2), (2, 2)]  # ordered by what is not selected
        keys = Line.objects.order_by().values_list("pk", flat=True)
        assert sorted(await keys.filter(order_id=1).union(keys.filter(number=1))) == KEYS[:3]
        assert await keys.filter(order_id=1).intersection(keys.filter(number=1)) == [(1, 1)]
        last = Window(RowNumber(), partition_by="order_id", order_by="-number")
        newest = Line.objects.annotate(place=last).filter(place=1).order_by("pk").values_list("pk", "place")
        assert await newest == [((1, 2), 1), ((2, 2), 1)]


async def test_md5_keys_by_another_name_and_of_subqueries(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        await lines()
        renamed = Line.objects.annotate(key=F("pk")).order_by("key")
        assert await renamed.filter(key=(1, 2)).values_list("key", flat=True) == [(1, 2)]
        assert await renamed.filter(key__in=[(1, 2), (2, 1)]).values_list("key", flat=True) == [
            (1, 2),
            (2, 1),
        ]
        assert [
            line.pk for line in await Line.objects.alias(key=F("pk")).filter(key__gt=(1, 2)).order_by("key")
        ] == KEYS[2:]
        same = Line.objects.filter(order_id=OuterRef("order_id"), number__lt=OuterRef("number"))
        before = Line.objects.annotate(before=Subquery(same.order_by("-number").values("pk")[:1]))
        assert await before.order_by("pk").values_list("pk", "before") == [
            ((1, 1), None),
            ((1, 2), (1, 1)),
            ((2, 1), None),
            ((2, 2), (2, 1)),
        ]


async def test_md5_aggregates_of_keys(database_url: str) -> None:
    async with shelf(database_url, filled=False):
        await lines()
        assert await Line.objects.aggregate(all=Count("pk"), different=Count("pk", distinct=True)) == {
            "all": 4,
            "different": 4,
        }
        with pytest.raises(
            FieldError, match=r"Max cannot take a composite primary key[\s\S]*order_id, number"
        ):
            Line.objects.annotate(last=Max("pk"))
