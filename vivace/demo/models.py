"""What a community has: members and what they say to each other.

Who leaves takes nothing along: what they wrote stays, and says that its author left. So ``author`` may be empty.

A post carries its score, its number of comments and its heat, which would otherwise be counted for each list: whatever
changes them runs in one transaction with the rows that they count (``actions.py``).
"""

from __future__ import annotations

import math
import secrets
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from vivace import models
from vivace.auth import AbstractUser

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)  # heat is counted from here
DAY = timedelta(days=1)
MOODS = (
    "brisk",
    "calm",
    "clever",
    "early",
    "gentle",
    "lively",
    "lucky",
    "merry",
    "quiet",
    "sunny",
    "tidy",
    "witty",
)
ANIMALS = ("badger", "crane", "finch", "hare", "heron", "lynx", "marten", "otter", "robin", "stork", "swift", "wren")  # fmt: skip


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def made_up_handle() -> str:
    """Return a name for somebody who has just signed up: ``quiet-otter-4711``. They may choose another one."""
    return f"{secrets.choice(MOODS)}-{secrets.choice(ANIMALS)}-{secrets.randbelow(9000) + 1000}"


class Member(AbstractUser):
    """Somebody with an account."""

    handle = models.SlugField(
        max_length=30,
        unique=True,
        default=made_up_handle,
        help_text="It is part of the address of your page.",
    )
    about = models.CharField("about you", max_length=200, blank=True)
    is_generated = models.BooleanField(
        default=False, editable=False
    )  # a program's invention, nobody's account

    posts: models.Reverse[Post]
    comments: models.Reverse[Comment]
    notices: models.Reverse[Notice]

    class Meta(AbstractUser.Meta):
        indexes = [models.Index(fields=["is_generated", "handle"], name="demo_member_generated")]

    def __str__(self) -> str:
        return self.name or self.handle

    @property
    def initials(self) -> str:
        """What the portrait shows."""
        words = (self.name or self.handle).replace("-", " ").split()
        return "".join(word[0] for word in words[:2]).upper()

    @property
    def hue(self) -> int:
        """The colour of the portrait, one of twelve."""
        return sum(map(ord, self.handle)) % 12


class Topic(models.Model):
    """What posts are about; the site has a few."""

    name = models.CharField(max_length=30)
    slug = models.SlugField(max_length=30, unique=True)
    about = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Post(models.Model):
    """What somebody tells or asks everybody."""

    topic = models.ForeignKey(Topic, on_delete=models.PROTECT, related_name="posts")
    author = models.ForeignKey(
        Member, on_delete=models.SET_NULL, null=True, related_name="posts", editable=False
    )
    title = models.CharField(max_length=120)
    body = models.TextField("text", max_length=10_000)
    made_at = models.DateTimeField(default=now, db_index=True, editable=False)
    edited_at = models.DateTimeField(null=True, editable=False)
    score = models.PositiveIntegerField(default=0, db_index=True, editable=False)
    replies = models.PositiveIntegerField(default=0, editable=False)
    heat = models.FloatField(default=0.0, db_index=True, editable=False)

    id: models.Id[int]
    author_id: models.Id[int | None]
    topic_id: models.Id[int]
    comments: models.Reverse[Comment]
    votes: models.Reverse[Vote]
    attachments: models.Reverse[Attachment]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of its page."""
        return f"/posts/{self.id}"

    def count(self, score: int) -> None:
        """Set the score, and the heat that goes with it: ten times the votes are worth a day."""
        self.score = score
        self.heat = math.log10(max(score, 1)) + (self.made_at - EPOCH) / DAY

    async def is_voted_by(self, member: Member) -> bool:
        """Say whether somebody has voted for it."""
        return await self.votes.filter(member=member).exists()


class Comment(models.Model):
    """What somebody says to a post."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(Member, on_delete=models.SET_NULL, null=True, related_name="comments")
    body = models.TextField("comment", max_length=3_000)
    made_at = models.DateTimeField(default=now, db_index=True)
    edited_at = models.DateTimeField(null=True)

    id: models.Id[int]
    post_id: models.Id[int]
    author_id: models.Id[int | None]

    class Meta:
        ordering = ["made_at", "id"]

    def get_absolute_url(self) -> str:
        """Return its place in the page of its post."""
        return f"/posts/{self.post_id}#comment-{self.id}"


class Vote(models.Model):
    """A member is for a post, once."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="votes")
    member = models.ForeignKey(Member, on_delete=models.SET_NULL, null=True, related_name="votes")
    made_at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["post", "member"], name="demo_one_vote_each")]


class Attachment(models.Model):
    """A file that came with a post."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="attachments")
    file = models.FileField(upload_to="attachments/%Y/%m")
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]

    @property
    def is_picture(self) -> bool:
        """Whether the page can show it."""
        return self.content_type.startswith("image/")


class Notice(models.Model):
    """What is new for a member: somebody commented on their post."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="notices")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="notices")
    is_new = models.BooleanField(default=True)

    class Meta:
        ordering = ["-id"]


class Line(models.Model):
    """What somebody said in a room of the chat."""

    room = models.SlugField(max_length=20)
    author = models.ForeignKey(Member, on_delete=models.SET_NULL, null=True, related_name="lines")
    text = models.CharField(max_length=500)
    made_at = models.DateTimeField(default=now, db_index=True)

    LONGEST: ClassVar[int] = 500

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["room", "id"], name="demo_line_room")]
