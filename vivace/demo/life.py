"""Generated members go on by themselves: a vote every few seconds, now and then a comment. So there is always something to see."""

from __future__ import annotations

from random import Random

from . import actions
from .content.writing import Size, Writer
from .models import Member, Post, now

EVERY = 4.0  # seconds between two deeds
RECENT = 40  # posts that they look at: the hottest


class Life:
    """What they do, one deed at a time."""

    def __init__(self, random: Random | None = None) -> None:
        self.random = random or Random()

    async def step(self) -> None:
        """Let one of them do something."""
        member = await Member.objects.filter(is_generated=True).order_by("?").first()
        posts = await Post.objects.select_related("topic").order_by("-heat")[:RECENT]
        if member is None or not posts:
            return
        post = self.random.choice(posts)
        if self.random.random() < 0.2:
            await actions.comment(post, member, self.comment_on(post))
        else:
            await actions.vote(post, member)

    def comment_on(self, post: Post) -> str:
        """Return what somebody says to a post."""
        writer = Writer(now(), Size())
        writer.random = self.random
        return writer.reply(post.topic.name)
