"""Fields of PostgreSQL: what they store and give back, what they refuse, and where they cannot be."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.models.backing import opened
from vivace import App, models
from vivace.db import Database, Databases, current_databases
from vivace.db.urls import connect
from vivace.errors import AppInvalid, InvalidValue, ModelError, ValidationError
from vivace.migrations.create import create_tables
from vivace.models import postgresql
from vivace.models.postgresql import Range


class Shelf(models.Model):
    tags = postgresql.ArrayField(models.CharField(max_length=4), size=3)
    grid = postgresql.ArrayField(postgresql.ArrayField(models.IntegerField()), default=list)
    prices = postgresql.ArrayField(models.DecimalField(max_digits=6, decimal_places=2), null=True)
    ages = postgresql.IntegerRangeField[Range[int] | None](null=True)
    span = postgresql.DecimalRangeField[Range[decimal.Decimal] | None](null=True, default_bounds="[]")
    period = postgresql.DateTimeRangeField[Range[datetime.datetime] | None](null=True)
    days = postgresql.DateRangeField[Range[datetime.date] | None](null=True)


class Article(models.Model):
    title = models.CharField(max_length=200)
    body = models.TextField()
    words = models.GeneratedField(
        expression=postgresql.SearchVector("title", weight="A", config="english")
        + postgresql.SearchVector("body", weight="B", config="english"),
        output_field=postgresql.SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [postgresql.GinIndex(fields=["words"])]


class Stamp(models.Model):
    data = postgresql.HStoreField()


class Gap(models.Model):
    room = models.IntegerField()
    period = postgresql.DateRangeField()
    cancelled = models.BooleanField(default=False)

    class Meta:
        constraints = [
            postgresql.ExclusionConstraint(
                name="no_overlap",
                expressions=[
                    (postgresql.OpClass("room", name="gist_int4_ops"), "="),
                    ("period", postgresql.RangeOperators.OVERLAPS),
                ],
                condition=models.Q(cancelled=False),
            )
        ]


async def test_pg1_values_go_and_come_back(shared_postgresql_url: str) -> None:
    noon = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    day = noon.date()
    async with opened(shared_postgresql_url, [Shelf]):
        made = await Shelf.objects.create(
            tags=["a", "ü,"],
            grid=[[1, 2], [3, 4]],
            prices=[decimal.Decimal("1.50"), decimal.Decimal("2")],
            ages=Range(1, 5, "[]"),
            span=(1, 2),
            period=Range(noon, None),
            days=Range(None, day),
        )
        found = await Shelf.objects.get(pk=made.pk)
        assert found.tags == ["a", "ü,"]
        assert found.grid == [[1, 2], [3, 4]]
        assert found.prices == [decimal.Decimal("1.50"), decimal.Decimal("2.00")]
        assert found.ages == Range(1, 6)  # as PostgreSQL writes ranges of whole numbers
        assert found.span == Range(decimal.Decimal(1), decimal.Decimal(2), "[]")
        assert found.period == Range(noon, None)
        assert found.days == Range(None, day)
        found.tags, found.ages = [], Range(empty=True)
        await found.save()
        await found.refresh_from_db()
        assert (found.tags, found.ages) == ([], Range(empty=True))
        many = [Shelf(tags=[str(n)], grid=[[n]], ages=Range(n, n + 1)) for n in range(3)]
        await Shelf.objects.bulk_create(many)
        assert [each.tags async for each in Shelf.objects.filter(ages__contains=1)] == [["1"]]
        for each in many:
            each.tags, each.ages = ["x"], Range(7, 9)
        await Shelf.objects.bulk_update(many, ["tags", "ages"])
        assert await Shelf.objects.filter(tags=["x"], ages=Range(7, 9)).count() == 3
        await Shelf.objects.filter(tags=["x"]).update(tags=["y"], prices=None)
        assert await Shelf.objects.filter(tags__contains=["y"], prices=None).count() == 3


async def test_pg1_hstore_comes_back(postgresql_url: str) -> None:
    async with _kept(postgresql_url, []) as database:
        await database.run_script("CREATE EXTENSION hstore")
    async with _kept(postgresql_url, [Stamp]):
        rows = [Stamp(data={"a": "1", "b": None}), Stamp(data={})]
        await Stamp.objects.bulk_create(rows)
        rows[1].data = {"c": 'say "x"', "d": None}
        await Stamp.objects.bulk_update(rows, ["data"])
        assert [each.data async for each in Stamp.objects.order_by("pk")] == [
            {"a": "1", "b": None},
            {"c": 'say "x"', "d": None},
        ]


@asynccontextmanager
async def _kept(url: str, given: list[Any]) -> AsyncGenerator[Database]:
    """Open a database without emptying it, and make the models' tables as a migration would."""
    database = Database("default", connect(url, root=Path("/")))
    token = current_databases.set(Databases({"default": database}))
    try:
        await create_tables(database, given)
        yield database
    finally:
        current_databases.reset(token)
        await database.close()


