"""What members do: each is one transaction, so that what a post counts is true whoever else does something."""

from __future__ import annotations

from collections.abc import Sequence

from vivace.db import atomic
from vivace.storage import UploadedFile

from .models import Attachment, Comment, Line, Member, Notice, Post, Vote, now


async def publish(post: Post, author: Member, files: Sequence[UploadedFile]) -> Post:
    """Save a new post with its attachments; its author is for it."""
    async with atomic():
        post.author = author
        post.count(1)
        await post.save()
        await Vote.objects.create(post=post, member=author)
        for file in files:
            await Attachment.objects.create(
                post=post, file=file, name=file.name, content_type=file.content_type, size=file.size
            )
    return post


async def remove(post: Post) -> None:
    """Delete a post with all that belongs to it, and then its files."""
    files = [attachment.file async for attachment in post.attachments.all()]
    await post.delete()
    for file in files:
        await file.delete(save=False)


async def comment(post: Post, author: Member, body: str) -> Comment:
    """Say something to a post, and let its author know."""
    async with atomic():
        made = await Comment.objects.create(post=post, author=author, body=body)
        await _recount(post)
        if post.author_id not in (None, author.pk):
            await Notice.objects.create(member_id=post.author_id, comment=made)
    return made


async def take_back(comment: Comment) -> None:
    """Delete a comment."""
    async with atomic():
        await comment.delete()
        await _recount(comment.post)


async def vote(post: Post, member: Member) -> bool:
    """Be for a post; false when the member was already."""
    async with atomic():
        _, is_new = await Vote.objects.get_or_create(post=post, member=member)
        await _recount(post)
    return is_new


async def unvote(post: Post, member: Member) -> None:
    """Be for it no more."""
    async with atomic():
        await Vote.objects.filter(post=post, member=member).delete()
        await _recount(post)


async def _recount(post: Post) -> None:
    await Post.objects.select_for_update().get(pk=post.pk)  # one after the other, on every database
    post.count(await post.votes.count())
    post.replies = await post.comments.count()
    await post.save(update_fields=["score", "heat", "replies"])


async def say(room: str, author: Member, text: str) -> Line:
    """Keep a line of the chat."""
    return await Line.objects.create(room=room, author=author, text=text)


async def edited(row: Post | Comment) -> None:
    """Note that it is not any more what was first said."""
    row.edited_at = now()
    await row.save(update_fields=["edited_at"])
