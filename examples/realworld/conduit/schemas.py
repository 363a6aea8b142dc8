"""What is sent and answered, as the specification has it. Names are ``camelCase`` outside and ``snake_case`` here."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Final, Self, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from .models import Account, Article, Comment

NOT_BLANK: Final = r"\S"
Text: TypeAlias = Annotated[str, Meta(pattern=NOT_BLANK)]
Name: TypeAlias = Annotated[str, Meta(pattern=NOT_BLANK, max_length=80)]
Title: TypeAlias = Annotated[str, Meta(pattern=NOT_BLANK, max_length=200)]
Summary: TypeAlias = Annotated[str, Meta(pattern=NOT_BLANK, max_length=500)]
Tags: TypeAlias = Annotated[list[Name], Meta(max_length=50)]


class Schema(Struct, rename="camel", kw_only=True):
    pass


def named(changes: Struct) -> dict[str, Any]:
    """Return what a request names: null is a value, what is missing is none."""
    return {name: value for name, value in asdict(changes).items() if value is not UNSET}


# what clients send


class Login(Schema):
    email: Text
    password: Text


class NewUser(Schema):
    username: Name
    email: Name
    password: Text


class UserChanges(Schema):
    username: Name | UnsetType = UNSET
    email: Name | UnsetType = UNSET
    password: Text | UnsetType = UNSET
    bio: str | UnsetType | None = UNSET
    image: Annotated[str, Meta(max_length=500)] | UnsetType | None = UNSET


class NewArticle(Schema):
    title: Title
    description: Summary
    body: Text
    tag_list: Tags = []


class ArticleChanges(Schema):
    title: Title | UnsetType = UNSET
    description: Summary | UnsetType = UNSET
    body: Text | UnsetType = UNSET
    tag_list: Tags | UnsetType = UNSET


class NewComment(Schema):
    body: Text


# what they are answered


class UserView(Schema):
    email: str
    token: str
    username: str
    bio: str | None
    image: str | None

    @classmethod
    def of(cls, who: Account, token: str) -> UserView:
        return cls(email=who.email, token=token, username=who.username, bio=who.bio, image=who.image)


class Profile(Schema):
    username: str
    bio: str | None
    image: str | None
    following: bool

    @classmethod
    def of(cls, account: Account, *, following: bool) -> Profile:
        return cls(username=account.username, bio=account.bio, image=account.image, following=following)


class Preview(Schema):
    """An article in a list, which has no body."""

    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    favorited: bool
    favorites_count: int
    author: Profile

    @classmethod
    def of(cls, article: Article, **more: Any) -> Self:
        return cls(
            slug=article.slug,
            title=article.title,
            description=article.description,
            tag_list=[tag.name for tag in article.tags.all()],
            created_at=article.created_at,
            updated_at=article.updated_at,
            favorited=article.favorited,
            favorites_count=article.favorites_count,
            author=Profile.of(article.author, following=article.followed),
            **more,
        )


class ArticleView(Preview):
    body: str

    @classmethod
    def of(cls, article: Article, **more: Any) -> Self:
        return super().of(article, body=article.body, **more)


class ArticlePage(Schema):
    articles: list[Preview]
    articles_count: int


class CommentView(Schema):
    id: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    body: str
    author: Profile

    @classmethod
    def of(cls, comment: Comment) -> CommentView:
        return cls(
            id=comment.pk,
            created_at=comment.created_at,
            updated_at=comment.updated_at,
            body=comment.body,
            author=Profile.of(comment.author, following=comment.followed),
        )
