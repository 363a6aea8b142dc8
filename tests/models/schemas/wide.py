"""One model for each thing that a declaration can say: read by Vivace as it stands, by Django with its own import line."""

# pyright: reportIncompatibleVariableOverride=false

import uuid

from vivace import models


def year_now() -> int:
    return 2000


class Stamped(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    owner = models.ForeignKey(
        "Person", models.CASCADE, related_name="%(app_label)s_%(class)s_owned", null=True
    )

    class Meta:
        abstract = True
        ordering = ["created"]
        indexes = [models.Index(fields=["created", "-changed"])]
        constraints = [models.UniqueConstraint(fields=["created"], name="%(app_label)s_%(class)s_created")]


class Person(models.Model):
    name = models.CharField("full name", max_length=80, unique=True, db_index=True, help_text="as written")
    nick = models.SlugField(allow_unicode=True)
    mail = models.EmailField(blank=True, default="")
    page = models.URLField(null=True)
    friends = models.ManyToManyField("self")
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followers")
    boss = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="staff")

    class Meta:
        verbose_name_plural = "people"
        db_table_comment = "who"
        unique_together = [["nick", "mail"], ["name", "page"]]
        permissions = [("greet", "Can greet")]


class Numbers(models.Model):
    small = models.SmallIntegerField(default=1)
    plain = models.IntegerField(choices=[(1, "one"), (2, "two")], null=True)
    big = models.BigIntegerField(db_column="Big One")
    positive = models.PositiveIntegerField()
    positive_small = models.PositiveSmallIntegerField(db_default=3)
    positive_big = models.PositiveBigIntegerField()
    real = models.FloatField()
    exact = models.DecimalField(max_digits=8, decimal_places=3)
    truth = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(small__gte=1), name="small_enough"),
            models.UniqueConstraint(fields=["plain"], condition=models.Q(truth=True), name="one_true"),
            models.UniqueConstraint(fields=["big"], name="big_once", deferrable=models.Deferrable.DEFERRED),
        ]
        indexes = [
            models.Index(fields=["-small", "plain"]),
            models.Index(fields=["big"], name="named_one", condition=models.Q(big__gt=3), include=["real"]),
        ]


class Others(models.Model):
    key = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    raw = models.BinaryField(max_length=9)
    day = models.DateField()
    hour = models.TimeField(null=True)
    span = models.DurationField()
    address = models.GenericIPAddressField(protocol="IPv4")
    data = models.JSONField(default=dict)
    text = models.TextField(db_collation="C")
    where = models.FilePathField(path="/tmp", recursive=True)
    free = models.CharField()
    year = models.IntegerField(default=year_now)
    twice = models.GeneratedField(
        expression=models.F("year") * 2, output_field=models.IntegerField(), db_persist=True
    )

    class Meta:
        db_table = "other_things"
        get_latest_by = "day"


class SmallKey(models.Model):
    id = models.SmallAutoField(primary_key=True)
    number = models.PositiveSmallIntegerField(unique=True)


class Points(models.Model):
    to_small = models.ForeignKey(SmallKey, models.PROTECT)
    to_number = models.ForeignKey(
        SmallKey, models.RESTRICT, to_field="number", related_name="+", db_index=False
    )
    to_key = models.ForeignKey(Others, models.DO_NOTHING, db_constraint=False, db_column="k")
    one = models.OneToOneField(Person, models.CASCADE, related_name="points", related_query_name="point")
    many = models.ManyToManyField(
        Person, through="Link", through_fields=("point", "person"), related_name="pointed"
    )
    hidden = models.ManyToManyField(Numbers, related_name="+", db_table="hidden_table")


class Link(models.Model):
    point = models.ForeignKey(Points, models.CASCADE)
    person = models.ForeignKey(Person, models.CASCADE, related_name="links")
    other = models.ForeignKey(Person, models.CASCADE, related_name="other_links")
    weight = models.IntegerField()


class Note(Stamped):
    text = models.TextField()
    day = models.DateField(unique_for_month="created", null=True)


class Memo(Note):
    urgent = models.BooleanField(default=False)
    readers = models.ManyToManyField(Person, related_name="memos")

    class Meta:
        verbose_name = "memorandum"


class Letter(Stamped):
    root = models.OneToOneField(Note, models.CASCADE, parent_link=True, primary_key=True)
    line = models.CharField(max_length=10)

    class Meta:
        ordering = ["-line"]


class UrgentMemo(Memo):
    class Meta:
        proxy = True
        ordering = ["urgent"]


class Foreign(models.Model):
    AName = models.CharField(max_length=3, db_column="Weird-Column")

    class Meta:
        managed = False
        app_label = "elsewhere"


class AVeryLongNameForAModelWhichMakesTheNameOfItsTableMuchTooLongForPostgres(models.Model):
    relation_with_a_rather_long_name = models.ManyToManyField(Person, related_name="long")


class Answer(models.Model):
    question = models.ForeignKey(Note, models.CASCADE)

    class Meta:
        order_with_respect_to = "question"
        default_related_name = "replies"


class Tenant(models.Model):
    pk = models.CompositePrimaryKey("region", "number")
    region = models.CharField(max_length=3)
    number = models.IntegerField()


LONGEST = AVeryLongNameForAModelWhichMakesTheNameOfItsTableMuchTooLongForPostgres
