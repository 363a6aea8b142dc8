"""What type checkers must infer of models: read by mypy and pyright, run by nobody (see ``test_models_inference``)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Self, assert_type
from uuid import UUID

from vivace import models
from vivace.models import F, Q


class Author(models.Model):
    name = models.CharField(max_length=80, unique=True)
    email = models.EmailField(blank=True)

    books: models.Reverse[Book]
    profile: models.ReverseOne[Profile]
    total: models.Annotated[int]


class Profile(models.Model):
    author = models.OneToOneField(Author, on_delete=models.CASCADE, related_name="profile")
    mentor = models.OneToOneField(Author, models.SET_NULL, null=True, related_name="+")


class TagQuerySet(models.QuerySet["Tag"]):
    def short(self) -> Self:
        return self.filter(label__length__lt=5)

    async def labels(self) -> list[str]:
        return await self.values_list(Tag.label, flat=True)


class Tag(models.Model):
    id = models.UUIDField(primary_key=True)
    label = models.SlugField()

    objects = TagQuerySet.as_manager()

    books: models.Reverse[Book]


class Upper(models.CharField):
    """A custom field of text."""


class BookManager(models.Manager["Book"]):
    def recent(self) -> models.QuerySet[Book]:
        return self.filter(year__gt=2000)


class Book(models.Model):
    class Kind(models.TextChoices):
        PAPER = "p", "paper"
        EBOOK = "e", "e-book"

    title = models.CharField(max_length=200, db_index=True)
    subtitle = models.TextField(null=True)
    code = Upper(max_length=3)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
    author_id: models.Id[int]
    editor: models.ForeignKey[Author] = models.ForeignKey("Author", models.CASCADE, related_name="edited")
    second = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="+")
    vague = models.ForeignKey("Author", models.CASCADE, related_name="+")
    year = models.IntegerField()
    pages = models.PositiveIntegerField(default=0, null=True)
    price = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    weight = models.FloatField()
    good = models.BooleanField(default=True)
    cover = models.BinaryField()
    text = models.FileField(upload_to="texts", blank=True)
    added = models.DateTimeField(auto_now_add=True)
    day = models.DateField()
    hour = models.TimeField()
    length = models.DurationField(null=True)
    data = models.JSONField(default=dict)
    typed: models.JSONField[dict[str, int]] = models.JSONField(default=dict)
    double = models.GeneratedField(
        expression=F("year") * 2, output_field=models.IntegerField(), db_persist=True
    )
    tags = models.ManyToManyField(Tag, related_name="books")
    kind = models.CharField(max_length=1, choices=Kind.choices, default=Kind.PAPER)

    objects = BookManager()

    class Meta:
        ordering = ["year"]
        constraints = [models.UniqueConstraint(fields=["author", "title"], name="one_title")]

    async def save(self, **options: Any) -> None:
        await super().save(**options)


def fields(author: Author, book: Book, tag: Tag, profile: Profile) -> None:
    assert_type(book.title, str)
    assert_type(book.subtitle, str | None)
    assert_type(book.code, str)
    assert_type(book.year, int)
    assert_type(book.pages, int | None)
    assert_type(book.price, Decimal | None)
    assert_type(book.weight, float)
    assert_type(book.good, bool)
    assert_type(book.cover, bytes)
    assert_type(book.text, models.FieldFile)
    book.text = b"bytes"
    assert_type(book.added, dt.datetime)
    assert_type(book.day, dt.date)
    assert_type(book.hour, dt.time)
    assert_type(book.length, dt.timedelta | None)
    assert_type(book.typed, dict[str, int])
    assert_type(book.double, int)
    assert_type(tag.id, UUID)
    key: int = book.id
    assert_type(Book.Kind.PAPER.label, str)
    assert_type(Book.Kind.choices, list[tuple[Any, str]])
    print(key, book.pk, book.undeclared, book.get_kind_display(), Book.undeclared)
    book.title = "new"
    book.year = F("year") + 1
    book.undeclared = 3
    assert_type(author.total, int)
    assert_type(author.profile, Profile)
    assert_type(profile.author, Author)
    assert_type(profile.mentor, Author | None)


def relations(book: Book) -> None:
    assert_type(book.author, Author)
    assert_type(book.author_id, int)
    assert_type(book.editor, Author)
    assert_type(book.second, Author | None)
    assert_type(book.vague, Any)
    assert_type(book.author.name, str)
    book.author = Author(name="x")
    book.author_id = 3


def conditions() -> None:
    assert_type(Book.title == "x", Q)
    assert_type(Book.year > 1900, Q)
    assert_type((Book.year > 1900) & ~Book.title.startswith("M"), Q)
    assert_type(Book.author_id == 3, Q)
    assert_type(Book.year.desc(), models.OrderBy)


async def queries(author: Author, book: Book, tag: Tag) -> None:
    assert_type(Author.objects, models.Manager[Author])
    assert_type(Book.objects, BookManager)
    assert_type(await Author.objects.get(pk=1), Author)
    assert_type(await Author.objects.filter(name="x").first(), Author | None)
    assert_type(await Book.objects.filter(Book.title == "x", author__name="y"), list[Book])
    assert_type([each async for each in Book.objects.exclude(Book.year < 3)], list[Book])
    assert_type(await Book.objects.recent(), list[Book])
    assert_type(await Book.objects.values_list(Book.title, Book.year), list[tuple[str, int]])
    assert_type(await Book.objects.values_list(Book.title, flat=True), list[str])
    assert_type(await Book.objects.count(), int)
    assert_type(await author.books.all(), list[Book])
    assert_type(await author.books.filter(Book.year == 3).first(), Book | None)
    assert_type(await book.tags.all(), list[Tag])
    assert_type(Tag.objects, TagQuerySet)
    assert_type(Tag.objects.filter(label="x").short(), TagQuerySet)
    assert_type(Tag.objects.short().exclude(label="x")[:3].order_by("label"), TagQuerySet)
    assert_type(await Tag.objects.short().filter(label="x"), list[Tag])
    assert_type(await Tag.objects.short().first(), Tag | None)
    assert_type(await Tag.objects.filter(label="x").labels(), list[str])
    assert_type(await Tag.objects.short().values_list(Tag.label, flat=True), list[str])
    assert_type(await tag.books.all(), list[Book])
    await book.save(update_fields=["title"])
    await book.full_clean()
    assert_type(await book.delete(), tuple[int, dict[str, int]])
    assert_type(await book.load("author"), Book)
    try:
        await Book.objects.get(pk=1)
    except Book.DoesNotExist as error:
        print(error)
