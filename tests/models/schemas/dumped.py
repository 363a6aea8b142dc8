"""Every kind of field and of relation, and natural keys: what fixtures must carry. Also read by Django (see its script)."""

# pyright: reportIncompatibleVariableOverride=false

from __future__ import annotations

import uuid
from typing import Any

from vivace import models


class CountryManager(models.Manager["Country"]):
    async def get_by_natural_key(self, code: str) -> Country:
        return await self.get(code=code)


class Country(models.Model):
    code = models.CharField(max_length=2, unique=True)
    leads = models.ForeignKey("Person", models.SET_NULL, null=True, related_name="+")  # a circle

    objects = CountryManager()

    class Meta:
        app_label = "dumped"

    def natural_key(self) -> tuple[str]:
        return (self.code,)


class Person(models.Model):
    name = models.CharField(max_length=20)
    home = models.ForeignKey(Country, models.CASCADE)
    by_code = models.ForeignKey(Country, models.CASCADE, to_field="code", null=True, related_name="+")
    boss = models.ForeignKey("self", models.CASCADE, null=True)
    friends: Any = models.ManyToManyField("self")
    visited: Any = models.ManyToManyField(Country, related_name="visitors")

    class Meta:
        app_label = "dumped"


class Member(Person):
    since = models.DateField()
    sponsor = models.OneToOneField(Person, models.CASCADE, null=True, related_name="sponsored")

    class Meta:
        app_label = "dumped"


class Everything(models.Model):
    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    big = models.BigIntegerField()
    raw = models.BinaryField()
    truth = models.BooleanField(null=True)
    text = models.CharField(max_length=60)
    day = models.DateField()
    moment = models.DateTimeField()
    exact = models.DecimalField(max_digits=20, decimal_places=6)
    span = models.DurationField()
    mail = models.EmailField()
    real = models.FloatField()
    address = models.GenericIPAddressField()
    whole = models.IntegerField()
    data: Any = models.JSONField(null=True)
    positive = models.PositiveIntegerField()
    positive_big = models.PositiveBigIntegerField()
    positive_small = models.PositiveSmallIntegerField()
    slug = models.SlugField()
    small = models.SmallIntegerField()
    long = models.TextField(null=True)
    hour = models.TimeField()
    page = models.URLField()
    other = models.UUIDField(null=True)
    changed = models.DateTimeField(auto_now=True)
    twice = models.GeneratedField(
        expression=models.F("whole") * 2, output_field=models.IntegerField(), db_persist=True
    )
    group: Any = models.ManyToManyField(Person, through="Membership")

    class Meta:
        app_label = "dumped"


class Membership(models.Model):
    person = models.ForeignKey(Person, models.CASCADE)
    thing = models.ForeignKey(Everything, models.CASCADE)
    role = models.CharField(max_length=20, blank=True)

    class Meta:
        app_label = "dumped"


class Cell(models.Model):
    pk = models.CompositePrimaryKey("row", "column")
    row = models.IntegerField()
    column = models.CharField(max_length=3)
    value = models.IntegerField(default=0)

    class Meta:
        app_label = "dumped"


ALL = (Country, Person, Member, Everything, Membership, Cell)
