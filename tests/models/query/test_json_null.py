"""JSON's null and SQL's NULL are two things, written in either of Django's ways."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.backing import opened
from vivace import models
from vivace.models import JSONNull, Value


class Dog(models.Model):
    name = models.CharField(max_length=20)
    data = models.JSONField(null=True)

    class Meta:
        app_label = "jsonnull"


NULLS: list[Any] = [Value(None, models.JSONField()), JSONNull()]


@pytest.mark.parametrize("null", NULLS, ids=["Value", "JSONNull"])
async def test_or4_json_null_is_a_value(database_url: str, null: Any) -> None:
    async with opened(database_url, [Dog]):

        async def without() -> list[str]:
            return await Dog.objects.filter(data__isnull=True).order_by("name").values_list("name", flat=True)

        max_ = await Dog.objects.create(name="Max", data=None)
        await Dog.objects.create(name="Archie", data=null)
        assert await without() == ["Max"]
        for same in (None, null):
            found = await Dog.objects.filter(data=same).values_list("name", "data")
            assert found == [("Archie", None)]
        max_.data = null
        await max_.save()
        assert await without() == []
        await Dog.objects.filter(name="Max").update(data=None)
        assert await without() == ["Max"]
        await Dog.objects.filter(name="Max").update(data=null)
        assert await without() == []
        await Dog.objects.bulk_create([Dog(name="Rex", data=null), Dog(name="Zoe", data=None)])
        assert await without() == ["Zoe"]
