"""What is stored. Django's names and meanings; only the import line differs."""

from __future__ import annotations

from vivace import models
from vivace.auth import AbstractUser
from vivace.crypto import random_string
from vivace.models import Count, Exists, OuterRef, QuerySet
from vivace.templates.filters.text import slugify


class Account(AbstractUser):
    username = models.CharField(max_length=80, unique=True)
    bio = models.TextField(null=True, blank=True)
    image = models.CharField(max_length=500, null=True, blank=True)


class Follow(models.Model):
    follower = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="follows")
    followed = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="followers")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["follower", "followed"], name="follows_once")]


class Article(models.Model):
    author = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="articles")
    slug = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=500)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    author_id: models.Id[int]
    tags: models.Reverse[Tag]
    favorites_count: models.Annotated[int]
    favorited: models.Annotated[bool]
    followed: models.Annotated[bool]

    def rename(self, title: str) -> None:
        """Give it a title, and an address that no other article has."""
        self.title = title
        self.slug = f"{slugify(title)[:100]}-{random_string(8).lower()}".lstrip("-")


class Tag(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=80, db_index=True)

    class Meta:
        ordering = ["pk"]  # as the author wrote them


class Favorite(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="favorites")
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="favorites")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "article"], name="favorite_once")]


class Comment(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="comments")
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    author_id: models.Id[int]
    followed: models.Annotated[bool]


def seen_by(reader: Account | None, articles: QuerySet[Article]) -> QuerySet[Article]:
    """Bring along all that an answer shows: author, tags, the count of favourites, and what the reader did."""
    mine = Favorite.objects.filter(account=reader, article=OuterRef("pk"))
    shown = articles.select_related("author").prefetch_related("tags")
    return shown.annotate(
        favorites_count=Count("favorites"), favorited=Exists(mine), followed=follows(reader, "author")
    )


def follows(reader: Account | None, account: str) -> Exists:
    """Return whether the reader follows the account in a column of the query; nobody follows nobody."""
    return Exists(Follow.objects.filter(follower=reader, followed=OuterRef(account)))
