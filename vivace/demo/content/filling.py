"""Saves what ``writing`` makes, a few thousand rows in a second or two, and tells how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from vivace.db import atomic
from vivace.demo.models import Attachment, Comment, Line, Member, Post, Topic, Vote, now
from vivace.demo.pages.chat import ROOMS
from vivace.models import Model
from vivace.storage import ContentFile

from .writing import Size, Writer

M = TypeVar("M", bound=Model)
PICTURES = 10
Tell = Callable[[str, int], None]  # what was written, and how many


def nothing(what: str, count: int) -> None:
    """Tell nobody."""


async def fill(size: Size | None = None, tell: Tell = nothing) -> None:
    """Write the content into empty tables, all of it or nothing."""
    writer = Writer(now(), size or Size())
    async with atomic():
        topics = await save(Topic, list(writer.topics()), tell)
        members = await save(Member, list(writer.members()), tell)
        posts = list(writer.posts(topics, members))
        await save(Post, posts, tell)
        comments = await save(Comment, list(writer.comments(posts, members)), tell)
        votes = await save(Vote, list(writer.votes(posts, members)), tell)
        await count(posts, comments, votes)
        await save(Line, list(writer.lines(list(ROOMS), members)), tell)
    await attach(writer, posts, tell)


async def save(model: type[M], rows: list[M], tell: Tell) -> list[M]:
    """Insert rows of a model."""
    made = await model.objects.bulk_create(rows)
    tell(str(model._meta.verbose_name_plural), len(rows))
    return made


async def count(posts: list[Post], comments: list[Comment], votes: list[Vote]) -> None:
    """Set what posts count."""
    replies, scores = Counter(each.post_id for each in comments), Counter(each.post_id for each in votes)
    for post in posts:
        post.replies = replies[post.id]
        post.count(scores[post.id])
    await Post.objects.bulk_update(posts, ["replies", "score", "heat"])


async def attach(writer: Writer, posts: list[Post], tell: Tell) -> None:
    """Give some of the latest posts a picture."""
    chosen = posts[-1 : -3 * PICTURES : -3]
    for number, post in enumerate(chosen, 1):
        picture = writer.picture()
        name = f"view-{number}.png"
        await Attachment.objects.create(
            post=post, file=ContentFile(picture, name), name=name, content_type="image/png", size=len(picture)
        )
    tell("pictures", len(chosen))