async def test_pg2_a_vector_that_the_database_keeps(postgresql_url: str) -> None:
    async with _kept(postgresql_url, [Article]):
        await Article.objects.create(title="Dogs", body="run")
        await Article.objects.create(title="Runs", body="a dog")
        query = postgresql.SearchQuery("dog", search_type="websearch", config="english")
        rank = postgresql.SearchRank(models.F("words"), query)
        found = Article.objects.filter(words=query).annotate(rank=rank).order_by("-rank")
        assert [each.title async for each in found] == ["Dogs", "Runs"]


async def test_pg3_exclusion_constraint(postgresql_url: str) -> None:
    async with _kept(postgresql_url, []) as database:
        await database.run_script("CREATE EXTENSION btree_gist")
    async with _kept(postgresql_url, [Gap]):
        start = datetime.date(2020, 1, 1)
        days = Range(start, start + datetime.timedelta(days=5))
        first = await Gap.objects.create(room=1, period=days)
        await first.full_clean()
        clash = Gap(room=1, period=days)
        with pytest.raises(ValidationError, match="no_overlap"):
            await clash.full_clean()
        with pytest.raises(Exception, match="no_overlap"):
            await clash.save()
        await Gap(room=2, period=days).full_clean()
        await Gap(room=1, period=days, cancelled=True).full_clean()
        await Gap.objects.create(room=1, period=days, cancelled=True)


def test_pg1_validation_of_items() -> None:
    field = Shelf._meta.get_field("tags")
    assert field.clean('["a", "b"]', None) == ["a", "b"]
    for value, message in (
        (["a", "toolong"], "Item 2 in the array did not validate: "),
        (["a"] * 4, "List contains 4 items, it should contain no more than 3."),
        (["a", ""], "Item 2 in the array did not validate: This field cannot be blank."),
        ("no json", "The value must be a list."),
        (3, "The value must be a list."),
    ):
        with pytest.raises(ValidationError) as caught:
            field.clean(value, None)
        assert caught.value.messages[0].startswith(message), caught.value
    with pytest.raises(ValidationError, match="same length"):
        Shelf._meta.get_field("grid").clean([[1], [1, 2]], None)
    with pytest.raises(ValidationError, match="Item 1 in the array did not validate"):
        Shelf._meta.get_field("grid").clean([[None]], None)
    with pytest.raises(ValidationError, match="is not a string or null"):
        Stamp._meta.get_field("data").clean({"a": 1}, None)


def test_pg1_values_that_cannot_be() -> None:
    with pytest.raises(InvalidValue, match=r"Shelf\.tags"):
        Shelf.objects.filter(tags="a")
    with pytest.raises(InvalidValue, match="pair"):
        Shelf.objects.filter(ages__overlap="a")
    with pytest.raises(ModelError, match="bounds"):
        Range(1, 2, "<>")
    with pytest.raises(ModelError, match="default_bounds"):
        postgresql.DecimalRangeField(default_bounds="x")
    with pytest.raises(ModelError, match="a field for its items"):
        postgresql.ArrayField(int)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_pg1_ranges_are_values() -> None:
    assert 1 in Range(1, 2)
    assert 2 not in Range(1, 2)
    assert 2 in Range(1, 2, "[]")
    assert 1 not in Range(1, 2, "()")
    assert 5 in Range(lower=1)
    assert 5 not in Range[int](empty=True)
    assert Range(None, 2).bounds == "()"
    assert Range(None, 2).lower_inf
    assert Range(1, 2).lower_inc
    assert str(Range(1, None)) == "[1,)"
    assert str(Range[int](empty=True)) == "empty"
    assert Range(1, 2) == Range(1, 2)
    assert hash(Range(1, 2)) == hash(Range(1, 2))


@pytest.mark.parametrize("name", ["tags", "grid", "prices", "ages", "span", "period", "days"])
def test_pg1_texts_of_values_are_read_back(name: str) -> None:
    noon = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.UTC)
    shelf = Shelf(
        tags=["a", "b"],
        grid=[[1, 2]],
        prices=[decimal.Decimal("1.50")],
        ages=Range(1, 5),
        span=Range(decimal.Decimal("1.5"), None),
        period=Range(noon, noon),
        days=Range[datetime.date](empty=True),
    )
    field = Shelf._meta.get_field(name)
    text = field.value_to_string(shelf)
    json.loads(text)
    assert field.to_python(text) == getattr(shelf, name)


def test_pg1_models_as_json() -> None:
    import msgspec

    shelf = Shelf(id=1, tags=["a"], ages=Range(1, None))
    shown = json.loads(msgspec.json.encode(shelf.__vivace_json__()))
    assert shown["tags"] == ["a"]
    assert shown["ages"] == {"lower": 1, "upper": None, "bounds": "[)", "empty": False}


def test_pg1_sqlite_is_refused_at_start(tmp_path: Path) -> None:
    app = App(models=[Shelf], databases={"default": f"sqlite:///{tmp_path / 'x.sqlite3'}"})
    with pytest.raises(AppInvalid, match="this field needs PostgreSQL"):
        app.compile()
    assert {finding.id for finding in app.check()} == {"field-needs-database"}
    with pytest.raises(ModelError, match="needs PostgreSQL"):
        Shelf._meta.get_field("tags").db_type("sqlite")
