"""A large set of models, of every kind that becomes a schema.

Django reads this file too, with only the import line changed: both must make the same schema of it.
"""

from __future__ import annotations

import datetime
import decimal
import uuid

from vivace import models


class Colour(models.TextChoices):
    RED = "r", "red"
    GREEN = "g", "green"


class Every(models.Model):
    """Each kind of column."""

    big = models.BigIntegerField()
    small = models.SmallIntegerField(null=True)
    number = models.IntegerField(default=3)
    positive = models.PositiveIntegerField()
    positive_small = models.PositiveSmallIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(db_index=True)
    flag = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True)
    ratio = models.FloatField()
    price = models.DecimalField(max_digits=9, decimal_places=2, default=decimal.Decimal("1.50"))
    name = models.CharField(max_length=100)
    colour = models.CharField(max_length=1, choices=Colour.choices, default=Colour.RED)
    text = models.TextField(blank=True)
    slug = models.SlugField()
    address = models.EmailField(unique=True)
    url = models.URLField(max_length=300, null=True)
    ip = models.GenericIPAddressField(null=True)
    day = models.DateField(auto_now_add=True)
    hour = models.TimeField(null=True)
    moment = models.DateTimeField(auto_now=True)
    span = models.DurationField(default=datetime.timedelta(days=1))
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    data = models.JSONField(default=dict)
    optional_data = models.JSONField(null=True)
    raw = models.BinaryField()


class Indexed(models.Model):
    """Indexes of fields."""

    code = models.CharField(max_length=10, db_index=True)
    unique_code = models.CharField(max_length=10, unique=True)
    note = models.TextField(db_index=True)
    unique_note = models.TextField(unique=True)
    year = models.IntegerField(db_index=True)
    unique_year = models.IntegerField(unique=True)
    plain_slug = models.SlugField(db_index=False)
    other_column = models.CharField(max_length=5, db_column="Odd Column", db_index=True)

    class Meta:
        db_table = "Odd Table"


class Tag(models.Model):
    name = models.CharField(max_length=30, primary_key=True)


class Place(models.Model):
    name = models.CharField(max_length=50)
    tags = models.ManyToManyField(Tag, related_name="places")
    near = models.ManyToManyField("self", blank=True)


class Restaurant(Place):
    """A child with a table of its own."""

    stars = models.PositiveSmallIntegerField(default=0)
    rival = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)


class Diner(Restaurant):
    open_at_night = models.BooleanField(default=True)


class Shown(Place):
    class Meta:
        proxy = True


class Visit(models.Model):
    """Foreign keys of every kind."""

    place = models.ForeignKey(Place, on_delete=models.CASCADE)
    restaurant = models.OneToOneField(Restaurant, on_delete=models.PROTECT, related_name="only_visit")
    shown = models.ForeignKey(Shown, on_delete=models.DO_NOTHING, related_name="+")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    address = models.ForeignKey(Every, to_field="address", on_delete=models.CASCADE, null=True)
    token = models.ForeignKey(Every, to_field="token", on_delete=models.CASCADE, related_name="by_token")
    free = models.ForeignKey(Tag, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    bare = models.ForeignKey(Tag, on_delete=models.CASCADE, db_index=False, related_name="+")
    named = models.ForeignKey(Tag, on_delete=models.CASCADE, db_column="tag_name", related_name="+")

    class Meta:
        unique_together = [("place", "tag"), ("restaurant", "named")]


class Membership(models.Model):
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    club = models.ForeignKey("Club", on_delete=models.CASCADE)
    since = models.DateField(null=True)


class Club(models.Model):
    members = models.ManyToManyField(Tag, through=Membership)
    others = models.ManyToManyField(Tag, db_table="club_others", related_name="+", db_constraint=False)


class Step(models.Model):
    visit = models.ForeignKey(Visit, on_delete=models.CASCADE)

    class Meta:
        order_with_respect_to = "visit"


class Commented(models.Model):
    size = models.IntegerField(db_comment="in metres, it's said")

    class Meta:
        db_table_comment = "What people say"


class AVeryLongModelNameThatGoesOnAndOnUntilNoDatabaseWantsIt(models.Model):
    a_very_long_field_name_that_goes_on_and_on_and_on = models.CharField(max_length=9, db_index=True)
    another_very_long_field_name_that_goes_on_and_on = models.ForeignKey(
        Every, on_delete=models.CASCADE, related_name="+"
    )
    many_with_long_name = models.ManyToManyField(Tag)

    class Meta:
        db_table = "long_table_name_of_forty_characters_here"
        unique_together = (
            "a_very_long_field_name_that_goes_on_and_on_and_on",
            "another_very_long_field_name_that_goes_on_and_on",
        )


class Composite(models.Model):
    pk = models.CompositePrimaryKey("tag_id", "number")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)
    number = models.IntegerField()
    text = models.CharField(max_length=10)


