"""Objects for tests: every kind of field, unique ones, related ones, and names that nobody has."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.db.backends import DIALECTS, url_of
from vivace import models
from vivace.db import Database, Databases, current_databases
from vivace.db.urls import connect
from vivace.errors import ConfigurationError, FieldError, UniqueViolation
from vivace.migrations.create import create_tables
from vivace.testing.factories import Factory, related, sequence


class Maker(models.Model):
    name = models.CharField(max_length=20, unique=True)
    motto = models.CharField(max_length=20, blank=True)
    label = models.CharField(max_length=20, blank=True, unique=True)


class Part(models.Model):
    code = models.CharField(max_length=4, primary_key=True)
    maker = models.ForeignKey(Maker, models.CASCADE)
    twin: Any = models.OneToOneField("self", models.CASCADE, null=True)


class Whole(models.Model):
    kind = models.CharField(max_length=1, choices=[("a", "A"), ("b", "B")])
    big = models.BigIntegerField(unique=True)
    raw = models.BinaryField(unique=True)
    truth = models.BooleanField()
    short = models.CharField(max_length=3, unique=True)
    day = models.DateField(unique=True)
    moment = models.DateTimeField(unique=True)
    exact = models.DecimalField(max_digits=3, decimal_places=2, unique=True)
    fraction = models.DecimalField(max_digits=2, decimal_places=2, unique=True)
    span = models.DurationField(unique=True)
    mail = models.EmailField(max_length=20, unique=True)
    real = models.FloatField(unique=True)
    address = models.GenericIPAddressField(unique=True)
    address6 = models.GenericIPAddressField(unique=True, protocol="IPv6")
    whole = models.IntegerField(unique=True)
    data: Any = models.JSONField()
    positive = models.PositiveIntegerField(unique=True)
    positive_big = models.PositiveBigIntegerField(unique=True)
    positive_small = models.PositiveSmallIntegerField(unique=True)
    a_field_with_a_rather_long_name_that_takes_all_the_room = models.SlugField(max_length=10, unique=True)
    small = models.SmallIntegerField(unique=True)
    long = models.TextField(unique=True)
    hour = models.TimeField(unique=True)
    page = models.URLField(unique=True)
    other = models.UUIDField(unique=True)
    stamp = models.DateTimeField(auto_now=True)
    given = models.IntegerField(db_default=7)
    hidden = models.IntegerField(editable=False)
    twice = models.GeneratedField(
        expression=models.F("whole") * 2, output_field=models.IntegerField(), db_persist=True
    )


class MakerFactory(Factory[Maker]):
    name = sequence("Maker {n}")


class PartFactory(Factory[Part]):
    maker = related(MakerFactory, motto="ever on")
    code = sequence(lambda n: f"p{n}")


@pytest.fixture(params=DIALECTS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Database]:
    database = Database("default", connect(url_of(request.param, tmp_path, request), root=Path("/")))
    token = current_databases.set(Databases({"default": database}))
    try:
        await create_tables(database, [Maker, Part, Whole])
        yield database
    finally:
        current_databases.reset(token)
        await database.close()


async def test_or19_every_kind_of_field_gets_a_value_that_is_valid_and_unique(database: Database) -> None:
    things = await Factory.of(Whole).create_many(60)
    for thing in things[::20]:
        await thing.full_clean()
    assert await Whole.objects.count() == 60
    first = await Whole.objects.order_by("pk").first()
    assert first is not None
    assert (first.given, first.twice) == (7, 2 * first.whole)
    assert first.pk == things[0].pk


async def test_or19_what_is_given_wins_and_the_rest_is_made(database: Database) -> None:
    part = await PartFactory.create()
    assert part.code.startswith("p")
    assert part.maker.name.startswith("Maker ")
    assert part.maker.motto == "ever on"
    maker = await MakerFactory.create(name="given")
    parts = await PartFactory.create_many(3, maker=maker)
    assert [each.maker_id for each in parts] == [maker.pk] * 3
    assert await Maker.objects.count() == 2
    with pytest.raises(UniqueViolation):
        await PartFactory.create(code=part.code)
    by_key = await PartFactory.create(maker_id=maker.pk, code="own")  # no maker is made
    assert (by_key.pk, by_key.maker_id) == ("own", maker.pk)
    assert await Maker.objects.count() == 3  # one for the part that could not be saved


async def test_or19_keys_and_blank_unique_texts_are_made_too(database: Database) -> None:
    maker = await MakerFactory.create()
    plain = Factory.of(Part)
    codes: list[str] = [(await plain.create(maker=maker)).code for _ in range(12)]
    assert len(set(codes)) == 12
    assert all(0 < len(code) <= 4 for code in codes)
    makers = await MakerFactory.create_many(2)
    assert all(each.motto == "" for each in makers)
    assert makers[0].label != makers[1].label


def test_or19_an_object_that_is_not_saved() -> None:
    part = Factory.of(Part).build(code="x")
    assert (part.code, part.maker_id) == ("x", None)
    assert PartFactory.build().maker_id is None


def test_or19_attributes_are_inherited_and_numbers_are_not() -> None:
    class Loud(MakerFactory):
        motto = "LOUD"

    first = Loud.build()
    assert (first.name, first.motto) == ("Maker 1", "LOUD")
    assert Loud.build().name == "Maker 2"


def test_or19_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(FieldError, match=r"(?s)'nmae'.*name"):
        MakerFactory.build(nmae="x")
    with pytest.raises(FieldError, match=r"(?s)'makr'.*maker"):
        type("Wrong", (Factory,), {"_model": Part, "makr": 1})
    with pytest.raises(ConfigurationError, match="does not say what it makes"):
        type("Nothing", (Factory,), {})


async def test_or19_a_required_relation_gets_an_object_of_its_own(database: Database) -> None:
    part = await Factory.of(Part).create()
    assert part.maker.name
    assert part.twin is None
    given = await Factory.of(Maker).create()
    assert (await Factory.of(Part).create(maker=given)).maker_id == given.pk
    assert (await Factory.of(Part).create(maker_id=given.pk)).maker_id == given.pk
    assert await Maker.objects.count() == 2
    assert Factory.of(Part).build().maker_id is None
