"""The models of the differential test: a file that Django and Vivace both run, with only its import line changed.

They have what queries can tell apart: every kind of column with and without NULL, each deletion rule, a relation to the
same model, many-to-many relations plain, symmetrical and through a model, one-to-one, a child table, a proxy, a
composite key, default orderings.
"""

from __future__ import annotations

from vivace import models


class Publisher(models.Model):
    name = models.CharField(max_length=80)
    city = models.CharField(max_length=40, null=True)
    founded = models.DateField(null=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="imprints")

    class Meta:
        app_label = "differential"


class Author(models.Model):
    name = models.CharField(max_length=80)
    age = models.IntegerField(null=True)
    born = models.DateField(null=True)
    friends = models.ManyToManyField("self")
    mentor = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="pupils")

    class Meta:
        app_label = "differential"
        ordering = ["name"]


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)
    weight = models.FloatField(default=1.0)

    class Meta:
        app_label = "differential"


class Book(models.Model):
    title = models.CharField(max_length=200, db_index=True)
    subtitle = models.TextField(null=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    editor = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="edited")
    publisher = models.ForeignKey(Publisher, on_delete=models.SET_NULL, null=True)
    tags = models.ManyToManyField(Tag, related_name="books")
    year = models.IntegerField()
    pages = models.PositiveIntegerField(default=0)
    copies = models.BigIntegerField(null=True)
    price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    rating = models.FloatField(null=True)
    published = models.DateTimeField(null=True)
    released = models.DateField(null=True)
    reading = models.DurationField(null=True)
    wakes = models.TimeField(null=True)
    in_print = models.BooleanField(default=True)
    signed = models.BooleanField(null=True)
    code = models.UUIDField(null=True)
    data = models.JSONField(null=True)

    class Meta:
        app_label = "differential"
        ordering = ["year", "title"]


class Oldest(Book):
    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        app_label = "differential"
        proxy = True
        ordering = ["-published", "author__name"]


class Novel(Book):
    genre = models.CharField(max_length=20)
    sequel = models.ForeignKey("self", on_delete=models.SET_NULL, null=True)

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        app_label = "differential"


class Review(models.Model):
    book = models.ForeignKey(
        Book, on_delete=models.CASCADE, related_name="reviews", related_query_name="review"
    )
    writer = models.ForeignKey(Author, on_delete=models.CASCADE, null=True)
    stars = models.SmallIntegerField(null=True)
    text = models.TextField()
    written = models.DateTimeField(null=True)

    class Meta:
        app_label = "differential"
        ordering = ["book", "-stars"]


class Cover(models.Model):
    book = models.OneToOneField(Book, on_delete=models.CASCADE, related_name="cover")
    colour = models.CharField(max_length=20)
    artist = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="covers")

    class Meta:
        app_label = "differential"


class Club(models.Model):
    name = models.CharField(max_length=40)
    members = models.ManyToManyField(Author, through="Membership", related_name="clubs")
    host = models.ForeignKey(Publisher, on_delete=models.PROTECT, null=True)

    class Meta:
        app_label = "differential"


class Membership(models.Model):
    club = models.ForeignKey(Club, on_delete=models.CASCADE)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    since = models.DateField(null=True)
    rank = models.IntegerField(default=1)

    class Meta:
        app_label = "differential"


class Shelf(models.Model):
    pk = models.CompositePrimaryKey("room", "number")
    room = models.IntegerField()
    number = models.IntegerField()
    keeper = models.ForeignKey(Author, on_delete=models.RESTRICT, null=True, related_name="shelves")
    label = models.CharField(max_length=20, null=True)

    class Meta:
        app_label = "differential"
