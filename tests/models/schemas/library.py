"""Authors, publishers, books, tags: the models that most tests of queries and objects use."""

from __future__ import annotations

import uuid

from vivace import models


class Publisher(models.Model):
    name = models.CharField(max_length=80, unique=True)


class Author(models.Model):
    name = models.CharField(max_length=80, unique=True)
    email = models.EmailField(blank=True)
    friends = models.ManyToManyField("self")

    books: models.Reverse[Book]

    def __str__(self) -> str:
        return self.name


class Profile(models.Model):
    author = models.OneToOneField(Author, on_delete=models.CASCADE, related_name="profile")
    bio = models.TextField(default="")


class Tag(models.Model):
    name = models.CharField(max_length=20, unique=True)

    books: models.Reverse[Book]


class BookQuerySet(models.QuerySet["Book"]):
    def long(self) -> BookQuerySet:
        return self.filter(pages__gte=100)


class Book(models.Model):
    title = models.CharField(max_length=200, db_index=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    publisher = models.ForeignKey(Publisher, on_delete=models.SET_NULL, null=True, related_name="books")
    year = models.IntegerField()
    pages = models.PositiveIntegerField(default=0)
    tags = models.ManyToManyField(Tag, related_name="books", blank=True)

    objects = BookQuerySet.as_manager()

    class Meta:
        ordering = ["year"]
        constraints = [models.UniqueConstraint(fields=["author", "title"], name="one_title_per_author")]

    def __str__(self) -> str:
        return f"{self.title} ({self.year})"


class Place(models.Model):
    name = models.CharField(max_length=50)


class Restaurant(Place):
    stars = models.IntegerField(default=0)


class Token(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    label = models.CharField(max_length=20)
    uses = models.IntegerField(db_default=7)
    changed = models.DateTimeField(auto_now=True)


class Review(models.Model):
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="reviews")
    text = models.TextField()


class Edition(models.Model):
    book = models.ForeignKey(Book, on_delete=models.RESTRICT, related_name="editions")
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="editions", null=True)
    number = models.IntegerField()


class Visit(models.Model):
    place = models.ForeignKey(Place, on_delete=models.CASCADE, related_name="visits")
    note = models.CharField(max_length=20, blank=True)


class Line(models.Model):
    pk = models.CompositePrimaryKey("order_id", "number")
    order_id = models.IntegerField()
    number = models.IntegerField()
    text = models.CharField(max_length=20)


class Shelf(models.Model):
    name = models.CharField(max_length=20)
    books = models.ManyToManyField(Book, through="Placement", related_name="shelves")


class Placement(models.Model):
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    book = models.ForeignKey(Book, on_delete=models.CASCADE)
    position = models.IntegerField()

    class Meta:
        unique_together = [("shelf", "book")]


class VisibleManager(models.Manager["Poster"]):
    def get_queryset(self) -> models.QuerySet[Poster]:
        return super().get_queryset().filter(visible=True)

    def named(self, name: str) -> models.QuerySet[Poster]:
        return self.filter(name=name)


class Poster(models.Model):
    name = models.CharField(max_length=20)
    visible = models.BooleanField(default=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="posters", null=True)

    shown = VisibleManager()
    everything = models.Manager["Poster"]()


class Caption(models.Model):
    poster = models.ForeignKey(Poster, on_delete=models.CASCADE)


class Ticket(models.Model):
    """Nothing but a key."""


class Page(models.Model):
    text = models.TextField()
    version = models.VersionField()


ALL = (
    Publisher,
    Author,
    Profile,
    Tag,
    Book,
    Place,
    Restaurant,
    Token,
    Review,
    Edition,
    Visit,
    Line,
    Page,
    Shelf,
    Placement,
    Poster,
    Caption,
    Ticket,
)