class SmallKey(models.Model):
    id = models.SmallAutoField(primary_key=True)


class AutoKey(models.Model):
    id = models.AutoField(primary_key=True)
    small = models.ForeignKey(SmallKey, on_delete=models.CASCADE)


class PositiveKey(models.Model):
    id = models.PositiveIntegerField(primary_key=True)


class KeyUser(models.Model):
    token = models.UUIDField(primary_key=True, default=uuid.uuid4)
    auto = models.ForeignKey(AutoKey, on_delete=models.CASCADE)
    positive = models.ForeignKey(PositiveKey, on_delete=models.CASCADE)
    one = models.OneToOneField(Tag, on_delete=models.CASCADE, primary_key=False)


class KeyOfKey(models.Model):
    user = models.OneToOneField(KeyUser, on_delete=models.CASCADE, primary_key=True)
    again = models.ForeignKey("KeyOfKey", on_delete=models.CASCADE, null=True)


class Constrained(models.Model):
    code = models.CharField(max_length=10)
    low = models.IntegerField()
    high = models.IntegerField(null=True)
    kind = models.CharField(max_length=3, choices=Colour.choices)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE)

    class Meta:
        indexes = [
            models.Index(fields=["low", "-high"]),
            models.Index(fields=["code"], name="part_idx", condition=models.Q(low__gt=5)),
            models.Index(fields=["code"], name="cover_idx", include=["low", "tag"]),
            models.Index(
                fields=["code", "low"], name="class_idx", opclasses=["varchar_pattern_ops", "int4_ops"]
            ),
            models.Index(models.F("low") + models.F("high"), models.F("code").desc(), name="expr_idx"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["code", "low"], name="plain_uniq"),
            models.UniqueConstraint(fields=["code"], name="part_uniq", condition=models.Q(high__isnull=True)),
            models.UniqueConstraint(fields=["low"], name="defer_uniq", deferrable=models.Deferrable.DEFERRED),
            models.UniqueConstraint(fields=["high"], name="cover_uniq", include=["low"]),
            models.UniqueConstraint(fields=["high", "low"], name="nulls_uniq", nulls_distinct=False),
            models.UniqueConstraint(models.F("low") * 2, "tag", name="expr_uniq"),
            models.CheckConstraint(condition=models.Q(low__lt=models.F("high")), name="low_high"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["r", "g"]) | models.Q(code="") | ~models.Q(low=0), name="kinds"
            ),
            models.CheckConstraint(condition=models.Q(code__startswith="x%y_z'"), name="starts"),
            models.CheckConstraint(
                condition=models.Q(tag="a") & models.Q(high__range=(1, 9)), name="relation"
            ),
        ]


class Computed(models.Model):
    width = models.IntegerField(db_default=2)
    height = models.IntegerField(db_default=models.Value(3))
    label = models.CharField(max_length=20, db_default="it's 100%")
    flag = models.BooleanField(db_default=True)
    ratio = models.FloatField(db_default=models.Value(1) + models.Value(2))
    area = models.GeneratedField(
        expression=models.F("width") * models.F("height"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )


class Outside(models.Model):
    name = models.CharField(max_length=10)

    class Meta:
        managed = False
