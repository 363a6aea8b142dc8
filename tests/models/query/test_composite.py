"""Composite primary keys in queries and objects."""

from __future__ import annotations

import pytest

from tests.models.query.data import shelf
from tests.models.schemas.library import Line
from vivace.errors import IntegrityError


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
